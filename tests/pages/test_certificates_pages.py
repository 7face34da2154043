"""The pages of recipients' certificates: added, accepted by two, revoked by one, and said to end soon."""

import re
from typing import Any

import pytest
from django.db import connection, transaction

from tests.beside import ENTRY
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import recipient_pem
from transfers import keys
from transfers.models import RecipientCertificate


def test_a_certificate_is_added_and_accepted_by_two_who_type_its_fingerprint(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("assemble")
    made = keys.make_demonstration_keys(walk.folder / "other", walk.now()).recipient_certificate.read_bytes()
    preparer, governance = signed_in("prepare"), signed_in("govern")
    given = {"recipient": "ONS", "purpose": "linkage", "pasted": made.decode()}
    assert press(preparer, "/certificates/add/", **given)["Location"] == "/certificates/"
    assert "This certificate was added for this purpose already." in text(
        press(preparer, "/certificates/add/", **given)
    )
    typed = keys.fingerprint(keys.load_certificate(made))
    row = RecipientCertificate.objects.get(fingerprint=typed)
    wrong = press(governance, "/certificates/accept/", purpose="linkage", fingerprint=typed[::-1])
    assert "The fingerprint is not that of a certificate that was added." in text(wrong)
    spelled = ":".join(re.findall("..", typed.upper()))
    for client in (preparer, governance):
        answer = press(client, "/certificates/accept/", purpose="linkage", fingerprint=spelled)
        assert answer["Location"] == "/certificates/"
        again = press(client, "/certificates/accept/", purpose="linkage", fingerprint=typed)
        assert "already" in text(again)
    row.refresh_from_db()
    assert row.second_accepted_by_id == walk.who("govern").person
    assert typed not in text(governance.get("/certificates/"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose a file, or paste the certificate below."),
        ({"pasted": "Señor"}, "This is not a certificate in PEM form, nor one of OpenPGP."),
        (
            {"pasted": "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----"},
            "This is not an X.509 certificate",
        ),
    ],
)
def test_what_is_no_certificate_is_refused(
    walked_to: WalkTo, signed_in: SignedIn, given: dict[str, str], said: str
) -> None:
    walked_to("assemble")
    answer = press(signed_in("prepare"), "/certificates/add/", recipient="ONS", purpose="linkage", **given)
    assert said in text(answer)


def test_a_certificate_may_come_as_a_file(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("assemble")
    made = keys.make_demonstration_keys(walk.folder / "other", walk.now()).recipient_certificate
    with made.open("rb") as file:
        answer = press(signed_in("prepare"), "/certificates/add/", recipient="ONS", purpose="analysis", file=file)
    assert answer["Location"] == "/certificates/"
    assert RecipientCertificate.objects.latest("pk").pem.encode() == made.read_bytes() != recipient_pem()


def test_a_certificate_is_revoked_once_with_a_reason_by_whoever_may(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walked_to("assemble")
    row = RecipientCertificate.objects.latest("pk")
    page = f"/certificates/{row.pk}/revoke/"
    assert signed_in("worker").get(page).status_code == 403
    approver = signed_in("approve")
    assert page in approver.get("/certificates/").content.decode()
    assert "Fill in" in text(press(approver, page, reason=" "))
    assert press(approver, page, reason="Its key was lost.")["Location"] == "/certificates/"
    assert "This certificate was revoked already." in text(press(approver, page, reason="Its key was lost."))
    assert page not in approver.get("/certificates/").content.decode()
    row.refresh_from_db()
    assert str(row.revoked_by) == "approve"
    assert "Its key was lost." not in text(approver.get("/certificates/"))


def test_the_home_page_says_what_ends_soon(walked_to: WalkTo, signed_in: SignedIn, settings: Any) -> None:
    walk = walked_to("assemble")
    walk.minutes += 700 * 24 * 60
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ENTRY)
        RecipientCertificate.objects.update(valid_to=walk.now())
    settings.CF_SIGNING_KEY_UNENCRYPTED = False
    for name in ("prepare", "approve", "govern"):
        said = text(signed_in(name).get("/"))
        assert "Keys and certificates to replace" in said
        assert "holds a key without a passphrase" in said
    assert "Keys and certificates" not in text(signed_in("worker").get("/"))
