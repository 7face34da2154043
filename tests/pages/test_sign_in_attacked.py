"""Signing in, as somebody tries it who should not get in, or who stays where they should not be."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts, cipher, factors, kept, lasting
from connecting_families.staff.middleware import BEFOREHAND
from connecting_families.staff.models import KeptForm, User
from tests.faults.test_workers import now
from tests.pages.test_roles import GUARDED, address
from tests.signing_in import code_of, enrol, secret_of, set_back, sign_in

PASSWORD = "a walk through anytown"
TYPED = "Quillfeather"
ROUND = {"code": TYPED, "scope": "WHOLE"}


@pytest.fixture(autouse=True)
def quick(settings: Any, db: None) -> None:
    """Sign-ins are not what costs time here; nobody tried anything before."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


def add(name: str, role: str = "data_preparer", **more: Any) -> User:
    return accounts.add(username=name, role=role, password=PASSWORD, by=duty("test"), at=now(), **more)


def signed_in(name: str, role: str = "data_preparer") -> Client:
    add(name, role)
    client = Client()
    sign_in(client, name, PASSWORD)
    return client


def password_given(name: str) -> Client:
    """Between the password and the code."""
    client = Client()
    answer = client.post("/account/login/", {"login": name, "password": PASSWORD})
    assert answer["Location"] == "/account/login/code/"
    return client


def give(client: Client, code: str) -> Any:
    return client.post("/account/login/code/", {"code": code})


def is_in(client: Client) -> bool:
    return bool(client.get("/rounds/").status_code == 200)


def recorded(event: str) -> list[Entry]:
    return list(Entry.objects.filter(event=event).order_by("pk"))


def test_codes_cannot_be_guessed_and_each_try_is_on_the_trail() -> None:
    add("j.bell")
    enrol("j.bell")
    tries = 0
    client = password_given("j.bell")
    while "too many tries" not in give(client, "000000").content.decode():
        tries += 1
        assert tries < 10
    # The right code does not help any more, not even in another browser.
    assert give(client, code_of("j.bell")).status_code == 200
    assert not is_in(client)
    said = [entry.additional_data["reasons"] for entry in recorded("SECOND_FACTOR_REFUSED")]
    assert said == [["INCORRECT_CODE"]] * tries + [["TOO_MANY_LOGIN_ATTEMPTS"]] * 2
    assert recorded("SIGNED_IN") == []


def test_passwords_cannot_be_guessed_and_each_try_is_on_the_trail() -> None:
    add("j.bell")
    for number in range(8):
        answer = Client().post("/account/login/", {"login": "j.bell", "password": f"wrong {number}"})
    assert "too many tries" in answer.content.decode()
    assert "too many tries" in Client().post(
        "/account/login/", {"login": "j.bell", "password": PASSWORD}
    ).content.decode()  # fmt: skip
    entries = recorded("SIGN_IN_FAILED")
    assert len(entries) == 9
    assert (entries[-1].additional_data or {})["reasons"] == ["TOO_MANY_TRIES"]
    assert all("wrong" not in str(entry.additional_data) for entry in entries)


def test_a_code_is_good_for_one_use() -> None:
    add("j.bell")
    enrol("j.bell")
    code = code_of("j.bell")
    first, second = password_given("j.bell"), password_given("j.bell")
    assert give(first, code).status_code == 302
    assert "was used already" in give(second, f"{code[:3]} {code[3:]}").content.decode()
    assert (is_in(first), is_in(second)) == (True, False)
    # Nor does what signed in confirm a grave act.
    set_back(first, 301)
    assert "was used already" in first.post("/account/reauthenticate/code/", {"code": code}).content.decode()


def test_a_recovery_code_is_good_for_one_use() -> None:
    user = add("j.bell")
    enrol("j.bell")
    code = factors.codes_of(user)[0]
    first, second = password_given("j.bell"), password_given("j.bell")
    assert give(first, code).status_code == 302
    assert give(second, code).status_code == 200
    assert (is_in(first), is_in(second)) == (True, False)
    assert len(factors.codes_of(user)) == 9
    assert len(recorded("RECOVERY_CODE_USED")) == 1


@pytest.mark.parametrize("act", ["close", "change", "reset", "give_password"])
def test_what_an_administrator_does_to_an_account_ends_its_sign_ins_at_once(act: str) -> None:
    client = signed_in("j.bell")
    user, by = User.objects.get(username="j.bell"), add("admin", "administrator").who()
    assert is_in(client)
    match act:
        case "close":
            accounts.close(user=user, reason="Left.", by=by, at=now())
        case "change":
            accounts.change(user=user, role="data_approver", team="", by=by, at=now())
        case "reset":
            factors.reset(user=user, reason="Lost.", by=by, at=now())
        case _:
            accounts.give_password(user=user, password="osier in a creel, marl", by=by, at=now())
    assert client.get("/rounds/")["Location"].startswith("/account/login/")
    assert client.post("/rounds/open/", ROUND)["Location"].startswith("/account/login/")


def test_a_session_that_was_there_before_is_not_the_one_that_is_signed_in() -> None:
    add("j.bell")
    enrol("j.bell")
    victim = password_given("j.bell")
    planted = victim.cookies["sessionid"].value
    assert give(victim, code_of("j.bell")).status_code == 302
    assert victim.cookies["sessionid"].value != planted
    attacker = Client()
    attacker.cookies["sessionid"] = planted
    assert not is_in(attacker)
    # Nor does the site take a name for a session from outside.
    invented = Client()
    invented.cookies["sessionid"] = "a" * 32
    cache.clear()
    invented.post("/account/login/", {"login": "j.bell", "password": PASSWORD})
    assert invented.cookies["sessionid"].value != "a" * 32


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(elsewhere: str) -> None:
    add("j.bell")
    client = Client()
    assert sign_in(client, "j.bell", PASSWORD, next=elsewhere)["Location"] == "/"
    assert client.post("/account/reauthenticate/", {"password": PASSWORD, "next": elsewhere})["Location"] == "/"
    shown = client.get("/account/recovery-codes/", {"next": elsewhere}).content.decode()
    assert "example.org" not in shown
    assert "alert(1)" not in shown


def test_the_back_button_after_signing_out_shows_nothing() -> None:
    client = signed_in("j.bell")
    for path in ("/", "/rounds/", "/account/", "/find/"):
        assert "no-store" in client.get(path).get("Cache-Control", ""), path
    answer = client.post("/account/logout/")
    assert answer["Clear-Site-Data"] == '"cache"'
    assert not is_in(client)
    assert KeptForm.objects.count() == 0


def test_what_was_typed_comes_back_to_the_same_person_alone_and_is_nowhere_readable() -> None:
    client = signed_in("j.bell")
    add("other")
    set_back(client, 31 * 60)
    answer = client.post("/rounds/open/", ROUND)
    assert answer["Location"] == "/account/login/?next=/rounds/open/"
    assert not is_in(client)
    (row,) = KeptForm.objects.all()
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{TYPED}%"])
            assert cursor.fetchone() == (0,), table
    assert all(TYPED not in str(each.get_decoded()) for each in Session.objects.all())
    with pytest.raises(cipher.OtherKey):
        cipher.decrypt("second factor", row.sealed)
    sign_in(client, "other", PASSWORD, next="/rounds/open/")
    assert TYPED not in client.get("/rounds/open/").content.decode()
    assert KeptForm.objects.count() == 0


def test_what_was_typed_comes_back_filled_in_and_nothing_was_done() -> None:
    client = signed_in("j.bell")
    set_back(client, 31 * 60)
    client.post("/rounds/open/", ROUND)
    assert sign_in(client, "j.bell", PASSWORD, next="/rounds/open/")["Location"] == "/rounds/open/"
    page = client.get("/rounds/open/").content.decode()
    assert f'value="{TYPED}"' in page
    assert "It was not saved yet" in page
    # Once it is sent it is gone, and a form with a password in it is never kept.
    assert client.post("/rounds/open/", ROUND).status_code == 200
    assert KeptForm.objects.count() == 0
    set_back(client, 31 * 60)
    client.post("/account/password/", {"old_password": PASSWORD, "new_password": TYPED})
    assert KeptForm.objects.count() == 0


def test_a_form_that_was_kept_too_long_is_destroyed() -> None:
    client = signed_in("j.bell")
    set_back(client, 31 * 60)
    client.post("/rounds/open/", ROUND)
    assert kept.forget(now()) == 0
    assert kept.forget(now() + kept.FOR) == 1


def test_another_site_cannot_plant_a_form() -> None:
    client = signed_in("j.bell")
    set_back(client, 31 * 60)
    client.post("/rounds/open/", ROUND, headers={"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"})
    assert KeptForm.objects.count() == 0


def test_polling_does_not_lengthen_a_session_and_reading_does() -> None:
    client = signed_in("j.bell")
    set_back(client, 1000, lasting.SEEN)
    seen = client.session[lasting.SEEN]
    said = client.get("/account/stay/", headers={"X-Poll": "1"}).json()
    assert 790 <= said["seconds"] <= 800
    client.get("/rounds/", headers={"X-Poll": "1"})
    assert client.session[lasting.SEEN] == seen
    client.get("/rounds/")
    assert client.session[lasting.SEEN] >= seen + 1000


def test_staying_puts_off_the_end_but_not_the_end_of_the_day() -> None:
    client = signed_in("j.bell")
    set_back(client, 10 * 3600 - 60, lasting.BEGUN)
    assert client.post("/account/stay/").status_code == 204
    assert client.get("/account/stay/", headers={"X-Poll": "1"}).json()["seconds"] <= 60
    set_back(client, 61, lasting.BEGUN)
    assert not is_in(client)
    (ended,) = recorded("SIGN_IN_RAN_OUT")
    assert ended.additional_data == {"because": "hours", "form_kept": False}


def test_without_a_second_factor_nothing_answers_but_the_pages_that_set_it() -> None:
    for role in ("administrator", "early_help_worker"):
        add(role, role)
        client = Client()
        assert client.post("/account/login/", {"login": role, "password": PASSWORD}).status_code == 302
        for pattern in GUARDED:
            for method in ("get", "post"):
                answer = getattr(client, method)(address(pattern))
                if pattern.name not in BEFOREHAND:
                    assert answer.status_code == 302, pattern.name
                    assert answer["Location"].startswith("/account/factor/"), pattern.name
    assert "Menu" not in client.get("/account/factor/").content.decode()


def test_a_session_that_gave_no_code_is_nobodys_once_there_is_a_factor() -> None:
    add("j.bell")
    client = Client()
    client.post("/account/login/", {"login": "j.bell", "password": PASSWORD})
    assert client.get("/account/factor/").status_code == 200
    enrol("j.bell")
    assert client.get("/rounds/")["Location"].startswith("/account/login/")
    assert client.get("/account/factor/").status_code == 302
    assert client.get("/account/recovery-codes/").status_code == 302


def test_secrets_and_recovery_codes_lie_encrypted() -> None:
    user = add("j.bell")
    enrol("j.bell")
    rows = str(list(Authenticator.objects.filter(user=user).values_list("data", flat=True)))
    assert secret_of("j.bell") not in rows
    assert not any(code in rows for code in factors.codes_of(user))
    client = Client()
    add("new")
    client.post("/account/login/", {"login": "new", "password": PASSWORD})
    page = client.get("/account/factor/").content.decode()
    shown = page.split('cf-secret">')[1].split("<")[0].replace(" ", "")
    assert len(shown) == 32
    assert shown not in str([each.get_decoded() for each in Session.objects.all()])


def test_a_factor_of_another_key_is_of_no_use(settings: Any) -> None:
    add("j.bell")
    enrol("j.bell")
    client = password_given("j.bell")
    settings.CF_SECRETS_KEY = "another" * 10
    client.raise_request_exception = False
    give(client, code_of("j.bell"))
    assert not is_in(client)


def test_an_administrator_sees_no_case_data() -> None:
    client = signed_in("admin", "administrator")
    assert client.get("/staff/").status_code == 200
    for path in ("/find/", "/rounds/", "/submissions/", "/trail/"):
        assert client.get(path).status_code in (403, 404), path


def test_grave_acts_about_accounts_need_a_fresh_password_or_code() -> None:
    client = signed_in("admin", "administrator")
    user = add("j.bell")
    for act in ("close", "change", "factor", "password", "sign-ins"):
        answer = client.post(f"/staff/{user.pk}/{act}/", {"reason": "Left."})
        assert answer["Location"].startswith("/account/reauthenticate/"), act
    user.refresh_from_db()
    assert user.is_active
    # What was confirmed is fresh for five minutes, and no longer.
    path = f"/staff/{user.pk}/close/"
    assert client.post("/account/reauthenticate/", {"password": PASSWORD}).status_code == 302
    assert client.post(path, {"reason": ""}).status_code == 200
    set_back(client, 301)
    assert client.post(path, {"reason": "Left."})["Location"].startswith("/account/reauthenticate/")


def test_an_administrator_does_not_end_the_sign_in_through_which_it_is_asked() -> None:
    client = signed_in("admin", "administrator")
    me = User.objects.get(username="admin")
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    assert client.post(f"/staff/{me.pk}/sign-ins/")["Location"] == "/account/sign-ins/"
    assert client.get("/staff/").status_code == 200


def test_a_form_whose_mark_is_stale_is_shown_again_and_one_of_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in("k.ashe").cookies
    for origin in ({}, {"Origin": "https://example.org"}, {"Origin": "null"}):
        assert client.post("/rounds/open/", ROUND, headers=origin).status_code == 403
    assert KeptForm.objects.count() == 0
    answer = client.post("/rounds/open/", ROUND, headers={"Origin": "http://testserver"})
    assert answer["Location"] == "/rounds/open/"
    assert f'value="{TYPED}"' in client.get("/rounds/open/").content.decode()
