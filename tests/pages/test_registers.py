"""The registers on pages: edited by who prepares, seen by governance, each record with its history."""

import re
from typing import Any

import pytest
from django.db import models
from django.test import Client

from cohorts.models import Agreement, Dataset, NoticeVersion
from connecting_families.audit.models import Entry
from tests.pages.answers import text
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock) -> Walk:
    walked = walk_to("assemble")
    at_the_walks_time(walked)
    return walked


def day(name: str, value: str) -> dict[str, str]:
    year, month, day_ = value.split("-")
    return {f"{name}_day": day_, f"{name}_month": month, f"{name}_year": year}


AGREEMENT: dict[str, Any] = {
    "reference": "DSA-2027", "parties": "Anytown City Council\nONS", "purpose": "research", "datasets": ["PNC", "CMD"],
    "fields_": ["upn", "TF1"], "recipients": "ONS", "legal_reference": "Article 6(1)(e) UK GDPR",
    **day("in_force_from", "2026-10-01"), **day("last_day", "2027-09-30"),
}  # fmt: skip
VERSION: dict[str, Any] = {
    "version": "PN/2026", "basis": "PUBLIC_TASK", "covers": "some", "datasets": ["PNC"], "recipients": "ONS; NHSE",
    **day("published_on", "2026-09-01"),
}  # fmt: skip


def page_of(row: models.Model) -> str:
    names: dict[type[models.Model], str] = {Agreement: "agreements", Dataset: "datasets", NoticeVersion: "notices"}
    return f"/registers/{names[type(row)]}/{row.pk}/"


def changes(client: Client, path: str, **values: Any) -> str:
    """Send a form that is taken; where it leads."""
    answer = client.post(path, values)
    assert answer.status_code == 302, text(answer)
    return str(answer["Location"])


def seen(client: Client, path: str) -> str:
    """What a form says it was opened from."""
    (found,) = re.findall(r'name="seen" value="(\w+)"', client.get(path).content.decode())
    return str(found)


def test_of_two_who_edit_a_dataset_the_second_is_told_and_loses_nothing(walk: Walk, signed_in: SignedIn) -> None:
    first, second = signed_in("prepare"), signed_in("assist")
    row = Dataset.objects.get(code="HES")
    path = f"{page_of(row)}change/"
    asked = {"name": row.name, "keys": row.keys, "reason": "Renamed."}
    opened = seen(second, path)
    changes(first, path, **asked, owner="NHS England", seen=seen(first, path))
    answer = second.post(path, asked | {"owner": "NHS", "seen": opened})
    assert "Somebody changed this record while you had it open. It says now: name: Hospital Episode" in text(answer)
    assert "owner: NHS England;" in text(answer)
    typed = answer.content.decode()
    assert 'value="NHS"' in typed
    (now,) = re.findall(r'name="seen" value="(\w+)"', typed)
    changes(second, path, **asked, owner="NHS", seen=now)
    row.refresh_from_db()
    assert row.owner == "NHS"


def test_an_agreement_is_added_opened_and_ended_early(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    assert changes(client, "/registers/agreements/add/", **AGREEMENT) == "/registers/agreements/"
    row = Agreement.objects.get(reference="DSA-2027")
    assert (row.fields, row.parties) == (["upn", "TF1"], ["Anytown City Council", "ONS"])
    said = text(client.get("/registers/agreements/"))
    assert "DSA-2027 1 October 2026 to 30 September 2027, the day included In force ONS PNC, CMD" in said
    assert "DSA 1 January 2026 to 31 December 2026, the day included Expires within 90 days" in said
    page = page_of(row)
    assert "Fields that may be sent beside them upn, TF1" in text(client.get(page))
    asked = {"reason": "ONS asked for it.", **day("last_day", "2026-12-31")}
    assert changes(client, f"{page}end/", **asked) == page
    said = text(client.get(page))
    assert "An agreement was ended early by prepare (Data preparer)" in said
    assert "In force to: from 2027-10-01 to 2027-01-01. Why: ONS asked for it." in said
    assert "An agreement was entered by prepare (Data preparer)" in said
    answer = client.post(f"{page}end/", {"reason": "Again.", **day("last_day", "2027-02-01")})
    assert "It ends on 31 December 2026 as it is." in text(answer)
    assert 'value="2027"' in answer.content.decode()


def test_an_agreement_for_anything_but_research_is_not_offered_and_is_marked(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    answer = client.post("/registers/agreements/add/", AGREEMENT | {"purpose": "service"})
    assert answer.status_code == 200
    assert not Agreement.objects.filter(reference="DSA-2027").exists()
    walk.change("agreements", "reference", "DSA", purpose="marketing")
    page = page_of(Agreement.objects.get(reference="DSA"))
    assert "marketing: nothing is sent under it" in text(client.get(page))
    assert "Purpose: from research to marketing." in text(client.get(page))


def test_a_dataset_is_given_keys_and_taken_into_use(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    row = Dataset.objects.get(code="CMD")
    page = page_of(row)
    said = text(client.get(page))
    assert "You cannot take this dataset into use, because: No key is defined" in said
    assert "No agreement that is in force, or will be, names it." in said
    assert "No key is defined" in text(client.post(f"{page}enable/"))
    changes(client, "/registers/agreements/add/", **AGREEMENT)
    change = {"name": row.name, "owner": row.owner, "keys": "names + DOB", "reason": "The agreement defines it."}
    change["seen"] = seen(client, f"{page}change/")
    assert changes(client, f"{page}change/", **change) == page
    assert changes(client, f"{page}enable/") == page
    said = text(client.get(page))
    assert "State In use" in said
    assert "Keys: from nothing to names + DOB. Why: The agreement defines it." in said
    changes(client, f"{page}disable/", reason="Wait.")
    changes(client, f"{page}take-out/", reason="It ended.", **day("last_day", "2026-11-01"))
    assert "CMD Crime Mapping Database NCA Not in the register 1 January 2015 to 1 November 2026" in text(
        client.get("/registers/datasets/")
    )


def test_a_dataset_is_added(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    asked = {"code": "BCS", "name": "Birth cohort", "owner": "DfE", "keys": "", **day("from_on", "2026-11-01")}
    changes(client, "/registers/datasets/add/", **asked)
    assert "BCS Birth cohort DfE Disabled: no key is known 1 November 2026, without an end" in text(
        client.get("/registers/datasets/")
    )
    answer = client.post("/registers/datasets/add/", asked | {"keys": "shoe size"})
    assert "The register has a dataset BCS already." in text(answer)
    assert "Not known: shoe size." in text(answer)


def test_a_notice_version_is_added_corrected_and_frozen(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("prepare")
    answer = client.post("/registers/notices/add/", VERSION | {"datasets": []})
    assert "Tick at least one dataset, or say that the notice tells of all." in text(answer)
    changes(client, "/registers/notices/add/", **VERSION)
    page = page_of(NoticeVersion.objects.get(version="PN/2026"))
    assert "State Not given yet" in text(client.get(page))
    shown = client.get(f"{page}change/").content.decode()
    assert 'value="ONS; NHSE"' in shown
    change = {name: value for name, value in VERSION.items() if name != "version"} | {"covers": "all"}
    change["seen"] = seen(client, f"{page}change/")
    assert changes(client, f"{page}change/", **change) == page
    assert "Datasets of which it tells All" in text(client.get(page))
    frozen = page_of(NoticeVersion.objects.get(version="PN1"))
    said = text(client.get(frozen))
    assert "State Given to people" in said
    assert "You cannot change this version, because: This version was given to people" in said
    assert "This version was given to people" in text(client.post(f"{frozen}change/", change))
    assert NoticeVersion.objects.get(version="PN1").recipients == ["ONS"]


def test_a_framework_is_shown_with_every_indicator(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("govern")
    assert "TF version 2015-04 2015-04 Expanded Troubled Families 2 6" in text(client.get("/registers/frameworks/"))
    said = text(client.get("/registers/frameworks/TF-2015-04/"))
    assert "TF5 Domestic abuse" in said
    assert "TF1.1 A child has a proven offence 12 months Financial Framework, headline problem 1, indicator 1" in said
    assert "Rounds under it 2026" in said
    for unknown in ("XX-2015-04", "TF-2099-01", "TF"):
        assert client.get(f"/registers/frameworks/{unknown}/").status_code == 404


@pytest.mark.parametrize("name", ["approve", "govern"])
def test_who_may_not_edit_sees_why(walk: Walk, signed_in: SignedIn, name: str) -> None:
    client = signed_in(name)
    pages = ["/registers/datasets/", "/registers/notices/", "/registers/agreements/"]
    rows: list[models.Model] = [
        Agreement.objects.earliest("pk"),
        Dataset.objects.earliest("pk"),
        NoticeVersion.objects.earliest("pk"),
    ]
    pages += [page_of(row) for row in rows]
    for path in pages:
        assert "Your role may not change the registers" in text(client.get(path)), path
    before = Entry.objects.filter(event="ACCESS_REFUSED").count()
    for path in ("agreements/add/", "datasets/add/", "notices/add/"):
        assert client.get(f"/registers/{path}").status_code == 403
    assert Entry.objects.filter(event="ACCESS_REFUSED").count() == before + 3
