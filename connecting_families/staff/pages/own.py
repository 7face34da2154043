"""One's own account: password, second factor, recovery codes, and what each role may do."""

import time

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.utils import get_next_redirect_url
from allauth.decorators import rate_limit
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import tag
from connecting_families.staff import accounts, cipher, factors, lasting, second_factor, sessions
from connecting_families.staff.forms import PasswordForm
from connecting_families.staff.guards import acting, opened_by, somebody
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission
from connecting_families.staff.views import facts

SECRET = "cf_factor_secret"  # noqa: S105 - the name under which a session keeps it, encrypted
SHOWN = "cf_codes_shown_until"
SHOWN_FOR = 300
"""Seconds for which recovery codes that were just drawn can be looked at."""


def me(request: HttpRequest) -> User:
    """Who is signed in, as the database has them."""
    return User.objects.get(pk=acting(request).person)


def _has_one(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and factors.has_one(request.user)


def _needs_confirming(request: HttpRequest) -> bool:
    """The first factor is set right after the password was given; any other needs it, or a code, anew."""
    if _has_one(request):
        return True
    newest = max((each["at"] for each in get_authentication_records(request, request.user)), default=0)
    return bool(time.time() - newest > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


@opened_by()
def account(request: HttpRequest) -> HttpResponse:
    """What is known of whoever asks, and where it is changed."""
    user = somebody(request)
    has_one, left = factors.has_one(user), len(factors.codes_of(user))
    rows = facts(
        ("User name", user.username),
        ("Role", ROLES[user.role].title if user.role in ROLES else "None"),
        ("Team", user.team),
        ("Second factor", "An app on a phone" if has_one else "None"),
        ("Recovery codes left", str(left) if has_one else ""),
    )
    where = {
        "Role": ("who_may", "See what it may do"),
        "Second factor": ("set_factor", "Change" if has_one else "Set up"),
        "Recovery codes left": ("recovery_codes", "Draw new ones"),
    }
    for row in rows:
        if row["key"] in where:
            route, words = where[row["key"]]
            row["actions"] = [{"text": words, "href": reverse(route), "hidden": row["key"].lower()}]
    return render(request, "account/account.html", {"title": "Your account", "rows": rows})


@opened_by()
def who_may(request: HttpRequest) -> HttpResponse:
    """Each permission, and which roles have it: the table by which the program itself goes."""
    columns = [Column("May"), *(Column(role.title) for role in ROLES.values())]
    rows = [
        [each.value.capitalize(), *(tag("Yes", "green") if each in role.permits else "No" for role in ROLES.values())]
        for each in Permission
    ]
    purposes = facts(*((role.title, role.purpose) for role in ROLES.values()))
    context = {"title": "Who may do what", "purposes": purposes, "table": Table("What each role may do", columns, rows)}
    return render(request, "account/who_may.html", context)


@sensitive_post_parameters()
@opened_by()
@never_cache
@rate_limit(action="change_password")
def change_password(request: HttpRequest) -> HttpResponse:
    """Another password; every other sign-in ends."""
    user = me(request)
    form = PasswordForm(request.POST if request.method == "POST" else None, user=user)
    if form.is_bound and form.is_valid():
        try:
            changed = accounts.change_password(
                user=user, password=form.cleaned_data["new_password"], by=acting(request), at=timezone.now()
            )
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("new_password", reason.sentence)
        else:
            go_on(request, changed)
            messages.success(request, "Your password is changed. You were signed out everywhere else.")
            return redirect(get_next_redirect_url(request) or "my_account")
    context = {
        "form": form, "title": "Change your password", "submit": "Change it", "first": user.password_to_change,
        "back_href": "" if user.password_to_change else reverse("my_account"),
    }  # fmt: skip
    return render(request, "account/password.html", context)


def go_on(request: HttpRequest, user: User) -> None:
    """Whoever changed their password stays signed in here; everywhere else they are not any more."""
    update_session_auth_hash(request, user)
    request.session.save()
    request.user = user
    UserSession.objects.create_from_request(request)


@opened_by()
@never_cache
@reauthentication_required(enabled=_needs_confirming)
def set_factor(request: HttpRequest) -> HttpResponse:
    """Set up an app on a phone: its secret as a picture and as text, and its first code, which proves it."""
    user = me(request)
    if SECRET not in request.session:
        request.session[SECRET] = cipher.encrypt(second_factor.PURPOSE, generate_totp_secret())
    secret = cipher.decrypt(second_factor.PURPOSE, request.session[SECRET])
    form = second_factor.SetUpForm(request.POST if request.method == "POST" else None, user=user, secret=secret)
    if form.is_bound and form.is_valid():
        others = [each.key for each in sessions.of(user) if each.key != request.session.session_key]
        factors.set_up(user=user, secret=secret, by=acting(request), at=timezone.now())
        if others:
            sessions.end(user=user, keys=others, by=acting(request), at=timezone.now())
        del request.session[SECRET]
        request.session[lasting.SECOND] = "own"
        request.session[SHOWN] = int(time.time()) + SHOWN_FOR
        record_authentication(request, user, "mfa", reauthenticated=True)
        return redirect(_with_next(request, "recovery_codes"))
    context = {
        "title": "Set up a second factor", "form": form, "another": factors.has_one(user),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "back_href": reverse("my_account") if factors.has_one(user) else "",
    }  # fmt: skip
    return render(request, "account/set_factor.html", context)


@require_GET
@opened_by()
@never_cache
@reauthentication_required(enabled=_needs_confirming)
def factor_picture(request: HttpRequest) -> HttpResponse:
    """The secret of the factor that is being set up, for the app's camera; kept by no browser."""
    if SECRET not in request.session:
        raise Http404
    adapter = second_factor.Adapter()
    secret = cipher.decrypt(second_factor.PURPOSE, request.session[SECRET])
    drawn = adapter.build_totp_svg(adapter.build_totp_url(me(request), secret))
    return HttpResponse(drawn, content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@opened_by()
@never_cache
@reauthentication_required(allow_get=True)
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """The recovery codes that were just drawn, once; later only how many are left, and drawing new ones."""
    user = me(request)
    if not factors.has_one(user):
        return redirect("set_factor")
    if request.method == "POST":
        factors.draw_codes(user=user, by=acting(request), at=timezone.now())
        request.session[SHOWN] = int(time.time()) + SHOWN_FOR
        return redirect("recovery_codes")
    shown = _are_shown(request)
    context = {
        "title": "Keep your recovery codes" if shown else "Recovery codes", "left": len(factors.codes_of(user)),
        "codes": [_legible(code) for code in factors.codes_of(user)] if shown else [],
        "on": get_next_redirect_url(request) or "/", "back_href": "" if shown else reverse("my_account"),
    }  # fmt: skip
    return render(request, "account/recovery_codes.html", context)


@require_GET
@opened_by()
@never_cache
def recovery_codes_file(request: HttpRequest) -> HttpResponse:
    """The codes that are being shown, as a text file."""
    if not _are_shown(request):
        raise Http404
    user = me(request)
    with trail.act():
        trail.record(Event.RECOVERY_CODES_DOWNLOADED, who=acting(request), at=timezone.now(), about=user)
    lines = ["Recovery codes for Connecting Families. Each is good for one sign-in. Keep them where only you look.", ""]
    text = "\r\n".join([*lines, *(_legible(code) for code in factors.codes_of(user)), ""])
    headers = {"Content-Disposition": 'attachment; filename="recovery-codes.txt"', "Cache-Control": "no-store"}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def _are_shown(request: HttpRequest) -> bool:
    return bool(request.session.get(SHOWN, 0) > time.time())


def _legible(code: str) -> str:
    return f"{code[:4]} {code[4:]}"


def _with_next(request: HttpRequest, route: str) -> str:
    on = get_next_redirect_url(request)
    return f"{reverse(route)}?{urlencode({'next': on})}" if on else reverse(route)
