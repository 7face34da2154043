"""The council's own sign-on, as somebody tries it who is not whom it should mean: forged, swapped, old, used tokens."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from django.test import Client

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts, lasting, sign_on_provider, subjects
from connecting_families.staff.id_tokens import NotBelieved
from connecting_families.staff.models import User
from tests.faults.test_workers import now
from tests.pages.provider import CLIENT, SECRET, Provider, private, published, running, signed
from tests.signing_in import code_of, enrol, set_back, sign_in

PASSWORD = "a walk through anytown"
LOGIN, CALLBACK = "/account/council/sign-on/login/", "/account/council/sign-on/callback/"


@pytest.fixture
def provider(settings: Any, db: None) -> Iterator[Provider]:
    """A sign-on that the settings name, and one person with an account."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ROOT_URLCONF = "tests.pages.with_sign_on"
    cache.clear()
    accounts.add(username="elm", role="data_preparer", password=PASSWORD, one_time=True, by=duty("test"), at=now())
    with running() as provider:
        settings.CF_OIDC_ISSUER = provider.address
        settings.CF_OIDC_SECOND_FACTOR = ["mfa"]
        (app,) = [{"provider_id": "sign-on", "name": "it", "client_id": CLIENT, "secret": SECRET,
                   "settings": {"server_url": provider.address}}]  # fmt: skip
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": settings.SOCIALACCOUNT_PROVIDERS["openid_connect"] | {"APPS": [app]}
        }
        yield provider


def led(client: Client, **asked: str) -> dict[str, str]:
    """What the button hands over to the provider."""
    answer = client.post(LOGIN, asked)
    assert answer.status_code == 302, answer.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def come_back(client: Client, state: str) -> Any:
    return client.get(CALLBACK, {"code": "a code", "state": state})


def signs_in(client: Client, provider: Provider, **claims: Any) -> Any:
    """By a token that is as it should be, but for these claims."""
    asked = led(client)
    provider.gives(signed(provider.claims(asked["nonce"], **claims)))
    return come_back(client, asked["state"])


def is_in(client: Client) -> bool:
    return bool(client.get("/rounds/").status_code == 200)


def refusals() -> list[tuple[str, list[str]]]:
    found = Entry.objects.filter(event="SIGN_IN_FAILED").order_by("pk")
    return [(entry.reference, (entry.additional_data or {})["reasons"]) for entry in found]


@pytest.mark.parametrize(
    ("algorithm", "by"), [("RS256", "RSA"), ("PS384", "RSA"), ("ES256", "EC"), ("EdDSA", "Ed")]
)  # fmt: skip
def test_who_is_named_by_a_token_that_the_provider_signed_for_us_is_in(
    provider: Provider, algorithm: str, by: str
) -> None:
    client = Client()
    asked = led(client, next="/rounds/", process="connect", auth_params="nonce=mine", scope="everything")
    assert asked["code_challenge_method"] == "S256"
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    provider.gives(signed(provider.claims(asked["nonce"], aud=[CLIENT]), by=by, algorithm=algorithm, kid=by.lower()))
    assert come_back(client, asked["state"])["Location"] == "/rounds/"
    assert is_in(client)
    assert provider.asked.count("/userinfo") == 0
    entry = Entry.objects.filter(event="SIGNED_IN").get()
    assert (entry.who, entry.additional_data) == ("elm", {"by": "council's sign-on"})


Forge = Callable[[dict[str, Any]], str | None]


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, claims)]
    return ".".join([*parts, ""])


def by_public_key(claims: dict[str, Any]) -> str:
    """An HMAC under what everybody can fetch; PyJWT itself refuses to make one."""
    pem = private("RSA").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims).rstrip(".")
    mark = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head.encode(), pem)
    return f"{head}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def changed(claims: dict[str, Any]) -> str:
    """Another's name under a signature that was made for one's own."""
    head, _, mark = signed(claims).split(".")
    return f"{head}.{unsigned({}, claims | {'preferred_username': 'ash'}).split('.')[1]}.{mark}"


FORGED: list[tuple[str, Forge, str]] = [
    ("none", lambda c: unsigned({"alg": "none", "kid": "rsa"}, c), "ALGORITHM"),
    ("None", lambda c: unsigned({"alg": "nOnE", "kid": "rsa"}, c), "ALGORITHM"),
    ("no algorithm", lambda c: unsigned({"kid": "rsa"}, c), "ALGORITHM"),
    ("the client's secret", lambda c: jwt.encode(c, SECRET, "HS256", {"kid": "rsa"}), "ALGORITHM"),
    ("the public key as a secret", by_public_key, "ALGORITHM"),
    ("signed by nobody", lambda c: unsigned({"alg": "RS256", "kid": "rsa"}, c), "SIGNATURE"),
    ("another key", lambda c: signed(c, by="RSA 2"), "SIGNATURE"),
    ("another key by its own name", lambda c: signed(c, by="RSA 2", kid="mine"), "KEY"),
    (
        "another key brought along",
        lambda c: signed(c, by="RSA 2", kid="mine", jwk=published("RSA 2", "mine")),
        "KEY",
    ),
    ("another key to be fetched", lambda c: signed(c, by="RSA 2", kid="m", jku=f"{c['iss']}/mine"), "KEY"),
    ("no key named of several", lambda c: signed(c, typ="JWT"), "KEY"),
    ("another algorithm", lambda c: signed(c, by="EC", algorithm="ES256", kid="rsa"), "KEY"),
    ("a key for something else", lambda c: signed(c, kid="enc"), "KEY"),
    ("a short key", lambda c: signed(c, by="short", kid="short"), "TOKEN"),
    ("something critical", lambda c: signed(c, kid="rsa", crit=["exp"]), "TOKEN"),
    ("another name in it", changed, "SIGNATURE"),
    ("another issuer", lambda c: signed(c | {"iss": f"{c['iss']}/other"}), "ISSUER"),
    ("for somebody else", lambda c: signed(c | {"aud": "others"}), "AUDIENCE"),
    ("for others, too", lambda c: signed(c | {"aud": [CLIENT, "others"]}), "AUDIENCE"),
    ("given to others", lambda c: signed(c | {"azp": "others"}), "AUDIENCE"),
    ("old", lambda c: signed(c | {"exp": time.time() - 61}), "TIME"),
    ("of tomorrow", lambda c: signed(c | {"iat": time.time() + 3600}), "TIME"),
    ("good for ever", lambda c: signed({**c, "exp": None}), "INCOMPLETE"),
    ("of no moment", lambda c: signed({name: c[name] for name in c if name != "iat"}), "INCOMPLETE"),
    ("of nobody", lambda c: signed({name: c[name] for name in c if name != "sub"}), "INCOMPLETE"),
    ("of an empty name", lambda c: signed(c | {"sub": ""}), "SUBJECT"),
    ("of no text", lambda c: signed(c | {"sub": "7\0"}), "SUBJECT"),
    ("for another question", lambda c: signed(c | {"nonce": "another"}), "NONCE"),
    ("for no question", lambda c: signed({name: c[name] for name in c if name != "nonce"}), "NONCE"),
    ("no token", lambda _: None, "NO_TOKEN"),
    ("rubbish", lambda _: "rubbish", "TOKEN"),
    ("a name with NUL", lambda c: signed(c | {"preferred_username": "elm\0"}), "NO_ACCOUNT"),
]


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(("forge", "code"), [row[1:] for row in FORGED], ids=[row[0] for row in FORGED])
def test_a_token_that_is_not_the_providers_for_us_now_is_refused_and_on_the_trail(
    provider: Provider, forge: Forge, code: str
) -> None:
    client = Client()
    asked = led(client)
    provider.gives(forge(provider.claims(asked["nonce"])))
    answer = come_back(client, asked["state"])
    assert (answer.status_code, refusals()) == (403, [("", [code])])
    assert "The council&#x27;s sign-on" in answer.content.decode()
    assert not is_in(client)
    assert "/mine" not in provider.asked
    # Nothing of it stays in the session, nor in the account.
    assert "elm" not in str(dict(client.session))
    assert User.objects.get().sign_on_subject == ""


def test_a_token_and_an_answer_are_good_for_one_use(provider: Provider) -> None:
    client, thief = Client(), Client()
    asked = led(client)
    provider.gives(signed(provider.claims(asked["nonce"])))
    # The answer in another browser, in this one, and in this one again.
    assert come_back(thief, asked["state"]).status_code == 403
    assert come_back(client, asked["state"])["Location"] == "/"
    assert come_back(client, asked["state"]).status_code == 403
    # What was given then does not answer a later question.
    later = led(thief)
    assert come_back(thief, later["state"]).status_code == 403
    assert (is_in(client), is_in(thief)) == (True, False)
    assert [codes for _, codes in refusals()] == [["NOT_CONFIRMED"], ["NOT_CONFIRMED"], ["NONCE"]]


PUBLISHED: list[tuple[str, Callable[[Provider], object], str]] = [
    ("another name", lambda p: p.metadata.update(issuer=f"{p.address}.example"), "ISSUER"),
    ("a name below it", lambda p: p.metadata.update(issuer=f"{p.address}/tenant"), "ISSUER"),
    ("no name", lambda p: p.metadata.pop("issuer"), "ISSUER"),
    ("no keys", lambda p: p.metadata.pop("jwks_uri"), "NOT_UNDERSTOOD"),
    ("another page", lambda p: p.instead.update({"/.well-known/openid-configuration": (302, b"")}), "NOT_REACHED"),
    ("an error", lambda p: p.instead.update({"/.well-known/openid-configuration": (500, b"{}")}), "NOT_REACHED"),
    ("no JSON", lambda p: p.instead.update({"/.well-known/openid-configuration": (200, b"<html>")}), "NOT_UNDERSTOOD"),
    ("a list", lambda p: p.instead.update({"/.well-known/openid-configuration": (200, b"[]")}), "NOT_UNDERSTOOD"),
    ("no end", lambda p: p.instead.update(
        {"/.well-known/openid-configuration": (200, b'{"issuer": "' + b"a" * (1 << 20) + b'"}')}), "NOT_UNDERSTOOD"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in PUBLISHED], ids=[row[0] for row in PUBLISHED])
def test_a_provider_that_is_not_the_one_of_the_settings_is_never_led_to(
    provider: Provider, change: Callable[[Provider], object], code: str
) -> None:
    change(provider)
    answer = Client().post(LOGIN)
    assert (answer.status_code, refusals()) == (403, [("", [code])])
    assert "/elsewhere" not in provider.asked


def test_where_the_provider_speaks_tls_all_of_it_does(settings: Any) -> None:
    settings.CF_OIDC_ISSUER = "https://sign-on.anytown.example"
    told = {"issuer": "https://sign-on.anytown.example/"} | dict.fromkeys(sign_on_provider.NEEDED, "https://a.example/")
    sign_on_provider._check(told)
    for name in (*sign_on_provider.NEEDED, "userinfo_endpoint"):
        with pytest.raises(NotBelieved, match="NOT_ENCRYPTED"):
            sign_on_provider._check(told | {name: "http://a.example/"})


def test_keys_are_asked_for_seldom_and_a_new_one_is_found(provider: Provider) -> None:
    assert signs_in(Client(), provider).status_code == 302
    assert signs_in(Client(), provider).status_code == 302
    assert provider.asked.count("/keys") == 1
    assert provider.asked.count("/.well-known/openid-configuration") == 1
    # Whoever sends tokens under invented keys has them asked for once a minute at most.
    for _ in range(3):
        asked = led(client := Client())
        provider.gives(signed(provider.claims(asked["nonce"]), by="RSA 2", kid="new"))
        assert come_back(client, asked["state"]).status_code == 403
    assert provider.asked.count("/keys") == 2
    # A minute later the provider has that key, and no other.
    provider.keys = [published("RSA 2", "new")]
    cache.delete(f"{sign_on_provider._kept(provider.metadata['jwks_uri'])}:anew")
    asked = led(client)
    provider.gives(signed(provider.claims(asked["nonce"]), by="RSA 2", kid="new"))
    assert come_back(client, asked["state"]).status_code == 302
    assert signs_in(Client(), provider).status_code == 403
    # A provider that publishes no list of keys, or is gone, is no reason for an error of ours.
    cache.clear()
    provider.keys = "none"
    assert signs_in(Client(), provider).status_code == 403
    provider.instead["/token"] = (500, b"<html>")
    assert signs_in(Client(), provider).status_code == 403
    assert [codes for _, codes in refusals()][-2:] == [["NOT_UNDERSTOOD"], ["NOT_CONFIRMED"]]


def test_what_the_token_leaves_out_is_asked_for_and_counts_where_it_is_of_the_same_person(provider: Provider) -> None:
    enrol("elm")
    provider.userinfo = {"sub": "8", "preferred_username": "elm", "amr": ["mfa"]}
    assert signs_in(Client(), provider, preferred_username=None).status_code == 403
    assert refusals() == [("", ["OTHER_SUBJECT"])]
    provider.userinfo["sub"] = "7"
    # How they signed in the token alone says.
    client = Client()
    answer = signs_in(client, provider, preferred_username=None, amr=None)
    assert answer["Location"] == "/account/login/code/"
    del provider.metadata["userinfo_endpoint"]
    cache.clear()
    assert signs_in(Client(), provider, preferred_username=None).status_code == 403


def test_who_comes_under_a_name_that_was_another_persons_is_not_let_in(provider: Provider) -> None:
    assert signs_in(Client(), provider).status_code == 302
    (kept,) = Entry.objects.filter(event="SIGN_ON_KEPT")
    ((fields, about),) = [(change["fields"], change["reference"]) for change in kept.changes or []]
    assert (kept.who, about, fields["sign_on_subject"]) == ("elm", "elm", ["changed", "changed"])
    # The name is given to somebody else; and the first person comes under another name.
    accounts.add(username="ash", role="data_preparer", password=PASSWORD, by=duty("test"), at=now())
    for name, subject in (("elm", "8"), ("ash", "7")):
        answer = signs_in(client := Client(), provider, sub=subject, preferred_username=name)
        assert (answer.status_code, is_in(client)) == (403, False)
        assert "as the person whom it named here before" in answer.content.decode()
    assert refusals() == [("elm", ["OTHER_PERSON"]), ("ash", ["OTHER_PERSON"])]
    assert signs_in(Client(), provider).status_code == 302
    assert Entry.objects.filter(event="SIGN_ON_KEPT").count() == 1
    # An administrator lets it be said anew, and not for themselves.
    accounts.add(username="admin", role="administrator", password=PASSWORD, by=duty("test"), at=now())
    admin, elm = Client(), User.objects.get(username="elm")
    sign_in(admin, "admin", PASSWORD)
    path = f"/staff/{elm.pk}/sign-on/"
    assert path in admin.get(f"/staff/{elm.pk}/").content.decode()
    assert admin.post(path, {"reason": "Known anew."})["Location"].startswith("/account/reauthenticate/")
    assert admin.post("/account/reauthenticate/", {"password": PASSWORD}).status_code == 302
    assert "Say why" in admin.post(path, {"reason": ""}).content.decode()
    assert admin.post(path, {"reason": "Known anew."})["Location"] == f"/staff/{elm.pk}/"
    assert "was not used for this account" in admin.post(path, {"reason": "Known anew."}).content.decode()
    assert signs_in(client := Client(), provider, sub="8").status_code == 302
    assert is_in(client)
    assert signs_in(Client(), provider).status_code == 403
    me = User.objects.get(username="admin")
    with pytest.raises(subjects.NotForgotten) as refused:
        subjects.forget(user=me, reason="Mine.", by=me.who(), at=now())
    assert refused.value.codes == ["ONESELF", "NOBODY_KEPT"]


def test_another_sign_on_says_anew_who_somebody_is(provider: Provider, settings: Any) -> None:
    elm = User.objects.get()
    subjects.keep(user=elm, subject="7", by=elm.who(), at=now())
    elm.refresh_from_db()
    assert [why.code for why in subjects.against(elm, "8")] == ["OTHER_PERSON"]
    settings.CF_OIDC_ISSUER = "https://another.example"
    assert subjects.against(elm, "8") == []


def test_of_two_accounts_that_one_person_comes_to_first_at_once_one_is_theirs(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    elm, ash = (
        User.objects.get(),
        accounts.add(username="ash", role="data_preparer", password=PASSWORD, by=duty("test"), at=now()),
    )
    subjects.keep(user=elm, subject="7", by=elm.who(), at=now())
    # Each looked before the other was kept: the database alone knows better.
    monkeypatch.setattr(subjects, "against", lambda *_: [])
    with pytest.raises(subjects.NotMeant) as refused:
        subjects.keep(user=ash, subject="7", by=ash.who(), at=now())
    assert refused.value.codes == ["OTHER_PERSON"]
    assert not User.objects.get(username="ash").sign_on_subject
    assert Entry.objects.filter(event="SIGN_ON_KEPT").count() == 1


def test_of_two_who_come_first_at_once_the_own_code_lets_in_one(provider: Provider) -> None:
    enrol("elm")
    first, second = Client(), Client()
    for client, subject in ((first, "7"), (second, "8")):
        assert signs_in(client, provider, sub=subject, amr=["pwd"])["Location"] == "/account/login/code/"
    # Nothing is kept before somebody is in.
    assert User.objects.get().sign_on_subject == ""
    assert first.post("/account/login/code/", {"code": code_of("elm")}).status_code == 302
    answer = second.post("/account/login/code/", {"code": code_of("elm", step=1)})
    assert (answer.status_code, is_in(first), is_in(second)) == (403, True, False)
    assert refusals() == [("elm", ["OTHER_PERSON"])]
    # Whoever came by it and gave the own code is known to have come by it: no one-time password is to be changed.
    assert first.session[lasting.BY_PROVIDER]
    assert Entry.objects.get(event="SIGNED_IN").additional_data == {"by": "council's sign-on"}
    # In the same browser, after that has run out, a sign-in by password is one by password.
    set_back(first, 31 * 60)
    assert not is_in(first)
    sign_in(first, "elm", PASSWORD)
    assert lasting.BY_PROVIDER not in first.session
    assert first.get("/rounds/")["Location"].startswith("/account/password/")


def test_who_asks_the_sign_on_too_often_waits_and_nobody_is_asked_any_more(provider: Provider, settings: Any) -> None:
    settings.CF_SIGN_INS_A_MINUTE = 1
    assert signs_in(Client(), provider).status_code == 302
    asked = len(provider.asked)
    for _ in range(3):
        answer = Client().post(LOGIN, {"next": "/rounds/"})
        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
        assert 'href="/account/login/?next=%2Frounds%2F"' in answer.content.decode()
        assert Client().get(CALLBACK, {"code": "x", "state": "y"}).status_code == 429
    assert (len(provider.asked), refusals()) == (asked, [])
    found = Entry.objects.filter(event="LIMIT_REACHED").order_by("pk").values_list("who", "reference")
    assert set(found) == {("system:sign-in", "openid_connect_login"), ("system:sign-in", "openid_connect_callback")}
    assert len(found) == 2
