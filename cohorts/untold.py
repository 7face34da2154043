"""Untold: who of the families in hand was given no privacy notice in time, and by which day they could be sent."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from cohorts import facts, in_force
from cohorts.models import Agreement, Dataset, NoticeVersion, Round
from cohorts.rules.clocks import days_before, moment
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.membership import candidates, members
from cohorts.rules.notice import covers, earliest_cut_off, issued_to, notice_missing

NOTICE_DAYS = 28

# Who is a candidate today, of the families of a team or of all, and was not told in time: the rule of rules/notice.py
# for many at once. A test compares the two.
UNTOLD = """
    WITH survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
    counting AS MATERIALIZED (
        SELECT id, family_id, person_id, issued_on FROM cohorts_notice
        WHERE version_id = ANY (%(versions)s::bigint[]) AND issued_on <= %(in_time)s
    ),
    told AS (
        SELECT coalesce(s.survivor_id, n.person_id) AS person_id
        FROM counting n LEFT JOIN survivor s ON s.person_id = n.person_id WHERE n.person_id IS NOT NULL
        UNION
        SELECT coalesce(s.survivor_id, m.person_id)
        FROM counting n JOIN cohorts_membership m ON m.family_id = n.family_id
            AND m.joined_on <= n.issued_on AND (m.left_on IS NULL OR m.left_on > n.issued_on)
        LEFT JOIN survivor s ON s.person_id = m.person_id
    ),
    member AS (
        SELECT DISTINCT f.reference AS family_ref, p.reference AS person_ref
        FROM cohorts_family f
        JOIN cohorts_membership m ON m.family_id = f.id
            AND m.joined_on <= %(today)s AND (m.left_on IS NULL OR m.left_on > %(today)s)
        LEFT JOIN survivor s ON s.person_id = m.person_id
        JOIN cohorts_person p ON p.id = coalesce(s.survivor_id, m.person_id)
        WHERE f.flagged_on <= %(today)s AND (f.lifted_on IS NULL OR f.lifted_on > %(today)s)
        AND (%(team)s::text IS NULL OR f.team = %(team)s)
        AND (p.date_of_death IS NULL OR p.date_of_death > %(today)s)
        AND NOT EXISTS (SELECT FROM told WHERE told.person_id = p.id)
    )
"""


class Untold(NamedTuple):
    """A person who was not told in time: when they were told last, if ever, and the earliest day they could be sent.

    `earliest` is that of a notice which counts and was given too lately; where there is none, of one given today.
    """

    family_ref: str
    person_ref: str
    told_on: date | None
    earliest: date
    told_and_counts: bool


def question_of_today(at: datetime) -> Question:
    """What a round opened today would ask: as the newest round did, or (there is none) all that is in use."""
    newest = Round.objects.order_by("id").last()
    if newest is not None:
        asked = facts.question(newest, at)
        return asked._replace(moment=moment(moment(newest.cut_off, at).today, at))
    today = moment(date.min, at).today
    recipients = {
        recipient
        for listed in Agreement.objects.filter(in_force_from__lte=today)
        .exclude(in_force_to__lte=today)
        .values_list("recipients", flat=True)
        for recipient in listed
    }
    frameworks = in_force.loaded()
    return Question(
        moment=moment(today, at),
        framework=frameworks[min(frameworks)],
        datasets=tuple(Dataset.objects.filter(enabled=True).order_by("id").values_list("code", flat=True)),
        recipients=frozenset(recipients),
        notice_days=NOTICE_DAYS,
        honours_scope=True,
        notice_versions=facts.notice_versions(),
    )


class People:
    """The untold people of a team (None: of all) as at an instant, in the order of references; counted and cut."""

    def __init__(self, team: str | None, at: datetime) -> None:
        self.question = question_of_today(at)
        covering = [name for name, it in self.question.notice_versions.items() if covers(it, self.question)]
        today = self.question.moment.today
        self._parameters: dict[str, Any] = {
            "team": team,
            "today": today,
            "in_time": days_before(today, self.question.notice_days),
            "versions": list(NoticeVersion.objects.filter(version__in=covering).values_list("pk", flat=True)),
        }

    def _rows(self, what: str, **more: int) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"{UNTOLD} {what}", self._parameters | more)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def count(self) -> int:
        """How many."""
        ((count,),) = self._rows("SELECT count(*) FROM member")
        return int(count)

    def by_team(self) -> dict[str, int]:
        """How many in the families of each team; of families without a team under an empty name."""
        of_team = "SELECT f.team, count(*) FROM member JOIN cohorts_family f ON f.reference = member.family_ref"
        return {str(team): int(count) for team, count in self._rows(f"{of_team} GROUP BY 1 ORDER BY 1")}

    def __getitem__(self, part: slice) -> list[Untold]:
        """Some of them, with what the rules say of each."""
        start, stop = part.start or 0, part.stop
        listed = "SELECT family_ref, person_ref FROM member ORDER BY 1, 2 OFFSET %(start)s LIMIT %(many)s"
        wanted = self._rows(listed, start=start, many=stop - start)
        found = {(it.family_ref, it.person_ref): it for it in self._by_the_rules(sorted({row[0] for row in wanted}))}
        return [found[family, person] for family, person in wanted if (family, person) in found]

    def _by_the_rules(self, families: list[str]) -> Iterator[Untold]:
        with transaction.atomic():
            known = facts.at_hand()
            streamed = facts.stream(only="AND f.reference = ANY (%s)", parameters=[families], known=known)
            for each in streamed:
                yield from untold(each.family, self.question)


def untold(family: FamilyFacts, question: Question) -> Iterator[Untold]:
    """The candidates of a family who were not told in time for the cut-off of the question, by reference."""
    return _untold(family, candidates(family, question.moment.cut_off), question)


def missing(family: FamilyFacts, question: Question) -> Iterator[Untold]:
    """The same of every member, also where the family is not flagged: for its page."""
    return _untold(family, members(family, question.moment.cut_off), question)


def _untold(family: FamilyFacts, people: list[PersonFacts], question: Question) -> Iterator[Untold]:
    today = question.moment.today
    for person in people:
        issued = issued_to(person, family, question.moment)
        dead = person.date_of_death is not None and person.date_of_death <= today
        if not dead and notice_missing(issued, question):
            earliest = earliest_cut_off(issued, question)
            told_on = max((it.issued_on for it in issued), default=None)
            if_told_today = days_before(today, -question.notice_days)
            yield Untold(family.family_ref, person.person_ref, told_on, earliest or if_told_today, earliest is not None)
