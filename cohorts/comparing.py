"""Comparing: who came, who went and who changed from one finished cohort to the next, and why."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from django.db import connection

from cohorts.models import Cohort, Forgotten


class Kind(Enum):
    """What became of somebody from one cohort to the next; the value says it in words."""

    CAME = "In now, and not in before"
    WENT = "In before, and not in now"
    CHANGED = "In both, and something that is sent with them changed"
    OTHER_REASONS = "In neither, for other reasons"


class Change(NamedTuple):
    """A person of a family in two cohorts: the reasons then and now (None: not considered), and what is sent of them.

    `then` and `now` are the group, the programme's two dates and the datasets, of who was in.
    """

    kind: Kind
    family_ref: str
    person_ref: str
    reasons_then: tuple[str, ...] | None
    reasons_now: tuple[str, ...] | None
    then: tuple[str, ...]
    now: tuple[str, ...]


# Both cohorts are read by their keys, which begin with the cohort; who is the same in both is dropped on the way.
DIFFERENCES = """
    WITH earlier AS (SELECT *, ROW("group", programme_start, programme_end, linkage_scope) AS sent
                  FROM cohorts_decision WHERE cohort_id = %(then)s),
    later AS (SELECT *, ROW("group", programme_start, programme_end, linkage_scope) AS sent
            FROM cohorts_decision WHERE cohort_id = %(now)s),
    both_of AS (
        SELECT CASE WHEN later.included AND earlier.included IS NOT TRUE THEN 'CAME'
                    WHEN earlier.included AND later.included IS NOT TRUE THEN 'WENT'
                    WHEN later.included THEN 'CHANGED' ELSE 'OTHER_REASONS' END AS kind,
            family_ref, person_ref, earlier.reasons AS reasons_then, later.reasons AS reasons_now,
            earlier."group" AS group_then, earlier.programme_start AS start_then, earlier.programme_end AS end_then,
            earlier.linkage_scope AS scope_then, later."group" AS group_now, later.programme_start AS start_now,
            later.programme_end AS end_now, later.linkage_scope AS scope_now
        FROM earlier FULL JOIN later USING (family_ref, person_ref)
        WHERE earlier.included IS DISTINCT FROM later.included OR earlier.reasons IS DISTINCT FROM later.reasons
            OR earlier.sent IS DISTINCT FROM later.sent
    )
    {asked}
"""
COUNTED = """
    SELECT kind, CASE kind WHEN 'CAME' THEN split_part(reasons_then, ';', 1)
                           WHEN 'CHANGED' THEN '' ELSE split_part(reasons_now, ';', 1) END, count(*)
    FROM both_of GROUP BY 1, 2
"""
LISTED = """
    SELECT * FROM both_of WHERE kind = ANY (%(kinds)s) ORDER BY family_ref, person_ref LIMIT %(limit)s OFFSET %(offset)s
"""


class Count(NamedTuple):
    """So many people of one kind, by a reason's code: why who came was out, why all others are out now.

    None: they were, or are, not considered at all.
    """

    kind: Kind
    reason: str | None
    people: int


def previous(cohort: Cohort) -> Cohort | None:
    """The cohort to compare with: the finished one before it of its round, else the last of any earlier round.

    None where nothing is there to compare, or not any more.
    """
    if Forgotten.objects.filter(cohort=cohort).exists():
        return None
    before = Cohort.objects.filter(state=Cohort.FINISHED, pk__lt=cohort.pk, forgotten=None).order_by("-pk")
    return before.filter(round=cohort.round).first() or before.filter(round__cut_off__lt=cohort.round.cut_off).first()


def counts(then: Cohort, now: Cohort) -> list[Count]:
    """How many differ, by kind and reason, the most frequent first of each kind."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES.format(asked=COUNTED), {"then": then.pk, "now": now.pk})
        found = [Count(Kind[kind], reason, people) for kind, reason, people in cursor.fetchall()]
    order = list(Kind)
    return sorted(found, key=lambda it: (order.index(it.kind), -it.people, it.reason or ""))


def changes(
    then: Cohort, now: Cohort, kinds: Sequence[Kind] = tuple(Kind), *, limit: int, offset: int = 0
) -> list[Change]:
    """Who differs, by reference; from `offset`, at most `limit`."""
    asked: dict[str, Any] = {
        "then": then.pk, "now": now.pk, "kinds": [kind.name for kind in kinds], "limit": limit, "offset": offset,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES.format(asked=LISTED), asked)
        return [
            Change(Kind[kind], family, person, _codes(then_), _codes(now_), _texts(rest[:4]), _texts(rest[4:]))
            for kind, family, person, then_, now_, *rest in cursor.fetchall()
        ]


def _codes(reasons: str | None) -> tuple[str, ...] | None:
    return None if reasons is None else tuple([code for code in reasons.split(";") if code])


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(["" if value is None else str(value) for value in values])
