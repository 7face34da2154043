"""Explaining open queries of single people, beside an explanation for the whole code."""

from typing import Any

from connecting_families.audit.models import Entry
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import PEOPLE
from transfers.models import Explanation


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_one_persons_finding_is_explained_by_reference(
    walk_to: WalkTo, signed_in: SignedIn, at_the_walks_time: Clock
) -> None:
    walk = walk_to("draft")
    at_the_walks_time(walk)
    client, where = signed_in("assist"), f"/submissions/{walk.submission.name}/explain/"
    assert f"{where}DQ212/" in text(client.get(where))
    listed = text(client.get(f"{where}DQ212/"))
    assert "family=F2&amp;person=P4" in listed
    assert [given for _, given, *_ in PEOPLE if given in listed] == []
    one = f"{where}DQ212/one/?family=F2&person=P4"
    assert "Error:" in text(client.post(one, {"text": "so"}))
    assert client.post(one, {"text": "Did not want to say."})["Location"] == f"{where}DQ212/"
    assert "Did not want to say." in text(client.get(f"{where}DQ212/"))
    assert client.post(one, {"text": "Did not want to say, twice."}).status_code == 302
    (kept,) = Explanation.objects.all()
    assert (kept.code, kept.family_ref, kept.person_ref) == ("DQ212", "F2", "P4")
    assert kept.text == "Did not want to say, twice."
    # What is left is still to be explained, and the whole code's own sentence is empty.
    assert "DQ212 (1)" not in text(client.get(f"/submissions/{walk.submission.name}/"))
    for wrong in ("DQ212/one/?family=F1&person=P4", "DQ212/one/", "DQ208/", "DQ101/", "DQ101/one/?family=F2&person=P4"):
        assert client.get(where + wrong).status_code == 404
    assert signed_in("approve").get(one).status_code == 403
    assert Entry.objects.filter(event="FINDING_EXPLAINED", who="assist").count() == 2
    # Once it is put forward nothing of it changes.
    walk.through("explain", "put forward")
    assert "Error:" in text(client.post(one, {"text": "Did not want to say, ever."}))
    assert Explanation.objects.get(family_ref="F2").text == "Did not want to say, twice."
