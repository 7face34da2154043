"""Confirming that it is you: under another key of the session from then on, and before what is worth confirming for."""

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from connecting_families.staff import accounts, cipher, sessions
from connecting_families.staff.models import User
from tests.pages.test_sign_in_attacked import PASSWORD, add, is_in, quick, signed_in
from tests.signing_in import code_of, set_back, sign_in

__all__ = ["quick"]


def in_a_browser_like(client: Client) -> Client:
    """Somebody who has the cookie that this client has now."""
    other = Client()
    other.cookies["sessionid"] = client.cookies["sessionid"].value
    return other


CONFIRMING: dict[str, tuple[str, Callable[[], dict[str, str]]]] = {
    "by password": ("/account/reauthenticate/", lambda: {"password": PASSWORD}),
    "by code": ("/account/reauthenticate/code/", lambda: {"code": code_of("j.bell", step=1)}),
    "by a new factor": ("/account/factor/", lambda: {"code": code_of("", secret=NEW)}),
}
NEW = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize("how", CONFIRMING)
def test_whoever_confirms_goes_on_under_another_key_and_the_one_before_is_nobodys(how: str) -> None:
    client = signed_in("j.bell")
    if how == "by a new factor":
        client.post("/account/reauthenticate/", {"password": PASSWORD})
        session = client.session
        session["cf_factor_secret"] = cipher.encrypt("second factor", NEW)
        session.save()
    (row,) = sessions.of(User.objects.get())
    thief = in_a_browser_like(client)
    assert is_in(thief)
    path, given = CONFIRMING[how]
    assert client.post(path, given()).status_code == 302
    assert is_in(client)
    # What a page of the same browser asks by itself at that moment does not sign it out.
    late = thief.get("/rounds/", headers={"X-Poll": "1"})
    assert (late.status_code, "sessionid" in late.cookies) == (302, False)
    assert not is_in(thief)
    assert thief.cookies["sessionid"].value == ""
    assert Session.objects.filter(pk=row.key).count() == 0
    # It is the same sign-in: since when, and where, as before.
    (now_,) = sessions.of(User.objects.get())
    assert (now_.number, now_.since, now_.key == row.key) == (row.number, row.since, False)
    assert client.session.session_key == now_.key


def test_a_confirmation_that_is_refused_or_ends_in_an_error_of_ours_confirms_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = signed_in("admin", "administrator")
    user = add("j.bell")
    key = client.cookies["sessionid"].value
    assert client.post("/account/reauthenticate/", {"password": "not this"}).status_code == 200
    assert client.cookies["sessionid"].value == key
    path = f"/staff/{user.pk}/close/"
    assert client.post(path, {"reason": "Left."})["Location"].startswith("/account/reauthenticate/")

    def fails(**_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(accounts, "close", fails)
        client.raise_request_exception = False
        assert client.post("/account/reauthenticate/", {"password": PASSWORD, "next": path}).status_code == 500
    assert client.cookies["sessionid"].value == key
    assert client.post(path, {"reason": "Left."})["Location"].startswith("/account/reauthenticate/")
    # What was asked for and is refused was confirmed all the same.
    answer = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": path})
    assert (answer["Location"], client.cookies["sessionid"].value == key) == (f"/staff/{user.pk}/", False)
    user.refresh_from_db()
    assert not user.is_active


def test_sign_ins_are_ended_and_a_new_factor_is_seen_by_who_confirmed_that_it_is_them() -> None:
    here = signed_in("j.bell")
    there = Client()
    sign_in(there, "j.bell", PASSWORD)
    (number,) = (each.number for each in sessions.of(User.objects.get()) if each.key == there.session.session_key)
    thief = in_a_browser_like(here)
    assert thief.get("/account/sign-ins/").status_code == 200
    for asked in ({}, {"number": str(number)}):
        assert thief.post("/account/sign-ins/", asked)["Location"].startswith("/account/reauthenticate/")
    assert thief.get("/account/recovery-codes/").status_code == 200
    assert thief.post("/account/recovery-codes/")["Location"].startswith("/account/reauthenticate/")
    assert is_in(there)
    # Somebody is setting up another phone, and is called away: its secret is shown to nobody who does not confirm.
    cache.clear()
    here.post("/account/reauthenticate/", {"password": PASSWORD})
    assert here.get("/account/factor/").status_code == 200
    assert here.get("/account/factor/picture.svg").status_code == 200
    set_back(here, 301)
    assert here.get("/account/factor/picture.svg")["Location"].startswith("/account/reauthenticate/")
    assert here.get("/account/factor/")["Location"].startswith("/account/reauthenticate/")
    # What was asked for goes on once it is confirmed.
    assert here.post("/account/sign-ins/", {"number": str(number)}).status_code == 302
    answer = here.post("/account/reauthenticate/", {"password": PASSWORD, "next": "/account/sign-ins/"})
    assert (answer["Location"], is_in(here), is_in(there)) == ("/account/sign-ins/", True, False)


def test_whoever_tries_to_confirm_too_often_waits_and_goes_on_with_what_they_had_sent() -> None:
    client = signed_in("admin", "administrator")
    user = add("j.bell")
    path = f"/staff/{user.pk}/close/"
    assert client.post(path, {"reason": "Left for the coast."}).status_code == 302
    tries = {"password": "not this", "next": path}
    statuses = [client.post("/account/reauthenticate/", tries).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    answer = client.post("/account/reauthenticate/", tries)
    assert answer["Retry-After"] == "60"
    again = "/account/reauthenticate/?next=%2Fstaff%2F"
    assert f'href="{again}' in answer.content.decode()
    cache.clear()
    assert client.get(f"{again}{user.pk}%2Fclose%2F").status_code == 200
    assert client.post("/account/reauthenticate/", tries | {"password": PASSWORD}).status_code == 302
    user.refresh_from_db()
    assert not user.is_active
    # What is asked to lead elsewhere does not.
    elsewhere = [client.post("/account/reauthenticate/", {"password": "x", "next": "//example.org"}) for _ in range(12)]
    assert "example.org" not in elsewhere[-1].content.decode()
