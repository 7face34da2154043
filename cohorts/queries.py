"""What others may ask of this app: who is in a cohort, and whether they still may be."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Q

from cohorts import facts
from cohorts.models import Cohort, Objection
from cohorts.rules.checks import QUERY
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.findings import KINDS
from cohorts.rules.inclusion import permission_reasons
from cohorts.rules.reasons import Reason
from cohorts.rules.scope import linkage_scope

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


def open_queries(cohort: Cohort) -> dict[str, int]:
    """The queries of a cohort: how many of each code. (Critical findings keep a person out, and need no explaining.)"""
    return {code: count for code, count in sorted(cohort.findings.items()) if KINDS[code].severity == QUERY}


def standing_unmatched_objections(at: datetime) -> int:
    """How many objections that name nobody on file stand at this instant: each may be about anyone."""
    return (
        Objection.objects.filter(person=None, family=None, received_at__lte=at)
        .filter(Q(lifted_at=None) | Q(lifted_at__gt=at), Q(refused_at=None) | Q(refused_at__gt=at))
        .count()
    )


def hold_permissions() -> None:
    """Until this transaction ends, nobody records an objection, a consent, a protection mark or a merge."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(PERMISSION_TABLES)} IN SHARE MODE")


def permission_lost(cohort: Cohort, at: datetime) -> Counter[str]:
    """Which reasons of objection, consent and protection people included in a cohort have gained by this instant.

    Counted by person and family. A scope that has become narrower than the one frozen counts as OBJECTION_SCOPE: what
    was decided may no longer be sent. The caller holds the permissions (`hold_permissions`).
    """
    lost: Counter[str] = Counter()
    asked = facts.question(cohort.round, at)
    frozen = _included(cohort)
    only = (
        "AND f.flagged_on IS NOT NULL AND EXISTS ("
        "SELECT FROM cohorts_decision d WHERE d.cohort_id = %s AND d.family_ref = f.reference AND d.included)"
    )
    person_ref, family_ref, scope = next(frozen, NOBODY)
    for streamed in facts.stream(only=only, parameters=[cohort.pk], known=facts.look_up(shared=False)):
        family = streamed.family
        people = {person.person_ref: person for person in family.people}
        while family_ref == family.family_ref:
            person = people.get(person_ref)
            lost.update([GONE] if person is None else _lost(person, family, asked, scope))
            person_ref, family_ref, scope = next(frozen, NOBODY)
    # Whoever is left was in a family, or a household, that is no longer on file: nothing there allows to send them.
    lost[GONE] += (family_ref != "") + sum(1 for _ in frozen)
    return Counter({code: lost[code] for code in SENTENCES if lost[code]})


def _lost(person: PersonFacts, family: FamilyFacts, asked: Question, scope: str) -> tuple[str, ...]:
    reasons = permission_reasons(person, family, asked)
    if not reasons and ";".join(linkage_scope(person, family, asked)) != scope:
        return (Reason.OBJECTION_SCOPE.code,)
    return reasons


NOBODY = ("", "", "")


def _included(cohort: Cohort) -> Iterator[tuple[str, str, str]]:
    """Who is in: the reference of the surviving record today, the family's, and the frozen scope; in family order."""
    sql = """
        SELECT coalesce(now.reference, d.person_ref), d.family_ref, d.linkage_scope
        FROM cohorts_decision d
        LEFT JOIN cohorts_survivor s ON s.person_id = d.person_id
        LEFT JOIN cohorts_person now ON now.id = s.survivor_id
        WHERE d.cohort_id = %s AND d.included ORDER BY d.family_ref
    """
    with connection.connection.cursor(name="included") as cursor:
        cursor.execute(sql, [cohort.pk])
        while rows := cursor.fetchmany(5_000):
            yield from rows
