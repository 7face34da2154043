"""Before a submission is put forward: whom to tell again, by when, and what stands in place of the button."""

from datetime import date
from typing import Any

from cohorts import objections, to_tell
from connecting_families.audit.models import Entry
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import PEOPLE, Walk
from transfers import submission


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def left_out(walk: Walk) -> None:
    """P21 was told too late, P22 and P23, who died, never; P24 was told in time, and later asked for a consent."""
    walk.load({
        "families": [{"family_ref": family, "team": "South", "flagged_on": "2026-01-05"} for family in ("F6", "F7")],
        "people": [{"person_ref": ref, "given_name": "Mehitabel", "family_name": "Crake", "sex": "2",
                    "date_of_birth": "2015-06-07"} | more
                   for ref, more in (("P21", {}), ("P22", {}), ("P23", {"date_of_death": "2026-08-01"}), ("P24", {}))],
        "memberships": [{"family_ref": family, "person_ref": ref, "joined_on": "2025-01-01", "relationship": "child",
                         "lives_in_household": "true"}
                        for family, ref in (("F6", "P21"), ("F6", "P22"), ("F6", "P23"), ("F7", "P24"))],
        "notices": [{"notice_ref": "NP21", "version": "PN1", "person_ref": "P21", "issued_on": "2026-09-20",
                     "channel": "letter"},
                    {"notice_ref": "NP24", "version": "PN1", "person_ref": "P24", "issued_on": "2026-07-01",
                     "channel": "letter"},
                    {"notice_ref": "NP24C", "version": "PN2", "person_ref": "P24", "issued_on": "2026-08-01",
                     "channel": "letter"}],
    })  # fmt: skip


def test_the_list_says_whom_to_tell_and_by_which_cut_off_each_and_all_could_be_sent(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("assemble")
    left_out(walk)
    walk.assemble(walk.cohort.round)
    found = to_tell.coverage(walk.cohort)
    assert (found.considered, found.not_told, found.no_consent, found.told) == (13, 3, 1, 10)
    # It is 2 November: a notice of today counts from 30 November on; that of 20 September from 18 October on.
    today, people = date(2026, 11, 30), to_tell.People(walk.cohort, None, walk.now())
    late, never, asked = list(people)
    assert [it.person_ref for it in people] == ["P21", "P22", "P24"]
    assert (late.told_on, late.earliest, late.if_told_today) == (date(2026, 9, 20), date(2026, 10, 18), False)
    assert (never.told_on, never.earliest, never.if_told_today) == (None, today, True)
    assert (asked.in_time, asked.no_consent, asked.earliest) == (True, True, date(2026, 7, 29))
    assert people.all_from() == people.if_told_today == today
    assert people.by_team() == [("South", 3)]

    client, where = signed_in("prepare"), f"/cohorts/{walk.cohort.pk}/to-tell"
    page = text(client.get(f"{where}/"))
    for words in ("18 October 2026", "30 November 2026, if they are told today", "Ask for their consent"):
        assert words in page
    assert not [given for given in ("Mehitabel", "P23") if given in page]
    answer: Any = client.get(f"{where}.csv?team=South")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[1] == "South,F6,P21,2026-09-20,Told too late for this round,2026-10-18"
    assert len(lines) == 4
    # Who objects since is told nothing: they are off the file, and the page says so.
    at, by = walk.now(), walk.who("worker")
    objections.receive(person=walk.person("P22"), received_at=at, channel="phone", by=by, at=at)
    assert "Tell them nothing" in text(client.get(f"{where}/?team=South"))
    answer = client.get(f"{where}.csv")
    assert b"P22" not in b"".join(answer.streaming_content)
    # Nobody else is left to tell: the latest day that counts is that of who was told too late.
    assert to_tell.People(walk.cohort, "South", walk.now()).all_from() == date(2026, 10, 18)
    assert list(to_tell.People(walk.cohort, "North", walk.now())) == []
    events = Entry.objects.filter(reference=str(walk.cohort))
    assert events.filter(event="NOTICE_COVERAGE_VIEWED").count() == 2
    assert events.filter(event="TO_TELL_EXPORTED").count() == 2
    assert signed_in("worker").get(f"{where}/").status_code == 403


def test_in_place_of_the_button_stand_the_reasons_each_leading_to_where_it_is_mended(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("draft")
    at, by = walk.now(), walk.who("worker")
    lost = objections.receive(received_at=at, channel="phone", made_by="self", by=by, at=at)
    client, where = signed_in("assist"), f"/submissions/{walk.submission.name}/"
    page, cohort = text(client.get(where)), f"/cohorts/{walk.cohort.pk}"
    assert "9 of 9 people considered (100.0%)" in page
    assert "You cannot put this forward yet, because:" in page
    assert "Put forward for approval" not in page
    for reason, leads in (
        ("Explain these open queries", f"{where}explain/"),
        ("Open these pages of the cohort first", f"{cohort}/difference/"),
        ("Open these pages of the cohort first", f"{cohort}/matchability/"),
        ("Information governance must find who objects", None),
    ):
        after = page.partition(reason)[2].partition("</li>")[0]
        assert reason in page
        assert (f'href="{leads}"' in after) if leads else ("href" not in after)
    # What the page says is what the act is refused for.
    said = [why.code for why in submission.reasons_against(walk.submission, walk.who("assist"), walk.now())]
    assert said == ["UNMATCHED_OBJECTION", "QUERIES_NOT_EXPLAINED", "NOT_LOOKED_AT"]
    assert client.post(f"{where}put-forward/").status_code == 409
    refused = Entry.objects.filter(event="PUT_FORWARD_REFUSED").latest("pk")
    assert refused.additional_data["reasons"] == said
    client.get(f"{cohort}/difference/")
    assert f'{cohort}/difference/"> The' not in text(client.get(where)).partition("Open these pages")[2]
    # For who may not do it at all, that is the reason.
    assert "Your role may not draft a submission" in text(signed_in("approve").get(where))
    assert lost.person_id is None
    client.get(f"{cohort}/matchability/")
    walk.do("explain")
    objections.lift(objection=lost, lifted_at=walk.now(), asked_by="self", channel="phone", by=by, at=walk.now())
    assert "Put forward for approval" in text(client.get(where))
    assert not [given for _, given, *_ in PEOPLE if given in page]


def test_an_agreement_that_names_some_core_fields_names_them_all(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    agreement = {
        "parties": "Council;ONS", "purpose": "research", "in_force_from": "2026-01-01", "in_force_to": "2027-01-01",
        "datasets": "PNC;NPD", "recipients": "ONS", "legal_reference": "Art 6(1)(e)",
    }  # fmt: skip
    walk.load({"agreements": [agreement | {"reference": "DSA-SOME", "fields": "given_name;family_name;upn"}]})
    for code, reference, lacks in (("SOME", "DSA-SOME", True), ("MORE", "DSA-MORE", False)):
        walk.assemble(walk.open_round(code, reference))
        walk.through("draft", "explain")
        said = submission.reasons_against(walk.submission, walk.who("prepare"), walk.now())
        assert [why.code for why in said] == ["AGREEMENT_LACKS_FIELD"] * lacks
