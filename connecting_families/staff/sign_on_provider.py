"""How the council's sign-on is asked, and its answer believed, as django-allauth drives it.

Allauth takes an ID token that came straight from the provider without looking at its signature, and the provider's word
for its own name. Here the token is checked against the provider's keys (id_tokens.py), and what the provider publishes
is believed where it is published by whom the settings name, over TLS.
"""

import hashlib
import json
import secrets
from http import HTTPStatus
from typing import Any, Final

import requests
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from connecting_families.staff import id_tokens
from connecting_families.staff.id_tokens import NotBelieved, UnknownKey

KEPT: Final = 600
"""Seconds for which what the provider publishes is not asked for again: a key that it withdraws is good for as long."""
ANEW: Final = 60
"""Seconds between two questions for new keys: whoever sends tokens under invented keys sets off no flood."""
LARGEST: Final = 256 * 1024
"""Bytes of what a provider publishes of itself."""
NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignOn(OpenIDConnectOAuth2Adapter):
    """One sign-in by the council's sign-on: the addresses, the answer, and who is meant."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the provider publishes of itself. Raises NotBelieved where it gives itself another name (ISSUER)."""
        address = f"{settings.CF_OIDC_ISSUER}/.well-known/openid-configuration"
        told = cache.get(_kept(address))
        if told is None:
            told = _published(address)
            _check(told)
            cache.set(_kept(address), told, KEPT)
        return dict(told)

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        """What the userinfo endpoint is asked with, once. Nothing else of the provider's tokens is used or kept."""
        return SocialToken(token=data["access_token"])

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **answer: Any
    ) -> SocialLogin:  # fmt: skip
        """Who signed in there. Raises NotBelieved where the answer has no ID token, or one that is not believed."""
        stated = answer["response"].get("id_token")
        if not isinstance(stated, str):
            raise NotBelieved("NO_TOKEN")
        claims = self._believed(stated, app)
        if settings.CF_OIDC_CLAIM not in claims:
            claims = self._completed(claims, token)
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def _believed(self, stated: str, app: SocialApp) -> dict[str, Any]:
        told = self.openid_config
        expected = {"issuer": told["issuer"], "audience": app.client_id}
        address = told["jwks_uri"]
        keys = cache.get(_kept(address))
        if keys is not None:
            try:
                return id_tokens.claims_of(stated, keys, **expected)
            except UnknownKey:
                # The provider may have a new key since.
                if not cache.add(f"{_kept(address)}:anew", "asked", ANEW):
                    raise
        keys = _published(address).get("keys")
        if not isinstance(keys, list):
            raise NotBelieved("NOT_UNDERSTOOD")
        cache.set(_kept(address), keys, KEPT)
        return id_tokens.claims_of(stated, keys, **expected)

    def _completed(self, claims: dict[str, Any], token: SocialToken) -> dict[str, Any]:
        """With the claim that names an account, where the token leaves it out; how they signed in it alone says.

        The answer counts where it is about the same person (OpenID Connect Core 5.3.2).
        """
        if "userinfo_endpoint" not in self.openid_config:
            return claims
        told = self._fetch_user_info(token.token)
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise NotBelieved("OTHER_SUBJECT")
        wanted = (settings.CF_OIDC_CLAIM, "email_verified")
        return {**{name: told[name] for name in wanted if name in told}, **claims}


class Provider(OpenIDConnectProvider):
    """The provider that the settings name (SOCIALACCOUNT_PROVIDERS, provider_class)."""

    oauth2_adapter_class = SignOn

    def redirect_from_request(self, request: HttpRequest) -> HttpResponse:
        """Lead there, to sign in and for nothing else: of the request only where to come back to is taken along.

        The nonce stays in the session, beside `state` and the secret of PKCE: the token has to bring it back.
        """
        nonce = secrets.token_urlsafe(32)
        answer: HttpResponse = self.redirect(
            request, AuthProcess.LOGIN, get_next_redirect_url(request), auth_params={"nonce": nonce}, nonce=nonce
        )
        return answer

    def extract_uid(self, data: dict[str, Any]) -> str:
        """What the provider calls this person for ever: as the signed token says."""
        return str(data["id_token"]["sub"])


def _check(told: dict[str, Any]) -> None:
    """Whether this may be what the provider of our settings publishes. Raises NotBelieved.

    A slash at the end of its name does not count: both names have the same address.
    """
    issuer = told.get("issuer")
    if not isinstance(issuer, str) or issuer.removesuffix("/") != settings.CF_OIDC_ISSUER:
        raise NotBelieved("ISSUER")
    addresses = [told.get(name) for name in NEEDED] + [told.get("userinfo_endpoint", issuer)]
    if not all(isinstance(each, str) for each in addresses):
        raise NotBelieved("NOT_UNDERSTOOD")
    if issuer.startswith("https://") and not all(str(each).startswith("https://") for each in addresses):
        raise NotBelieved("NOT_ENCRYPTED")


def _kept(address: str) -> str:
    return f"sign-on:{hashlib.sha256(address.encode()).hexdigest()}"


def _published(address: str) -> dict[str, Any]:
    """The JSON object at this address of the provider. Raises NotBelieved where there is none, or it is too large."""
    try:
        with get_adapter().get_requests_session() as session:
            answer, body = session.get(address, allow_redirects=False, stream=True), b""
            for part in answer.iter_content(LARGEST):
                body += part
                if len(body) > LARGEST:
                    raise NotBelieved("NOT_UNDERSTOOD")
        if answer.status_code != HTTPStatus.OK:
            raise NotBelieved("NOT_REACHED")
        found = json.loads(body)
    except requests.RequestException:
        raise NotBelieved("NOT_REACHED") from None
    except (ValueError, RecursionError):
        raise NotBelieved("NOT_UNDERSTOOD") from None
    if not isinstance(found, dict):
        raise NotBelieved("NOT_UNDERSTOOD")
    return found
