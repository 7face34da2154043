"""Signing in by the council's own sign-on, tried with a real provider process on this machine."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from connecting_families.audit.models import Entry
from connecting_families.staff.models import User
from tests.journeys.test_signing_in import (
    begin,
    give_code,
    the_database_is_asked_from_within_the_browsers_loop,  # noqa: F401 - a fixture
)
from tests.pages.conftest import Browse, Reader, Serve, needs_a_browser
from tests.pages.following import follow
from tests.signing_in import code_of, enrol
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

pytestmark = needs_a_browser
PEOPLE = [
    {"sub": "1", "preferred_username": "elm"},
    {"sub": "2", "preferred_username": "ash", "amr": ["pwd", "mfa"]},
    {"sub": "3", "preferred_username": "stranger", "amr": ["pwd", "mfa"]},
    {"sub": "4", "amr": ["mfa"]},
]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A provider that knows these people, named by the settings of whatever is served after it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    known = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *known],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for name, value in (
        ("ISSUER", address), ("CLIENT_ID", "families"), ("CLIENT_SECRET", "a secret between us"),
        ("SECOND_FACTOR", "mfa"),
    ):  # fmt: skip
        monkeypatch.setenv(f"CF_OIDC_{name}", value)
    until = time.monotonic() + 60
    while not _answers(f"{address}/.well-known/openid-configuration"):
        assert time.monotonic() < until, "The provider did not start."
        time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(30)


def _answers(address: str) -> bool:
    try:
        with urlopen(address) as answer:  # noqa: S310 - our own process
            return bool(answer.status == 200)
    except OSError:
        return False


def walked(walk_to: WalkTo) -> Walk:
    walk = walk_to("assemble")
    for name in ("elm", "ash"):
        begin(walk, name)
        enrol(name)
    return walk


def go_by_the_councils_sign_on(reader: Reader, provider: str, subject: str) -> None:
    """From our page to the provider's, where somebody says who they are, and back."""
    reader.open("/rounds/")
    follow(reader.page.get_by_role("button", name="Sign in with the council's sign-on"))
    assert reader.page.url.startswith(provider)
    follow(reader.page.get_by_role("button", name=subject, exact=True))


def recorded(event: str) -> list[tuple[str, object]]:
    found = Entry.objects.filter(event=event).order_by("pk")
    return [(entry.who, (entry.additional_data or {}).get("reasons")) for entry in found]


def test_somebody_known_there_gives_our_own_code_and_is_signed_in(
    walk_to: WalkTo, provider: str, serve_apart: Serve, browse: Browse
) -> None:
    walked(walk_to)
    reader = browse(serve_apart())
    go_by_the_councils_sign_on(reader, provider, "1")
    give_code(reader, code_of("elm"))
    expect(reader.page).to_have_title(re.compile("^Collection rounds"))
    reader.look()
    assert recorded("SIGNED_IN") == [("elm", None)]


def test_where_the_provider_vouches_for_a_second_factor_ours_is_not_asked(
    walk_to: WalkTo, provider: str, serve_apart: Serve, browse: Browse
) -> None:
    walked(walk_to)
    reader = browse(serve_apart())
    go_by_the_councils_sign_on(reader, provider, "2")
    expect(reader.page).to_have_title(re.compile("^Collection rounds"))
    assert recorded("SIGNED_IN") == [("ash", None)]


@pytest.mark.parametrize("subject", ["3", "4"])
def test_nobody_without_an_account_gets_one(
    walk_to: WalkTo, provider: str, serve_apart: Serve, browse: Browse, subject: str
) -> None:
    walked(walk_to)
    accounts = User.objects.count()
    reader = browse(serve_apart())
    go_by_the_councils_sign_on(reader, provider, subject)
    expect(reader.page.locator("main")).to_contain_text("there is no account here for you")
    reader.look()
    assert User.objects.count() == accounts
    assert recorded("SIGN_IN_FAILED")[-1] == ("system:sign-in", ["NO_ACCOUNT"])
    reader.open("/rounds/")
    assert "/account/login/" in reader.page.url
