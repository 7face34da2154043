"""Signing in as people do it: the password on one page, a code of the own app on the next."""

import base64
import hashlib
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from connecting_families.staff import factors, lasting
from connecting_families.staff.models import User


def secret_of(name: str) -> str:
    """What the app of this member of staff has: another for each."""
    return base64.b32encode(hashlib.sha256(name.encode()).digest()[:20]).decode()


def code_of(name: str, *, secret: str = "", step: int = 0) -> str:
    """The code that the app shows now; -1 and 1 for those before and after, which are good, too."""
    counter = list(yield_hotp_counters_from_time())[1 + step]
    return str(format_hotp_value(hotp_value(secret or secret_of(name), counter)))


def enrol(name: str) -> None:
    """Set up the app of this member of staff, if that was not done yet."""
    user = User.objects.get(username=name)
    if not factors.has_one(user):
        at = timezone.now()  # noqa: TID251 - the walk's time, where a test set it
        factors.set_up(user=user, secret=secret_of(name), by=user.who(), at=at)


def sign_in(client: Client, name: str, password: str, **asked: str) -> Any:
    """Sign in by the two pages; the answer to the second. Tries and used codes of before are forgotten first."""
    cache.clear()
    enrol(name)
    answer = client.post("/account/login/", {"login": name, "password": password, **asked})
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == "/account/login/code/"
    answer = client.post(answer["Location"], {"code": code_of(name)})
    assert answer.status_code == 302, answer.content.decode()
    return answer


def set_back(client: Client, seconds: int, *names: str) -> None:
    """Time goes on for this client's session: since its person signed in, was there, and confirmed who they are."""
    session = client.session
    for name in names or (lasting.BEGUN, lasting.SEEN):
        session[name] -= seconds
    for record in session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
        record["at"] -= seconds
    session.save()
