"""The council's own sign-on (OpenID Connect), where settings name one: it says who somebody is, and adds no account."""

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.staff import id_tokens, limits, subjects
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User
from connecting_families.staff.sign_on_provider import SignOn

NOBODY = (
    "The council's sign-on knows you, but there is no account here for you. Ask an administrator to add one, or to"
    " write into it what the council's sign-on calls you."
)
WAYS_IN = ("password", "socialaccount")
"""By what allauth notes of a session how somebody came in; the rest (a code) comes after one of them."""
FAILED = "The council's sign-on did not say who you are. Try again; if it happens again, tell an administrator."


class Adapter(DefaultSocialAccountAdapter):
    """What allauth asks of us about the council's sign-on."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002 - allauth's
        """Accounts are made by an administrator."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find the one account that is meant, or refuse; and note whether a second factor is vouched for.

        What the provider says of somebody is forgotten here: the session keeps nothing of it.
        """
        claims = sociallogin.account.extra_data["id_token"]
        sociallogin.account.extra_data, sociallogin.token = {}, None
        if not id_tokens.answers(claims, sociallogin.state.get("nonce")):
            raise ImmediateHttpResponse(refused(request, "NONCE"))
        user = account_of(claims)
        if user is None:
            raise ImmediateHttpResponse(refused(request, "NO_ACCOUNT", NOBODY))
        if against := subjects.against(user, sociallogin.account.uid):
            raise ImmediateHttpResponse(refused(request, against[0].code, against[0].sentence, about=user))
        sociallogin.user = user
        request.vouched = vouches(claims)  # type: ignore[attr-defined]

    def on_authentication_error(self, request: HttpRequest, *_: Any, **__: Any) -> None:
        """Something did not fit: nobody is signed in, and it is recorded."""
        raise ImmediateHttpResponse(refused(request, "NOT_CONFIRMED"))


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the council's sign-on, from where somebody comes back to `callback`."""
    return _asked(OAuth2LoginView, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Somebody comes back from the council's sign-on: with a code, by which it is asked who they are."""
    return _asked(OAuth2CallbackView, request, provider_id)


def _asked(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    if limits.too_often(request, limits.SIGN_ON):
        return limits.wait_to_sign_in(request, reverse("account_login"))
    try:
        answer: HttpResponse = view.adapter_view(SignOn(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except id_tokens.NotBelieved as error:
        return refused(request, error.code)
    return answer


def account_of(claims: dict[str, Any]) -> User | None:
    """The account that these claims name: one, made by an administrator. None for nobody, or for more than one.

    An e-mail address does not count where the provider says that it was not verified.
    """
    named = claims.get(settings.CF_OIDC_CLAIM)
    if not isinstance(named, str) or not named.strip() or "\0" in named:
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


def subject_of(request: HttpRequest, user: User) -> str:
    """What the council's sign-on calls whoever signs in by it now; empty where they gave a password instead.

    Between its answer and the own code there is a page: it is read from what this session knows of the way in.
    """
    ways = [each for each in get_authentication_records(request, user) if each["method"] in WAYS_IN]
    return str(ways[-1]["uid"]) if ways and ways[-1]["method"] == "socialaccount" else ""


def refused(request: HttpRequest, code: str, sentence: str = FAILED, *, about: User | None = None) -> HttpResponse:
    """Record that the council's sign-on let nobody in, and why; and say it (403)."""
    who = duty("sign-in").at_address(address_of(request))
    with trail.act():
        details = {"by": "council's sign-on", "reasons": [code]}
        trail.record(
            Event.SIGN_IN_FAILED, who=who, at=timezone.now(), about=about, record="staff.user", details=details
        )
    return render(request, "socialaccount/refused.html", {"sentence": sentence}, status=403)
