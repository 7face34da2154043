"""The council's own sign-on (OpenID Connect), where settings name one: it says who somebody is, and adds no account."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User

NOBODY = (
    "The council's sign-on knows you, but there is no account here for you. Ask an administrator to add one, or to"
    " write into it what the council's sign-on calls you."
)
FAILED = "The council's sign-on did not say who you are. Try again; if it happens again, tell an administrator."


class Adapter(DefaultSocialAccountAdapter):
    """What allauth asks of us about the council's sign-on."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002 - allauth's
        """Accounts are made by an administrator."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find the one account that is meant, or refuse; and note whether a second factor is vouched for."""
        claims = _claims(sociallogin)
        user = account_of(claims)
        if user is None:
            raise ImmediateHttpResponse(_refused(request, "NO_ACCOUNT", NOBODY))
        sociallogin.user = user
        request.by_provider = True  # type: ignore[attr-defined]
        request.vouched = vouches(claims)  # type: ignore[attr-defined]

    def on_authentication_error(self, request: HttpRequest, *_: Any, **__: Any) -> None:
        """Something did not fit: nobody is signed in, and it is recorded."""
        raise ImmediateHttpResponse(_refused(request, "NOT_CONFIRMED", FAILED))


def account_of(claims: dict[str, Any]) -> User | None:
    """The account that these claims name: one, made by an administrator. None for nobody, or for more than one.

    An e-mail address counts only where the provider says that it was verified.
    """
    named = claims.get(settings.CF_OIDC_CLAIM)
    if not isinstance(named, str) or not named.strip():
        return None
    if settings.CF_OIDC_MATCH == "email":
        if claims.get("email_verified") is False:
            return None
        found = list(User.objects.filter(email__iexact=named.strip())[:2])
    else:
        found = list(User.objects.filter(username=named.strip()))
    return found[0] if len(found) == 1 else None


def vouches(claims: dict[str, Any]) -> bool:
    """Whether the provider says, in words that our settings trust, that a second factor was given."""
    methods = claims.get("amr")
    said = {str(each) for each in methods} if isinstance(methods, list) else set()
    said.add(str(claims.get("acr") or ""))
    return bool(said & set(settings.CF_OIDC_SECOND_FACTOR))


def _claims(sociallogin: SocialLogin) -> dict[str, Any]:
    """What the signed token says; only what it leaves out is taken from what the provider answers besides."""
    data = sociallogin.account.extra_data
    return {**(data.get("userinfo") or {}), **(data.get("id_token") or {})}


def _refused(request: HttpRequest, code: str, sentence: str) -> HttpResponse:
    who = duty("sign-in").at_address(address_of(request))
    with trail.act():
        details = {"by": "council's sign-on", "reasons": [code]}
        trail.record(Event.SIGN_IN_FAILED, who=who, at=timezone.now(), record="staff.user", details=details)
    return render(request, "socialaccount/refused.html", {"sentence": sentence}, status=403)
