"""What others may ask of this app: who is in a cohort, and whether they still may be."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Min, Q, QuerySet

from cohorts import asked_again, details_seen, facts, in_force, untold
from cohorts.asked_again import Included
from cohorts.facts import Known, Streamed
from cohorts.households import Covering, covered_by_each
from cohorts.models import Cohort, Look, Objection, Pair, Person
from cohorts.rules.answer import ages_to_recheck
from cohorts.rules.checks import QUERY
from cohorts.rules.clocks import birthday, moment
from cohorts.rules.facts import FamilyFacts, Question
from cohorts.rules.findings import KINDS
from cohorts.rules.inclusion import permission_reasons
from cohorts.rules.reasons import Reason
from cohorts.rules.scope import linkage_scope
from connecting_families.audit.refusals import Why

# What says who may be sent. While an act holds these, nobody's permission changes under it.
PERMISSION_TABLES = (
    "cohorts_objection",
    "cohorts_objection_narrowed_to",
    "cohorts_consent",
    "cohorts_protection",
    "cohorts_notice",
    "cohorts_noticeversion",
    "cohorts_membership",
    "cohorts_person",
)


# So long a year is at most, and at least: for who may have had a birthday, before it is looked whether they had.
A_YEAR, A_SHORT_YEAR = timedelta(days=366), timedelta(days=365)
GONE = "RECORD_GONE"
#: code -> sentence, in order of precedence, of what somebody in a cohort can lose
SENTENCES = {reason.code: reason.sentence for reason in Reason} | {
    GONE: "A record that the cohort was made from is gone from the file."
}


IDENTIFIERS_SQL = """
    SELECT p.id, p.given_name, p.middle_names, p.family_name, p.previous_family_names, p.date_of_birth, p.sex,
           a.line_1, a.line_2, a.line_3, a.line_4, a.line_5, a.postcode, p.nino, p.nhs_number, p.upn, p.uln,
           d.linkage_scope
    FROM (
        SELECT person_id, min(address_id) AS address_id, min(linkage_scope) AS linkage_scope
        FROM cohorts_decision WHERE cohort_id = %(cohort)s AND included GROUP BY person_id
    ) d
    JOIN cohorts_person p ON p.id = d.person_id
    JOIN cohorts_address a ON a.id = d.address_id
"""


def references_of(person_ids: Sequence[int]) -> dict[int, str]:
    """The references of these people's records, as the case system has them today; none for one that is gone."""
    return dict(Person.objects.filter(pk__in=person_ids).values_list("pk", "reference"))


def open_queries(cohort: Cohort) -> dict[str, int]:
    """The queries of a cohort: how many of each code. (Critical findings keep a person out, and need no explaining.)"""
    return {code: count for code, count in sorted(cohort.findings.items()) if KINDS[code].severity == QUERY}


def rules_changed(cohort: Cohort) -> list[Why]:
    """Why a cohort is no longer what its round asks for; nothing where the round asks what it asked then."""
    return in_force.changed_since(cohort)


def findings_about(cohort: Cohort, code: str, about: Collection[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """How many findings of one code these have, each a family's and a person's reference (empty: the family itself)."""
    families = {family for family, _ in about}
    found = cohort.finding_rows.filter(code=code, family_ref__in=families).values_list("family_ref", "person_ref")
    return Counter(each for each in found if each in about)


class RecheckDue(NamedTuple):
    """An objection that somebody else made for a person who had a birthday since: it stands, and is looked at again."""

    objection: Objection
    person: Person
    age: int
    since: date


def standing_objections(at: datetime) -> QuerySet[Objection]:
    """The objections that stand at an instant, as rules/objection.py has it."""
    return Objection.objects.filter(received_at__lte=at).filter(
        Q(lifted_at=None) | Q(lifted_at__gt=at), Q(refused_at=None) | Q(refused_at__gt=at)
    )


def undecided_objections(at: datetime) -> QuerySet[Objection]:
    """The standing objections that information governance did not decide yet, the oldest first.

    Of one that stands until a day on which it is lifted, as a bulk file may say, nothing is left to decide.
    """
    return standing_objections(at).filter(decided_at=None, lifted_at=None).order_by("received_at", "reference")


def waiting_objections(team: str | None, at: datetime) -> int:
    """How many objections of a team's families (None: of all teams') information governance has still to decide."""
    waiting = undecided_objections(at)
    if team is not None:
        waiting = waiting.filter(Q(family__team=team) | Q(person__memberships__family__team=team))
    return waiting.order_by().values("pk").distinct().count()


def unmatched_objections(at: datetime) -> QuerySet[Objection]:
    """The standing objections that name nobody on file, the oldest first: each may be about anyone."""
    return standing_objections(at).filter(person=None, family=None).order_by("received_at", "reference")


def standing_unmatched_objections(at: datetime) -> int:
    """How many objections that name nobody on file stand at this instant."""
    return unmatched_objections(at).count()


def rechecks_due(at: datetime) -> list[RecheckDue]:
    """The objections made for somebody who turned 16 or 18 since, not yet looked at again; the longest waiting first.

    Those that a parent or a representative made, and all for whole families: nobody there spoke for themselves alone.
    """
    today = moment(date.min, at).today
    made_for = standing_objections(at).filter(
        Q(person__isnull=False, made_by__in=("parent", "representative", "")) | Q(family__isnull=False)
    )
    whom = _covered(made_for, today)
    grown = _grown(made_for, {key for keys in whom.values() for key in keys}, today)
    asked = [objection for objection, keys in whom.items() if not grown.keys().isdisjoint(keys)]
    found = []
    for objection in Objection.objects.filter(pk__in=asked).prefetch_related("rechecks"):
        done = {(recheck.person_id, recheck.age) for recheck in objection.rechecks.all()}
        for person in [grown[key] for key in whom[objection.pk] if key in grown]:
            ages = ages_to_recheck(person.date_of_birth, objection.received_at, today)
            found += [
                RecheckDue(objection, person, age, birthday(person.date_of_birth, age))
                for age in ages
                if person.date_of_birth and (person.pk, age) not in done
            ]
    return sorted(found, key=lambda due: (due.since, due.objection.reference, due.person.reference))


def _covered(objections: QuerySet[Objection], today: date) -> dict[int, list[int]]:
    narrowed = defaultdict(list)
    for key, person in Objection.narrowed_to.through.objects.values_list("objection_id", "person_id"):
        narrowed[key].append(person)
    rows = objections.order_by().values_list("pk", "person_id", "family_id")
    return covered_by_each([Covering(*row, narrowed[row[0]]) for row in rows], today)


def _grown(objections: QuerySet[Objection], people: Collection[int], today: date) -> dict[int, Person]:
    """Those of these people who may have turned 16 or 18 since the first of these objections came, and live."""
    first = objections.aggregate(first=Min("received_at"))["first"]
    if first is None:
        return {}
    born = {"date_of_birth__gt": first.date() - 19 * A_YEAR, "date_of_birth__lte": today - 16 * A_SHORT_YEAR}
    return Person.objects.filter(date_of_death=None, **born).in_bulk(people)


def notices_due(team: str | None, at: datetime) -> dict[str, int]:
    """How many people of a team's flagged families (None: of each team's) were given no notice in time, by team."""
    return untold.People(team, at).by_team()


class Looked(NamedTuple):
    """What became of a look at a detail that was asked for."""

    outcome: str
    on: date | None


def looked(people: Collection[int], at: datetime) -> dict[tuple[int, str], Looked]:
    """What became of the last look at each detail of these people, by the key of the record and the detail."""
    today = moment(date.min, at).today
    rows = list(Look.objects.filter(person__in=people).select_related("person").order_by("pk"))
    waits = {it.pk for _, it in details_seen.still_to_take([r for r in rows if r.outcome == Look.WAITING], today)}
    return {
        (row.person_id, row.detail): Looked(
            Look.OUTCOMES[row.outcome if row.outcome or row.pk in waits else Look.CHANGED], row.looked_on
        )
        for row in rows
    }


def hold_permissions(*, to_write: bool = False) -> None:
    """Until this transaction ends, nobody else records an objection, a consent, a protection mark or a merge.

    Doors hold them side by side. Who is going to write (`to_write`) holds them alone: two who wait for each other's
    hold to end would wait for ever.
    """
    mode = "SHARE ROW EXCLUSIVE" if to_write else "SHARE"
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(PERMISSION_TABLES)} IN {mode} MODE")


def newest_wish() -> datetime | None:
    """The latest instant at which anybody objected or took a consent back, as it is on file; None for never.

    It lies in the future only where this machine's clock was set back since, or a bulk file says so.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest((SELECT max(received_at) FROM cohorts_objection),"
            " (SELECT max(withdrawn_at) FROM cohorts_consent))"
        )
        newest: datetime | None = cursor.fetchone()[0]
    return newest


def pairs_to_decide() -> QuerySet[Pair]:
    """The pairs of records that wait to be decided, the likeliest first; none whose two count as one person already."""
    one_already = Q(first__merged_into=F("second")) | Q(second__merged_into=F("first"))
    one_already |= Q(first__merged_into=F("second__merged_into"))
    waiting = Pair.objects.filter(state__in=Pair.UNDECIDED).exclude(one_already)
    return waiting.order_by(F("weight").desc(nulls_first=True), "pk")


def permission_lost(cohort: Cohort, at: datetime) -> Counter[str]:
    """Which reasons of objection, consent and protection people included in a cohort have gained by this instant.

    Counted by person and family. A scope that has become narrower than the one frozen counts as OBJECTION_SCOPE: what
    was decided may no longer be sent. The caller holds the permissions (`hold_permissions`).
    """
    asked = facts.question_of(cohort, at)
    known, lost = facts.look_up(shared=False), Counter[str]()
    only = "AND f.flagged_on IS NOT NULL AND f.reference = ANY (%s)"
    for some in asked_again.of(cohort, asked):
        references, people = sorted({it.family_ref for it in some}), {it.person_id for it in some}
        streamed = facts.stream(only=only, parameters=[references], known=known, people=people)
        families = {each.family.family_ref: each for each in streamed}
        for person in some:
            lost.update(lost_of(person, families.get(person.family_ref), asked, known))
    return Counter({code: lost[code] for code in SENTENCES if lost[code]})


def lost_by(person_ref: str, family: FamilyFacts | None, asked: Question, scope: str) -> tuple[str, ...]:
    """The same of one person who was included in a family (None: no longer on file) with this scope.

    Of a scope that became wider since, nobody is worse off: that is no loss.
    """
    person = next((it for it in family.people if it.person_ref == person_ref), None) if family else None
    if person is None or family is None:
        return (GONE,)
    reasons = permission_reasons(person, family, asked)
    narrower = not set(scope.split(";")) <= set(linkage_scope(person, family, asked))
    return reasons or ((Reason.OBJECTION_SCOPE.code,) if narrower else ())


def lost_of(was: Included, streamed: Streamed | None, asked: Question, known: Known) -> tuple[str, ...]:
    """What somebody lost who was included in this family (None: no longer on file, so that nothing allows to send)."""
    if streamed is None:
        return (GONE,)
    reference = was.person_ref
    if was.person_id in known.merges.survivors:
        survivor = known.merges.survivors[was.person_id]
        reference = next((ref for ref, key in streamed.person_ids.items() if key == survivor), "")
    person = next((it for it in streamed.family.people if it.person_ref == reference), None)
    if person is None:
        return (GONE,)
    reasons = permission_reasons(person, streamed.family, asked)
    if not reasons and ";".join(linkage_scope(person, streamed.family, asked)) != was.scope:
        return (Reason.OBJECTION_SCOPE.code,)
    return reasons
