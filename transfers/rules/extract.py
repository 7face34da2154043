"""The fields that may leave, in the recipient's order and form (spec/submission.md, Content).

Who a person is and what happened to their family never travel together: identifiers.csv goes to those who link,
programme.csv to those who analyse, and only the submission's own references are in both. A column stands here under
its name, with the one field of a row that it reads; what no column reads cannot leave.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from cohorts.rules.numbers import postcode_form


class UnnamedColumnError(LookupError):
    """A column was asked for that no rule names: it cannot leave."""


class IdentifiersRow(NamedTuple):
    """One person, as at the cut-off; an empty text is not known.

    `sex` is the code of the case record; `linkage_scope` has dataset codes joined by a semicolon.
    """

    submission_person_ref: str
    given_name: str
    middle_names: str
    family_name: str
    previous_family_names: str
    date_of_birth: date
    sex: str
    address_line_1: str
    address_line_2: str
    address_line_3: str
    address_line_4: str
    address_line_5: str
    postcode: str
    nino: str
    nhs_number: str
    upn: str
    uln: str
    linkage_scope: str


class ProgrammeRow(NamedTuple):
    """One person in one family; `headlines` are the codes of the headline problems that count for the family."""

    submission_person_ref: str
    submission_family_ref: str
    la_code: str
    group: str
    programme_start: date | None
    programme_end: date | None
    relationship: str
    headlines: Collection[str]


class WithdrawalRow(NamedTuple):
    """One person for whom a late objection came after sending."""

    submission_person_ref: str
    withdrawn_on: date


class Column(NamedTuple):
    """A column: its name, the one field of a row that it reads, and the form in which the value is sent."""

    name: str
    field: str
    form: Callable[[Any], str]


class Extract(NamedTuple):
    """A file that may leave: the fields of a row, its core columns, and those it may add where an agreement says so."""

    name: str
    fields: tuple[str, ...]
    core: tuple[Column, ...]
    may_add: tuple[Column, ...] = ()

    @property
    def columns(self) -> dict[str, Column]:
        """Every column that a rule names, by its name, in the order of the file."""
        return {column.name: column for column in self.core + self.may_add}


SEXES = {"1": "M", "2": "F", "0": "U", "9": "U"}


def text(value: str) -> str:
    """Exactly as it is: never cut, never guarded against spreadsheets."""
    return value


def day(value: date | None) -> str:
    """ISO 8601, or empty."""
    return value.isoformat() if value else ""


def sex(code: str) -> str:
    """M, F or U (not known, and not specified). Raises ValueError for what is no code of the case record."""
    if code not in SEXES:
        raise ValueError("A sex that is none of 0, 1, 2 and 9 cannot be sent.")
    return SEXES[code]


@dataclass(frozen=True)
class Evidenced:
    """The form of a headline problem's column: `true` where it counts for the family, else `false`."""

    headline: str

    def __call__(self, headlines: Collection[str]) -> str:
        """The value that is sent."""
        return "true" if self.headline in headlines else "false"


def _named(form: Callable[[Any], str], *names: str) -> tuple[Column, ...]:
    """Columns that read the field of their own name."""
    return tuple(Column(name, name, form) for name in names)


IDENTIFIERS = Extract(
    name="identifiers.csv",
    fields=IdentifiersRow._fields,
    core=(
        *_named(text, "submission_person_ref", "given_name", "family_name"),
        *_named(day, "date_of_birth"),
        *_named(sex, "sex"),
        *_named(text, "address_line_1", "address_line_2", "address_line_3", "address_line_4", "address_line_5"),
        *_named(postcode_form, "postcode"),
        *_named(text, "nino"),
    ),
    may_add=_named(text, "middle_names", "previous_family_names", "nhs_number", "upn", "uln", "linkage_scope"),
)

PROGRAMME = Extract(
    name="programme.csv",
    fields=ProgrammeRow._fields,
    core=(
        *_named(text, "submission_person_ref", "submission_family_ref", "la_code", "group"),
        *_named(day, "programme_start", "programme_end"),
    ),
    may_add=(
        *_named(text, "relationship"),
        *(Column(code, "headlines", Evidenced(code)) for code in ("TF1", "TF2", "TF3", "TF4", "TF5", "TF6")),
    ),
)

WITHDRAWALS = Extract(
    name="withdrawals.csv",
    fields=WithdrawalRow._fields,
    core=(*_named(text, "submission_person_ref"), *_named(day, "withdrawn_on")),
)

EXTRACTS = (IDENTIFIERS, PROGRAMME, WITHDRAWALS)


def columns_sent(extract: Extract, agreed: Collection[str]) -> tuple[str, ...]:
    """The columns of a file in a round whose agreement lists these fields (none: the core fields), in order.

    The core always; of the others those listed. Raises UnnamedColumnError where the agreement lists a field that is
    in no file.
    """
    known = {name for each in EXTRACTS for name in each.columns}
    if unnamed := sorted(set(agreed) - known):
        raise UnnamedColumnError(f"No rule names {', '.join(unnamed)}: no file has such a column.")
    return tuple(column.name for column in extract.core) + tuple(
        column.name for column in extract.may_add if column.name in agreed
    )


def not_agreed(columns: Iterable[str], agreed: Collection[str]) -> list[str]:
    """The columns that an agreement with these fields (none: the core fields) does not cover, in order."""
    covered = set(agreed) or {column.name for extract in EXTRACTS for column in extract.core}
    return [name for name in columns if name not in covered]


def column(extract: Extract, name: str) -> Column:
    """The column of this name. Raises UnnamedColumnError for one that is not the file's."""
    if name not in extract.columns:
        raise UnnamedColumnError(f"No rule names {name}: {extract.name} has no such column.")
    return extract.columns[name]


def values(extract: Extract, columns: Iterable[str]) -> Callable[[tuple[Any, ...]], list[str]]:
    """A function that turns a row of this file into its values for these columns, in their order.

    Made once for a file, called for every row. Raises UnnamedColumnError for a column that is not the file's.
    """
    places, formed = [], []
    for number, name in enumerate(columns):
        of = column(extract, name)
        places.append(extract.fields.index(of.field))
        if of.form is not text:
            formed.append((number, of.form))

    def values_of(row: tuple[Any, ...]) -> list[str]:
        sent = [row[place] for place in places]
        for number, form in formed:
            sent[number] = form(sent[number])
        return sent

    return values_of
