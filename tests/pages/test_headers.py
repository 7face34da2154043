"""What every answer of the site tells a browser to do and not to do: looked at on the walk through the whole site."""

import contextlib
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve, reverse

from connecting_families import arriving
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User
from tests.faults.test_workers import now
from tests.pages.test_roles import GUARDED, PASSWORD, address, sign_in
from tests.pages.visits import NOBODY, Visit, Visits

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
PAGES_WITHOUT_PEOPLE = {"healthz", "readyz"}


def policy_of(value: str) -> dict[str, str]:
    """A Content-Security-Policy, by what it is about. What is not named falls back to default-src: nothing."""
    return {name: rest for name, _, rest in (each.strip().partition(" ") for each in value.split(";")) if name}


@pytest.mark.xdist_group("places")
def test_every_answer_says_what_a_browser_may_do_with_it(visits: Visits) -> None:
    for visit in visits.seen:
        assert {name: visit.headers.get(name) for name in EVERYWHERE} == EVERYWHERE, visit.where
        assert policy_of(visit.headers["Content-Security-Policy"]) == POLICY, visit.where
        assert not [
            name for name in visit.headers if name.lower().startswith(("access-control", "server", "x-powered"))
        ]


@pytest.mark.xdist_group("places")
def test_what_somebody_signed_in_opens_is_stored_nowhere(visits: Visits) -> None:
    """An answer to a form stays for the back button of its sender alone, and goes when they sign out (ADR 21)."""
    opened, sent = list[Visit](), list[Visit]()
    for visit in visits.seen:
        if visit.role != NOBODY and visit.status == 200 and visit.route != "account_login":
            is_asked_for = visit.how in ("link", "wrong filter") or visit.how.endswith(", then")
            (opened if is_asked_for else sent).append(visit)
    assert [visit.where for visit in opened if not keeps_nothing(visit)] == []
    assert [visit.where for visit in sent if "public" in visit.headers.get("Cache-Control", "")] == []
    assert len(opened) > 500


def keeps_nothing(visit: Visit) -> bool:
    """Whether no browser and no proxy keeps it."""
    return {"no-store", "private"} <= set(re.findall(r"[\w-]+", visit.headers.get("Cache-Control", "")))


@pytest.mark.xdist_group("places")
def test_a_file_is_downloaded_and_a_text_says_how_it_is_written(visits: Visits) -> None:
    files = 0
    for visit in visits.seen:
        kind = visit.headers.get("Content-Type", "")
        if kind.startswith("text/") and visit.body:
            assert "charset=utf-8" in kind.lower(), visit.where
        if visit.status == 200 and not kind.startswith("text/html") and visit.route not in PAGES_WITHOUT_PEOPLE:
            files += 1
            if kind != "image/svg+xml" and kind != "application/json":
                assert visit.headers.get("Content-Disposition", "").startswith("attachment"), visit.where
    assert files > 5


@pytest.mark.xdist_group("places")
def test_a_cookie_is_for_no_script_and_for_no_other_site(visits: Visits) -> None:
    cookies = [line for visit in visits.seen for line in visit.headers.get("Set-Cookie", "").splitlines()]
    names = {line.strip().partition("=")[0] for line in cookies}
    assert names <= {"sessionid", "csrftoken"}
    assert "sessionid" in names
    for line in (line for line in cookies if "Max-Age=0" not in line):
        said = {part.strip().partition("=")[0].lower() for part in line.split(";")[1:]}
        assert {"httponly", "samesite", "path"} <= said, line
        assert "SameSite=Lax" in line, line
        assert "domain" not in said, line


# Asked for in ways that nobody does ----------------------------------------------------------------------------------


@pytest.fixture
def quick(settings: Any, db: None) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


def test_other_ways_of_asking_are_answered_with_the_open_ones(quick: None) -> None:
    client = Client()
    sign_in(client, "administrator")
    for pattern in GUARDED[::9]:
        for way in ("TRACE", "OPTIONS", "PATCH", "CONNECT", "FAMILIES"):
            answer = client.generic(way, address(pattern))
            assert (answer.status_code, bool(answer["Allow"])) == (405, True), (pattern.name, way)
            assert "Access-Control-Allow-Origin" not in answer
    for path in ("/account/login/", "/account/logout/", "/healthz"):
        assert client.generic("TRACE", path).status_code == 405


def test_no_form_is_taken_without_the_mark_of_our_pages(quick: None) -> None:
    """No view says that it needs none, and one that is sent without it changes nothing."""
    assert [pattern.name for pattern in GUARDED if getattr(pattern.callback, "csrf_exempt", False)] == []
    client = Client(enforce_csrf_checks=True)
    before = Entry.objects.count()
    for path in ("/account/login/", "/account/logout/"):
        assert client.post(path, {"login": "x", "password": PASSWORD}).status_code == 403
    assert Entry.objects.count() == before


def test_where_somebody_asks_from_is_believed_of_our_own_proxies_alone(rf: Any, settings: Any) -> None:
    def seen(here: str, said: str = "") -> str | None:
        return address_of(rf.get("/", REMOTE_ADDR=here, **({"HTTP_X_FORWARDED_FOR": said} if said else {})))

    assert seen("192.0.2.7", "198.51.100.1") == "192.0.2.7"
    settings.CF_PROXIES = [ip_network("10.0.0.0/24"), ip_network("2001:db8::/32")]
    assert seen("192.0.2.7", "198.51.100.1") == "192.0.2.7"
    assert seen("10.0.0.5", "198.51.100.1") == "198.51.100.1"
    assert seen("10.0.0.5", "203.0.113.9, 198.51.100.1, 10.0.0.9") == "198.51.100.1"
    assert seen("10.0.0.5", "198.51.100.1, rubbish") == "10.0.0.5"
    assert seen("10.0.0.5") == "10.0.0.5"
    assert seen("2001:db8::1", "2001:DB9::7") == "2001:db9::7"
    assert seen("", "198.51.100.1") == "198.51.100.1"


# Too often -----------------------------------------------------------------------------------------------------------


def recorded() -> list[tuple[str, str]]:
    found = Entry.objects.filter(event="LIMIT_REACHED").order_by("pk")
    return list(found.values_list("who", "reference"))


def test_who_searches_too_often_is_asked_to_wait_loses_nothing_and_is_on_the_trail(quick: None, settings: Any) -> None:
    settings.CF_SEARCHES_A_MINUTE = 3
    client = Client()
    sign_in(client, "data_preparer")
    found = client.post("/find/", {"terms": "Quillfeather"})["Location"]
    assert [client.get(found).status_code for _ in range(3)] == [200] * 3
    searched = Entry.objects.filter(event="FAMILIES_SEARCHED").count()
    for _ in range(3):
        answer = client.get(found)
        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
        assert "more than 3 times" in answer.content.decode()
        assert f'href="{found}"' in answer.content.decode()
    assert Entry.objects.filter(event="FAMILIES_SEARCHED").count() == searched
    # Once a minute, however often; and whoever else searches is not asked to wait.
    assert recorded() == [("somebody", "find_results")]
    assert client.post("/find/", {"terms": "Another"}).status_code == 302
    accounts.add(username="other", role="data_preparer", password=PASSWORD, by=duty("test"), at=now())
    cache.clear()
    assert client.get(found).status_code == 200


def test_who_tries_to_sign_in_too_often_is_asked_to_wait_and_on_the_trail(quick: None, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/m/ip", "login_failed": "30/m/ip,5/300s/key"}
    given = [Client().post("/account/login/", {"login": f"n{n}", "password": "x"}).status_code for n in range(6)]
    assert given == [200, 200, 200, 429, 429, 429]
    assert recorded() == [("system:sign-in", "account_login")]


# Too much ------------------------------------------------------------------------------------------------------------


def lies_in(folder: Path) -> int:
    """The bytes of all files that this process has open in a folder, those without a name included."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += each.stat().st_size if str(each.readlink()).startswith(str(folder)) else 0
    return found


def test_of_a_file_that_nobody_asked_for_no_byte_is_kept(quick: None, folders: Path, rf: Any) -> None:
    """A form is read before its page asks who sent it: whoever is not signed in could fill the disk."""
    client = Client()

    def arrives(route: str, user: Any, size: int) -> tuple[int, int, bool]:
        request = rf.post("/", {"file": SimpleUploadedFile("a.pem", b"a" * size)})
        request.user, request.resolver_match = user, resolve(reverse(route))
        given = request.FILES.get("file")
        kept = lies_in(folders / "uploads")
        found = (given.size if given else -1, kept, arriving.too_large(request))
        request.close()
        return found

    assert arrives("account_login", AnonymousUser(), 1 << 20) == (1 << 20, 0, False)
    sign_in(client, "data_preparer")
    somebody = User.objects.get(username="somebody")
    assert arrives("add_certificate", somebody, 1 << 20) == (1 << 20, 1 << 20, False)
    size, kept, _ = arrives("add_certificate", somebody, arriving.ONE + (1 << 20))
    assert size > arriving.ONE >= kept
    assert lies_in(folders / "uploads") == 0
