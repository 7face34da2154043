"""Asked again: of whom in a cohort the rules are asked at a door. Of nobody else can they say anything (ADR 58).

This is read from the records as they stand, in one question over whole tables. It does not ask what changed since the
run, so nobody needs to know what happened to a record: merged, parted, loaded again, erased, restored. Whoever has
anything at all on file from which a reason of objection, consent or protection could come, of whatever day, lifted or
not, is asked about in full; so is whoever is not on file as the cohort has them. The rules alone decide.

Left out is only who, in the cohort, was allowed every dataset, and of whom today

- the record is there under its reference, is not merged, and nothing is merged into it;
- it was a member of that family at some time, which is there under its reference and has been flagged;
- no protection mark, no objection and no narrowed objection names it, and no family it ever belonged to objected;
- no notice that rests on consent was ever issued to it, or to a family it ever belonged to; or it has given a consent
  to research for all datasets, by today and never withdrawn, to a version that is later than any other that asks it.

The tests hold this against the rules, field by field, and against a guard that asks of everybody.
"""

from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection

from cohorts.models import Cohort
from cohorts.rules import consent
from cohorts.rules.facts import Question
from connecting_families.planning import over_whole_tables

TOGETHER = 1_000

ASKED_AGAIN = """
    WITH asking AS NOT MATERIALIZED (SELECT id, published_on FROM cohorts_noticeversion WHERE basis = %(basis)s),
    enough AS NOT MATERIALIZED (
        SELECT v.id FROM cohorts_noticeversion v WHERE NOT EXISTS (
            SELECT FROM asking WHERE asking.id <> v.id AND asking.published_on >= v.published_on
        )
    ),
    agreed AS NOT MATERIALIZED (
        SELECT c.person_id FROM cohorts_consent c WHERE c.version_id IN (SELECT id FROM enough)
        AND c.purpose = %(purpose)s AND c.given_on <= %(today)s AND c.withdrawn_at IS NULL AND c.datasets = '{}'
    )
    SELECT d.family_id, d.person_id
    FROM cohorts_decision d
    WHERE d.cohort_id = %(cohort)s AND d.included AND d.person_id IN (
        SELECT m.person_id FROM cohorts_membership m
        WHERE m.family_id IN (SELECT n.family_id FROM cohorts_notice n WHERE n.version_id IN (SELECT id FROM asking))
        AND NOT EXISTS (SELECT FROM agreed WHERE agreed.person_id = m.person_id)
        UNION ALL
        SELECT n.person_id FROM cohorts_notice n
        WHERE n.person_id IS NOT NULL AND n.version_id IN (SELECT id FROM asking)
        AND NOT EXISTS (SELECT FROM agreed WHERE agreed.person_id = n.person_id)
        UNION ALL
        SELECT m.person_id FROM cohorts_membership m WHERE m.family_id IN (SELECT family_id FROM cohorts_objection)
        UNION ALL
        SELECT person_id FROM cohorts_objection WHERE person_id IS NOT NULL
        UNION ALL
        SELECT person_id FROM cohorts_objection_narrowed_to
        UNION ALL
        SELECT person_id FROM cohorts_protection
        UNION ALL
        SELECT id FROM cohorts_person WHERE merged_into_id IS NOT NULL
        UNION ALL
        SELECT merged_into_id FROM cohorts_person WHERE merged_into_id IS NOT NULL
    )
    UNION
    SELECT d.family_id, d.person_id
    FROM cohorts_decision d
    LEFT JOIN cohorts_membership m ON m.person_id = d.person_id AND m.family_id = d.family_id
    LEFT JOIN cohorts_person p ON p.id = d.person_id AND p.reference = d.person_ref
    LEFT JOIN cohorts_family f ON f.id = d.family_id AND f.reference = d.family_ref AND f.flagged_on IS NOT NULL
    WHERE d.cohort_id = %(cohort)s AND d.included
    AND (d.linkage_scope <> %(everything)s OR m.id IS NULL OR p.id IS NULL OR f.id IS NULL)
    ORDER BY family_id
"""
AS_FROZEN = """
    SELECT asked.person_id, coalesce(d.person_ref, ''), coalesce(d.family_ref, ''), coalesce(d.linkage_scope, '')
    FROM unnest(%(families)s::bigint[], %(people)s::bigint[]) AS asked (family_id, person_id)
    LEFT JOIN cohorts_decision d
    ON d.cohort_id = %(cohort)s AND d.included AND d.family_id = asked.family_id AND d.person_id = asked.person_id
"""


class Included(NamedTuple):
    """Somebody who is in a cohort, as it was frozen; the scope has dataset codes joined by a semicolon.

    Of whom it was forgotten a moment ago nothing but the number is left: nothing on file allows to send them.
    """

    person_id: int
    person_ref: str
    family_ref: str
    scope: str


def of(cohort: Cohort, asked: Question) -> Iterator[list[Included]]:
    """Of whom in a cohort the rules are to be asked, with this question; some at a time, by the order of families.

    The caller has opened a transaction in which nobody's permission changes. Two numbers are kept of each, 16 bytes:
    a cursor on the server would hold more, and PostgreSQL gives a question with a cursor to one process alone.
    """
    parameters = {
        "cohort": cohort.pk, "basis": consent.BASIS, "purpose": consent.PURPOSE, "today": asked.moment.today,
        "everything": ";".join(asked.datasets),
    }  # fmt: skip
    families, people = array("q"), array("q")
    with over_whole_tables(), connection.connection.cursor() as cursor:
        for family, person in cursor.stream(ASKED_AGAIN, parameters, size=TOGETHER):
            families.append(family)
            people.append(person)
    for first in range(0, len(people), TOGETHER):
        some = slice(first, first + TOGETHER)
        these: dict[str, Any] = {
            "cohort": cohort.pk,
            "families": families[some].tolist(),
            "people": people[some].tolist(),
        }
        with connection.cursor() as cursor:
            cursor.execute(AS_FROZEN, these)
            yield [Included(*row) for row in cursor.fetchall()]
