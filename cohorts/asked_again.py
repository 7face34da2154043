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

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from cohorts.models import Cohort
from cohorts.rules import consent
from cohorts.rules.facts import Question
from connecting_families.planning import over_whole_tables

TOGETHER = 1_000

ASKED_AGAIN = """
    WITH asking AS (SELECT id, published_on FROM cohorts_noticeversion WHERE basis = %(basis)s),
    enough AS MATERIALIZED (
        SELECT v.id FROM cohorts_noticeversion v WHERE NOT EXISTS (
            SELECT FROM asking WHERE asking.id <> v.id AND asking.published_on >= v.published_on
        )
    ),
    told AS (
        SELECT n.person_id FROM cohorts_notice n JOIN asking ON asking.id = n.version_id WHERE n.person_id IS NOT NULL
        UNION
        SELECT m.person_id FROM cohorts_notice n JOIN asking ON asking.id = n.version_id
        JOIN cohorts_membership m ON m.family_id = n.family_id
    ),
    agreed AS (
        SELECT c.person_id FROM cohorts_consent c JOIN enough ON enough.id = c.version_id
        WHERE c.purpose = %(purpose)s AND c.given_on <= %(today)s AND c.withdrawn_at IS NULL AND c.datasets = '{}'
    ),
    spoken AS (
        SELECT person_id FROM cohorts_protection
        UNION
        SELECT person_id FROM cohorts_objection WHERE person_id IS NOT NULL
        UNION
        SELECT person_id FROM cohorts_objection_narrowed_to
        UNION
        SELECT m.person_id FROM cohorts_objection o JOIN cohorts_membership m ON m.family_id = o.family_id
        UNION
        SELECT id FROM cohorts_person WHERE merged_into_id IS NOT NULL
        UNION
        SELECT merged_into_id FROM cohorts_person WHERE merged_into_id IS NOT NULL
        UNION
        (SELECT person_id FROM told EXCEPT SELECT person_id FROM agreed)
    )
    SELECT d.person_id, d.person_ref, d.family_ref, d.linkage_scope
    FROM cohorts_decision d
    LEFT JOIN spoken ON spoken.person_id = d.person_id
    LEFT JOIN cohorts_person p ON p.id = d.person_id
    LEFT JOIN cohorts_family f ON f.id = d.family_id
    WHERE d.cohort_id = %(cohort)s AND d.included AND (
        spoken.person_id IS NOT NULL OR d.linkage_scope <> %(everything)s
        OR p.reference IS DISTINCT FROM d.person_ref
        OR f.reference IS DISTINCT FROM d.family_ref OR f.flagged_on IS NULL
    )
    UNION
    SELECT d.person_id, d.person_ref, d.family_ref, d.linkage_scope
    FROM cohorts_decision d
    WHERE d.cohort_id = %(cohort)s AND d.included AND NOT EXISTS (
        SELECT FROM cohorts_membership m WHERE m.person_id = d.person_id AND m.family_id = d.family_id
    )
    ORDER BY family_ref
"""


class Included(NamedTuple):
    """Somebody who is in a cohort, as it was frozen; the scope has dataset codes joined by a semicolon."""

    person_id: int
    person_ref: str
    family_ref: str
    scope: str


def of(cohort: Cohort, asked: Question) -> Iterator[list[Included]]:
    """Of whom in a cohort the rules are to be asked, with this question; some at a time, by the order of families.

    The caller has opened a transaction in which nobody's permission changes.
    """
    parameters = {
        "cohort": cohort.pk, "basis": consent.BASIS, "purpose": consent.PURPOSE, "today": asked.moment.today,
        "everything": ";".join(asked.datasets),
    }  # fmt: skip
    with connection.connection.cursor(name="asked_again") as cursor:
        with over_whole_tables():
            cursor.execute(ASKED_AGAIN, parameters)
        while rows := cursor.fetchmany(TOGETHER):
            yield [Included(*row) for row in rows]
