"""Late: who in a cohort objects, took consent back or is protected now, and was not when it was frozen.

Looked for from what is on file of wishes and marks, not from everybody in the cohort: it is asked again and again.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from cohorts import facts, queries
from cohorts.models import Cohort
from cohorts.rules.reasons import Reason

STANDS = """
    o.received_at <= %(at)s AND (o.lifted_at IS NULL OR o.lifted_at > %(at)s)
    AND (o.refused_at IS NULL OR o.refused_at > %(at)s)
"""
# Whoever may have gained a reason; the rules say who has.
CONCERNED = f"""
    WITH named AS (
        SELECT o.person_id AS id FROM cohorts_objection o WHERE o.person_id IS NOT NULL AND {STANDS}
        UNION
        SELECT n.person_id FROM cohorts_objection o JOIN cohorts_objection_narrowed_to n ON n.objection_id = o.id
        WHERE {STANDS}
        UNION
        SELECT m.person_id FROM cohorts_objection o JOIN cohorts_membership m ON m.family_id = o.family_id
        WHERE {STANDS}
        UNION
        SELECT person_id FROM cohorts_protection
        UNION
        SELECT person_id FROM cohorts_consent WHERE purpose = 'research' AND withdrawn_at <= %(at)s
    ),
    survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
    people AS (
        SELECT coalesce(s.survivor_id, named.id) AS id FROM named LEFT JOIN survivor s ON s.person_id = named.id
    ),
    records AS (SELECT id FROM people UNION SELECT s.person_id FROM survivor s JOIN people ON people.id = s.survivor_id)
    SELECT d.person_id, d.family_ref, d.linkage_scope, coalesce(now.reference, d.person_ref),
        EXISTS (
            SELECT FROM cohorts_consent c LEFT JOIN survivor whose ON whose.person_id = c.person_id
            WHERE c.purpose = 'research' AND c.withdrawn_at <= %(at)s
            AND coalesce(whose.survivor_id, c.person_id) = coalesce(s.survivor_id, d.person_id)
        )
    FROM cohorts_decision d JOIN records ON records.id = d.person_id
    LEFT JOIN survivor s ON s.person_id = d.person_id LEFT JOIN cohorts_person now ON now.id = s.survivor_id
    WHERE d.cohort_id = %(cohort)s AND d.included AND d.person_id <> ALL (%(but)s)
"""


class Late(NamedTuple):
    """Somebody who was included, by the key of the record that was, and the codes of what stands against it now."""

    person_id: int
    reasons: tuple[str, ...]


def people(cohort: Cohort, at: datetime, *, but: Collection[int] = ()) -> list[Late]:
    """Everybody in this cohort who has gained a reason of objection, consent or protection by this instant.

    As the guard asks it (spec/rules.md): a scope that became narrower is one, a wider one is none. Of consent only what
    was taken back, not what a later notice asks for. Those in `but` are left out. The caller has opened a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(CONCERNED, {"at": at, "cohort": cohort.pk, "but": list(but)})
        concerned = cursor.fetchall()
    if not concerned:
        return []
    asked = facts.question_of(cohort, at)
    families = sorted({family for _, family, *_ in concerned})
    streamed = facts.stream(only="AND f.reference = ANY (%s)", parameters=[families], known=facts.look_up(shared=False))
    found = {each.family.family_ref: each.family for each in streamed}
    late = defaultdict[int, set[str]](set)
    for person_id, family, scope, reference, took_back in concerned:
        lost = queries.lost_by(reference, found.get(family), asked, scope)
        late[person_id].update(code for code in lost if took_back or code != Reason.CONSENT_MISSING.code)
    order = list(queries.SENTENCES)
    return [Late(person, tuple(sorted(codes, key=order.index))) for person, codes in sorted(late.items()) if codes]
