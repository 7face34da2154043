"""Sifting: which looks at families information governance should check, found in the trail, in the database.

Three kinds (docs/decisions/0047): somebody opened the record of a person of their own family name; opened many families
within an hour; or opened a family, and neither they nor their team recorded anything about it in the days after. What
is found is a question and no verdict: it is kept until somebody else looked into it.
"""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, models

from connecting_families.alone import Work
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.governance.models import LookToCheck
from connecting_families.governance.progress import Progress, progress_said, say_progress
from connecting_families.staff.roles import Permission, permits, roles_permitting

AT_FIRST: Final = timedelta(days=90)
"""So far the first run looks back."""
HOUR: Final = timedelta(hours=1)
LATE: Final = timedelta(hours=1)
"""An entry is committed at most so long after the moment that it tells."""
OPENINGS: Final = [
    each.name for each in (
        Event.WISHES_VIEWED, Event.OTHER_TEAMS_FAMILY_OPENED, Event.LETTER_OPENED, Event.PROTECTED_ADDRESS_OPENED,
        Event.DECISION_VIEWED, Event.DUPLICATE_OPENED, Event.SUBJECT_ACCESS_VIEWED, Event.SUBJECT_ACCESS_EXPORTED,
    )
]  # fmt: skip
"""Events in which somebody opened one family, or one person's record."""
WORK: Final = [
    each.name for each in (
        Event.FAMILY_ADDED, Event.PERSON_ADDED, Event.PERSON_JOINED, Event.PERSON_CHANGED, Event.NOTICE_ISSUED,
        Event.OBJECTION_RECEIVED, Event.OBJECTION_LIFTED, Event.CONSENT_GIVEN, Event.CONSENT_WITHDRAWN,
        Event.PROTECTION_MARKED, Event.PROTECTION_ENDED, Event.MOVE_RECORDED, Event.ADDRESS_CHANGED,
        Event.MEMBERSHIP_CHANGED, Event.FAMILY_LEFT, Event.PROBLEMS_RECORDED, Event.EVIDENCE_IN_ERROR,
        Event.WORK_BEGUN, Event.WORK_ENDED, Event.FAMILY_FLAGGED, Event.FLAG_LIFTED, Event.FLAG_CONFIRMED,
        Event.FLAG_SENT_BACK,
    )
]  # fmt: skip
"""Events by which somebody recorded something about a family or its people."""

# What is found goes on in the row that is open; what was checked is found again only by a later look.
KEPT = """
    INSERT INTO governance_looktocheck AS kept (kind, who, record, reference, first_at, last_at, families, found_at,
                                                state, checked_by, note)
    SELECT found.kind, found.who, found.record, found.reference, found.first_at, found.last_at, found.families,
           %(at)s, 'OPEN', '', ''
    FROM ({found}) found
    WHERE NOT EXISTS (
        SELECT FROM governance_looktocheck c
        WHERE (c.kind, c.who, c.record, c.reference) = (found.kind, found.who, found.record, found.reference)
        AND (c.state = 'KNOWN' OR (c.state <> 'OPEN' AND c.last_at >= found.last_at))
    )
    ON CONFLICT (kind, who, record, reference) WHERE state = 'OPEN' DO UPDATE SET
        first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
        families = greatest(kept.families, excluded.families)
"""

# A record that is opened is a person's, or a family's: then each of its people. Names are compared in
# their normal form, whole, and by each longer word: of two names that are one with a hyphen each may be a relative's.
SAME_NAME = """
    WITH opened AS MATERIALIZED (
        SELECT e.actor_id, e.who, e.record, e.reference, min(e.timestamp) AS first_at, max(e.timestamp) AS last_at
        FROM audit_entry e JOIN staff_user u ON u.id = e.actor_id AND u.last_name <> ''
        WHERE e.event = ANY (%(openings)s) AND e.timestamp > %(since)s AND e.timestamp <= %(at)s
        AND e.record IN ('cohorts.family', 'cohorts.person')
        GROUP BY e.actor_id, e.who, e.record, e.reference
    ), named AS MATERIALIZED (
        SELECT id, replace(cohorts_folded(last_name), ' ', '') AS whole,
               ARRAY(SELECT word FROM unnest(cohorts_words(last_name)) word WHERE length(word) > 3) AS words
        FROM staff_user WHERE last_name <> ''
    ), people AS (
        SELECT o.*, p.family_name, p.previous_family_names FROM opened o
        JOIN cohorts_person p ON o.record = 'cohorts.person' AND p.reference = o.reference
        UNION ALL
        SELECT o.*, p.family_name, p.previous_family_names FROM opened o
        JOIN cohorts_family f ON o.record = 'cohorts.family' AND f.reference = o.reference
        JOIN cohorts_membership m ON m.family_id = f.id JOIN cohorts_person p ON p.id = m.person_id
    )
    SELECT DISTINCT 'SAME_NAME' AS kind, o.who, o.record, o.reference, o.first_at, o.last_at, 1 AS families
    FROM people o JOIN named n ON n.id = o.actor_id
    WHERE (n.whole <> '' AND replace(cohorts_folded(o.family_name), ' ', '') = n.whole)
        OR n.words && cohorts_words(o.family_name, o.previous_family_names)
"""
# A family that was opened in the hour before counts once.
MANY = """
    WITH opened AS (
        SELECT who, timestamp AS at,
               lag(timestamp) OVER (PARTITION BY who, reference ORDER BY timestamp, id) AS before
        FROM audit_entry
        WHERE event = ANY (%(openings)s) AND timestamp > %(since)s - %(hour)s AND timestamp <= %(at)s
        AND record = 'cohorts.family' AND actor_id IS NOT NULL
    ), counted AS (
        SELECT who, at, count(*) OVER (
            PARTITION BY who ORDER BY at RANGE BETWEEN %(hour)s PRECEDING AND CURRENT ROW
        ) AS families
        FROM opened WHERE before IS NULL OR before < at - %(hour)s
    )
    SELECT 'MANY' AS kind, who, '' AS record, '' AS reference, min(at) - %(hour)s AS first_at, max(at) AS last_at,
           max(families) AS families
    FROM counted WHERE families > %(many)s GROUP BY who
"""
# Whoever is in no team has none whose work explains it: anybody's does.
NO_WORK = """
    WITH opened AS MATERIALIZED (
        SELECT e.actor_id, e.who, f.id AS family_id, e.reference, u.team, max(e.timestamp) AS at,
               min(e.timestamp) AS first_at
        FROM audit_entry e JOIN cohorts_family f ON f.reference = e.reference JOIN staff_user u ON u.id = e.actor_id
        WHERE e.event = ANY (%(openings)s) AND e.record = 'cohorts.family'
        AND e.timestamp > %(since)s - %(days)s AND e.timestamp <= %(at)s - %(days)s
        GROUP BY e.actor_id, e.who, f.id, e.reference, u.team, date_trunc('day', e.timestamp)
    ), recorded AS MATERIALIZED (
        SELECT actor_id, record, object_id, timestamp AS at FROM audit_entry
        WHERE event = ANY (%(work)s) AND actor_id IS NOT NULL
        AND timestamp > %(since)s - %(days)s AND timestamp <= %(at)s
    ), worked AS MATERIALIZED (
        SELECT r.actor_id, r.at, u.team, about.family_id FROM recorded r JOIN staff_user u ON u.id = r.actor_id
        JOIN LATERAL (
            SELECT r.object_id AS family_id WHERE r.record = 'cohorts.family'
            UNION ALL SELECT family_id FROM cohorts_membership
                WHERE r.record = 'cohorts.person' AND person_id = r.object_id
            UNION ALL SELECT family_id FROM cohorts_evidence WHERE r.record = 'cohorts.evidence' AND id = r.object_id
            UNION ALL SELECT family_id FROM cohorts_engagement
                WHERE r.record = 'cohorts.engagement' AND id = r.object_id
            UNION ALL SELECT m.family_id FROM cohorts_consent c JOIN cohorts_membership m USING (person_id)
                WHERE r.record = 'cohorts.consent' AND c.id = r.object_id
            UNION ALL SELECT coalesce(n.family_id, m.family_id) FROM cohorts_notice n
                LEFT JOIN cohorts_membership m ON m.person_id = n.person_id
                WHERE r.record = 'cohorts.notice' AND n.id = r.object_id
            UNION ALL SELECT coalesce(o.family_id, m.family_id) FROM cohorts_objection o
                LEFT JOIN cohorts_membership m ON m.person_id = o.person_id
                WHERE r.record = 'cohorts.objection' AND o.id = r.object_id
        ) about ON true
    )
    SELECT 'NO_WORK' AS kind, o.who, 'cohorts.family' AS record, o.reference, min(o.first_at) AS first_at,
           max(o.at) AS last_at, 1 AS families
    FROM opened o
    WHERE NOT EXISTS (
        SELECT FROM worked w WHERE w.family_id = o.family_id AND w.at > o.first_at AND w.at <= o.at + %(days)s
        AND (w.actor_id = o.actor_id OR o.team IN ('', w.team))
    )
    GROUP BY o.who, o.reference
"""
NAME: Final = "sift-the-trail-"
TRIES: Final = 3
"""How often it is tried, a quarter of a minute apart, before a person is told: what fails so often fails again."""
FOUND: Final = {LookToCheck.SAME_NAME: SAME_NAME, LookToCheck.MANY: MANY, LookToCheck.NO_WORK: NO_WORK}


class NotChecked(Refused):
    """What was said of a look to check was not kept."""

    event = Event.LOOK_CHECK_REFUSED


class Sifted(NamedTuple):
    """What came of going through the trail: how many are open of each kind."""

    open: dict[str, int]


@trail.stage
def request(*, by: Who, at: datetime) -> None:
    """Ask the workers to go through the trail now."""
    trail.record(Event.LOOKS_SIFTING_REQUESTED, who=by, at=at, record=LookToCheck._meta.label_lower)


def asked() -> Entry | None:
    """The entry by which somebody asked for it, or which tells that it failed, where it was not done since.

    None, too, where it failed TRIES times: whoever asks once more has it tried anew.
    """
    last, wanted, failed = last_sifted(), _newest(Event.LOOKS_SIFTING_REQUESTED), _newest(Event.LOOKS_SIFTING_FAILED)
    waiting = [each for each in (wanted, failed) if each and (last is None or each.timestamp > last.timestamp)]
    return waiting[0] if waiting and not has_failed() else None


def has_failed() -> bool:
    """Whether it failed TRIES times, and nobody asked for it since: a person has to look at why."""
    since = [each.pk for each in (last_sifted(), _newest(Event.LOOKS_SIFTING_REQUESTED)) if each is not None]
    failures = Entry.objects.filter(event=Event.LOOKS_SIFTING_FAILED.name, pk__gt=max(since, default=0))
    return bool(failures.count() >= TRIES)


@trail.stage
def fail(*, why: str, by: Who, at: datetime) -> None:
    """Keep that it failed; `why` is the kind of error, never its words. It is tried again TRIES times in all."""
    trail.record(Event.LOOKS_SIFTING_FAILED, who=by, at=at, record=LookToCheck._meta.label_lower, details={"why": why})


def progress() -> Progress | None:
    """How many of the questions a worker has put to the trail by now; None while none is at it."""
    return progress_said(NAME)


@trail.stage
def sift(*, by: Who, at: datetime) -> Sifted:
    """Go through what came into the trail since this was done last, and keep what is to be checked.

    Done twice, or over the same entries again, it finds nothing twice.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [Work.SIFTING.value])
        last = last_sifted()
        asked: dict[str, Any] = {
            "at": at, "since": last.timestamp - LATE if last else at - AT_FIRST,
            "hour": HOUR, "days": timedelta(days=settings.CF_LOOKS_WITHOUT_WORK_DAYS),
            "many": settings.CF_LOOKS_IN_AN_HOUR, "openings": OPENINGS, "work": WORK,
        }  # fmt: skip
        for done, found in enumerate(FOUND.values()):
            say_progress(NAME, done, len(FOUND))
            cursor.execute(KEPT.format(found=found), asked)
    waiting = {kind: to_check().filter(kind=kind).count() for kind in LookToCheck.KINDS}
    trail.record(Event.LOOKS_SIFTED, who=by, at=at, record=LookToCheck._meta.label_lower, details={"open": waiting})
    return Sifted(waiting)


def last_sifted() -> Entry | None:
    """The entry of when the trail was gone through last."""
    return _newest(Event.LOOKS_SIFTED)


def _newest(event: Event) -> Entry | None:
    return trail.entries().filter(event=event.name).order_by("-timestamp", "-id").first()


def to_check() -> models.QuerySet[LookToCheck]:
    """Those that nobody looked into yet, the newest first."""
    return LookToCheck.objects.filter(state=LookToCheck.OPEN).order_by("-last_at", "-id")


def openings_of(row: LookToCheck) -> models.QuerySet[Entry]:
    """The entries that are to be explained, the newest first."""
    found = Entry.objects.filter(
        who=row.who, event__in=OPENINGS, timestamp__gte=row.first_at, timestamp__lte=row.last_at
    )
    narrowed = found.filter(record=row.record, reference=row.reference) if row.reference else found
    entries: models.QuerySet[Entry] = narrowed.order_by("-timestamp", "-id")
    return entries


@trail.stage
def look_into(*, look: LookToCheck, outcome: str, note: str, by: Who, at: datetime) -> LookToCheck:
    """Keep what came of looking into one; `note` is not kept in the trail. Raises NotChecked with every reason."""
    row = LookToCheck.objects.select_for_update().get(pk=look.pk)
    reasons = against_checking(row, by)
    if outcome not in LookToCheck.STATES or outcome == LookToCheck.OPEN:
        reasons.append(Why("NO_OUTCOME", "Choose what came of it."))
    if not note.strip():
        reasons.append(Why("NO_NOTE", "Write how you know."))
    if reasons:
        raise NotChecked(reasons, record=LookToCheck._meta.label_lower, reference=str(row))
    row.state, row.note, row.checked_at, row.checked_by = outcome, note.strip()[:500], at, by.reference
    row.save()
    trail.record(Event.LOOK_CHECKED, who=by, at=at, about=row, details={"outcome": outcome})
    return row


def against_checking(row: LookToCheck, by: Who) -> list[Why]:
    """Why this person cannot say what came of it."""
    reasons = []
    if not permits(by.role, Permission.SEE_TRAIL):
        who = " or ".join(roles_permitting(Permission.SEE_TRAIL))
        reasons.append(Why("NOT_FOR_THIS_ROLE", f"Your role may not look into looks. Ask {who}."))
    if row.state != LookToCheck.OPEN:
        reasons.append(Why("CHECKED_ALREADY", f"{row.checked_by} looked into it already."))
    if row.who == by.reference:
        reasons.append(Why("ONES_OWN", "It is a look of your own: a colleague looks into it."))
    return reasons
