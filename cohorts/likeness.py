"""Likeness: which records look like one person's. Splink weighs them (Fellegi and Sunter), DuckDB counts, in memory.

What a level of agreement weighs is fixed here; only how many share a name, a day or a place is counted in the records
themselves, so that what everybody has in common says nothing. The same records always give the same pairs. Nothing is
written to a disk. What was measured of it is in docs/duplicates.md.

The libraries are loaded by a search alone: every other process of the site gets by with 50 MB less.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import duckdb

REVIEW_LINE: Final = -5.0
"""Pairs of this match weight (log2 of the odds) or more are proposed."""
MOST_COMPARED: Final = 2
"""For each key, so many comparisons for a record on average: what too many share tells nobody apart."""
ALWAYS_COMPARED: Final = 800_000
"""Comparisons that each key may take among any number of records: as many as among 400,000."""
AT_ONCE: Final = 200_000
"""Records whose comparisons are weighed together."""
TWICE: Final = 0.05
"""How many of all records are taken to be the second of somebody."""
FEW: Final = 20_000
"""So many records more are taken to be there: how rarely two of one person meet is not told by a few hundred."""
SUPPOSED: Final = 5_000
"""The shares below count as if so many records had been seen before those that are there."""
MEMORY: Final = "1500MB"
CORES: Final = 2

OLDEST_CHILD: Final = 25

WAYS: Final = ("NHS_NUMBER", "UPN", "NAMES_DOB_POSTCODE", "SCORE")


class Record(NamedTuple):
    """What is compared of a surviving record; an empty text is unknown.

    A number that is not valid, a placeholder for a name and a day that a system filled in are left empty. `families`
    are the keys of every family that the person ever was a member of.
    """

    id: int
    given_name: str
    family_name: str
    previous_family_names: str
    born: str
    sex: str
    line: str
    town: str
    postcode: str
    nhs_number: str
    nino: str
    upn: str
    families: Sequence[int]


class Alike(NamedTuple):
    """Two records, the lower key first; in which ways they were found; their match weight where they were weighed."""

    first: int
    second: int
    ways: tuple[str, ...]
    weight: float | None


LETTERS = r"nullif(lower(strip_accents(regexp_replace({0}, '[^\p{{L}}]', '', 'g'))), '')"
SIGNS = r"nullif(lower(strip_accents(regexp_replace({0}, '[^\p{{L}}\p{{N}}]', '', 'g'))), '')"

# Letters and digits alone, without accents and case: the normal form that names and places are compared in.
NORMAL = f"""
    CREATE TABLE normal AS SELECT
        id AS unique_id, {LETTERS.format("given_name")} AS given, {LETTERS.format("family_name")} AS family,
        {LETTERS.format("previous_family_names")} AS previous, nullif(born, '') AS born, nullif(sex, '') AS sex,
        {SIGNS.format("line")} AS line, nullif(regexp_extract(line, '[0-9]+'), '') AS number,
        {LETTERS.format("line")} AS street, {LETTERS.format("town")} AS town,
        {SIGNS.format("postcode")} AS postcode, nullif(nhs_number, '') AS nhs_number,
        nullif(nino, '') AS nino, nullif(upn, '') AS upn, families
    FROM incoming
"""
# Two records are compared where a key of theirs is the same.
KEYS: Final = {
    "key_born": "born",
    "key_born_given": "born || substr(given, 1, 1)",
    "key_born_family": "born || substr(family, 1, 1)",
    "key_names": "least(given, family) || ' ' || greatest(given, family)",
    "key_family_home": "family || ' ' || postcode",
    "key_given_home": "given || ' ' || postcode",
    "key_line": "line",
    "key_previous": "given || ' ' || coalesce(previous, family) || ' ' || substr(born, 1, 4)",
    "key_given_born": "substr(given, 1, 3) || substr(born, 1, 4) || substr(postcode, 1, 3)",
    "key_family_born": "substr(family, 1, 4) || substr(born, 6)",
    "key_street": "number || ' ' || substr(street, 1, 4) || ' ' || substr(postcode, 1, 2)",
    "key_initials": "substr(given, 1, 3) || ' ' || substr(family, 1, 3)",
    "key_letters": "least(substr(given, 1, 2), substr(family, 1, 2)) || ' '"
    " || greatest(substr(given, 1, 2), substr(family, 1, 2)) || ' ' || town",
    "key_given": "given",
    "key_family": "family",
    "key_postcode": "postcode",
    "key_nhs_number": "nhs_number",
    "key_nino": "nino",
    "key_upn": "upn",
    "key_all": "given || ' ' || family || ' ' || born || ' ' || postcode",
}
BLOCKED = "CREATE TABLE record AS SELECT *, {keys} FROM normal"
KEY = "CASE WHEN count(*) OVER (PARTITION BY {key}) <= {largest} THEN {key} END AS {name}"
SIZES = """
    SELECT size, count(*) FROM (SELECT count(*) AS size FROM normal WHERE {key} IS NOT NULL GROUP BY {key})
    WHERE size > 1 GROUP BY size ORDER BY size
"""

# The day and the month in each other's place.
TURNED: Final = (
    "substr(born_l, 1, 4) = substr(born_r, 1, 4)"
    " AND substr(born_l, 6, 2) = substr(born_r, 9, 2) AND substr(born_l, 9, 2) = substr(born_r, 6, 2)"
)
# Whether the given and the family name stand in each other's place, near enough.
SWAPPED: Final = """
    CREATE MACRO swapped(given, family, other_given, other_family) AS
    jaro_winkler_similarity(given, other_family) >= 0.9 AND jaro_winkler_similarity(family, other_given) >= 0.9
"""
# Of each comparison: a condition, how often it holds of two records of one person, and of two people's.
LEVELS: Final[dict[str, list[tuple[str, float, float]]]] = {
    "given": [
        ("given_l = given_r", 0.80, 0.006),
        ("jaro_winkler_similarity(given_l, given_r) >= 0.92", 0.08, 0.004),
        ("swapped(given_l, family_l, given_r, family_r)", 0.04, 0.0004),
        ("jaro_winkler_similarity(given_l, given_r) >= 0.84", 0.04, 0.015),
        ("ELSE", 0.06, 0.975),
    ],
    "family": [
        ("family_l = family_r", 0.80, 0.002),
        ("family_l = previous_r OR previous_l = family_r", 0.03, 0.0005),
        ("jaro_winkler_similarity(family_l, family_r) >= 0.92", 0.08, 0.002),
        ("swapped(given_l, family_l, given_r, family_r)", 0.04, 0.0004),
        ("jaro_winkler_similarity(family_l, family_r) >= 0.84", 0.03, 0.01),
        ("ELSE", 0.04, 0.9855),
    ],
    "born": [
        ("born_l = born_r", 0.85, 0.00005),
        ("damerau_levenshtein(born_l, born_r) <= 1", 0.08, 0.001),
        (TURNED, 0.01, 0.00005),
        ("damerau_levenshtein(born_l, born_r) <= 2", 0.03, 0.01),
        ("ELSE", 0.03, 0.98885),
    ],
    "postcode": [
        ("postcode_l = postcode_r", 0.70, 0.0005),
        ("damerau_levenshtein(postcode_l, postcode_r) <= 1", 0.06, 0.003),
        ("substr(postcode_l, 1, 3) = substr(postcode_r, 1, 3)", 0.08, 0.05),
        ("ELSE", 0.16, 0.9465),
    ],
    "line": [
        ("line_l = line_r", 0.62, 0.0003),
        ("jaro_winkler_similarity(line_l, line_r) >= 0.92 AND number_l = number_r", 0.13, 0.0003),
        ("jaro_winkler_similarity(street_l, street_r) >= 0.92", 0.1, 0.004),
        ("ELSE", 0.15, 0.9954),
    ],
    "town": [
        ("town_l = town_r", 0.72, 0.01),
        ("jaro_winkler_similarity(town_l, town_r) >= 0.9", 0.15, 0.004),
        ("ELSE", 0.13, 0.986),
    ],
    "sex": [("sex_l = sex_r", 0.985, 0.5), ("ELSE", 0.015, 0.5)],
    "nhs_number": [("nhs_number_l = nhs_number_r", 0.95, 0.0000001), ("ELSE", 0.05, 0.9999999)],
    "nino": [("nino_l = nino_r", 0.95, 0.0000002), ("ELSE", 0.05, 0.9999998)],
    "upn": [("upn_l = upn_r", 0.95, 0.0000001), ("ELSE", 0.05, 0.9999999)],
}  # fmt: skip

# What people have in common: how many others share a value is counted, and weighs against its agreement.
COMMON: Final = ("given", "family", "born", "postcode", "line", "town")
SHARE = """
    CREATE TABLE share_{name} AS
    SELECT {name}, (greatest(count(*) - 2, 0) + {supposed} * {usual}) / ({count} + {supposed}) AS tf_{name}
    FROM normal WHERE {name} IS NOT NULL GROUP BY {name}
"""

# Twins, and others of one household, who are alike in everything but their given names. In a family of both, whoever
# has another given name or was born on another day. In two families at one address, whoever has a given name that is
# not nearly the same, if one may be a child, or anything else tells the two apart.
KEPT_APART = """
    (list_has_any(a.families, b.families)
        AND (a.given IS DISTINCT FROM b.given OR damerau_levenshtein(a.born, b.born) > 1))
    OR ((a.line = b.line OR a.number = b.number
            AND (a.postcode = b.postcode OR jaro_winkler_similarity(a.line, b.line) >= 0.92))
        AND jaro_winkler_similarity(a.given, b.given) < 0.92
        AND NOT coalesce(swapped(a.given, a.family, b.given, b.family), false)
        AND (greatest(a.born, b.born) > '{young}' OR damerau_levenshtein(a.born, b.born) > 2
            OR a.sex <> b.sex OR a.nhs_number <> b.nhs_number OR a.nino <> b.nino OR a.upn <> b.upn))
"""
EXACT = " UNION ".join(
    f"SELECT a.unique_id AS first, b.unique_id AS second FROM record a JOIN record b"
    f" ON a.{key} = b.{key} AND a.unique_id < b.unique_id"
    for key in ("key_nhs_number", "key_upn", "key_all")
)
FOUND = f"""
    WITH weighed AS (
        SELECT least(unique_id_l, unique_id_r) AS first, greatest(unique_id_l, unique_id_r) AS second,
            match_weight AS weight
        FROM {{predicted}}
    ),
    pair AS (SELECT first, second, weight FROM weighed FULL JOIN ({EXACT}) exact USING (first, second)),
    found AS (
        SELECT first, second, weight, coalesce(a.nhs_number = b.nhs_number, false) AS by_nhs_number,
            coalesce(a.upn = b.upn, false) AS by_upn,
            coalesce(a.given = b.given AND a.family = b.family AND a.born = b.born AND a.postcode = b.postcode, false)
                AS by_names,
            weight IS NOT NULL AND NOT coalesce({KEPT_APART}, false) AS by_score
        FROM pair JOIN normal a ON a.unique_id = first JOIN normal b ON b.unique_id = second
    )
    SELECT * FROM found WHERE by_nhs_number OR by_upn OR by_names OR by_score ORDER BY first, second
"""


def search(records: Iterable[Sequence[Record]], *, today: date) -> list[Alike]:
    """Every two records that look like one person's, in the order of their keys; `records` come in batches.

    Exact agreement of a number of the NHS or of a pupil proposes, and of names, date of birth and postcode; and a match
    weight of REVIEW_LINE or more, but for people of one household with other given names.
    """
    import duckdb

    # Splink tells its steps with the SQL of each: none of it goes to our logs.
    logging.getLogger("splink").setLevel(logging.ERROR)
    database = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": CORES, "temp_directory": ""})
    try:
        return _search(database, records, _young(today))
    finally:
        database.close()


def _search(database: "duckdb.DuckDBPyConnection", records: Iterable[Sequence[Record]], young: str) -> list[Alike]:
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    count = _take_in(database, records)
    if not count:
        return []
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[_comparison(name, levels) for name, levels in LEVELS.items()],
        blocking_rules_to_generate_predictions=[block_on(name) for name in KEYS],
        probability_two_random_records_match=2 * TWICE / (count + FEW),
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    api = DuckDBAPI(database)
    linker = Linker(api.register("record"), settings, validate_settings=False, log_level=logging.ERROR)
    for name in COMMON:
        database.execute(SHARE.format(name=name, count=count, usual=LEVELS[name][0][2], supposed=SUPPOSED))
        linker.table_management.register_term_frequency_lookup(api.register(f"share_{name}"), name)
    predicted = linker.inference.predict(
        threshold_match_weight=REVIEW_LINE, num_chunks_left=1 + count // AT_ONCE, warning_mode="never"
    )
    database.execute(FOUND.format(predicted=predicted.physical_name, young=young))
    return [
        Alike(first, second, tuple(compress(WAYS, held)), None if weight is None else round(weight, 2))
        for first, second, weight, *held in database.fetchall()
    ]


def _young(today: date) -> str:
    """The first day of the year in which whoever is still a child of a household may have been born (DQ207)."""
    return f"{today.year - OLDEST_CHILD - 1:04}-01-01"


def _take_in(database: "duckdb.DuckDBPyConnection", records: Iterable[Sequence[Record]]) -> int:
    """The records with their keys, into memory; how many."""
    import pyarrow as pa

    texts = [(name, pa.string()) for name in Record._fields[1:-1]]
    columns = pa.schema([("id", pa.int64()), *texts, ("families", pa.list_(pa.int64()))])
    database.register("arrived", columns.empty_table())
    database.execute("CREATE TABLE incoming AS SELECT * FROM arrived")
    count = 0
    for batch in records:
        if batch:
            count += len(batch)
            values = zip(zip(*batch, strict=True), columns, strict=True)
            database.register("arrived", pa.table([pa.array(each, of.type) for each, of in values], schema=columns))
            database.execute("INSERT INTO incoming SELECT * FROM arrived")
    database.unregister("arrived")
    database.execute(SWAPPED)
    database.execute(NORMAL)
    database.execute("DROP TABLE incoming")
    keys = ", ".join(
        KEY.format(key=key, name=name, largest=_largest_block(database, key, count)) for name, key in KEYS.items()
    )
    database.execute(BLOCKED.format(keys=keys))
    return count


def _largest_block(database: "duckdb.DuckDBPyConnection", key: str, count: int) -> int:
    """How many records may share a value of this key, so that no more than MOST_COMPARED are compared for each."""
    left, largest = max(MOST_COMPARED * count, ALWAYS_COMPARED), 1
    for size, blocks in database.execute(SIZES.format(key=key)).fetchall():
        left -= blocks * size * (size - 1) // 2
        if left < 0:
            break
        largest = size
    return largest


def _comparison(name: str, levels: list[tuple[str, float, float]]) -> Any:
    from splink.comparison_library import CustomComparison

    unknown = {"sql_condition": f"{name}_l IS NULL OR {name}_r IS NULL", "is_null_level": True,
               "label_for_charts": "unknown"}  # fmt: skip
    given: list[Any] = [unknown]
    given += [
        {"sql_condition": condition, "m_probability": m, "u_probability": u, "label_for_charts": condition}
        for condition, m, u in levels
    ]
    if name in COMMON:
        given[1]["tf_adjustment_column"] = name
    return CustomComparison(comparison_levels=given, output_column_name=name)
