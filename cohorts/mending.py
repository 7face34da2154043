"""Mending: what is wrong today in the records of a team's flagged families, for those who can mend it.

It is read from the records alone: whether a family was ever in a cohort makes no difference to it, and cannot be told
from it. Nothing of it is kept.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction

from cohorts import details_seen, facts, households, some_families, untold
from cohorts.models import Family
from cohorts.rules.facts import Question
from cohorts.rules.findings import check
from cohorts.rules.identity import address_on
from cohorts.rules.look_again import code_of
from cohorts.rules.membership import candidates

FLAGGED = "AND f.team = %s AND f.flagged_on <= %s AND (f.lifted_on IS NULL OR f.lifted_on > %s)"
OF_ADDRESS = frozenset({"address", "postcode", "line_1", "line_2", "line_3", "line_4", "line_5"})
"""The fields of findings that are of an address."""
NOT_THEIRS = frozenset({"DQ209"})
"""Findings that nobody in a team can mend: whether two records are of one person is decided by the data team."""


class ToMend(NamedTuple):
    """A field that is to be mended: of a person, or of the family where `person_ref` is empty.

    `address` is the key of the address where it is one of today's address, None where there is no address.
    """

    code: str
    family_ref: str
    person_ref: str
    field: str
    address: int | None


class _Found(NamedTuple):
    to_mend: ToMend
    person_id: int


def to_mend(team: str, at: datetime) -> list[ToMend]:
    """Everything wrong today with members of a team's families whose flag stands, by code, family and person.

    What somebody asked to have looked at again is among it, from its Monday on (rules/look_again.py).

    Of an address that is protected nothing is said: whoever may see it looks at it themselves.
    """
    asked = untold.question_of_today(at)
    today = asked.moment.today
    parameters = [team, today, today]
    found = []
    people: dict[int, list[ToMend]] = {}
    with transaction.atomic():
        known = some_families.look_up(FLAGGED, parameters)
        for streamed in facts.stream(only=FLAGGED, parameters=parameters, known=known):
            found += list(_of_family(streamed, asked))
            _note_people(streamed, today, people)
        found += list(_asked_for(people, today))
        of_address = {it.person_id for it in found if it.to_mend.field in OF_ADDRESS}
        withheld = households.addresses_withheld(of_address, today)
    shown = [it.to_mend for it in found if it.to_mend.field not in OF_ADDRESS or it.person_id not in withheld]
    return sorted(shown, key=lambda it: (it.code, it.family_ref, it.person_ref, it.field))


def _note_people(streamed: facts.Streamed, today: date, people: dict[int, list[ToMend]]) -> None:
    """Note where each candidate of a family would stand on the list."""
    family = streamed.family.family_ref
    for person in candidates(streamed.family, today):
        home = address_on(person, today)
        row = ToMend("", family, person.person_ref, "", home.number if home else None)
        people.setdefault(streamed.person_ids[person.person_ref], []).append(row)


def _asked_for(people: dict[int, list[ToMend]], today: date) -> Iterator[_Found]:
    """What of these people is to be looked at again, though nothing may be wrong with it."""
    looks = [look for look in details_seen.waiting(people) if look.shown_from <= today]
    for key, look in details_seen.still_to_take(looks, today):
        for row in people.get(key, ()):
            yield _Found(row._replace(code=code_of(look.detail), field=look.detail), key)


def teams(today: date) -> list[str]:
    """The teams with a family whose flag stands on a day."""
    flagged = Family.objects.filter(flagged_on__lte=today).exclude(lifted_on__lte=today).exclude(team="")
    return list(flagged.order_by("team").values_list("team", flat=True).distinct())


def _of_family(streamed: facts.Streamed, asked: Question) -> Iterator[_Found]:
    family = streamed.family
    people = {person.person_ref: person for person in candidates(family, asked.moment.today)}
    for it in check(family, asked, list(people.values())) if people else ():
        if it.code in NOT_THEIRS:
            continue
        home = address_on(people[it.person_ref], asked.moment.today) if it.person_ref else None
        wrong = ToMend(it.code, family.family_ref, it.person_ref, it.field, home.number if home else None)
        yield _Found(wrong, streamed.person_ids.get(it.person_ref, 0))
