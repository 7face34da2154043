"""What happens around every request."""

import time
from collections.abc import Callable
from http.client import INTERNAL_SERVER_ERROR, TOO_MANY_REQUESTS
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.cache import cache
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.kit import typed
from connecting_families.staff import factors, kept, lasting, limits, sessions
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User
from connecting_families.staff.views import polls

SIGN_IN = "account_login"
BEFOREHAND = frozenset(
    {
        "change_password", "set_factor", "factor_picture", "recovery_codes", "recovery_codes_file", "stay",
        "account_login", "account_logout", "account_inactive", "account_reauthenticate", "mfa_reauthenticate",
        "mfa_authenticate",
    }
)  # fmt: skip
"""What answers somebody whose sign-in is not whole yet."""


def head_is_asked_as_get(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """HEAD is answered, recorded and refused exactly as GET is; the server leaves the body out.

    No page sees the difference: one that told them apart could be looked at in a way that leaves no entry.
    """

    def asked(request: HttpRequest) -> HttpResponseBase:
        if request.method != "HEAD":
            return get_response(request)
        request.method = "GET"
        try:
            return get_response(request)
        finally:
            request.method = "HEAD"

    return asked


def one_correlation_per_request(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """One id from the click through the worker to the last write; drawn here, never taken from outside."""

    def correlated(request: HttpRequest) -> HttpResponseBase:
        with trail.correlated():
            return get_response(request)

    return correlated


def polls_take_no_cookie_away(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """What a page asks by itself never signs its browser out: it may come late, under a key that was replaced since."""

    def asked(request: HttpRequest) -> HttpResponseBase:
        answer = get_response(request)
        if polls(request) and not getattr(answer.cookies.get(settings.SESSION_COOKIE_NAME), "value", "kept"):
            del answer.cookies[settings.SESSION_COOKIE_NAME]
        return answer

    return asked


def no_null_characters(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """An address with NUL in it makes no sense (400): no record holds one, and the database is not asked for one.

    What was typed into a form with NUL in it is the form's to refuse, with a sentence.
    """

    def checked(request: HttpRequest) -> HttpResponseBase:
        asked = [request.path, *request.GET, *(value for values in request.GET.lists() for value in values[1])]
        if any("\0" in text for text in asked):
            raise BadRequest("The address holds a character that no address has.")
        return get_response(request)

    return checked


def signed_in_for_a_time(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Whose time is over is signed out and loses nothing typed; pages that ask by themselves do not lengthen it."""

    def timed(request: HttpRequest) -> HttpResponseBase:
        user, now = request.user, time.time()
        if not isinstance(user, User):
            page = _kept_after_the_end(request)
            return redirect_to_login(page) if page else get_response(request)
        if why := lasting.over(request.session, now):
            back = sessions.run_out(request, user, why, user.who(address_of(request)), timezone.now())
            request.user = AnonymousUser()
            own = request.path.startswith(kept.OWN)
            return _seen_by_nobody_after(request, get_response(request) if own else redirect_to_login(back))
        if not polls(request):
            lasting.touch(request.session, now)
        return _seen_by_nobody_after(request, get_response(request))

    return timed


def another_key_where_somebody_confirms(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Whoever confirmed that it is them goes on under another key of the session, whatever came of what they asked.

    Last of all, as what this browser asks meanwhile still comes under the key before. After an error of ours the
    session is kept as it was, with nothing confirmed.
    """

    def renewed(request: HttpRequest) -> HttpResponseBase:
        before = sessions.confirmed_at(request)
        answer = get_response(request)
        if answer.status_code < INTERNAL_SERVER_ERROR and sessions.confirmed_at(request) > before:
            sessions.renew(request)
        return answer

    return renewed


def wholly_signed_in(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Until the own password and the second factor are set, only the pages that set them answer; then it goes on."""

    def gated(request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return get_response(request)
        missing = _missing(request, user)
        if missing == SIGN_IN:
            # A session that never gave the code which its person has set is nobody's.
            request.user = AnonymousUser()
            return get_response(request)
        if not missing or _route(request) in BEFOREHAND:
            return get_response(request)
        page = kept.keep(request, user, "beforehand", timezone.now())
        back = page or (request.get_full_path() if request.method == "GET" else "/")
        return redirect_to_login(back, reverse(missing))

    return gated


def typed_again(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """A form that was kept is shown filled in on its page, until it is sent again."""

    def filled(request: HttpRequest) -> HttpResponseBase:
        user = request.user
        found = kept.of(request, user, timezone.now()) if isinstance(user, User) else None
        if found is None:
            return get_response(request)
        if request.method == "POST" and request.path == found.target:
            answer = get_response(request)
            kept.destroy(request.session)
            return answer
        if request.method != "GET" or request.path != urlsplit(found.page).path:
            return get_response(request)
        request.kept = found  # type: ignore[attr-defined]
        with typed.again(found.fields):
            return get_response(request)

    return filled


def too_much_is_recorded(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Whoever is asked to wait (429) is told how long, and is on the trail: once a minute for each page they ask for.

    Not as often as they ask.
    """

    def noted(request: HttpRequest) -> HttpResponseBase:
        answer = get_response(request)
        if answer.status_code == TOO_MANY_REQUESTS:
            answer.headers.setdefault("Retry-After", str(limits.MINUTE))
            user, view = request.user, request.resolver_match.view_name if request.resolver_match else ""
            address = address_of(request)
            who = user.who(address) if isinstance(user, User) else duty("sign-in").at_address(address)
            if cache.add(f"asked-to-wait:{who.reference}:{address}:{view}", "noted", limits.MINUTE):
                with trail.act():
                    trail.record(Event.LIMIT_REACHED, who=who, at=timezone.now(), record="page", reference=view)
        return answer

    return noted


def _seen_by_nobody_after(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    """The back button shows no page of whoever signed out.

    No browser keeps a page that can be asked for again. What answers a form (a search) is kept, so that people can go
    back to it, and destroyed when the sign-in ends.
    """
    if request.method != "POST" and not answer.has_header("Cache-Control"):
        answer["Cache-Control"] = "no-store, private"
    if not request.user.is_authenticated:
        answer["Clear-Site-Data"] = '"cache"'
    return answer


def _kept_after_the_end(request: HttpRequest) -> str:
    """The page of a form that came when its sender was signed out already: another page of theirs had noticed it."""
    was = User.objects.filter(pk__in=filter(None, [lasting.locked_for(request.session)]), is_active=True).first()
    return kept.keep(request, was, "time", timezone.now()) if was and request.method == "POST" else ""


def _missing(request: HttpRequest, user: User) -> str:
    """The route of the page that sets what a sign-in still lacks; empty where it is whole."""
    if user.password_to_change and not request.session.get(lasting.BY_PROVIDER):
        return "change_password"
    if request.session.get(lasting.SECOND):
        return ""
    return SIGN_IN if factors.has_one(user) else "set_factor"


def _route(request: HttpRequest) -> str:
    try:
        return str(resolve(request.path_info).url_name)
    except Resolver404:
        return ""
