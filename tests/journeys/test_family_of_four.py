"""A worker records a family of four, with a teenager and a father who lives elsewhere; and what its page then says."""

# ruff: noqa: F811 - `begin` is a fixture

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.journeys.test_permission import Begin, begin, nothing, the_rules  # noqa: F401
from tests.pages.conftest import DESK, PHONE, Reader, needs_a_browser
from tests.stages.walk import Walk

pytestmark = needs_a_browser


class Member(NamedTuple):
    """Somebody of the family, as the mother tells it."""

    given: str
    family: str
    born: str
    sex: str
    relationship: str
    lives: str = "Yes"
    responsibility: str = "No"


MOTHER = Member("Rosalind", "Tansley", "14 2 1984", "Female", "Lead", responsibility="Yes")
FATHER = Member("Leopold", "Ashgrove", "3 11 1981", "Male", "Partner", lives="No", responsibility="Yes")
TEENAGER = Member("Imogen", "Ashgrove-Tansley", "9 7 2010", "Female", "Child")
BOY = Member("Barnaby", "Ashgrove-Tansley", "30 9 2018", "Male", "Child")


def at(reader: Reader, heading: str) -> Page:
    """The page with this heading, once it is there and looked at."""
    expect(reader.page.get_by_role("heading", level=1)).to_have_text(re.compile(rf"\s*{heading}\s*"))
    size = reader.page.viewport_size
    reader.look()
    assert size is not None
    reader.page.set_viewport_size(size)
    return reader.page


def go_on(reader: Reader, button: str = "Continue") -> None:
    reader.page.get_by_role("button", name=button, exact=True).click()


def date_of(page: Page, question: str, day: str) -> None:
    group = page.get_by_role("group", name=question)
    for box, value in zip(("Day", "Month", "Year"), day.split(), strict=True):
        group.get_by_label(box, exact=True).fill(value)


def answer(page: Page, question: str, label: str) -> None:
    page.get_by_role("group", name=question).get_by_label(label, exact=True).check()


def name(reader: Reader, member: Member) -> None:
    page = reader.page
    page.get_by_label("Given name").fill(member.given)
    page.get_by_label("Family name", exact=True).fill(member.family)
    date_of(page, "Date of birth", member.born)
    go_on(reader)


def details(reader: Reader, member: Member) -> None:
    page = at(reader, "About this person")
    answer(page, "What is this person in the family?", member.relationship)
    answer(page, "Does this person live in the household?", member.lives)
    answer(page, "Does this person have parental responsibility", member.responsibility)
    date_of(page, "Since when do they belong to the family?", "1 10 2019")
    answer(page, "Sex", member.sex)
    go_on(reader)


def added(reader: Reader, member: Member) -> None:
    name(reader, member)
    details(reader, member)
    page = at(reader, "Check the answers")
    expect(page.get_by_text(member.family, exact=True)).to_be_visible()
    go_on(reader, "Add this person")
    at(reader, r"Add another person\?")


def another(reader: Reader) -> None:
    reader.page.get_by_role("button", name="Add another person").click()
    at(reader, "Add a person")


def family_begun(reader: Reader) -> None:
    reader.open("/find/")
    reader.page.get_by_role("link", name="Add a family that is not on file").click()
    page = at(reader, "Add a family")
    expect(page.get_by_text("added to your team, North")).to_be_visible()
    go_on(reader, "Add the family")
    at(reader, "Add the lead person")


def rows(page: Page) -> list[list[str]]:
    """The people of the family, as its page lists them; the second column is a new reference."""
    table = page.get_by_role("table", name="People in the family today")
    found = [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in table.locator("tbody tr").all()
    ]
    assert all(re.fullmatch(r"CP\d{6}", row[1]) for row in found)
    return [[row[0], *row[2:]] for row in found]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["at a desk", "on a telephone"])
def test_a_family_of_four_with_a_teenager_and_a_father_who_lives_elsewhere(
    begin: Begin,
    size: ViewportSize,
) -> None:
    (worker,) = begin(nothing, "worker")
    worker.page.set_viewport_size(size)
    family_begun(worker)
    added(worker, MOTHER)
    for member in (FATHER, TEENAGER, BOY):
        another(worker)
        added(worker, member)
    worker.page.get_by_role("link", name=re.compile("The page of the family")).click()
    page = at(worker, r"Family CF\d{6}")
    assert rows(page) == [
        ["Rosalind Tansley", "Lead", "14 February 1984", "Yes"],
        ["Leopold Ashgrove", "Partner", "3 November 1981", "No"],
        ["Imogen Ashgrove-Tansley", "Child", "9 July 2010", "Yes"],
        ["Barnaby Ashgrove-Tansley", "Child", "30 September 2018", "Yes"],
    ]
    page.get_by_role("link", name="Imogen Ashgrove-Tansley").click()
    page = at(worker, "Imogen Ashgrove-Tansley")
    expect(page).to_have_title(re.compile("^Person CP"))
    expect(page.get_by_text("9 July 2010")).to_be_visible()


def test_mistakes_are_mended_and_back_and_again_adds_nobody_twice(begin: Begin) -> None:
    (worker,) = begin(nothing, "worker")
    page = worker.page
    worker.open("/families/F5/people/add/")
    name(worker, TEENAGER._replace(given="", family="", born="31 2 2010"))
    expect(page).to_have_title(re.compile("^Error: Add a person"))
    worker.look()
    page.get_by_role("link", name="Enter a real date").click()
    expect(page.get_by_label("Day", exact=True)).to_be_focused()
    name(worker, TEENAGER._replace(given="", family=""))
    expect(page.locator(".govuk-error-summary").get_by_text("Enter a given name or a family name")).to_be_visible()
    name(worker, TEENAGER)
    at(worker, "About this person")
    go_on(worker)
    expect(page).to_have_title(re.compile("^Error: About this person"))
    assert page.locator(".govuk-error-summary li").count() == 4
    worker.look()
    details(worker, TEENAGER)
    at(worker, "Check the answers")
    go_on(worker, "Change the answers")
    at(worker, "Add a person")
    expect(page.get_by_label("Given name")).to_have_value("Imogen")
    go_on(worker)
    page = at(worker, "About this person")
    expect(page.get_by_label("Female")).to_be_checked()
    go_on(worker)
    at(worker, "Check the answers")
    go_on(worker, "Add this person")
    at(worker, r"Add another person\?")
    page.go_back()
    at(worker, "Check the answers")
    go_on(worker, "Add this person")
    at(worker, r"Add another person\?")
    assert the_rules(lambda: _with_the_name("Imogen")) == 1


def _with_the_name(given: str) -> int:
    from cohorts.models import Person

    return Person.objects.filter(given_name=given).count()


def test_somebody_on_file_is_found_by_keyboard_and_added_to_a_second_family(begin: Begin) -> None:
    (worker,) = begin(nothing, "worker")
    page = worker.page
    worker.open("/families/F5/people/add/")
    page.get_by_label("Given name").focus()
    for typed in ("Clementyna", "Marrowbone", "29", "2", "2020"):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page = at(worker, r"Is this person on file already\?")
    expect(page.get_by_text("born 29 February 2020, P4, F2 (North)")).to_be_visible()
    page.get_by_label("Clementina Marrowbone").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    at(worker, "Add this person to the family")
    page.get_by_label("Grandchild").focus()
    page.keyboard.press("Space")
    answer(page, "Does this person live in the household?", "Yes")
    answer(page, "Does this person have parental responsibility", "No")
    page.keyboard.press("Enter")
    at(worker, "Check the answers")
    go_on(worker, "Add this person")
    at(worker, r"Add another person\?")
    assert the_rules(lambda: _with_the_name("Clementina")) == 1


def two_workers(walk: Walk) -> None:
    from connecting_families.audit.trail import duty
    from connecting_families.staff import accounts
    from tests.stages.walk import PASSWORD

    by, at = duty("test"), walk.now()
    accounts.add(username="colleague", role="early_help_worker", password=PASSWORD, team="North", by=by, at=at)


def test_two_workers_change_the_same_person(begin: Callable[..., tuple[Reader, ...]]) -> None:
    first, second = begin(two_workers, "worker", "colleague")
    for reader in (first, second):
        reader.open("/families/F1/people/P1/change/")
    first.page.get_by_label("Family name", exact=True).fill("Quill")
    go_on(first, "Save the details")
    at(first, "Zebulonia Quill")
    second.page.get_by_label("Family name", exact=True).fill("Feather")
    second.page.get_by_label("Middle names").fill("Ann")
    go_on(second, "Save the details")
    expect(second.page).to_have_title(re.compile("^Error: "))
    at(second, "Change a person's details")
    expect(second.page.locator("#id_family_name_error")).to_contain_text(
        re.compile(r"worker \(Early Help worker\), .* changed this while you had it open: now it says Quill")
    )
    expect(second.page.get_by_label("Family name", exact=True)).to_have_value("Feather")
    expect(second.page.get_by_label("Middle names")).to_have_value("Ann")
    go_on(second, "Save the details")
    at(second, "Zebulonia Feather")
