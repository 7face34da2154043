"""Every page says whom it is for, and nobody who is not signed in is let in. What each role is answered: access.py."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests import signing_in
from tests.faults.test_workers import now

# Pages of django-allauth that declare no permission, and what machines ask, and why. Every other page declares one.
OF_EVERYBODY = {
    "account_login": "nobody has signed in yet",
    "mfa_authenticate": "the password is given, and nobody is signed in before the code is, too",
    "account_logout": "it ends a sign-in, whole or not, and opens nothing",
    "account_inactive": "whoever comes here may not sign in",
    "openid_connect_login": "nobody has signed in yet",
    "openid_connect_callback": "nobody has signed in yet",
    "healthz": "machines ask, and are told nothing about anybody",
    "readyz": "machines ask, and are told nothing about anybody",
}
ARGUMENTS = {"code": "NONE", "number": 7, "cohort": 7, "family": "F7", "person": "P7", "name": "CF-NONE", "key": "none",
             "replay": 7, "month": "2026-10"}  # fmt: skip


def pages(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from pages(pattern)
        else:
            yield pattern


PASSWORD = "a walk through anytown"
METHODS = ["get", "head", "post"]
GUARDED = [pattern for pattern in pages() if pattern.name not in OF_EVERYBODY]
every_page = pytest.mark.parametrize("pattern", GUARDED, ids=lambda pattern: str(pattern.name))


def address(pattern: URLPattern) -> str:
    names = pattern.pattern.converters
    return reverse(str(pattern.name), kwargs={name: ARGUMENTS[name] for name in names})


def sign_in(client: Client, role: str) -> None:
    """Sign in somebody of this role."""
    accounts.add(username="somebody", role=role, password=PASSWORD, by=duty("test"), at=now())
    signing_in.sign_in(client, "somebody", PASSWORD)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """What is tried here is not how passwords are kept."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@every_page
def test_every_page_says_whom_it_is_for(pattern: URLPattern) -> None:
    assert hasattr(pattern.callback, "permissions")


@pytest.mark.parametrize("method", METHODS)
def test_nobody_is_sent_to_sign_in(method: str, db: None) -> None:
    for pattern in GUARDED:
        answer = getattr(Client(), method)(address(pattern))
        if answer.status_code != 405:
            assert answer.status_code == 302, pattern.name
            assert answer["Location"].startswith("/account/login/"), pattern.name


def test_what_declares_no_permission_says_why_and_is_allauths_own_or_for_machines() -> None:
    found = {str(p.name): p for p in pages() if not hasattr(p.callback, "permissions")}
    assert found.keys() <= OF_EVERYBODY.keys()
    told = ("allauth.", "connecting_families.health")
    assert all(str(getattr(p.callback, "__module__", "")).startswith(told) for p in found.values())


def test_nobody_signs_up_and_no_mail_is_sent(client: Client, db: None) -> None:
    sign_in(client, "administrator")
    for path in (
        "signup",
        "password/reset",
        "password/set",
        "email",
        "2fa",
        "factor/deactivate",
        "sessions",
        "3rdparty",
    ):
        assert client.get(f"/account/{path}/").status_code == 404


def test_early_help_is_shown_nothing_of_cohorts(client: Client, db: None) -> None:
    sign_in(client, "early_help_worker")
    said = client.get("/").content.decode().lower()
    assert "cohort" not in said
    assert "submission" not in said
