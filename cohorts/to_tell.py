"""To tell: who was left out of a cohort for want of a notice or a consent, and by which cut-off they could be sent.

The list is the cohort's, frozen as it was; what is said of each is read from today's records, so that whoever was told
since is shown as told. A notice counts for a round whose cut-off is `notice_days` after it or later (spec/rules.md).
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from cohorts import facts
from cohorts.models import Cohort
from cohorts.rules.clocks import days_before
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.notice import earliest_cut_off, issued_to
from cohorts.rules.permission import permission_of
from cohorts.rules.reasons import Reason

NOTICE, CONSENT = Reason.NOTICE_MISSING.code, Reason.CONSENT_MISSING.code
STOPS = ("PROTECTED_", "OBJECTION_")
"""How the codes begin of reasons for which nobody is to be told: a letter would be unwelcome, or a danger."""
AT_ONCE = 1_000
EXACTLY = 2_000
"""Up to so many rows the day for all of them is read from each one's records; of more it is the latest it can be."""

COUNTED = """
    SELECT count(*), count(*) FILTER (WHERE reasons LIKE '%%NOTICE_MISSING%%'),
           count(*) FILTER (WHERE reasons LIKE '%%CONSENT_MISSING%%')
    FROM cohorts_decision WHERE cohort_id = %s
"""
# Nobody who objects, is protected or has died is told again.
LISTED = """
    FROM cohorts_decision d LEFT JOIN cohorts_family f ON f.reference = d.family_ref
    WHERE d.cohort_id = %(cohort)s AND NOT d.included AND d.reasons ~ '(NOTICE|CONSENT)_MISSING'
    AND d.reasons !~ '(PROTECTED_|OBJECTION_|DECEASED)' AND (%(team)s::text IS NULL OR coalesce(f.team, '') = %(team)s)
"""
SURVIVOR = """
    (SELECT p.reference FROM cohorts_person p WHERE p.id = coalesce(
        (SELECT s.survivor_id FROM cohorts_survivor s WHERE s.person_id = d.person_id), d.person_id))
"""


class Coverage(NamedTuple):
    """Of everyone considered: how many were not told in time, and how many were asked for a consent that is missing."""

    considered: int
    not_told: int
    no_consent: int

    @property
    def told(self) -> int:
        """How many were told in time."""
        return self.considered - self.not_told


class ToTell(NamedTuple):
    """Somebody to tell again, or to ask, as their records are today; the cohort has them as `decided_as`.

    `told_on` is the day of the last notice given to them. `earliest` is the first cut-off with which they could be
    sent: of a notice that counts, or (`if_told_today`) of one given today. `stopped`: they have objected, were
    protected, died or went from the file since the run, so nobody is to tell them anything.
    """

    team: str
    family_ref: str
    person_ref: str
    decided_as: str
    in_time: bool
    no_consent: bool
    told_on: date | None
    earliest: date
    if_told_today: bool
    stopped: bool


def coverage(cohort: Cohort) -> Coverage:
    """How far the notice reached in a cohort; whoever belongs to two families is counted once in each."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, [cohort.pk])
        return Coverage(*cursor.fetchone())


class People:
    """Whom of a cohort to tell again, by team, family and person; of one team (None: of all). Counted and cut."""

    def __init__(self, cohort: Cohort, team: str | None, at: datetime) -> None:
        self.asked = facts.question_of(cohort, at)
        self._parameters: dict[str, Any] = {"cohort": cohort.pk, "team": team}

    def _rows(self, what: str, **more: int) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(what, self._parameters | more)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def count(self) -> int:
        """How many, with those who have objected since."""
        ((count,),) = self._rows(f"SELECT count(*) {LISTED}")
        return int(count)

    def by_team(self) -> list[tuple[str, int]]:
        """How many in the families of each team; families without a team under an empty name."""
        found = self._rows(f"SELECT coalesce(f.team, '') AS team, count(*) {LISTED} GROUP BY 1 ORDER BY 1")
        return [(str(team), int(count)) for team, count in found]

    @property
    def if_told_today(self) -> date:
        """The first cut-off for which a notice given today was early enough."""
        return days_before(self.asked.moment.today, -self.asked.notice_days)

    def all_from(self) -> date | None:
        """The first cut-off with which everybody on the list could be sent, if those not told yet are told today.

        Of a long list it is the latest that this can be. None where nobody is to be told.
        """
        if self.count() > EXACTLY:
            return self.if_told_today
        return max((it.earliest for it in self if not it.stopped), default=None)

    def __iter__(self) -> Iterator[ToTell]:
        start = 0
        while found := self[start : start + AT_ONCE]:
            yield from found
            start += AT_ONCE

    def __getitem__(self, part: slice) -> list[ToTell]:
        """Some of them, with what the rules say of each today."""
        start, stop = part.start or 0, part.stop
        wanted = self._rows(
            f"SELECT coalesce(f.team, ''), d.family_ref, d.person_ref, coalesce({SURVIVOR}, '') {LISTED}"
            " ORDER BY 1, 2, 3 OFFSET %(start)s LIMIT %(many)s",
            start=start,
            many=stop - start,
        )
        with transaction.atomic():
            known = facts.at_hand()
            only, families = "AND f.reference = ANY (%s)", sorted({row[1] for row in wanted})
            streamed = facts.stream(only=only, parameters=[families], known=known)
            found = {each.family.family_ref: each.family for each in streamed}
        return [self._to_tell(*row, family=found.get(row[1])) for row in wanted]

    def _to_tell(
        self, team: str, family_ref: str, frozen_ref: str, today_ref: str, *, family: FamilyFacts | None
    ) -> ToTell:
        person = next((it for it in family.people if it.person_ref == today_ref), None) if family else None
        if family is None or person is None:
            return ToTell(
                team, family_ref, frozen_ref, frozen_ref, in_time=False, no_consent=False, told_on=None,
                earliest=self.if_told_today, if_told_today=False, stopped=True,
            )  # fmt: skip
        issued = issued_to(person, family, self.asked.moment)
        earliest = earliest_cut_off(issued, self.asked)
        stands = permission_of(person, family, self.asked).reasons
        return ToTell(
            team,
            family_ref,
            today_ref,
            frozen_ref,
            in_time=NOTICE not in stands,
            no_consent=CONSENT in stands,
            told_on=max((it.issued_on for it in issued), default=None),
            earliest=earliest or self.if_told_today,
            if_told_today=earliest is None,
            stopped=_has_died(person, self.asked) or any(code.startswith(STOPS) for code in stands),
        )


def _has_died(person: PersonFacts, asked: Question) -> bool:
    return person.date_of_death is not None and person.date_of_death <= asked.moment.today
