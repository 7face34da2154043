"""Lines: the files of a submission as PostgreSQL writes them, in the form of `extract`, many rows at a time.

`extract` says which field may leave and in which form; here stands how PostgreSQL says each form, and no more. Approval
binds to the bytes that `extract` itself made of every row. What PostgreSQL writes is sealed only where it is the same
bytes: each holds the other (ADR 58).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection

from cohorts.rules.numbers import POSTCODE, postcode_form
from connecting_families.planning import over_whole_tables
from transfers.package import Batches
from transfers.rules import extract
from transfers.rules.extract import Column, Evidenced, Extract

ROWS_AT_ONCE = 1_000

# An empty value is written as nothing, never as a pair of quotes.
COPY = """
    COPY (SELECT {columns} FROM ({rows}) AS sent ORDER BY {order})
    TO STDOUT (FORMAT csv, DELIMITER ',', QUOTE '"', ESCAPE '"', NULL '', ENCODING 'UTF8')
"""

# What Python takes for a space, and what it makes upper-case letters of A to Z from, beside a to z.
SPACES = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + ("\u2028\u2029\u202f\u205f\u3000")
)
LETTERS = {
    "\N{LATIN SMALL LETTER DOTLESS I}": "I",
    "\N{LATIN SMALL LETTER LONG S}": "S",
    "\N{LATIN SMALL LETTER SHARP S}": "SS",
    "\N{LATIN SMALL LIGATURE FF}": "FF",
    "\N{LATIN SMALL LIGATURE FI}": "FI",
    "\N{LATIN SMALL LIGATURE FL}": "FL",
    "\N{LATIN SMALL LIGATURE FFI}": "FFI",
    "\N{LATIN SMALL LIGATURE FFL}": "FFL",
    "\N{LATIN SMALL LIGATURE LONG S T}": "ST",
    "\N{LATIN SMALL LIGATURE ST}": "ST",
}


def statement(which: Extract, columns: Sequence[str], *, rows: str, order: Sequence[str]) -> str:
    """A COPY that writes these columns of a file, from a query `rows` that has its fields, ordered by some of them.

    Raises KeyError for a form that PostgreSQL was not taught, and UnnamedColumnError for a column that is not the
    file's.
    """
    forms = ", ".join(in_sql(extract.column(which, name)) for name in columns)
    return COPY.format(columns=forms, rows=rows, order=", ".join(f"sent.{field}" for field in order))


def in_sql(column: Column) -> str:
    """A column's value in the form in which it is sent; NULL where it is empty."""
    field = f"sent.{column.field}"
    if isinstance(column.form, Evidenced):
        return f"CASE WHEN '{column.form.headline}' = ANY ({field}) THEN 'true' ELSE 'false' END"
    return FORMS[column.form](field)


def read(sql: str, parameters: Mapping[str, Any]) -> Batches:
    """What a COPY writes, as bytes of whole rows and their number. Nobody asks the database anything else meanwhile.

    Closed before its end, it breaks the query off, and the transaction with it.
    """
    with over_whole_tables(), connection.cursor() as cursor, cursor.copy(sql, parameters) as copy:
        some = []
        for line in copy:
            some.append(line)
            if len(some) == ROWS_AT_ONCE:
                yield b"".join(some), len(some)
                some.clear()
        if some:
            yield b"".join(some), len(some)


def _text(field: str) -> str:
    return f"nullif({field}, '')"


def _day(field: str) -> str:
    return field


def _sex(field: str) -> str:
    cases = " ".join(f"WHEN '{code}' THEN '{letter}'" for code, letter in extract.SEXES.items())
    return f"CASE {field} {cases} END"


def _postcode(field: str) -> str:
    """Most have the normal form already: the others are brought into it as `postcode_form` does."""
    letters = [(small, large) for small, large in LETTERS.items() if len(large) == 1]
    here, there = SPACES + "".join(small for small, _ in letters), " " * len(SPACES)
    upper = f"translate({field}, '{here}', '{there}{''.join(large for _, large in letters)}')"
    for small, large in LETTERS.items():
        if len(large) > 1:
            upper = f"replace({upper}, '{small}', '{large}')"
    clean = f"""btrim(regexp_replace(upper({upper} COLLATE "C"), ' +', ' ', 'g'))"""
    bare = f"replace({clean}, ' ', '')"
    normal, loose = (f"^(?:{pattern})$" for pattern in (POSTCODE.pattern.replace(" ?", " "), POSTCODE.pattern))
    return (
        f"""CASE WHEN {field} COLLATE "C" ~ '{normal}' THEN {field}"""
        f""" WHEN {clean} ~ '{loose}' THEN left({bare}, -3) || ' ' || right({bare}, 3) END"""
    )


FORMS: Mapping[Callable[[Any], str], Callable[[str], str]] = {
    extract.text: _text,
    extract.day: _day,
    extract.sex: _sex,
    postcode_form: _postcode,
}
"""How PostgreSQL says each form of `extract`, of a field by its name."""
