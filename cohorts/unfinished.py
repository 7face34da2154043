"""Unfinished: families for whom something is left to do before their flag is as the rules have it.

The rules are asked of each family, so no more are looked at than were touched last.
"""

from datetime import date, datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from cohorts import facts, untold
from cohorts.models import FlagReview
from cohorts.rules.clocks import moment, stands
from cohorts.rules.evidence import missing_to_flag

LOOKED_AT = 50
"""Families of whom the rules are asked."""
ENTRIES = 5_000
"""Entries of the trail in which the families touched last are looked for."""

TOUCHED = """
    WITH latest AS (
        SELECT reference, max(id) AS id
        FROM (SELECT id, record, reference FROM audit_entry ORDER BY id DESC LIMIT %(entries)s) newest
        WHERE record = 'cohorts.family' GROUP BY reference
    )
    SELECT f.reference FROM latest JOIN cohorts_family f USING (reference)
    WHERE %(team)s::text IS NULL OR f.team = %(team)s
    ORDER BY latest.id DESC LIMIT %(many)s
"""


class Unfinished(NamedTuple):
    """A family, and what it lacks: nothing where it lacks its flag alone."""

    family_ref: str
    missing: tuple[str, ...]


def families(team: str | None, at: datetime) -> list[Unfinished]:
    """Families of a team (None: of all teams) that lack nothing but the flag, or are flagged and lack something.

    Of those that were opened or changed last (LOOKED_AT), the latest first.
    """
    asked = untold.question_of_today(at)
    with connection.cursor() as cursor:
        cursor.execute(TOUCHED, {"team": team, "entries": ENTRIES, "many": LOOKED_AT})
        touched = [reference for (reference,) in cursor.fetchall()]
    found = {}
    with transaction.atomic():
        known = facts.at_hand()
        for each in facts.stream(only="AND f.reference = ANY (%s)", parameters=[touched], known=known):
            family = each.family
            missing = tuple(missing_to_flag(family, asked))
            flagged = family.flagged_on is not None and stands(family.flagged_on, family.lifted_on, asked.moment.today)
            if bool(missing) == flagged:
                found[family.family_ref] = Unfinished(family.family_ref, missing)
    return [found[reference] for reference in touched if reference in found]


def flags_to_review(at: datetime) -> QuerySet[FlagReview]:
    """The flags that stand and wait for a manager, the longest waiting first."""
    today = moment(date.min, at).today
    standing = Q(family__flagged_on=F("flagged_on"), flagged_on__lte=today)
    standing &= Q(family__lifted_on=None) | Q(family__lifted_on__gt=today)
    return FlagReview.objects.filter(standing, outcome=FlagReview.WAITING).select_related("family").order_by("pk")
