"""Promises 7, 8 and 9: research only, under data protection law, and never without an agreement in force."""

from collections.abc import Iterable
from datetime import date, datetime

from django.urls import reverse

from cohorts import register_checks, reviewing
from cohorts.agreements import RESEARCH
from cohorts.models import Agreement, Notice, NoticeVersion
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import what_left
from connecting_families.governance.promises.shown import Shown, named, refused
from transfers.models import Submission

ENDLESS = date.max
IN_FORCE = (register_checks.IN_FORCE, register_checks.ENDS_SOON)


def check_purpose(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """Agreements without a purpose, rounds under one that is not for research, and what was sealed under such a one."""
    reasons = []
    for row in Agreement.objects.order_by("reference"):
        if not row.purpose.strip():
            reasons.append(Why("NO_PURPOSE", f"The agreement {row} does not say what it is for."))
        elif row.purpose != RESEARCH and row.rounds.exists():
            reasons.append(Why("NOT_FOR_RESEARCH", f"A round was opened under {row}, which is not for research."))
    for sealed in what_left.sealed():
        if sealed.round.agreement.purpose != RESEARCH:
            sentence = f"{sealed} was sealed under {sealed.round.agreement}, which is not for research."
            reasons.append(Why("SEALED_OUTSIDE_RESEARCH", sentence))
    return reasons


def purpose_evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """What each agreement is for, and what was refused."""
    shown = [
        Shown(f"What {row} is for", row.purpose.capitalize() or "It does not say", reverse("agreement", args=[row.pk]))
        for row in Agreement.objects.order_by("-in_force_from", "reference")[:8]
    ]
    code = "AGREEMENT_NOT_FOR_RESEARCH"
    return [*shown, refused("Putting forward that was refused for it", "PUT_FORWARD_REFUSED", code),
            refused("Agreements that were refused for it", "REGISTER_REFUSED", "NOT_FOR_RESEARCH")]  # fmt: skip


def relied_upon(at: datetime) -> list[NoticeVersion | Agreement]:
    """What has to be in order: versions that were given to people; agreements in force, or that something rests on."""
    today = at.astimezone(LONDON).date()
    given = Notice.objects.order_by().values("version_id").distinct()
    sealed = {row.round.agreement_id for row in what_left.sealed()}
    every = Agreement.objects.order_by("reference")
    agreements = [row for row in every if row.pk in sealed or register_checks.standing(row, today) in IN_FORCE]
    return [*NoticeVersion.objects.filter(pk__in=given).order_by("published_on", "pk"), *agreements]


def check_law(at: datetime) -> list[Why]:
    """What is relied upon without a law named for it, or whose review is overdue or was never made."""
    today = at.astimezone(LONDON).date()
    reasons = []
    for row in relied_upon(at):
        if isinstance(row, Agreement) and not row.legal_reference.strip():
            reasons.append(Why("NO_LEGAL_REFERENCE", f"The agreement {row} names no law on which it rests."))
        reasons += reviewing.against(row, today)
    return reasons


def never_reviewed(at: datetime) -> list[NoticeVersion | Agreement]:
    """What is relied upon, and nobody reviewed yet: as in a fresh installation."""
    return [row for row in relied_upon(at) if reviewing.newest(row) is None]


def law_evidence(at: datetime) -> list[Shown]:
    """The newest review of each."""
    return [Shown(str(row), _reviewed(row), page(row)) for row in relied_upon(at)]


def _reviewed(row: NoticeVersion | Agreement) -> str:
    found = reviewing.newest(row)
    if found is None:
        return "Never reviewed"
    day, again = f"{found.reviewed_on:%-d %B %Y}", f"{found.next_on:%-d %B %Y}"
    return f"{found.legal_reference}, as reviewed on {day}; to be looked at again by {again}"


def page(row: NoticeVersion | Agreement) -> str:
    """Where it stands in its register, and is reviewed."""
    return reverse("notice_version" if isinstance(row, NoticeVersion) else "agreement", args=[row.pk])


def check_agreed(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """What was put forward, sealed or sent at a moment when its agreement was not in force."""
    reasons = []
    for row in what_left.sealed():
        for act, moment in _moments(row):
            if not _in_force(row.round.agreement, moment):
                day = f"{moment:%-d %B %Y}"
                sentence = f"{row} was {act} on {day}, when its agreement {row.round.agreement} was not in force."
                reasons.append(Why("NO_AGREEMENT_IN_FORCE", sentence))
    return reasons


def _moments(row: Submission) -> Iterable[tuple[str, datetime]]:
    for act, moment in (("put forward", row.put_forward_at), ("sealed", row.sealed_at)):
        if moment is not None:
            yield act, moment
    for moment in row.delivery_attempts.order_by("pk").values_list("attempted_at", flat=True):
        yield "sent", moment


def _in_force(row: Agreement, moment: datetime) -> bool:
    """Whether an agreement was in force at a moment, by what was on record then: an end entered later is no matter."""
    first, until = _as_it_stood(row, moment)
    return first <= moment.astimezone(LONDON).date() < until


def _as_it_stood(row: Agreement, moment: datetime) -> tuple[date, date]:
    """Its first day, and the day on which it was over, as the trail tells of changes made since."""
    stood = {"in_force_from": row.in_force_from, "in_force_to": row.in_force_to or ENDLESS}
    since = trail.entries_about([("cohorts.agreement", row.reference)]).filter(timestamp__gt=moment)
    for entry in since:
        for change in entry.changes or []:
            if change["record"] == "cohorts.agreement" and change["act"] == "changed":
                for name in stood.keys() & change["fields"].keys():
                    was = change["fields"][name][0]
                    stood[name] = date.fromisoformat(was) if was not in (None, "", "None") else ENDLESS
    return stood["in_force_from"], stood["in_force_to"]


def agreed_evidence(at: datetime) -> list[Shown]:
    """Agreements in force, what went under which, and what was refused for want of one."""
    today = at.astimezone(LONDON).date()
    rows = list(Agreement.objects.order_by("-in_force_from", "reference"))
    force = [row for row in rows if register_checks.standing(row, today) in IN_FORCE]
    parties = sorted({party for row in force for party in row.parties})
    sealed = [f"{row} under {row.round.agreement}" for row in what_left.sealed()]
    code = "AGREEMENT_NOT_IN_FORCE"
    return [
        Shown("Agreements in force today", named(force), reverse("agreements")),
        Shown("Who is bound by them", named(parties)),
        Shown("What was sealed", named(sealed), reverse("submissions")),
        refused("Putting forward that was refused for it", "PUT_FORWARD_REFUSED", code),
        refused("Sealing that was refused for it", "SEALING_REFUSED", code),
        refused("Delivery that was refused for it", "DELIVERY_REFUSED", code),
    ]
