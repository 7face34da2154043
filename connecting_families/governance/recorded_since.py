"""What was recorded about a family since somebody looked at it: shown beside the look, for whoever looks into it.

It closes nothing by itself: whoever looked could record something afterwards (docs/decisions/0060).
"""

from typing import Final

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from cohorts.models import Family, Membership
from connecting_families.audit.models import Entry
from connecting_families.governance.models import LookToCheck
from connecting_families.governance.sifting import WORK

# From the family to its records: each is found by an index, however long the trail is.
ABOUT: Final = """
    SELECT e.id FROM audit_entry e JOIN (
        SELECT 'cohorts.family' AS record, id FROM cohorts_family WHERE id = ANY (%s)
        UNION SELECT 'cohorts.person', person_id FROM cohorts_membership WHERE family_id = ANY (%s)
        UNION SELECT 'cohorts.evidence', id FROM cohorts_evidence WHERE family_id = ANY (%s)
        UNION SELECT 'cohorts.engagement', id FROM cohorts_engagement WHERE family_id = ANY (%s)
        UNION SELECT 'cohorts.consent', c.id FROM cohorts_consent c
            JOIN cohorts_membership m USING (person_id) WHERE m.family_id = ANY (%s)
        UNION SELECT 'cohorts.notice', id FROM cohorts_notice WHERE family_id = ANY (%s)
        UNION SELECT 'cohorts.notice', n.id FROM cohorts_notice n
            JOIN cohorts_membership m ON m.person_id = n.person_id WHERE m.family_id = ANY (%s)
        UNION SELECT 'cohorts.objection', id FROM cohorts_objection WHERE family_id = ANY (%s)
        UNION SELECT 'cohorts.objection', o.id FROM cohorts_objection o
            JOIN cohorts_membership m ON m.person_id = o.person_id WHERE m.family_id = ANY (%s)
    ) about ON e.record = about.record AND e.object_id = about.id
"""


def recorded_since(row: LookToCheck) -> QuerySet[Entry]:
    """Work on the family of a look, or on the families of its person, since the first of what is asked about.

    The newest first; nothing where the look is at many families.
    """
    families = _families(row)
    if not families:
        none: QuerySet[Entry] = Entry.objects.none()
        return none
    about = RawSQL(ABOUT, [families] * ABOUT.count("%s"))  # noqa: S611 - a constant, and its values beside it
    found = Entry.objects.filter(pk__in=about, event__in=WORK, actor_id__isnull=False, timestamp__gte=row.first_at)
    newest_first: QuerySet[Entry] = found.order_by("-timestamp", "-id")
    return newest_first


def _families(row: LookToCheck) -> list[int]:
    if row.record == "cohorts.family":
        return list(Family.objects.filter(reference=row.reference).values_list("pk", flat=True))
    if row.record == "cohorts.person":
        of = Membership.objects.filter(person__reference=row.reference)
        return list(of.values_list("family_id", flat=True).distinct())
    return []
