"""The alarm: a mail to information governance where a night finds the trail not whole, or a promise not kept.

Also where the trail cannot be gone through for looks that somebody should explain.

Codes and links alone. It is sent once for what was found, again after each other night that finds the same, at once
where something else is found, and a last time when all is well again.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from cohorts.rules.clocks import LONDON
from connecting_families.audit.trail import Who
from connecting_families.governance import checking, sifting, verification
from connecting_families.governance.mailing import Mail
from connecting_families.governance.models import Verification
from connecting_families.governance.promises.table import BY_NUMBER

AGAIN = timedelta(minutes=15)
"""After which one that did not get through is tried again."""
TRAIL, LOOKS = "trail", "looks"
Wrong = dict[str, list[str]]
"""Codes of what is wrong, by the number of the promise, or of the trail, or of going through it for looks to check."""


def send_if_due(*, by: Who, at: datetime) -> bool:
    """Send the alarm where it is due; whether it was sent now."""
    if not settings.CF_GOVERNANCE_MAIL:
        return False
    with Mail.ALARM.alone() as nobody_else:
        wrong = found(at) if nobody_else else {}
        if not nobody_else or not _is_due(wrong, at):
            return False
        subject = "Connecting Families: look at this now" if wrong else "Connecting Families: all is well again"
        return Mail.ALARM.send(subject, lines(wrong, at), settings.CF_GOVERNANCE_MAIL, by=by, at=at, wrong=wrong)


def found(at: datetime) -> Wrong:
    """What is wrong at an instant, as it was found last; an answer that is too old is wrong, too."""
    wrong: Wrong = {}
    last = verification.last()
    if last is not None and last.state == Verification.BROKEN:
        wrong[TRAIL] = list(dict.fromkeys(fault["code"] for fault in last.faults))
    elif last is not None and last.state == Verification.FAILED:
        wrong[TRAIL] = ["VERIFICATION_FAILED"]
    elif last is not None and at - last.asked_at > checking.OLD:
        wrong[TRAIL] = ["NOT_VERIFIED_LATELY"]
    sifted = sifting.last_sifted()
    if sifting.has_failed():
        wrong[LOOKS] = ["SIFTING_FAILED"]
    elif sifted is not None and at - sifted.timestamp > checking.OLD:
        wrong[LOOKS] = ["NOT_SIFTED_LATELY"]
    for each in checking.standing(at):
        if each.outcome is not None and not each.kept:
            codes = dict.fromkeys(fault["code"] for fault in each.outcome.faults)
            wrong[str(each.promise.number)] = list(codes) or ["NOT_CHECKED_LATELY"]
    return wrong


def lines(wrong: Wrong, at: datetime) -> list[str]:
    """What stands in it."""
    said = [f"On {at.astimezone(LONDON):%-d %B %Y at %H:%M}:", ""]
    if not wrong:
        said.append("The trail is whole, and every promise of the privacy notice is kept.")
    for what, codes in wrong.items():
        if what == TRAIL:
            name, where = "The trail was verified", reverse("verification")
        elif what == LOOKS:
            name, where = "The trail was gone through for looks to check", reverse("looks_to_check")
        else:
            name, where = f"Promise {what}, {BY_NUMBER[int(what)].title}", f"{reverse('promises')}#promise-{what}"
        said.append(f"{name}: {', '.join(codes)}. {settings.CF_SITE_URL}{where}")
    return [*said, "", "Sign in to see more. No answer to this mail is read."]


def _is_due(wrong: Wrong, at: datetime) -> bool:
    if Mail.ALARM.failed_within(AGAIN, at):
        return False
    last = Mail.ALARM.last_sent()
    told = (last.additional_data or {}).get("wrong", {}) if last else {}
    if last is None or wrong != told:
        return wrong != told
    return bool(wrong) and last.timestamp < checking.last_night(at) and _looked_since(last.timestamp)


def _looked_since(then: datetime) -> bool:
    """Whether anybody checked the promises, or verified the trail, since then."""
    row = verification.last()
    times = [outcome.checked_at for outcome in checking.newest().values()]
    times += [row.ended_at] if row is not None and row.ended_at is not None else []
    return any(time > then for time in times)
