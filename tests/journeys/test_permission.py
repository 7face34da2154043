"""Families are told, object, and are answered: as a worker and a reviewer would tell it. Each ends with the rules."""

from collections.abc import Callable
from typing import Any

import pytest

from cohorts import objections
from cohorts.models import Objection, Round
from tests.faults.test_workers import now
from tests.pages.conftest import Browse, Reader, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.asked import decisions, family_of, out, person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

pytestmark = needs_a_browser
HEALTH = ("HES", "MHSDS", "IAPT", "MCDS")
Begin = Callable[..., tuple[Reader, ...]]


@pytest.fixture
def begin(walk_to: WalkTo, signed_in: SignedIn, serve: Serve, browse: Browse) -> Callable[..., list[Reader]]:
    """`begin(first, *names)`: what is there before, and a reader for each of these members of staff."""

    def started(first: Callable[[Walk], object], *names: str) -> list[Reader]:
        # What a browser does is done now, in a database where the walk was done in the past.
        first(walk_to("assemble"))
        clients = [signed_in(name) for name in names]
        site = serve()
        readers = [browse(site, clients[0])]
        browser = readers[0].page.context.browser
        assert browser is not None
        return readers + [Reader(browser.new_context(), site, client) for client in clients[1:]]

    return started


def nothing(_: Walk) -> None:
    """Nothing more than the walk."""


def press(reader: Reader, name: str) -> None:
    follow(reader.page.get_by_role("button", name=name, exact=True))
    reader.look()


def choose(reader: Reader, *labels: str) -> None:
    for label in labels:
        reader.page.get_by_label(label, exact=True).check()


def in_group(reader: Reader, question: str, label: str) -> None:
    reader.page.get_by_role("group", name=question).get_by_label(label, exact=True).check()


def title(reader: Reader) -> str:
    return reader.page.get_by_role("heading", level=1).inner_text().strip()


def the_rules(asked: Callable[[], object]) -> object:
    """Ask outside of the browser's event loop, where the database can be asked."""
    import threading

    from django.db import connection

    answer: list[object] = []

    def ask() -> None:
        answer.append(asked())
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(120)
    return answer[0]


def who_is_out(family: str) -> object:
    """Who of a family is out for a reason of their own, now."""
    of_family = {"NO_DEPENDENT_CHILD", "TOO_FEW_PROBLEMS"}

    def ask() -> dict[str, str]:
        found = decisions(family, now())
        codes = {ref: ";".join(code for code in it.reasons if code not in of_family) for ref, it in found.items()}
        return {ref: code for ref, code in codes.items() if code}

    return the_rules(ask)


def test_the_notice_is_given_and_its_letter_read(begin: Begin) -> None:
    def a_family_not_told(walk: Walk) -> None:
        walk.load({
            "families": [{"family_ref": "F9", "team": "North", "flagged_on": "2026-01-05"}],
            "people": [{"person_ref": "P91", "given_name": "Ottilie", "family_name": "Wren", "sex": "2",
                        "date_of_birth": "1990-01-01"},
                       {"person_ref": "P92", "given_name": "Basil", "family_name": "Wren", "sex": "1",
                        "date_of_birth": "2016-01-01"}],
            "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2025-01-01", "relationship": role,
                             "lives_in_household": "true"} for ref, role in (("P91", "lead"), ("P92", "child"))],
            "addresses": [{"person_ref": ref, "line_1": "3 Reed Lane", "line_2": "Osierham", "postcode": "PE1 2AB",
                           "from_on": "2025-01-01"} for ref in ("P91", "P92")],
        })  # fmt: skip

    (worker,) = begin(a_family_not_told, "worker")
    assert who_is_out("F9") == {"P91": "NOTICE_MISSING", "P92": "NOTICE_MISSING"}
    page = worker.page
    worker.open("/notices-due/")
    follow(page.get_by_role("link", name="F9 notices, for P91"))
    worker.look()
    follow(page.get_by_role("link", name="Letter to print to Ottilie Wren"))
    worker.look()
    assert page.get_by_text("3 Reed Lane").is_visible()
    page.emulate_media(media="print")
    assert not page.get_by_text("Print this page").is_visible()
    assert page.get_by_text("You can object for yourself").is_visible()
    page.emulate_media(media="screen")
    follow(page.get_by_role("link", name="Back"))
    press(worker, "Give a notice")
    choose(worker, "The whole family", "In person")
    page.get_by_label("Which version?").select_option("PN1")
    for box, value in (("Day", "1"), ("Month", "9"), ("Year", "2026")):
        page.get_by_label(box, exact=True).fill(value)
    press(worker, "Record the notice")
    assert page.get_by_text("The notice is recorded.").is_visible()
    assert who_is_out("F9") == {}


def test_a_mother_objects_for_one_child_to_health_datasets_only(begin: Begin) -> None:
    def a_round(walk: Walk) -> None:
        walk.open_round("HEALTH", datasets=["PNC", *HEALTH])

    (worker,) = begin(a_round, "worker")
    page = worker.page
    worker.open("/families/F1/objections/")
    press(worker, "Record an objection")
    choose(worker, "Peregrine Quillfeather", "A parent", "By telephone", "Only some", *HEALTH)
    press(worker, "Continue")
    assert page.get_by_text("HES, MHSDS, IAPT, MCDS", exact=True).is_visible()
    press(worker, "Record the objection")
    assert title(worker) == "The objection is recorded"
    assert page.get_by_text("They may be sent for the other datasets").is_visible()
    found = the_rules(lambda: decisions("F1", now(), "HEALTH"))
    assert isinstance(found, dict)
    assert (found["P2"].reasons, found["P2"].linkage_scope) == ((), ("PNC",))
    assert found["P1"].linkage_scope == ("PNC", *HEALTH)
    assert the_rules(lambda: Round.objects.get(code="HEALTH").scope) == "honoured"


def test_a_father_objects_aloud_for_everyone_and_governance_narrows_it(begin: Begin) -> None:
    worker, reviewer = begin(nothing, "worker", "govern")
    worker.open("/families/F1/objections/record/")
    choose(worker, "The whole family", "In person, by word of mouth")
    in_group(worker, "Who objects?", "A parent")
    press(worker, "Continue")
    press(worker, "Record the objection")
    assert worker.page.get_by_text("everyone in this family, adults included").is_visible()
    assert who_is_out("F1") == {"P1": "OBJECTION_FAMILY", "P2": "OBJECTION_FAMILY"}
    reference = the_rules(lambda: Objection.objects.latest("pk").reference)
    reviewer.open("/objections/")
    follow(reviewer.page.get_by_role("link", name=str(reference), exact=True))
    reviewer.look()
    press(reviewer, "Narrow it to persons")
    press(reviewer, "Narrow the objection")
    assert reviewer.page.title().startswith("Error: ")
    choose(reviewer, "Peregrine Quillfeather")
    reviewer.page.get_by_label("Why these alone?").fill("The mother said that her own details may be sent.")
    press(reviewer, "Narrow the objection")
    assert reviewer.page.get_by_text("covers 1 of the family").is_visible()
    assert who_is_out("F1") == {"P2": "OBJECTION_FAMILY"}


def test_governance_refuses_an_objection_with_reasons(begin: Begin) -> None:
    (reviewer,) = begin(nothing, "govern")
    page = reviewer.page
    reviewer.open("/objections/")
    follow(page.get_by_role("link", name="OP6", exact=True))
    press(reviewer, "Refuse it")
    press(reviewer, "Refuse the objection")
    assert page.title().startswith("Error: ")
    assert page.locator(".govuk-error-summary li").count() == 3
    assert who_is_out("F4") == {"P6": "OBJECTION_PERSON"}
    page.get_by_label("Why is it refused?").fill("A court ordered that these details are sent, and said why.")
    page.get_by_label("By which law?").fill("Article 21(1) UK GDPR")
    for box, value in (("Day", "2"), ("Month", "10"), ("Year", "2026")):
        page.get_by_label(box, exact=True).fill(value)
    press(reviewer, "Refuse the objection")
    assert page.get_by_text("OP6 is refused.").is_visible()
    assert page.get_by_text("there is nothing left to decide").first.is_visible()
    assert who_is_out("F4") == {}


def test_somebody_who_was_not_found_is_matched(begin: Begin) -> None:
    worker, reviewer = begin(nothing, "worker", "govern")
    worker.open("/families/F1/objections/record/")
    choose(worker, "Somebody whom I cannot find here")
    worker.page.get_by_label("Who is it about, as far as you were told?").fill("Ottoline, who used to live with them")
    press(worker, "Continue")
    press(worker, "Record the objection")
    assert worker.page.get_by_text("looks for the person first").is_visible()
    assert who_is_out("F3") == {}
    reference = the_rules(lambda: Objection.objects.latest("pk").reference)
    reviewer.open("/objections/")
    page = reviewer.page
    follow(page.get_by_role("link", name=str(reference), exact=True))
    assert page.get_by_text("Ottoline, who used to live with them").is_visible()
    press(reviewer, "Match it")
    page.get_by_label("Reference of the person or of the family").fill("P5")
    press(reviewer, "Look up")
    assert page.get_by_text("Ottoline Thistlewick").is_visible()
    press(reviewer, "Match it")
    assert page.get_by_text("It waits for a decision.").is_visible()
    assert who_is_out("F3") == {"P5": "OBJECTION_PERSON"}
    press(reviewer, "Uphold the objection")
    assert page.get_by_text("it stands until it is lifted").is_visible()
    assert who_is_out("F3") == {"P5": "OBJECTION_PERSON"}


def test_a_worker_makes_mistakes_in_the_form_and_mends_them(begin: Begin) -> None:
    (worker,) = begin(nothing, "worker")
    page = worker.page
    worker.open("/families/F1/objections/record/")
    press(worker, "Continue")
    follow(page.get_by_role("link", name="Choose for whom, or that you cannot find the person"))
    choose(worker, "Zebulonia Quillfeather", "By letter")
    for box, value in (("Day", "31"), ("Month", "9"), ("Year", "2026")):
        page.get_by_label(box, exact=True).fill(value)
    press(worker, "Continue")
    assert page.locator(".govuk-error-summary").get_by_text("Enter a real date and time").is_visible()
    assert page.get_by_label("By letter").is_checked()
    page.get_by_label("Day", exact=True).fill("30")
    page.get_by_label("Year", exact=True).fill("2036")
    press(worker, "Continue")
    assert page.locator(".govuk-error-summary").get_by_text("must have come by now").is_visible()
    page.get_by_label("Year", exact=True).fill("2026")
    press(worker, "Continue")
    assert title(worker) == "Check the answers"
    press(worker, "Change the answers")
    assert page.get_by_label("Zebulonia Quillfeather").is_checked()
    choose(worker, "By e-mail")
    press(worker, "Continue")
    assert page.get_by_text("By e-mail").is_visible()
    press(worker, "Record the objection")
    assert title(worker) == "The objection is recorded"
    page.go_back()
    press(worker, "Record the objection")
    assert title(worker) == "The objection is recorded"
    assert the_rules(Objection.objects.count) == 2
    assert who_is_out("F1") == {"P1": "OBJECTION_PERSON"}


def test_an_objection_is_lifted_where_the_person_asks(begin: Begin) -> None:
    def by_a_parent(walk: Walk) -> None:
        at = walk.now()
        asked: dict[str, Any] = {"person": person_of("P2"), "made_by": "parent", "received_at": at}
        objections.receive(reference="OP2", **asked, by=walk.who("worker"), at=at)
        assert out(walk, "F1") == {"P2": "OBJECTION_PERSON"}
        assert family_of("F1").team == "North"

    (worker,) = begin(by_a_parent, "worker")
    worker.open("/families/F1/objections/")
    follow(worker.page.get_by_role("link", name="Lift the objection OP2"))
    in_group(worker, "Who asked to lift it?", "A parent")
    in_group(worker, "How did they ask?", "By telephone")
    press(worker, "Lift the objection")
    assert worker.page.get_by_text("The objection is lifted.").is_visible()
    assert who_is_out("F1") == {}
