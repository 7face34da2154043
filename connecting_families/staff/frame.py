"""What every page shows around its content: the council, who is signed in, and where they may go."""

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

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
    Place("Collection rounds", "rounds", Permission.SEE_COHORTS, ("/cohorts/",)),
    Place("Submissions", "submissions", Permission.SEE_SUBMISSIONS),
    Place("Load files", "uploads", Permission.LOAD_FILES),
    Place("Registers", "registers", Permission.SEE_REGISTERS),
    Place("Certificates", "certificates", Permission.ACCEPT_CERTIFICATES),
    Place("Objections", "objection_desk", Permission.DECIDE_OBJECTIONS),
    Place("Trail", "trail", Permission.SEE_TRAIL),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """The template context of the frame."""
    user = getattr(request, "user", None)
    navigation = []
    if isinstance(user, User) and user.is_active:
        for place in PLACES:
            if place.permission is None or user.may(place.permission):
                href = reverse(place.route)
                here = request.path == href or (href != "/" and request.path.startswith((href, *place.also)))
                navigation.append({"text": place.text, "href": href, "active": here})
    return {
        "council_name": settings.CF_COUNCIL_NAME,
        "contact": settings.CF_CONTACT,
        "navigation": navigation,
        "role_title": ROLES[user.role].title if isinstance(user, User) and user.role in ROLES else "",
    }
