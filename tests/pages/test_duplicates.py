"""Two records side by side: what is shown of them, to whom, and what a decision says."""

import re
from html import unescape
from unittest.mock import Mock

import pytest

from cohorts import people, tasks
from cohorts.models import Merge, Pair
from connecting_families.audit.models import Entry
from tests.pages.answers import text
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import merge, person_of, together
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, Walk


def marked(walk: Walk, reference: str, kind: str) -> None:
    at = walk.now()
    people.protect(person=person_of(reference), kind=kind, from_on=at.date(), by=walk.who("worker"), at=at)


def test_differences_are_said_in_words_and_both_persons_were_looked_at(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    walk.change("people", "person_ref", "P3", family_name="THISTLEWICK", nhs_number="")
    at_the_walks_time(walk)
    pair = together(walk, "P3", "P5")
    said = text(signed_in("prepare").get(f"/duplicates/{pair.pk}/"))
    assert "Given name Ignatius Ottoline Different" in said
    assert "Family name THISTLEWICK Thistlewick The same but for spaces and capitals" in said
    assert "National Insurance number Empty QQ654321A Only one says it" in said
    assert "NHS number Empty Empty Neither says it" in said
    assert f"{LINE}, Osierham, PE1 1AB The same" in said
    assert "F2, Lead, from 1 January 2025 F3, Lead, from 1 January 2025" in said
    assert "Consents 1 given, and not withdrawn 0 given, and not withdrawn" in said
    assert "Brought together by a colleague" in said
    looked = Entry.objects.filter(event="DUPLICATE_OPENED", who="prepare").values_list("reference", flat=True)
    assert sorted(looked) == ["P3", "P5"]
    approver = text(signed_in("approve").get(f"/duplicates/{pair.pk}/"))
    assert "Your role may not decide about duplicates" in approver
    assert "Record the decision" not in approver
    for address in ("/duplicates/", f"/duplicates/{pair.pk}/", "/duplicates/merged/"):
        assert signed_in("worker").get(address).status_code == 403
    assert signed_in("govern").get("/duplicates/bring-together/").status_code == 403


def test_a_search_is_asked_for_once_and_its_outcome_is_said(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    handed_over = Mock()
    monkeypatch.setattr(tasks.search_if_asked, "delay", handed_over)
    client = signed_in("prepare")
    assert "Nobody searched yet." in text(client.get("/duplicates/"))
    tasks.search_if_asked()
    assert not Entry.objects.filter(event="DUPLICATES_SEARCHED").exists()
    for _ in range(2):
        assert client.post("/duplicates/search/").status_code == 302
    assert Entry.objects.filter(event="DUPLICATE_SEARCH_ASKED", who="prepare").count() == 1
    handed_over.assert_called_with()
    said = text(client.get("/duplicates/"))
    assert "A search was asked for." in said
    assert "Search now" not in said
    tasks.search_if_asked()
    tasks.search_if_asked()
    assert Entry.objects.filter(event="DUPLICATES_SEARCHED").count() == 1
    said = text(client.get("/duplicates/"))
    assert "among 8 people: 0 new pairs." in said
    assert "Search now" in said
    for who in ("worker", "approve", "govern"):
        assert signed_in(who).post("/duplicates/search/").status_code == 403


def test_no_address_is_shown_where_either_is_protected_and_nothing_where_their_identity_is(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    pair, client = together(walk, "P3", "P5"), signed_in("prepare")
    marked(walk, "P5", "refuge")
    said = text(client.get(f"/duplicates/{pair.pk}/"))
    assert "Ottoline" in said
    assert "Not shown: an address of one of the two is protected" in said
    for word in (LINE, "Osierham", "PE1 1AB"):
        assert word not in said
    marked(walk, "P3", "adoption")
    before = Entry.objects.filter(event="DUPLICATE_OPENED").count()
    said = text(client.get(f"/duplicates/{pair.pk}/"))
    for word in ("P3", "P5", "Ottoline", "Ignatius", "brought together"):
        assert word not in said
    assert "is protected: these records are not compared here" in said
    assert Entry.objects.filter(event="DUPLICATE_OPENED").count() == before
    for of_whom in ("", "?person=P3", "?person=P5"):
        listed = client.get(f"/duplicates/{of_whom}")
        (row,) = re.findall(r"<tbody.*</tbody>", listed.content.decode(), re.DOTALL)
        assert "Not shown: who one of the two is, is protected" in row
        assert not re.search(r"\d", re.sub("<[^>]*>", "", row))
        assert "href" not in row


def test_a_decision_is_asked_for_whole_and_once_and_its_undoing_says_what_it_does(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    client = signed_in("prepare")
    assert "Nobody on file has this reference" in text(
        client.post("/duplicates/bring-together/", {"first": "P3", "second": "P0"})
    )
    answer = client.post("/duplicates/bring-together/", {"first": " P5 ", "second": "P3"}, follow=True)
    (pair,) = Pair.objects.all()
    here = f"/duplicates/{pair.pk}/"
    assert answer.redirect_chain[-1][0] == here
    (seen,) = re.findall(r'name="seen" value="(\w+)"', answer.content.decode())
    asked = {"outcome": "SAME", "keep": "P5", "reason": "Their school says so.", "seen": seen}
    assert "Choose which of the two records is kept" in text(client.post(here, asked | {"keep": ""}))
    stale = client.post(here, asked | {"seen": "0" * 64})
    assert "was changed while you had them open" in text(stale)
    assert "Their school says so." in text(stale)
    assert "1 pair of records" in text(client.get("/"))
    for _ in range(2):
        assert "count as one person from now on" in text(client.post(here, asked, follow=True))
    (row,) = Merge.objects.all()
    assert "Both count as one person already: P5" in text(client.get(here))
    assert "No pair of records is here" in text(client.get("/duplicates/"))
    undo = f"/duplicates/merged/{row.pk}/undo/"
    assert "is left with both" in text(client.get(undo))
    assert "Write why the two are not one person" in text(client.post(undo, {"reason": " "}))
    assert "P3 stands alone again" in text(client.post(undo, {"reason": "Cousins."}, follow=True))
    assert "Undone by prepare" in text(client.get(here))
    assert client.get(undo).status_code == 302
    for rubbish in ("?page=-1", "?state=NONE&page=x", "?person=%25'", "?person=P5"):
        assert client.get(f"/duplicates/{rubbish}").status_code == 200
    assert "P3 and P5" in text(client.get("/duplicates/?person=P5"))


def test_a_merged_record_leads_to_the_one_that_it_counts_as(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    merge(walk, together(walk, "P1", "P2"), keep=person_of("P1"))
    at_the_walks_time(walk)
    answer = signed_in("worker").get("/families/F1/people/P2/", follow=True)
    assert answer.redirect_chain[-1][0] == "/families/F1/people/P1/"
    assert "The record P2 was merged into P1" in unescape(answer.content.decode())
    assert "Also recorded as P2, merged" in text(answer)


def test_findings_of_two_records_lead_to_their_pairs(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("assemble")
    walk.change("people", "person_ref", "P3", nhs_number="943 476 5919")
    together(walk, "P1", "P3")
    walk.assemble(walk.cohort.round)
    at_the_walks_time(walk)
    body = signed_in("prepare").get(f"/cohorts/{walk.cohort.pk}/findings/").content.decode()
    assert body.count('href="/duplicates/?person=P1"') == body.count('href="/duplicates/?person=P3"') == 2
