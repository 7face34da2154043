"""Looking people up: who may be meant by a name, a date of birth, a postcode or a number, before anybody ranks them.

Everything is asked of the indexes of migration 0005; whoever a bulk file brought a moment ago and is not in them yet is
read from the view behind them, with names as they are spelt. What is typed is only ever a parameter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import connection, transaction
from psycopg import sql

from cohorts.rules.names import NEAR, PersonNames, nearness, parted

MOST = 1_000
"""So many candidates are ranked at most."""
SPELLINGS = 60
"""So many spellings of a word are looked for at most."""
NEAR_AS_ONE = 0.85
"""How near a word on file must be to two that were typed, taken as one."""

Spellings = dict[str, dict[str, float]]
"""For each word typed: the words on file that may be meant, with how near they are."""

# A search looks at few rows, by index: the planner's guesses at how common a name is are not asked for.
PLANNING = """
    SELECT set_config('enable_seqscan', %(scans)s, true), set_config('enable_hashjoin', %(scans)s, true),
        set_config('enable_mergejoin', %(scans)s, true), set_config('pg_trgm.similarity_threshold', '0.3', true)
"""
WORDS = "SELECT array_remove(string_to_array(cohorts_folded(%s), ' '), ''), EXISTS (SELECT FROM cohorts_unfound)"
SPELT_NEARLY = """
    SELECT typed.word, held.word FROM unnest(%s::text[]) AS typed (word), LATERAL (
        SELECT word FROM cohorts_nameword WHERE deletions && cohorts_deletions(typed.word)
        UNION
        SELECT word FROM cohorts_nameword WHERE word %% typed.word
    ) AS held
"""
FOUND = sql.SQL("SELECT person_id, words, born FROM {source} WHERE {conditions} LIMIT {most}")
FINDABLE = sql.SQL("cohorts_findable")
NOT_TAKEN_IN = sql.SQL(
    "(SELECT p.* FROM cohorts_unfound u JOIN cohorts_to_find p ON p.person_id BETWEEN u.first AND u.last) AS beside"
)
BY_REFERENCE = """
    SELECT reference, id FROM cohorts_person WHERE reference = ANY (%(references)s)
    UNION
    SELECT f.reference, m.person_id FROM cohorts_family f JOIN cohorts_membership m ON m.family_id = f.id
    WHERE f.reference = ANY (%(references)s)
"""

# Whoever is protected, under any record of theirs, and whoever shares a family with them: where they live is not told
# by letting a postcode find them.
HIDDEN = """
    WITH RECURSIVE own (person_id, id) AS (
        SELECT id, id FROM unnest(%(people)s::bigint[]) AS asked (id)
        UNION
        SELECT own.person_id, other.id FROM own, LATERAL (
            SELECT merged_into_id AS id FROM cohorts_person WHERE id = own.id AND merged_into_id IS NOT NULL
            UNION ALL
            SELECT id FROM cohorts_person WHERE merged_into_id = own.id
        ) AS other
    ), kin (person_id, id) AS (
        SELECT person_id, id FROM own
        UNION
        SELECT own.person_id, other.person_id FROM own
        JOIN cohorts_membership m ON m.person_id = own.id
        JOIN cohorts_membership other ON other.family_id = m.family_id
    ), all_kin (person_id, id) AS (
        SELECT person_id, id FROM kin
        UNION
        SELECT all_kin.person_id, other.id FROM all_kin, LATERAL (
            SELECT merged_into_id AS id FROM cohorts_person WHERE id = all_kin.id AND merged_into_id IS NOT NULL
            UNION ALL
            SELECT id FROM cohorts_person WHERE merged_into_id = all_kin.id
        ) AS other
    )
    SELECT DISTINCT all_kin.person_id FROM all_kin JOIN cohorts_protection mark ON mark.person_id = all_kin.id
    WHERE mark.from_on <= %(today)s AND (mark.to_on IS NULL OR mark.to_on > %(today)s)
"""


class Candidate(NamedTuple):
    """Somebody who may be meant."""

    person_id: int
    names: PersonNames
    born: date | None


class Name(NamedTuple):
    """A name as words to look up, and whether people are on file who are not yet in the indexes."""

    words: tuple[str, ...]
    beside: bool


@contextmanager
def by_index() -> Iterator[None]:
    """Inside, in one transaction, PostgreSQL looks up by index alone, and what is spelt nearly is near enough."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(PLANNING, {"scans": "off"})
        yield
        # The caller's own transaction goes on as it was.
        cursor.execute(PLANNING, {"scans": "on"})


def read_name(name: str) -> Name:
    """The name that somebody typed, as the words by which it is looked up."""
    with connection.cursor() as cursor:
        cursor.execute(WORDS, [name])
        words, beside = cursor.fetchone()
    return Name(tuple(word[:60] for word in words), beside)


def spellings(words: Sequence[str]) -> Spellings:
    """The words on file that may be meant by these; two words side by side may be the parts of one."""
    joined = {"".join(pair): pair for pair in pairwise(words)}
    near: Spellings = {word: {word: 1.0} for word in words}
    with connection.cursor() as cursor:
        cursor.execute(SPELT_NEARLY, [list({*words, *joined})])
        for typed, held in cursor.fetchall():
            found = nearness(typed, held)
            if typed in near and found >= NEAR:
                near[typed][held] = max(found, near[typed].get(held, 0.0))
            for part in joined.get(typed, ()) if found >= NEAR_AS_ONE else ():
                near[part][held] = max(found, near[part].get(held, 0.0))
    return {word: _nearest(found) for word, found in near.items()}


def _nearest(found: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(found.items(), key=lambda pair: -pair[1])[:SPELLINGS])


class Conditions:
    """What all candidates have in common."""

    def __init__(self) -> None:
        self.parts: list[sql.Composable] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> "Conditions":
        """One more; `condition` is SQL with a %s for each value."""
        self.parts.append(sql.SQL(condition))
        self.values += values
        return self

    def a_word_of(self, words: Iterable[str]) -> "Conditions":
        """One of these words is in a name."""
        return self.add("words && %s::text[]", list(words))

    def copy(self) -> "Conditions":
        """The same, to add to."""
        copied = Conditions()
        copied.parts, copied.values = list(self.parts), list(self.values)
        return copied


def candidates(conditions: Conditions, *, beside: bool) -> dict[int, Candidate]:
    """Who fits these conditions, at most so many of each source; nobody where there are no conditions."""
    found: dict[int, Candidate] = {}
    if not conditions.parts:
        return found
    joined = sql.SQL(" AND ").join(conditions.parts)
    with connection.cursor() as cursor:
        for source in (NOT_TAKEN_IN, FINDABLE) if beside else (FINDABLE,):
            cursor.execute(FOUND.format(source=source, conditions=joined, most=sql.Literal(MOST)), conditions.values)
            for person_id, words, born in cursor.fetchall():
                found.setdefault(person_id, Candidate(person_id, parted(words), born))
    return found


def by_reference(references: Iterable[str]) -> dict[str, list[int]]:
    """For each of these references the people who have it, or are in the family that has it."""
    found: dict[str, list[int]] = {reference: [] for reference in references}
    with connection.cursor() as cursor:
        cursor.execute(BY_REFERENCE, {"references": list(found)})
        for reference, person_id in cursor.fetchall():
            found[reference].append(person_id)
    return found


def hidden(people: Sequence[int], today: date) -> set[int]:
    """Which of these people no postcode may find."""
    with connection.cursor() as cursor:
        cursor.execute(HIDDEN, {"people": list(people), "today": today})
        return {person_id for (person_id,) in cursor.fetchall()}
