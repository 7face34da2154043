"""How often one person may ask for what could carry families away: then they are asked to wait, and lose nothing.

Tries to sign in are counted by django-allauth (ACCOUNT_RATE_LIMITS), in the same place: the database, which all
processes share. Whoever is asked to wait is on the trail, once a minute (middleware.too_much_is_recorded).
"""

from http import HTTPStatus

from allauth.account.utils import passthrough_next_redirect_url
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

SEARCH, SIGN_ON = "search", "sign-on"
MINUTE = 60


def too_often(request: HttpRequest, what: str = SEARCH) -> bool:
    """Count that whoever is signed in, or is at this address, asks for this; whether more often than a minute allows.

    A sign-in by the council's sign-on asks twice: to be led there, and when it comes back.
    """
    rates = {
        SEARCH: f"{settings.CF_SEARCHES_A_MINUTE}/m/user",
        SIGN_ON: f"{2 * settings.CF_SIGN_INS_A_MINUTE}/m/ip",
    }
    counted = ratelimit.consume(
        request, app="connecting_families", action=what, config=rates, user=request.user, limit_get=True
    )
    return counted is None


def wait(request: HttpRequest) -> HttpResponse:
    """The page that asks who searches to wait (429), and leads back to where they were."""
    context = {"searches": settings.CF_SEARCHES_A_MINUTE, "again": request.get_full_path()}
    return render(request, "429.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)


def wait_to_sign_in(request: HttpRequest, back: str = "") -> HttpResponse:
    """The page that asks who signs in, or confirms, to wait: where allauth counted too many tries (handler429).

    It leads `back` to that page, and from there to where they wanted to go on; what they had sent before they were
    asked to confirm is kept.
    """
    context = {"again": passthrough_next_redirect_url(request, back or request.path, REDIRECT_FIELD_NAME)}
    return render(request, "429.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
