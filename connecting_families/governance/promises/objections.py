"""Promise 13: an objection is kept. Recomputed from what was sent, and not by the rules that decided then.

This reads the records a second time, in SQL of its own: a mistake in the rules, or a door passed by, shows.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.urls import reverse

from cohorts import queries
from cohorts.models import Objection
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import what_left
from connecting_families.governance.promises.shown import Shown, counted, refused
from transfers.models import DeliveryAttempt, Withdrawal

# Whoever was included and objected when it left: for themselves, or somebody for a family of theirs. Of objections to
# some datasets those count which the scope that was sent still reaches, or where none can be taken away alone.
OBJECTED = """
    WITH survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
    stood AS (
        SELECT o.* FROM cohorts_objection o
        WHERE o.received_at <= %(sent)s AND (o.lifted_at IS NULL OR o.lifted_at > %(sent)s)
        AND (o.refused_at IS NULL OR o.refused_at > %(sent)s)
    ),
    narrowed AS (SELECT DISTINCT objection_id AS id FROM cohorts_objection_narrowed_to),
    -- What was narrowed after it left covered the whole family then, and does no longer.
    reached AS (
        SELECT o.id, o.person_id, TRUE AS yet FROM stood o WHERE o.person_id IS NOT NULL
        UNION ALL
        SELECT o.id, n.person_id, TRUE FROM stood o JOIN cohorts_objection_narrowed_to n ON n.objection_id = o.id
        UNION ALL
        SELECT o.id, m.person_id, narrowed.id IS NULL
        FROM stood o JOIN cohorts_membership m ON m.family_id = o.family_id LEFT JOIN narrowed ON narrowed.id = o.id
        WHERE m.joined_on <= %(cut_off)s AND (m.left_on IS NULL OR m.left_on > %(cut_off)s)
        AND (narrowed.id IS NULL OR o.decided_at > %(sent)s)
    ),
    objects AS (
        SELECT coalesce(s.survivor_id, r.person_id) AS person, o.datasets, r.yet
            AND (o.lifted_at IS NULL OR o.lifted_at > %(at)s)
            AND (o.refused_at IS NULL OR o.refused_at > %(at)s) AS stands
        FROM reached r JOIN cohorts_objection o ON o.id = r.id LEFT JOIN survivor s ON s.person_id = r.person_id
    ),
    records AS (
        SELECT person, person AS record FROM objects
        UNION
        SELECT s.survivor_id, s.person_id FROM survivor s JOIN objects ON objects.person = s.survivor_id
    ),
    sent AS (
        SELECT d.person_id, bool_or(o.stands) AS stands
        FROM objects o JOIN records whose ON whose.person = o.person
        JOIN cohorts_decision d ON d.person_id = whose.record
        WHERE d.cohort_id = %(cohort)s AND d.included
        AND (cardinality(o.datasets) = 0 OR o.datasets && string_to_array(d.linkage_scope, ';')::varchar[])
        GROUP BY d.person_id
    )
    SELECT count(*), count(*) FILTER (WHERE stands AND NOT EXISTS (
        SELECT FROM transfers_withdrawn w JOIN transfers_withdrawal whole ON whole.id = w.withdrawal_id
        WHERE w.submission_id = %(submission)s AND w.person_id = sent.person_id AND whole.acknowledged_at IS NOT NULL
    )) FROM sent
"""


class Objected(NamedTuple):
    """How many were sent though an objection stood; and of how many that is not mended: they are not taken out since.

    Mended is also what an objection asked for that was lifted, or refused, since.
    """

    sent: int
    still: int


def objected(attempt: DeliveryAttempt, at: datetime) -> Objected:
    """Of one attempt: who objected at the moment when it left, by the objections as they stood then."""
    row = attempt.submission
    asked: dict[str, Any] = {"sent": attempt.attempted_at, "at": at, "cohort": row.cohort_id, "submission": row.pk,
             "cut_off": row.round.cut_off}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(OBJECTED, asked)
        return Objected(*cursor.fetchone())


def check(at: datetime) -> list[Why]:
    """People who were sent over a standing objection, and whom the recipients have not taken out since."""
    reasons = []
    for attempt in what_left.may_have_arrived():
        if still := objected(attempt, at).still:
            sentence = (
                f"{attempt.submission} was sent on {attempt.attempted_at:%-d %B %Y} with"
                f" {counted(still, 'person', 'people')} for whom an objection stood, and who are not taken out yet."
            )
            reasons.append(Why("OBJECTION_NOT_KEPT", sentence))
        if lost := queries.unmatched_objections(at).filter(received_at__lte=attempt.attempted_at).count():
            sentence = (
                f"{attempt.submission} was sent after {counted(lost, 'objection')} had come that may be about anyone in"
                " it: nobody has found yet who objects."
            )
            reasons.append(Why("UNMATCHED_WHEN_SENT", sentence))
    return reasons


def evidence(at: datetime) -> list[Shown]:
    """How many object, what was sent, and that nobody in it did."""
    found = [objected(attempt, at) for attempt in what_left.may_have_arrived()]
    late = Withdrawal.objects.all()
    return [
        Shown("Objections on file", f"{Objection.objects.count():,}, of which"
              f" {queries.standing_objections(at).count():,} stand", reverse("objection_desk")),
        Shown("People with a standing objection in anything sent after it", f"{sum(it.still for it in found):,}",
              reverse("submissions")),
        Shown("Sent over an objection that came first, mended since", f"{sum(it.sent - it.still for it in found):,}",
              reverse("withdrawals")),
        Shown("Withdrawals of people who objected later", f"{late.count():,}; acknowledged:"
              f" {late.exclude(acknowledged_at=None).count():,}", reverse("withdrawals")),
        refused("Sealing that an objection stopped", "SEALING_REFUSED", "OBJECTION_PERSON", "OBJECTION_FAMILY",
                "OBJECTION_SCOPE"),
        refused("Delivery that an objection stopped", "DELIVERY_REFUSED", "OBJECTION_PERSON", "OBJECTION_FAMILY",
                "OBJECTION_SCOPE"),
    ]  # fmt: skip
