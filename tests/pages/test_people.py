"""Adding a family and its people, a person's page, and changing a person's details."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from cohorts import people
from cohorts.models import Family, Membership, Person
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

ADD, F5 = "/families/F5/people/add/", "/families/F5/"
P1 = "/families/F1/people/P1/"
BORN = {"date_of_birth_day": "6", "date_of_birth_month": "5", "date_of_birth_year": "2011"}
NAME = {"step": "name", "given_name": "Araminta", "family_name": "Plover", **BORN}
JOINED = {"joined_on_day": "5", "joined_on_month": "1", "joined_on_year": "2026"}
BELONGS = {"relationship": "child", "lives_in_household": "yes", "parental_responsibility": "no", **JOINED}
DETAILS = NAME | {"step": "details", "sex": "2"} | BELONGS
CLEMENTINA = {"step": "name", "given_name": "Clementyna", "family_name": "Marrowbone",
              "date_of_birth_day": "29", "date_of_birth_month": "2", "date_of_birth_year": "2020"}  # fmt: skip


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock) -> Walk:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    return walk


@pytest.fixture
def worker(walk: Walk, signed_in: SignedIn) -> Client:
    return signed_in("worker")


@pytest.fixture
def manager(walk: Walk, signed_in: SignedIn) -> Client:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    return signed_in("manage")


def said(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def elsewhere(walk: Walk, family: str = "F2") -> None:
    walk.change("families", "family_ref", family, team="South")


def protect(walk: Walk, person: str) -> None:
    at = walk.now()
    people.protect(person=person_of(person), kind="refuge", from_on=at.date(), by=duty("test"), at=at)


def confirm(client: Client, given: dict[str, str], path: str = ADD) -> tuple[Any, dict[str, str]]:
    """Check the answers and confirm them; what was answered, and what was sent for it."""
    check = client.post(path, given)
    assert "Check the answers" in said(check), said(check)
    sent = given | {"confirmed": "1", "drawn": check.context["drawn"]}
    return client.post(path, sent), sent


def test_whoever_looks_for_people_too_often_before_adding_one_waits_and_loses_nothing_typed(
    worker: Client, settings: Any
) -> None:
    settings.CF_SEARCHES_A_MINUTE = 1
    assert worker.post(ADD, NAME).status_code == 200
    answer = worker.post(ADD, NAME)
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "Wait a minute, then continue" in said(answer)
    assert all(f'value="{NAME[name]}"' in said(answer) for name in ("given_name", "family_name", *BORN))


# A family --------------------------------------------------------------------------------------------------------


def test_a_worker_adds_a_family_of_the_own_team_once(worker: Client) -> None:
    page = worker.get("/families/add/")
    assert "added to your team, North" in said(page)
    given = {"drawn": page.context["drawn"]}
    first, again = worker.post("/families/add/", given), worker.post("/families/add/", given)
    row = Family.objects.latest("pk")
    assert first["Location"] == again["Location"] == f"/families/{row.reference}/people/add/"
    assert (row.team, Family.objects.count()) == ("North", 6)
    assert "Add the lead person" in said(worker.get(first["Location"]))
    assert worker.get(f"/families/{row.reference}/").status_code == 200


def test_a_manager_chooses_a_team(walk: Walk, manager: Client) -> None:
    elsewhere(walk)
    given = {"drawn": manager.get("/families/add/").context["drawn"]}
    assert "Choose the team of the family" in said(manager.post("/families/add/", given | {"team": ""}))
    assert manager.post("/families/add/", given | {"team": "South"}).status_code == 302
    assert Family.objects.latest("pk").team == "South"


def test_who_has_no_team_is_told_instead_of_a_button(walk: Walk, signed_in: SignedIn) -> None:
    accounts.add(username="new", role="early_help_worker", password=PASSWORD, by=duty("test"), at=walk.now())
    client = signed_in("new")
    assert "Your account has no team" in said(client.get("/families/add/"))
    client.post("/families/add/", {"drawn": ""})
    assert Family.objects.count() == 5


def test_home_and_find_lead_to_adding_a_family(worker: Client, signed_in: SignedIn) -> None:
    for page in ("/", "/find/"):
        assert 'href="/families/add/"' in said(worker.get(page))
    assert 'href="/families/add/"' not in said(signed_in("prepare").get("/find/"))


# Somebody new ----------------------------------------------------------------------------------------------------


def test_somebody_new_is_added_once_however_often_it_is_sent(worker: Client) -> None:
    before = Person.objects.count()
    assert "About this person" in said(worker.post(ADD, NAME))
    first, sent = confirm(worker, DETAILS)
    row = Person.objects.latest("pk")
    assert first["Location"] == f"{F5}people/{row.reference}/added/"
    for again in (sent, DETAILS | {"drawn": sent["drawn"]}, NAME | {"drawn": sent["drawn"]}):
        assert worker.post(ADD, again)["Location"] == first["Location"]
    assert (Person.objects.count(), Membership.objects.filter(person=row).count()) == (before + 1, 1)
    page = said(worker.get(first["Location"]))
    assert "Add another person?" in page
    assert f'href="{ADD}"' in page
    assert f'href="{F5}people/{row.reference}/"' in said(worker.get(F5))


def test_every_mistake_is_told_at_its_field_and_what_was_typed_stays(worker: Client) -> None:
    before = Person.objects.count()
    later = {"joined_on_year": "2027"}
    for given, words in (
        (NAME | {"given_name": " ", "family_name": ""}, "Enter a given name or a family name"),
        (NAME | {"date_of_birth_month": ""}, "The date must include a month"),
        (NAME | {"date_of_birth_day": "31", "date_of_birth_month": "2"}, "Enter a real date"),
        (NAME | {"date_of_birth_year": "2027"}, "The date of birth must be today or in the past"),
        (DETAILS | {"relationship": ""}, "Choose what this person is in the family"),
        (DETAILS | {"lives_in_household": ""}, "Choose whether this person lives in the household"),
        (DETAILS | {"parental_responsibility": ""}, "Choose whether this person has parental responsibility"),
        (DETAILS | {"sex": ""}, "Choose the sex, or that it is not known"),
        (DETAILS | {"joined_on_day": ""}, "The date must include a day"),
        (DETAILS | later, "The day must be today or in the past"),
        (DETAILS | {"joined_on_year": "2010"}, "Nobody is in a family before they are born"),
        (DETAILS | dict.fromkeys(BORN, ""), "Enter the date of birth, or choose why it is missing"),
        (DETAILS | {"nhs_number": "9" * 21}, "must be 20 characters or fewer"),
    ):
        answer = worker.post(ADD, given)
        assert words in said(answer), words
        assert "<title>Error: " in said(answer)
        assert 'value="Plover"' in said(answer) or not given["family_name"]
    assert Person.objects.count() == before
    confirm(worker, DETAILS)
    assert Person.objects.count() == before + 1


def test_a_number_that_looks_wrong_is_told_before_it_is_kept(worker: Client) -> None:
    given = DETAILS | {"nhs_number": "943 476 5918"}
    check = said(worker.post(ADD, given))
    assert "Please look again" in check
    assert "its ten digits must agree with their check digit" in check
    confirm(worker, given)
    row = Person.objects.latest("pk")
    assert row.nhs_number == "943 476 5918"
    assert "The NHS number is not valid" in said(worker.get(f"{F5}people/{row.reference}/"))


def test_answers_are_changed_from_the_first_page_on_and_nothing_is_lost(worker: Client) -> None:
    back = worker.post(ADD, DETAILS | {"change": "1"})
    assert 'name="sex" value="2"' in said(back)
    assert "<title>Error" not in said(back)
    again = said(worker.post(ADD, DETAILS | {"step": "name", "given_name": "Arabella"}))
    assert 'name="given_name" value="Arabella"' in again
    assert 'value="2" id="id_sex_0" class="govuk-radios__input" checked' in again


# Somebody on file ------------------------------------------------------------------------------------------------


def test_who_may_be_the_same_is_shown_first_and_that_is_recorded(worker: Client) -> None:
    page = said(worker.post(ADD, CLEMENTINA))
    assert "Is this person on file already?" in page
    assert "Clementina Marrowbone" in page
    assert "born 29 February 2020, P4, F2 (North)" in page
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.additional_data["people"]) == ("FAMILIES_SEARCHED", ["P4"])
    asked = said(worker.post(ADD, CLEMENTINA | {"step": "same"}))
    assert "Choose the same person, or that it is none of these" in asked
    # Nobody goes past this page without an answer, or with one that was not on it.
    for same in ({}, {"same": "P1"}):
        answer = said(worker.post(ADD, DETAILS | CLEMENTINA | {"step": "details", "confirmed": "1"} | same))
        assert "Is this person on file already?" in answer


def test_the_same_person_joins_the_family_once(worker: Client) -> None:
    page = said(worker.post(ADD, CLEMENTINA | {"step": "same", "same": "P4"}))
    assert "Add this person to the family" in page
    assert "another team" not in page
    before = Person.objects.count()
    given = CLEMENTINA | BELONGS | {"step": "details", "same": "P4"}
    first, sent = confirm(worker, given)
    assert first["Location"] == f"{F5}people/P4/added/"
    assert worker.post(ADD, sent)["Location"] == f"{F5}people/P4/"
    assert Person.objects.count() == before
    assert Membership.objects.filter(family__reference="F5", person__reference="P4").count() == 1
    assert "This person is in the family already" in said(worker.get(f"{F5}people/P4/"))


def test_none_of_these_is_somebody_new_and_not_sure_adds_nobody(worker: Client) -> None:
    before = Person.objects.count()
    answer = worker.post(ADD, CLEMENTINA | {"step": "same", "same": "unsure"}, follow=True)
    assert "Nobody was added" in said(answer)
    assert "About this person" in said(worker.post(ADD, CLEMENTINA | {"step": "same", "same": "nobody"}))
    assert Person.objects.count() == before
    confirm(worker, DETAILS | CLEMENTINA | {"step": "details", "same": "nobody"})
    assert Person.objects.count() == before + 1


def test_somebody_whom_another_team_supports_is_added_with_a_reason(walk: Walk, worker: Client) -> None:
    elsewhere(walk)
    shown = said(worker.post(ADD, CLEMENTINA | {"date_of_birth_day": "28"}))
    assert "born in 2020, P4, F2 (South)" in shown
    given = CLEMENTINA | BELONGS | {"step": "details", "same": "P4", "reason": ""}
    assert "Say why you add somebody whom another team supports" in said(worker.post(ADD, given))
    confirm(worker, given | {"reason": "The child moved."})
    entry = Entry.objects.get(event="PERSON_JOINED")
    assert (entry.reference, entry.reason) == ("P4", "The child moved.")
    assert entry.additional_data == {"family": "F5", "other_families": ["F2"]}


def test_a_protected_person_of_another_team_is_not_shown_and_cannot_be_added(walk: Walk, worker: Client) -> None:
    elsewhere(walk)
    protect(walk, "P3")
    given = CLEMENTINA | {"date_of_birth_month": "3"}
    page = said(worker.post(ADD, given))
    main = page.partition("<main")[2]
    assert "There is at least one record that you may not see" in page
    assert "Ask an Early Help manager" in page
    for word in ("Clementina", "P4,", "F2 (", "South", "2020-02-29", "29 February"):
        assert word not in main, word
    forged = given | BELONGS | {"step": "details", "same": "P4", "reason": "They moved.", "confirmed": "1"}
    assert "from those on the page" in said(worker.post(ADD, forged))
    assert not Membership.objects.filter(family__reference="F5", person__reference="P4").exists()
    entry = Entry.objects.filter(event="FAMILIES_SEARCHED").latest("pk")
    assert entry.additional_data["not_shown"] == 1


def test_a_manager_sees_a_protected_person_of_any_team(walk: Walk, manager: Client) -> None:
    elsewhere(walk)
    protect(walk, "P4")
    assert "Clementina Marrowbone" in said(manager.post(ADD, CLEMENTINA))


# Who may ---------------------------------------------------------------------------------------------------------


def test_pages_of_another_teams_family_ask_for_a_reason_first(walk: Walk, worker: Client) -> None:
    elsewhere(walk, "F5")
    for path in (ADD, f"{F5}people/P8/", f"{F5}people/P8/change/", f"{F5}people/P8/added/"):
        assert worker.get(path)["Location"] == f"{F5}open/"
    before = Person.objects.count()
    for given in (NAME, DETAILS | {"confirmed": "1"}):
        assert worker.post(ADD, given).status_code == 403
    assert worker.post(f"{F5}people/P8/change/", {"given_name": "X"}).status_code == 403
    assert Person.objects.count() == before


@pytest.mark.parametrize("page", ["", "change/", "added/"])
def test_somebody_of_another_family_is_not_found_there(worker: Client, page: str) -> None:
    assert worker.get(f"{F5}people/P1/{page}").status_code == 404
    assert worker.get(f"{F5}people/NONE/{page}").status_code == 404


# A person --------------------------------------------------------------------------------------------------------


def test_a_persons_page_says_who_they_are_and_opening_it_is_recorded(worker: Client) -> None:
    page = said(worker.get(P1))
    for words in ("Zebulonia", "5 April 1988", "Female", "9434765919", "AB123456C", "Lead", "1 January 2025"):
        assert words in page
    assert "Please look again" not in page
    assert "<title>Person P1 " in page
    assert "Marlinspike" not in page
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference, entry.additional_data) == ("WISHES_VIEWED", "F1", {"page": "person"})


def test_a_merged_record_leads_to_its_survivor_and_is_not_changed(walk: Walk, worker: Client) -> None:
    walk.change("people", "person_ref", "P4", merged_into="P3")
    assert worker.get("/families/F2/people/P4/")["Location"] == "/families/F2/people/P3/"
    path = "/families/F2/people/P4/change/"
    page = worker.get(path)
    answer = worker.post(path, filled(page) | {"sex": "1"})
    assert "This record was merged into P3" in said(answer)
    assert person_of("P4").sex == "0"


# Changes ---------------------------------------------------------------------------------------------------------


def filled(page: Any) -> dict[str, str]:
    """What a browser sends of a form as it was drawn."""
    form, sent = page.context["form"], {"seen": page.context["seen"]}
    for name in form.fields:
        value = form[name].value()
        if hasattr(value, "year"):
            sent |= {f"{name}_{box}": str(getattr(value, box)) for box in ("day", "month", "year")}
        elif isinstance(value, str):
            sent[name] = value
    return sent


def test_details_are_changed_once(worker: Client) -> None:
    path = f"{P1}change/"
    sent = filled(worker.get(path)) | {"given_name": "Zeb", "sex": "9"}
    done = worker.post(path, sent, follow=True)
    assert "The details are saved" in said(done)
    assert (person_of("P1").given_name, person_of("P1").sex) == ("Zeb", "9")
    entries = Entry.objects.filter(event="PERSON_CHANGED")
    assert entries.get().changes[0]["fields"].keys() == {"given_name", "sex"}
    assert worker.post(path, sent).status_code == 302
    assert entries.count() == 1


def test_mistakes_in_a_change_are_told_at_their_fields(worker: Client) -> None:
    path = f"{P1}change/"
    sent = filled(worker.get(path)) | {"middle_names": "Typed"}
    died = {f"date_of_death_{box}": value for box, value in (("day", "1"), ("month", "1"), ("year", "1980"))}
    no_birth = dict.fromkeys(BORN, "")
    for more, words in (
        ({"given_name": "", "family_name": ""}, "Enter a given name or a family name"),
        ({"date_of_birth_year": "2027"}, "The date of birth must be today or in the past"),
        (no_birth, "Enter the date of birth, or choose why it is missing"),
        (died, "The date of death must be on the date of birth or after it"),
        (died | {"date_of_death_year": "2027"}, "The date of death must be today or in the past"),
        (died | {"date_of_death_day": "x"}, "Enter a real date"),
        ({"nino": "A" * 21}, "must be 20 characters or fewer"),
    ):
        answer = worker.post(path, sent | more)
        assert words in said(answer), words
        assert 'value="Typed"' in said(answer)
    assert person_of("P1").middle_names == ""
    mended = no_birth | {"dob_missing_reason": "not known"}
    assert worker.post(path, sent | mended).status_code == 302
    assert "They were asked, and do not know it".lower() in said(worker.get(P1)).lower()


def test_the_second_of_two_workers_is_told_and_loses_nothing(
    walk: Walk, worker: Client, signed_in: Callable[[str], Client], manager: Client
) -> None:
    path = f"{P1}change/"
    mine, theirs = worker.get(path), manager.get(path)
    other = {
        "family_name": "Quill",
        "date_of_death_day": "1",
        "date_of_death_month": "10",
        "date_of_death_year": "2026",
    }
    assert manager.post(path, filled(theirs) | other).status_code == 302
    typed = filled(mine) | {"given_name": "Zeb", "family_name": "Feather"}
    told = worker.post(path, typed)
    page = said(told)
    assert "manage (Early Help manager), 2 November 2026 at " in page
    assert "changed this while you had it open: now it says Quill." in page
    assert "now it says 1 October 2026." in page
    # What was typed stays; what was not touched shows what there is.
    assert 'name="given_name" value="Zeb"' in page
    assert 'name="family_name" value="Feather"' in page
    assert 'name="date_of_death_month" value="10"' in page
    assert person_of("P1").family_name == "Quill"
    again = typed | {name: value for name, value in other.items() if name != "family_name"}
    assert worker.post(path, again | {"seen": told.context["seen"]}).status_code == 302
    row = person_of("P1")
    assert (row.given_name, row.family_name, str(row.date_of_death)) == ("Zeb", "Feather", "2026-10-01")


def test_a_form_of_another_record_is_not_taken_for_this_one(worker: Client) -> None:
    other = worker.get("/families/F1/people/P2/change/")
    answer = worker.post(f"{P1}change/", filled(other))
    assert "changed this while you had it open" in said(answer)
    assert person_of("P1").given_name == "Zebulonia"
