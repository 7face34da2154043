"""What every page shows around its content: the council, who is signed in, and where they may go."""

import time
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from connecting_families.staff import kept, lasting
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission


class Place(NamedTuple):
    """An item of the service navigation."""

    text: str
    route: str
    permission: Permission | None
    also: tuple[str, ...] = ()
    """Where the addresses of further pages of this place begin."""


PLACES = (
    Place("Home", "home", None),
    Place("Find a family", "find", Permission.FIND_FAMILIES),
    Place("Collection rounds", "rounds", Permission.SEE_COHORTS, ("/cohorts/", "/rules/", "/dry-runs/")),
    Place("Submissions", "submissions", Permission.SEE_SUBMISSIONS),
    Place("Duplicates", "duplicates", Permission.SEE_DUPLICATES),
    Place("Load files", "uploads", Permission.LOAD_FILES),
    Place("Registers", "registers", Permission.SEE_REGISTERS),
    Place("Certificates", "certificates", Permission.ACCEPT_CERTIFICATES),
    Place("Objections", "objection_desk", Permission.DECIDE_OBJECTIONS),
    Place("Requests", "requests_desk", Permission.ANSWER_REQUESTS),
    Place("Retention", "retention", Permission.SEE_RETENTION),
    Place("Subject access", "subject_access", Permission.ANSWER_SUBJECTS),
    Place("Trail", "trail", Permission.SEE_TRAIL),
    Place("Promises", "promises", Permission.ANSWER_FOR_PROMISES),
    Place("Staff", "staff", Permission.MANAGE_STAFF),
)

AGAIN = (
    "It was not saved yet: what you typed stands in the form. Check it, choose any files again, and send it once more."
)
NOT_SAVED = {
    "time": f"You were signed out before you sent this. {AGAIN}",
    "stale": f"This page had been open for too long, or you signed in again meanwhile. {AGAIN}",
    "beforehand": f"Your sign-in was not whole when you sent this. {AGAIN}",
}
"""Why a form stands on its page filled in and unsaved."""


def frame(request: HttpRequest) -> dict[str, Any]:
    """The template context of the frame."""
    user = getattr(request, "user", None)
    navigation = []
    session: Any = getattr(request, "session", {})
    if isinstance(user, User) and user.is_active and session.get(lasting.SECOND):
        for place in PLACES:
            if place.permission is None or user.may(place.permission):
                href = _address(place.route)
                here = request.path == href or (href != "/" and request.path.startswith((href, *place.also)))
                navigation.append({"text": place.text, "href": href, "active": here})
    return {
        # Asked for on every page, and had by few: what a template looks for and does not find costs it time.
        **dict.fromkeys(("back_href", "caption", "heartbeat", "poll_url"), ""),
        "exact_counts": isinstance(user, User) and user.may(Permission.SEE_EXACT_COUNTS),
        "council_name": settings.CF_COUNCIL_NAME,
        "contact": settings.CF_CONTACT,
        "navigation": navigation,
        "staying": _staying(session) if isinstance(user, User) and lasting.SEEN in session else None,
        "ended": lasting.why_ended(session),
        "ended_kept": kept.TOKEN in session,
        "kept": NOT_SAVED.get(getattr(getattr(request, "kept", None), "why", ""), ""),
        "council_sign_on": bool(settings.CF_OIDC_ISSUER),
        "role_title": ROLES[user.role].title if isinstance(user, User) and user.role in ROLES else "",
    }


@cache
def _address(route: str) -> str:
    """Where a place is: asked on every page, and always the same."""
    return reverse(route)


def _staying(session: Any) -> dict[str, Any]:
    """When whoever reads this page is signed out, in words and in seconds."""
    now = timezone.now()
    left = lasting.left(session, time.time())
    return {
        "seconds": left.seconds,
        "warning": lasting.warned_before(),
        "idle": f"{timezone.localtime(now + timedelta(seconds=left.idle)):%H:%M}",
        "whole": f"{timezone.localtime(now + timedelta(seconds=left.whole)):%H:%M}",
        "nearer": left.idle < left.whole,
    }
