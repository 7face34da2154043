"""Where somebody is signed in, since when, and ending it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff import kept, lasting
from connecting_families.staff.models import KeptForm, User

BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS", "macOS"),
           ("Linux", "Linux"))  # fmt: skip


class NotEnded(Refused):
    """Ending a sign-in was refused."""

    event = Event.STAFF_CHANGE_REFUSED


class SignIn(NamedTuple):
    """One place where somebody is signed in."""

    number: int
    key: str
    since: datetime
    seen: datetime | None
    address: str
    browser: str


def of(user: User) -> list[SignIn]:
    """Everywhere that this person is signed in, the latest first. What has ended is forgotten here."""
    found = []
    for row in UserSession.objects.purge_and_list(user):
        seen = SessionStore(row.session_key).get(lasting.SEEN)
        last = datetime.fromtimestamp(seen, UTC) if seen else None
        found.append(SignIn(row.pk, row.session_key, row.created_at, last, row.ip, browser_of(row.user_agent)))
    return sorted(found, key=lambda each: each.since, reverse=True)


def browser_of(agent: str) -> str:
    """The browser and the system, as people call them."""
    browser = next((name for part, name in BROWSERS if part in agent), "Another browser")
    system = next((name for part, name in SYSTEMS if part in agent), "")
    return f"{browser} on {system}" if system else browser


def away(user: User, keys: Iterable[str] | None = None) -> int:
    """Away with these sessions of this person (all of them, and the forms they kept, where none are named)."""
    rows = UserSession.objects.filter(user=user)
    if keys is None:
        KeptForm.objects.filter(user=user).delete()
    else:
        rows = rows.filter(session_key__in=list(keys))
    ended = list(rows)
    for row in ended:
        row.end()
    return len(ended)


@trail.stage
def end(*, user: User, keys: list[str], by: Who, at: datetime) -> int:
    """End sign-ins of a person; how many. Raises NotEnded where none of them is there any more."""
    ended = away(user, keys)
    if not ended:
        gone = Why("NOT_THERE", "That sign-in has ended already.")
        raise NotEnded([gone], record="staff.user", reference=str(user))
    trail.record(Event.SIGN_IN_ENDED, who=by, at=at, about=user, details={"sign_ins_ended": ended})
    return ended


def confirmed_at(request: HttpRequest) -> float:
    """When somebody last confirmed in this session that it is them, as allauth keeps it (seconds); 0 for never."""
    records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    return max((float(each["at"]) for each in records if each.get("reauthenticated")), default=0.0)


def renew(request: HttpRequest) -> None:
    """Give the session of whoever just confirmed that it is them another key: the one before is good for nothing.

    Nothing else of it changes, and the list of sign-ins shows it as the same one.
    """
    before = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def run_out(request: HttpRequest, user: User, why: str, who: Who, at: datetime) -> str:
    """End the sign-in of this request, whose time is over. The address to come back to, with what was sent kept."""
    with trail.act():
        page = kept.keep(request, user, "time", at)
        lasting.lock(request.session, user.pk, why)
        request.session.save()
        trail.record(
            Event.SIGN_IN_RAN_OUT, who=who, at=at, about=user, details={"because": why, "form_kept": bool(page)}
        )
    return page or (kept.page_of(request) if request.method == "POST" else request.get_full_path())
