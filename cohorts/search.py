"""Search: find a family by a name near enough, a date of birth, a postcode or a number; every search is recorded.

What was typed is on the trail as keyed HMACs of its words alone, beside the references that were shown: governance can
ask who looked for a name, and who was shown a family, and a stolen trail tells nobody a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.core.cache import cache
from django.db import connection, models

from cohorts import households, lookup, matching, other_teams
from cohorts.matching import Match
from cohorts.models import Family, Person
from cohorts.rules.clocks import LONDON
from cohorts.rules.terms import Terms, read_terms
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.keyed import keyed
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import Who

ON_A_PAGE = 20
FLAGGED, NOT_FLAGGED = "flagged", "not-flagged"

# The families of a person, under whichever record.
FAMILIES = """
    WITH RECURSIVE own (person_id, id) AS (
        SELECT id, id FROM unnest(%s::bigint[]) AS asked (id)
        UNION
        SELECT own.person_id, p.id FROM own JOIN cohorts_person p ON p.merged_into_id = own.id
    )
    SELECT own.person_id, f.reference, f.team, f.flagged_on, f.lifted_on,
        bool_and(m.left_on IS NOT NULL AND m.left_on <= %s)
    FROM own JOIN cohorts_membership m ON m.person_id = own.id JOIN cohorts_family f ON f.id = m.family_id
    GROUP BY own.person_id, f.id ORDER BY own.person_id, f.reference
"""


class Asked(NamedTuple):
    """What somebody asks for: what they typed, and a team and a status, if any."""

    text: str
    team: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class OfFamily:
    """A family that somebody found is or was in."""

    reference: str
    team: str
    flagged_on: date | None
    lifted_on: date | None
    left: bool

    def flagged(self, today: date) -> bool:
        """Whether its flag stands on a day."""
        if self.flagged_on is None or self.flagged_on > today:
            return False
        return self.lifted_on is None or self.lifted_on > today


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody who was found: the surviving record, and the references of merged ones that led to it."""

    person: Person
    families: tuple[OfFamily, ...]
    merged: tuple[str, ...]


class Results(NamedTuple):
    """A page of results; how many there are in all, whether that is not everybody, and whether a bulk file is still
    being taken in."""

    found: list[Found]
    page: int
    total: int
    more: bool
    beside: bool


@trail.stage
def search(*, asked: Asked, page: int = 1, by: Who, at: datetime) -> Results:
    """A page of the people who fit, the likeliest first."""
    terms, today = read_terms(asked.text), at.astimezone(LONDON).date()
    with lookup.by_index():
        matched = matching.matched(terms, asked.text, today)
        led = _led_to(matched.matches)
        people = list(led)
        if asked.team or asked.status:
            families = _families(people, today)
            people = [each for each in people if any(_fits(family, asked, today) for family in families[each])]
        page = max(1, min(page, -(-len(people) // ON_A_PAGE)))
        found = _found(people[(page - 1) * ON_A_PAGE : page * ON_A_PAGE], led, today)
    details = {
        "terms": [keyed(word) for word in _words(terms, matched.words)],
        "name": keyed(_whole(matched.words)) if matched.words else "",
        "found": len(people),
        "page": page,
        "people": [row.person.reference for row in found],
        "families": sorted({family.reference for row in found for family in row.families}),
        "team": asked.team,
        "status": asked.status,
    }
    trail.record(Event.FAMILIES_SEARCHED, who=by, at=at, record="search", details=details)
    return Results(found, page, len(people), matched.more, matched.beside)


def searches_for(name: str) -> "models.QuerySet[Entry]":
    """The entries of searches for all words of a name, in any order, case or accents; the latest first."""
    words = lookup.read_name(name).words
    wanted = {"terms": [keyed(word) for word in words]}
    found: models.QuerySet[Entry] = trail.entries().filter(
        event=Event.FAMILIES_SEARCHED.name, additional_data__contains=wanted
    )
    return found if words else found.none()


def possible_duplicates(*, given_name: str, family_name: str, date_of_birth: date | None, today: date) -> list[Found]:
    """Who on file may be the person about to be added, the likeliest first, at most a page of them."""
    with lookup.by_index():
        matches = matching.possible_duplicates(
            given_name=given_name, family_name=family_name, date_of_birth=date_of_birth
        )
        led = _led_to(matches)
        return _found(list(led)[:ON_A_PAGE], led, today)


class Duplicates(NamedTuple):
    """Who may be the same person as somebody about to be added, and how many more there are who may not be shown."""

    found: list[Found]
    closed: int


def duplicates(*, given_name: str, family_name: str, date_of_birth: date | None, by: Who, at: datetime) -> Duplicates:
    """The same people as `look_for_duplicates` shows, where nobody is shown: an answer is compared with them."""
    today = at.astimezone(LONDON).date()
    found = possible_duplicates(
        given_name=given_name, family_name=family_name, date_of_birth=date_of_birth, today=today
    )
    shown = [row for row in found if not other_teams.is_closed(row.person, by, today)]
    return Duplicates(shown, len(found) - len(shown))


@trail.stage
def look_for_duplicates(
    *, family: Family, given_name: str, family_name: str, date_of_birth: date | None, by: Who, at: datetime
) -> Duplicates:
    """Who on file may be somebody about to be added to a family. It is recorded as a search is."""
    looked = duplicates(given_name=given_name, family_name=family_name, date_of_birth=date_of_birth, by=by, at=at)
    words = lookup.read_name(f"{given_name} {family_name}").words
    terms = Terms(births=(date_of_birth,) if date_of_birth else ())
    details = {
        "terms": [keyed(word) for word in _words(terms, words)],
        "name": keyed(_whole(words)) if words else "",
        "found": len(looked.found) + looked.closed,
        "not_shown": looked.closed,
        "people": [row.person.reference for row in looked.found],
        "families": sorted({each.reference for row in looked.found for each in row.families}),
        "to_add_to": family.reference,
    }
    trail.record(Event.FAMILIES_SEARCHED, who=by, at=at, record="search", details=details)
    return looked


def teams() -> list[str]:
    """The teams that families are of; a new one is among them within a minute."""
    of_all = Family.objects.exclude(team="").order_by("team").values_list("team", flat=True).distinct()
    return cache.get_or_set("teams-of-families", lambda: list(of_all), 60) or []


def _words(terms: Terms, words: Sequence[str]) -> list[str]:
    """Every term by itself, as the trail recognises it."""
    others = [
        *(born.isoformat() for born in terms.births), str(terms.year or ""), terms.postcode, terms.first_half,
        terms.nhs_number, terms.reference,
    ]  # fmt: skip
    return list(dict.fromkeys([*words, *filter(None, others)]))


def _whole(words: Sequence[str]) -> str:
    """A name in one, whatever the order in which it is typed."""
    return " ".join(sorted(words))


def _led_to(matches: Sequence[Match]) -> dict[int, list[int]]:
    """The surviving records in the order of the matches, each with the merged ones that led to it."""
    survivor = households.survivors(match.person_id for match in matches)
    led: dict[int, list[int]] = {}
    for match in matches:
        # A record of a circle of merges has no survivor (the loader refuses such): it stands for itself.
        end = survivor.get(match.person_id, match.person_id)
        led.setdefault(end, [])
        if end != match.person_id:
            led[end].append(match.person_id)
    return led


def _families(people: Sequence[int], today: date) -> dict[int, list[OfFamily]]:
    found: dict[int, list[OfFamily]] = {person_id: [] for person_id in people}
    with connection.cursor() as cursor:
        cursor.execute(FAMILIES, [list(people), today])
        for person_id, *family in cursor.fetchall():
            found[person_id].append(OfFamily(*family))
    return found


def _fits(family: OfFamily, asked: Asked, today: date) -> bool:
    if asked.team and family.team != asked.team:
        return False
    return not asked.status or family.flagged(today) == (asked.status == FLAGGED)


def _found(people: Sequence[int], led: dict[int, list[int]], today: date) -> list[Found]:
    merged = [record for person_id in people for record in led[person_id]]
    records = Person.objects.in_bulk([*people, *merged])
    families = _families(people, today)
    return [
        Found(records[each], tuple(families[each]), tuple(records[record].reference for record in led[each]))
        for each in people
        if each in records
    ]
