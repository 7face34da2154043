"""The pages on a family's problems, on work with it and on its flag."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cohorts import frameworks
from cohorts.models import Engagement, Evidence, Family, FlagReview
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Clock, SignedIn
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

F9 = "/families/F9/"
EMPTY = {"csrfmiddlewaretoken": "not asked for here"}
PAGES = ("problems/", "problems/record/", "engagement/", "engagement/begin/", "flag/", "flag/lift/")
RECORD, PROBLEMS, FLAG = f"{F9}problems/record/", f"{F9}problems/", f"{F9}flag/"


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock, signed_in: SignedIn) -> Walk:
    """With a family that is not flagged: a lead, a child, and no problem; and two managers."""
    walk = walk_to("assemble")
    for name in ("manage", "other"):
        accounts.add(username=name, role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    accounts.add(
        username="second", role="early_help_worker", password=PASSWORD, team="North", by=duty("test"), at=walk.now()
    )
    walk.load({
        "families": [{"family_ref": "F9", "team": "North"}],
        "people": [{"person_ref": "P91", "given_name": "Ottilie", "family_name": "Wren", "date_of_birth": "1990-01-01",
                    "sex": "2"},
                   {"person_ref": "P92", "given_name": "Basil", "family_name": "Wren", "date_of_birth": "2016-01-01",
                    "sex": "1"}],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2025-01-01", "relationship": role,
                         "lives_in_household": "true"} for ref, role in (("P91", "lead"), ("P92", "child"))],
        "notices": [{"notice_ref": "N9", "version": "PN1", "family_ref": "F9", "issued_on": "2026-07-01",
                     "channel": "letter"}],
    })  # fmt: skip
    at_the_walks_time(walk)
    return walk


def said(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def date_of(name: str, day: str = "1", month: str = "9", year: str = "2026") -> dict[str, str]:
    """What stands in the boxes of a date."""
    return {f"{name}_day": day, f"{name}_month": month, f"{name}_year": year}


def saw(indicator: str, person: str = "family", source: str = "school", **on: str) -> dict[str, Any]:
    """What is sent of one thing that was observed."""
    return {
        f"{indicator}_person": person, f"{indicator}_source": source,
        **date_of(f"{indicator}_observed_on", **on), indicator.partition(".")[0]: [indicator],
    }  # fmt: skip


def record(client: Client, *things: dict[str, Any]) -> Any:
    """Tick, check the answers, confirm; the last answer."""
    given = {name: value for thing in things for name, value in thing.items()}
    check = client.post(RECORD, given)
    assert "Check the answers" in said(check), said(check)
    return client.post(RECORD, given | {"drawn": check.context["drawn"], "confirmed": "1"}, follow=True)


def hidden(answer: Any) -> dict[str, str]:
    """What travels with a form unseen."""
    inputs = re.findall(r'<input type="hidden" name="([\w.]+)"(?: value="([^"]*)")?', answer.content.decode())
    return {name: value for name, value in inputs if name != "csrfmiddlewaretoken"}


def send(client: Client, path: str, **given: Any) -> Any:
    """Open a form, fill it in and send it; what travelled with it goes along."""
    opened = client.get(path)
    assert opened.status_code == 200
    return client.post(path, hidden(opened) | given, follow=True)


def eligible(client: Client) -> None:
    record(client, saw("TF2.1", "P92"), saw("TF5.1"))


# Problems -------------------------------------------------------------------------------------------------------


def test_what_is_recorded_is_shown_and_counted_and_an_error_takes_it_down(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    page = said(client.get(PROBLEMS))
    assert "0 of 6 headline problems evidenced" in page
    assert "2 more headline problems need to be evidenced." in page
    page = said(record(client, saw("TF2.1", "P92"), saw("TF5.1", source="police")))
    assert "2 of 6 headline problems evidenced" in page
    assert "Nothing is missing for this family to be eligible." in page
    assert "Basil Wren" in page
    assert "Police, probation or youth justice" in page
    row = Evidence.objects.get(family__reference="F9", indicator="TF5.1")
    path = f"{PROBLEMS}{row.pk}/in-error/"
    assert path in page
    assert "Write what was wrong with it" in said(client.post(path, {"reason": " "}))
    for _ in range(2):
        page = said(client.post(path, {"reason": "It was next door."}, follow=True))
        assert "1 of 6 headline problems evidenced" in page
        assert "Recorded in error" in page
    assert path not in page
    assert Entry.objects.filter(event="EVIDENCE_IN_ERROR").count() == 1


def test_each_mistake_is_told_at_its_field_in_the_words_of_what_was_observed(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    before = Evidence.objects.count()
    assert "Tick at least one thing that was observed" in said(client.post(RECORD, EMPTY))
    words = frameworks.load("TF").indicators["TF5.1"].text
    good = saw("TF5.1", "P91")
    for wrong, told, at in (
        ({"TF5": ["TF5.1"]}, "enter the day when it was observed", "TF5.1_observed_on_day"),
        ({"TF5": ["TF5.1"]}, "choose of whom it was observed", "TF5.1_person"),
        ({"TF5": ["TF5.1"]}, "choose how it is known", "TF5.1_source"),
        (good | {"TF5.1_observed_on_month": ""}, "the date must include a month", "TF5.1_observed_on_month"),
        (good | {"TF5.1_observed_on_day": "31"}, "enter a real date, for example 27 3 2026", "TF5.1_observed_on_day"),
        (good | {"TF5.1_person": "P1"}, "choose one of those on the page", "TF5.1_person"),
        (good | {"TF5.1_source": "a friend"}, "choose one of those on the page", "TF5.1_source"),
    ):
        answer = said(client.post(RECORD, wrong))
        assert f'<a href="#id_{at}">{words}: {told}</a>' in answer, (told, answer)
        assert "<title>Error: " in answer
    later = said(client.post(RECORD, good | {"TF5.1_observed_on_year": "2027"}))
    assert "cannot have been observed later than today" in later
    assert 'value="TF5.1" id="id_TF5_0" class="govuk-checkboxes__input" checked' in later
    assert Evidence.objects.count() == before
    # Mended, it is taken; what is filled in below what is not ticked does not matter.
    record(client, good, {"TF6.1_observed_on_day": "99", "TF6.1_person": "P1"})
    assert Evidence.objects.filter(family__reference="F9").count() == 1


def test_answers_can_be_changed_before_they_are_recorded(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    check = client.post(RECORD, saw("TF5.1", "P91"))
    assert "1 September 2026, of Ottilie Wren. School, college or nursery." in said(check)
    assert not Evidence.objects.filter(family__reference="F9").exists()
    back = said(client.post(RECORD, hidden(check) | {"change": "1"}))
    assert "Check the answers" not in back
    assert "<title>Error" not in back
    assert 'value="P91" selected' in back


def test_pressing_twice_or_going_back_records_once(walk: Walk, signed_in: SignedIn) -> None:
    client, given = signed_in("worker"), saw("TF2.1", "P92") | saw("TF5.1")
    check = client.post(RECORD, given)
    given = given | {"drawn": check.context["drawn"], "confirmed": "1"}
    for _ in range(3):
        assert client.post(RECORD, given).headers["Location"] == PROBLEMS
    assert Evidence.objects.filter(family__reference="F9").count() == 2
    other = signed_in("second")
    assert "All of this was recorded before." in said(record(other, saw("TF2.1", "P92"), saw("TF5.1")))
    assert Evidence.objects.filter(family__reference="F9").count() == 2
    assert "Some of it was recorded before" in said(record(other, saw("TF2.1", "P92"), saw("TF6.1", "P91")))
    assert Entry.objects.filter(event="PROBLEMS_RECORDED").count() == 2


def test_a_forged_reference_is_not_taken(walk: Walk, signed_in: SignedIn) -> None:
    signed_in("worker").post(RECORD, saw("TF5.1") | {"drawn": "EF11:forged", "confirmed": "1"})
    assert Evidence.objects.latest("pk").reference != "EF11"


def test_evidence_of_another_family_is_not_marked_from_here(walk: Walk, signed_in: SignedIn) -> None:
    row = Evidence.objects.get(reference="EF11")
    assert signed_in("worker").post(f"{PROBLEMS}{row.pk}/in-error/", {"reason": "So."}).status_code == 404


def test_evidence_of_another_framework_is_told_of(walk: Walk, signed_in: SignedIn) -> None:
    walk.load({"evidence": [{"evidence_ref": "ESF", "family_ref": "F9", "indicator": "SF01.1",
                             "observed_on": "2026-08-03"}]})  # fmt: skip
    page = said(signed_in("worker").get(PROBLEMS))
    assert "1 more was recorded by another framework, and does not count in this one." in page


# Work -----------------------------------------------------------------------------------------------------------


def test_work_begins_and_ends_once(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), f"{F9}engagement/begin/"
    empty = said(client.post(path, EMPTY))
    assert "Choose what the work is" in empty
    assert "Enter the day when the work began" in empty
    given = {"intervention": "parenting"} | date_of("started_on")
    later = said(client.post(path, given | {"started_on_year": "2027"}))
    assert '<a href="#id_started_on_day">Work cannot have begun later than today' in later
    for _ in range(2):
        page = said(client.post(path, given, follow=True))
    assert "Goes on" in page
    row = Engagement.objects.get(family__reference="F9")
    path = f"{F9}engagement/{row.pk}/end/"
    assert path in page
    early = said(client.post(path, date_of("last_day", month="8")))
    assert "The last day is the first day, 1 September 2026, or a day after it" in early
    for _ in range(2):
        page = said(client.post(path, date_of("last_day", day="30"), follow=True))
    assert "30 September 2026" in page
    assert "Ended" in page
    assert path not in page
    told = said(signed_in("second").post(path, date_of("last_day", day="29")))
    assert "The last day of this work was recorded already: 30 September 2026." in told


def test_work_that_began_before_the_flag_is_pointed_out(walk: Walk, signed_in: SignedIn) -> None:
    walk.load({"engagements": [{"family_ref": "F1", "started_on": "2026-01-01", "intervention": "Sure Start"}]})
    page = said(signed_in("worker").get("/families/F1/engagement/"))
    assert "Began before the flag" in page
    assert "Sure Start" in page


# Flags ----------------------------------------------------------------------------------------------------------

TODAY = date_of("flagged_on", "2", "11")


def test_reasons_stand_in_place_of_the_button_until_nothing_is_missing(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    page = said(client.get(FLAG))
    assert "You cannot flag this family yet, because:" in page
    assert f"{FLAG}set/" not in page
    refused = said(send(client, f"{FLAG}set/", **TODAY))
    assert "2 more headline problems need to be evidenced." in refused
    assert "<title>Error: " in refused
    eligible(client)
    assert f'href="{FLAG}set/"' in said(client.get(FLAG))
    page = said(send(client, f"{FLAG}set/", **TODAY))
    assert "Flagged since 2 November 2026" in page
    assert "Waits for a manager" in page
    assert client.get(f"{FLAG}set/").headers["Location"] == FLAG


def test_pressing_twice_flags_once_and_a_second_worker_is_told(walk: Walk, signed_in: SignedIn) -> None:
    client, second = signed_in("worker"), signed_in("second")
    eligible(client)
    forms = [hidden(each.get(f"{FLAG}set/")) for each in (client, second)]
    for _ in range(2):
        assert client.post(f"{FLAG}set/", forms[0] | TODAY).headers["Location"] == FLAG
    told = said(second.post(f"{FLAG}set/", forms[1] | TODAY))
    assert "The family is flagged already, from 2 November 2026, by worker." in told
    assert FlagReview.objects.count() == 1
    assert Family.objects.get(reference="F9").flagged_by == "worker"


def test_an_old_form_does_not_flag_again_what_was_lifted(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    eligible(client)
    form = hidden(client.get(f"{FLAG}set/"))
    client.post(f"{FLAG}set/", form | TODAY)
    send(signed_in("second"), f"{FLAG}lift/", **date_of("lifted_on", "2", "11"), reason="They moved.")
    told = said(client.post(f"{FLAG}set/", form | TODAY))
    assert "second (Early Help worker)" in told
    assert "changed this while you had it open" in told
    assert Family.objects.get(reference="F9").lifted_on is not None


def test_a_manager_who_did_not_flag_reviews(walk: Walk, signed_in: SignedIn) -> None:
    worker, manager, other = (signed_in(name) for name in ("worker", "manage", "other"))
    eligible(worker)
    send(manager, f"{FLAG}set/", **TODAY)
    path = f"{FLAG}{FlagReview.objects.get().pk}/review/"
    for client, words in ((worker, "Your role may not review a flag."), (manager, "You flagged this family yourself")):
        page = said(client.get(FLAG))
        assert "You cannot review this flag, because:" in page
        assert words in page
        assert path not in page
    assert worker.post(path, {"outcome": "confirmed"}).status_code == 403
    assert "You flagged this family yourself" in said(manager.post(path, {"outcome": "confirmed"}))
    assert manager.get(path).headers["Location"] == FLAG
    assert path in said(other.get(FLAG))
    assert "Choose whether the flag is right" in said(other.post(path, EMPTY))
    assert "Write what has to be put right" in said(other.post(path, {"outcome": "sent_back"}))
    for _ in range(2):
        given = {"outcome": "sent_back", "reason": "Ask the school again."}
        page = said(other.post(path, given, follow=True))
        assert "The flag is sent back, and lifted." in page
    assert "Flag lifted on 2 November 2026" in page
    assert "Ask the school again." in said(worker.get(FLAG))
    assert Entry.objects.filter(event="FLAG_SENT_BACK").count() == 1
    page = said(send(worker, f"{FLAG}set/", **TODAY))
    assert "Flagged since 2 November 2026" in page
    path = f"{FLAG}{FlagReview.objects.latest('pk').pk}/review/"
    assert "The flag is confirmed." in said(other.post(path, {"outcome": "confirmed"}, follow=True))


def test_a_flag_of_the_case_system_says_so(walk: Walk, signed_in: SignedIn) -> None:
    page = said(signed_in("worker").get("/families/F1/flag/"))
    assert "The case system's files brought this flag: it is not reviewed here" in page
    assert "/families/F1/flag/lift/" in page


def test_a_flag_is_lifted_with_a_reason(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), "/families/F1/flag/lift/"
    day, early = date_of("lifted_on", "2", "11"), date_of("lifted_on", "2", "11", "2025")
    assert "Write why the flag is lifted" in said(send(client, path, **day))
    assert "since 5 January 2026: enter that day" in said(send(client, path, **early, reason="So."))
    assert "Flag lifted on 2 November 2026" in said(send(client, path, **day, reason="They moved."))
    assert Entry.objects.get(event="FLAG_LIFTED").reason == "They moved."


# Who may, and what waits ----------------------------------------------------------------------------------------


def test_another_teams_family_is_refused(walk: Walk, signed_in: SignedIn) -> None:
    walk.load({"families": [{"family_ref": "F9", "team": "South"}]})
    client = signed_in("worker")
    for page in (
        "problems/",
        "problems/record/",
        "engagement/",
        "engagement/begin/",
        "flag/",
        "flag/set/",
        "flag/lift/",
    ):
        assert client.get(F9 + page).headers["Location"] == f"{F9}open/"
        # What is only read takes nothing from anybody.
        only_read = page in ("problems/", "engagement/", "flag/")
        assert client.post(F9 + page, {}).status_code == (405 if only_read else 403)
    assert signed_in("prepare").get(PROBLEMS).status_code == 403


def test_home_says_what_is_to_finish_and_what_is_to_review(walk: Walk, signed_in: SignedIn) -> None:
    worker, manager = signed_in("worker"), signed_in("manage")
    # A count outside the data team is no small one; the list behind it is of the own team, and whole.
    assert "Fewer than 10 families</a> to finish" in said(worker.get("/"))
    assert f'href="{FLAG}"' not in said(worker.get("/families-to-finish/"))
    eligible(worker)
    listed = said(worker.get("/families-to-finish/"))
    assert f'href="{FLAG}"' in listed
    assert "Nothing is missing" in listed
    assert "Fewer than 10 flags</a> to review" in said(manager.get("/"))
    assert f'href="{FLAG}"' not in said(manager.get("/flags-to-review/"))
    assert "to review" not in said(worker.get("/"))
    send(worker, f"{FLAG}set/", **TODAY)
    assert f'href="{FLAG}"' not in said(worker.get("/families-to-finish/"))
    listed = said(manager.get("/flags-to-review/"))
    assert f'href="{FLAG}"' in listed
    assert worker.get("/flags-to-review/").status_code == 403


def test_nothing_tells_of_a_cohort(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    for page in PAGES:
        words = said(client.get(f"/families/F1/{page}")).lower().split("</header>")[1]
        # Children are excluded from schools.
        words = words.replace("excluded", "") if page == "problems/record/" else words
        for word in ("cohort", "included", "excluded", "programme", "comparison", "submission", "sent to"):
            assert word not in words, (page, word)


@pytest.mark.parametrize("page", [PROBLEMS, RECORD, FLAG, "/families-to-finish/"])
def test_a_page_asks_few_questions_of_the_database(walk: Walk, signed_in: SignedIn, page: str) -> None:
    client = signed_in("worker")
    eligible(client)
    client.get(page)
    with CaptureQueriesContext(connection) as asked:
        client.get(page)
    assert len(asked) < 60, len(asked)
