"""The pages of the trail: paged without counting, and what was typed stands in no address, no entry and no session."""

import csv
import io
import re
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import transaction
from django.test import Client

from cohorts.search import Asked, search
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.governance import sifting, tasks, verification
from connecting_families.governance.models import Verification
from connecting_families.governance.progress import Progress, say_progress
from tests.pages.answers import text
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

WHY = "They asked who opened their record."


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A council in which one cohort was assembled; nothing reaches a queue."""
    monkeypatch.setattr(tasks.verify_the_trail, "delay", Mock())
    walked = walk_to("assemble")
    at_the_walks_time(walked)
    return walked


def entry(walk: Walk, number: int, *, reason: str = "", **at: Any) -> None:
    with trail.act():
        trail.record(Event.SIGNED_IN, who=duty("many"), record="test", reference=f"N{number}", reason=reason,
                     **{"at": walk.now()} | at)  # fmt: skip


def numbers(page: str) -> list[int]:
    """The entries that a page lists, in order."""
    return [int(number) for number in re.findall(r'scope="row"[^>]*><a class="govuk-link" href="/trail/(\d+)/"', page)]


def way(page: str, rel: str) -> str:
    """Where the pages beside this one are."""
    found = re.search(rf'href="([^"]*)"\s+rel="{rel}"', page)
    return f"/trail/{found.group(1).replace('&amp;', '&')}" if found else ""


def test_pages_hold_every_entry_once_and_lead_back(walk: Walk, signed_in: SignedIn) -> None:
    client, same = signed_in("govern"), walk.now()
    for number in range(120):
        # Of one moment, as a file that is loaded makes them: the number decides.
        entry(walk, number, at=same)
    expected = list(Entry.objects.filter(who="system:many").order_by("-id").values_list("id", flat=True))
    page = client.get("/trail/?who=system:many").content.decode()
    pages, there = [numbers(page)], [page]
    while older := way(page, "next"):
        page = client.get(older).content.decode()
        pages.append(numbers(page))
        there.append(page)
    assert [number for each in pages for number in each] == expected
    assert [len(each) for each in pages] == [50, 50, 20]
    assert numbers(client.get(way(there[2], "prev")).content.decode()) == pages[1]
    back = client.get(way(there[1], "prev")).content.decode()
    assert (numbers(back), way(back, "prev")) == (pages[0], "")
    for rubbish in ("older=x", "older=99999999999999999999", "newer=-1", f"older={2**62}"):
        assert numbers(client.get(f"/trail/?who=system:many&{rubbish}").content.decode()) == pages[0]


def test_what_is_typed_into_the_filter_stands_in_no_address(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("govern")
    entry(walk, 1, reason="The court ordered this.")
    entry(walk, 2, reason="A mistake.")
    posted = client.post("/trail/", {"words": "courts Zebulonia", "who": "system:many"})
    assert re.fullmatch(r"/trail/\?who=system%3Amany&words=[0-9a-f]{16}", posted["Location"])
    assert "No entry is like that." in text(client.get(posted["Location"]))
    assert "Zebulonia" not in str(Entry.objects.latest("pk").additional_data)
    found = client.post("/trail/", {"words": "courts"})["Location"]
    assert "1 found" in text(client.get(found))
    assert "no longer kept" in text(signed_in("govern").get(found))
    for field in ("who", "reference"):
        refused = client.post("/trail/", {field: "Zebulonia Quillfeather"})
        assert refused.status_code == 200
        assert "Check it." in text(refused)
        assert numbers(refused.content.decode()) == []
        # By hand, too, it is not recorded.
        assert "Check it." in text(client.get("/trail/", {field: "Quillfeather"}))
        assert Entry.objects.latest("pk").additional_data == {"filters": {}}


def test_what_was_found_is_downloaded_as_it_was_then(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("govern")
    entry(walk, 1, reason="=1+1")
    path = "/trail/entries.csv?who=system:many"
    asked = client.get(path)
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert client.post(asked["Location"], {"password": PASSWORD})["Location"] == path
    answer: Any = client.get(path)
    entry(walk, 2)
    body = b"".join(answer.streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(body))
    assert (row["Event"], row["Who"], row["Reference"], row["Reason"]) == ("SIGNED_IN", "system:many", "N1", "'=1+1")
    recorded = Entry.objects.get(event="ENTRIES_EXPORTED")
    assert (recorded.who, recorded.additional_data) == ("govern", {"filters": {"who": "system:many"}})


def test_an_entry_leads_to_what_it_is_about_where_its_reader_may_open_that(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("govern")
    client.get(f"/cohorts/{walk.cohort.pk}/")
    signed_in("worker").get("/families/F1/")
    for event, linked in (("COHORT_VIEWED", True), ("COHORT_ASSEMBLED", True), ("WISHES_VIEWED", False)):
        row = Entry.objects.filter(event=event).latest("pk")
        page = client.get(f"/trail/{row.pk}/").content.decode()
        assert (f'href="/cohorts/{walk.cohort.pk}/"' in page) == linked
        assert "/families/" not in page


def looked_up(client: Client, what: str, **asked: str) -> Any:
    posted = client.post(f"/trail/{what}/", asked | {"reason": WHY})
    assert posted.status_code == 302, text(posted)
    return posted


def test_who_looked_at_a_person_is_found_by_all_ways_to_them(walk: Walk, signed_in: SignedIn) -> None:
    walk.load({"people": [{"person_ref": "P99", "given_name": "Zebulonia", "merged_into": "P1"}]})
    who, worker, preparer = walk.who("worker"), signed_in("worker"), signed_in("prepare")
    search(asked=Asked("Zebulonia Quillfeather"), by=who, at=walk.now())
    worker.get("/families/F1/")
    worker.get("/families/F2/")
    preparer.get(f"/cohorts/{walk.cohort.pk}/decision/?family=F1&person=P1")
    preparer.get(f"/cohorts/{walk.cohort.pk}/findings.csv")
    with trail.act():
        trail.record(Event.PROTECTED_ADDRESS_OPENED, who=who, at=walk.now(), record="cohorts.person", reference="P99")
    client = signed_in("govern")
    refused = client.post("/trail/person/", {"reference": "P1", "reason": " "})
    assert "Say why you look this up" in text(refused)
    assert Entry.objects.filter(event="LOOKS_AT_PERSON_VIEWED").count() == 0
    where = looked_up(client, "person", reference="P1")["Location"]
    said = text(client.get(where))
    for how in (
        "Families were searched Among what a search showed", "A page of a family was opened Family F1",
        "A decision was opened Their own record", "The findings of a cohort were downloaded Cohort 1, everybody",
        "A protected address was opened, with a reason Their own record, as P99",
    ):  # fmt: skip
        assert how in said
    assert "Family F2" not in said
    recorded = Entry.objects.get(event="LOOKS_AT_PERSON_VIEWED")
    assert (recorded.who, recorded.reference, recorded.reason) == ("govern", "P1", WHY)
    # Whoever looks next sees that it was looked up, and why.
    assert f"Who looked at a person was looked up Their own record {WHY}" in text(client.get(where))
    assert signed_in("govern").get(where)["Location"] == "/trail/person/"
    assert "Nobody on file has this reference" in text(
        client.post("/trail/person/?reference=Nobody", {"reason": WHY})
    )  # fmt: skip
    for path in ("/trail/person/", "/trail/name/", "/trail/entries.csv", "/trail/verification/", where):
        assert worker.get(path).status_code == 403
    assert worker.post("/trail/verification/verify/").status_code == 403
    assert Verification.objects.count() == 0


def test_who_searched_for_a_name_is_found_by_what_nobody_can_read(walk: Walk, signed_in: SignedIn) -> None:
    search(asked=Asked("O'Fernsby, Rafal Angstrom 2015"), by=walk.who("worker"), at=walk.now())
    search(asked=Asked("Marrowbone"), by=walk.who("prepare"), at=walk.now())
    client = signed_in("govern")
    where = looked_up(client, "name", name="RAFAŁ O'FERNSBY")["Location"]
    assert "ernsby" not in str(list(client.session.items()))
    said = text(client.get(where))
    assert "worker (Early Help worker) Families were searched 1 P7" in said
    assert "Marrowbone" not in said
    assert "prepare" not in said
    recorded = Entry.objects.get(event="SEARCHES_FOR_NAME_VIEWED")
    assert recorded.reason == WHY
    assert "ernsby" not in str(recorded.__dict__)
    assert "Who searched for a name was looked up" in text(client.get(where))
    assert "Enter a name, with letters in it" in text(
        client.post("/trail/name/", {"name": "\N{COMBINING ACUTE ACCENT}", "reason": WHY})
    )


def test_verifying_is_asked_for_once_and_says_what_came_of_it(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("govern")
    assert "Nobody asked for it on this page yet." in text(client.get("/trail/verification/"))
    for _ in range(2):
        assert client.post("/trail/verification/verify/")["Location"] == "/trail/verification/"
    row = Verification.objects.get()
    assert row.asked_by == "govern"
    page = client.get("/trail/verification/")
    assert 'data-poll-url="/trail/verification/"' in page.content.decode()
    assert "It waits for a worker." in text(page)
    opened = Entry.objects.filter(event="TRAIL_VIEWED").count()
    with transaction.atomic():
        verification._say(row, 30_000, 90_000)
        part = client.get("/trail/verification/", headers={"X-Poll": "1"}).content.decode()
        assert "A worker has read 30,000 of 90,000 sealed entries." in part
        assert verification.progress(row) == Progress(30_000, 90_000)
    assert verification.progress(row) is None
    # Nothing was sealed yet: that is found, too.
    tasks.verify_the_trail(row.pk)
    tasks.verify_the_trail(row.pk)
    assert client.get("/trail/verification/", headers={"X-Poll": "1"}).status_code == 204
    assert Entry.objects.filter(event="TRAIL_VIEWED").count() == opened
    assert Entry.objects.filter(event="TRAIL_BROKEN", who="system:verify").count() == 1
    said = text(client.get("/trail/verification/"))
    assert "What came of it Not whole" in said
    assert "No entry was ever sealed" in said
    assert "NEVER_SEALED" in said


def test_going_through_the_trail_is_handed_to_a_worker_and_asked_for_once(
    walk: Walk, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = Mock()
    monkeypatch.setattr(tasks.sift_what_was_asked, "delay", queued)
    client = signed_in("govern")
    for _ in range(2):
        assert client.post("/trail/looks/sift/")["Location"] == "/trail/looks/"
    assert queued.call_count == 2
    assert Entry.objects.filter(event="LOOKS_SIFTING_REQUESTED", who="govern").count() == 1
    page = client.get("/trail/looks/")
    assert 'data-poll-url="/trail/looks/"' in page.content.decode()
    assert "It waits for a worker." in text(page)
    assert "Go through the trail now" not in text(page)
    opened = Entry.objects.filter(event="LOOKS_TO_CHECK_VIEWED").count()
    with transaction.atomic():
        say_progress(sifting.NAME, 1, 3)
        part = client.get("/trail/looks/", headers={"X-Poll": "1"}).content.decode()
        assert "A worker is at question 2 of 3." in part
    # As whoever asked for it, once; a lost message would have been found by the look for what is due.
    tasks.sift_what_was_asked()
    tasks.sift_what_was_asked()
    assert list(Entry.objects.filter(event="LOOKS_SIFTED").values_list("who", flat=True)) == ["govern"]
    assert client.get("/trail/looks/", headers={"X-Poll": "1"}).status_code == 204
    assert Entry.objects.filter(event="LOOKS_TO_CHECK_VIEWED").count() == opened
    assert "Go through the trail now" in text(client.get("/trail/looks/"))
