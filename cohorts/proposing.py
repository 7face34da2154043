"""Proposing: a search through everyone on file for records that may be of one person; somebody decides about each.

One search at a time, on one snapshot. What was decided stays decided; a pair that is no longer alike goes from the
list, and comes back if it is found again.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from cohorts import likeness
from cohorts.likeness import Alike, Record
from cohorts.models import Pair
from cohorts.rules import numbers
from cohorts.rules.clocks import LONDON
from cohorts.rules.identity import is_placeholder
from cohorts.rules.protection import OF_IDENTITY
from cohorts.rules.queries import DEFAULT_BIRTHS
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who

EVERYBODY = 0
RECORD = "cohorts.pair"
AT_ONCE = 10_000
DEFAULTS = {day.isoformat() for day in DEFAULT_BIRTHS}

# Surviving records, but for those of whom nobody is to learn who else they are; the address is the last one.
PEOPLE = """
    SELECT p.id, p.given_name, p.family_name, p.previous_family_names, coalesce(p.date_of_birth::text, ''), p.sex,
           coalesce(a.line_1, ''), coalesce(a.line_2, ''), coalesce(a.postcode, ''), p.nhs_number, p.nino, p.upn,
           coalesce(m.families, '{}')
    FROM cohorts_person p
    LEFT JOIN LATERAL (
        SELECT line_1, line_2, postcode FROM cohorts_address WHERE person_id = p.id
        ORDER BY from_on DESC, id DESC LIMIT 1
    ) a ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT family_id) AS families FROM cohorts_membership WHERE person_id = p.id
    ) m ON true
    WHERE p.merged_into_id IS NULL AND NOT p.id = ANY (%s) ORDER BY p.id
"""
HIDDEN = """
    SELECT DISTINCT coalesce(s.survivor_id, mark.person_id) FROM cohorts_protection mark
    LEFT JOIN cohorts_survivor s ON s.person_id = mark.person_id
    WHERE mark.kind = ANY (%s) AND (mark.to_on IS NULL OR mark.to_on > %s)
"""
FOUND = """
    CREATE TEMPORARY TABLE found (first_id bigint, second_id bigint, found_by text[], weight double precision)
    ON COMMIT DROP
"""
ADDED = """
    INSERT INTO cohorts_pair (first_id, second_id, found_by, weight, found_at, state, decided_by, reason)
    SELECT first_id, second_id, found_by, weight, %s, 'OPEN', '', '' FROM found
    ON CONFLICT (first_id, second_id) DO NOTHING
"""
FOUND_AGAIN = """
    UPDATE cohorts_pair pair SET state = 'OPEN', found_by = found.found_by, weight = found.weight, found_at = %s
    FROM found WHERE pair.first_id = found.first_id AND pair.second_id = found.second_id AND pair.state = 'GONE'
"""
# A pair that somebody put side by side stays, and so does one of which a record counts as another's by now: whether it
# still asks for anything is read from its two survivors.
GONE = f"""
    UPDATE cohorts_pair pair SET state = 'GONE'
    WHERE state = 'OPEN' AND NOT '{Pair.BY_HAND}' = ANY (found_by)
    AND NOT EXISTS (SELECT FROM found WHERE found.first_id = pair.first_id AND found.second_id = pair.second_id)
    AND NOT EXISTS (
        SELECT FROM cohorts_person p WHERE p.id IN (pair.first_id, pair.second_id) AND p.merged_into_id IS NOT NULL)
"""


class Proposed(NamedTuple):
    """What came of a search: records looked at, pairs found, pairs new or found again, and pairs gone from the list."""

    records: int
    found: int
    added: int
    gone: int


class Search(NamedTuple):
    """The last search: when it began, and what came of it."""

    at: datetime
    found: Proposed


@trail.stage
def request(*, by: Who, at: datetime) -> None:
    """Ask the workers to search now. Pressed again before they have, it asks once."""
    if not is_asked_for():
        trail.record(Event.DUPLICATE_SEARCH_ASKED, who=by, at=at, record=RECORD)


def is_asked_for() -> bool:
    """Whether a search was asked for, and none was made since."""
    newest = _entries(Event.DUPLICATE_SEARCH_ASKED, Event.DUPLICATES_SEARCHED).first()
    return newest is not None and newest.event == Event.DUPLICATE_SEARCH_ASKED.name


def last() -> Search | None:
    """The search that was made last; None before the first."""
    entry = _entries(Event.DUPLICATES_SEARCHED).first()
    return None if entry is None else Search(entry.timestamp, Proposed(**entry.additional_data))


def _entries(*events: Event) -> Any:
    about = trail.entries_about([(RECORD, "")])
    return about.filter(event__in=[event.name for event in events]).order_by("-id")


def propose(*, by: Who, at: datetime) -> Proposed | None:
    """Look for records that may be of one person, and put them on the list; None while another search is at it."""
    with alone(Work.PROPOSING, EVERYBODY) as nobody_else:
        return _propose(by, at) if nobody_else else None


def _propose(by: Who, at: datetime) -> Proposed:
    with trail.act(by, at), connection.cursor() as cursor:
        if not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        today = at.astimezone(LONDON).date()
        cursor.execute(HIDDEN, [sorted(OF_IDENTITY), today])
        people = _People([key for (key,) in cursor.fetchall()])
        alike = likeness.search(people.batches(), today=today)
        proposed = _keep(cursor, alike, people.count, at)
        details: dict[str, Any] = proposed._asdict()
        trail.record(Event.DUPLICATES_SEARCHED, who=by, at=at, record=RECORD, details=details)
    return proposed


def _keep(cursor: Any, alike: list[Alike], records: int, at: datetime) -> Proposed:
    cursor.execute(FOUND)
    with cursor.copy("COPY found (first_id, second_id, found_by, weight) FROM STDIN") as copy:
        for pair in alike:
            copy.write_row((pair.first, pair.second, list(pair.ways), pair.weight))
    cursor.execute(GONE)
    gone = cursor.rowcount
    cursor.execute(FOUND_AGAIN, [at])
    again = cursor.rowcount
    cursor.execute(ADDED, [at])
    return Proposed(records, len(alike), again + cursor.rowcount, gone)


class _People:
    """Everyone on file but for those who are hidden, in batches, and how many they were."""

    def __init__(self, hidden: list[int]) -> None:
        self.hidden, self.count = hidden, 0

    def batches(self) -> Iterator[list[Record]]:
        with connection.connection.cursor(name="everybody") as cursor:
            cursor.execute(PEOPLE, [self.hidden])
            while rows := cursor.fetchmany(AT_ONCE):
                self.count += len(rows)
                yield [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> Record:
    """What tells people apart: what is not valid, or only stands in for something, is left out."""
    key, given, family, previous, born, sex, line, town, postcode, nhs_number, nino, upn, families = row
    return Record(
        id=key,
        given_name="" if is_placeholder(given) else given,
        family_name="" if is_placeholder(family) else family,
        previous_family_names=previous,
        born="" if born in DEFAULTS else born,
        sex=sex if sex in ("1", "2") else "",
        line=line,
        town=town,
        postcode="" if numbers.is_pseudo_postcode(postcode) else postcode,
        nhs_number=numbers.normal_form(nhs_number) if numbers.is_nhs_number(nhs_number) else "",
        nino=numbers.normal_form(nino) if numbers.is_nino(nino) else "",
        upn=numbers.normal_form(upn) if numbers.is_upn(upn) else "",
        families=families,
    )
