"""The pages on where people live and what they are in a family; a protected address stands on none without a reason."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Error, expect

from cohorts import households, people
from cohorts.models import Address, Membership
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import DESK, PHONE, Clock, Reader, SignedIn, needs_a_browser
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, PASSWORD, Walk

F1P1 = "/families/F1/people/P1/"
ADDRESSES, MOVE = f"{F1P1}addresses/", f"{F1P1}addresses/move/"
NEW = {"same_as": "another", "line_1": "3 Nettlefold Yard", "line_2": "Withyham", "postcode": "PE2 2BB",
       "from_on_day": "1", "from_on_month": "11", "from_on_year": "2026"}  # fmt: skip
SECRET = "Larkrise Refuge"
REASON = "I take the children to school from there."


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock) -> Walk:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    return walk


def said(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def as_drawn(page: Any) -> dict[str, str]:
    """What a form of a page would send if nothing were touched."""
    form = page.context["form"]
    found = {"seen": str(page.context.get("seen", ""))}
    for field in form:
        for widget in field.subwidgets[:1] if hasattr(field.field.widget, "widgets_names") else ():
            found |= {it["name"]: it["value"] or "" for it in widget.data["subwidgets"]}
        if not hasattr(field.field.widget, "widgets_names") and field.value() not in (False, None):
            found[field.html_name] = field.value()
    return {name: str(value) for name, value in found.items()}


def mend_page(reference: str = "P1", family: str = "F1") -> str:
    row = person_of(reference).addresses.order_by("-from_on")[0]
    return f"/families/{family}/people/{reference}/addresses/{row.pk}/change/"


def membership_page(act: str) -> str:
    return f"{F1P1}membership/{Membership.objects.get(person__reference='P1').pk}/{act}/"


def hide(walk: Walk, reference: str = "P1") -> None:
    """Somebody moves to a place that nobody must learn, and is marked."""
    walk.load({"addresses": [{"person_ref": reference, "line_1": SECRET, "line_2": "Secretham", "postcode": "PE9 9ZZ",
                              "from_on": "2026-10-01"}]})  # fmt: skip
    at = walk.now()
    people.protect(person=person_of(reference), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)


# Who may --------------------------------------------------------------------------------------------------------


def test_only_people_of_the_family_and_their_own_addresses_open(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    assert LINE in said(client.get(ADDRESSES))
    other = person_of("P3").addresses.get().pk
    membership = Membership.objects.get(person__reference="P3").pk
    for path in ("/families/F1/people/P3/addresses/", "/families/F1/people/P3/membership/",
                 "/families/F1/people/X/addresses/", f"{ADDRESSES}{other}/change/",
                 f"{F1P1}membership/{membership}/change/", f"{F1P1}membership/{membership}/leave/"):  # fmt: skip
        assert client.get(path).status_code == 404, path
        assert client.post(path, NEW).status_code == (405 if path.endswith("/membership/") else 404), path


def test_another_teams_worker_is_refused(walk: Walk, signed_in: SignedIn) -> None:
    hide(walk)
    accounts.add(
        username="south", role="early_help_worker", password=PASSWORD, team="South", by=duty("test"), at=walk.now()
    )
    client, before = signed_in("south"), list(Address.objects.order_by("pk").values())
    for path in (
        ADDRESSES,
        MOVE,
        mend_page(),
        f"{F1P1}membership/",
        membership_page("change"),
        membership_page("leave"),
    ):
        posted = client.post(path, NEW | {"reason": REASON})
        for answer, status in ((client.get(path), 403), (posted, 405 if path.endswith("/membership/") else 403)):
            assert answer.status_code == status, path
            assert SECRET not in said(answer)
    assert list(Address.objects.order_by("pk").values()) == before
    assert not Entry.objects.filter(event="PROTECTED_ADDRESS_OPENED").exists()


def test_another_team_with_a_reason_for_the_family_sees_no_protected_place(walk: Walk, signed_in: SignedIn) -> None:
    """Nobody of the family is marked, but somebody else is who lives at the same place."""
    at = walk.now()
    people.protect(person=person_of("P3"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    accounts.add(
        username="south", role="early_help_worker", password=PASSWORD, team="South", by=duty("test"), at=walk.now()
    )
    client, path = signed_in("south"), "/families/F5/people/P8/addresses/"
    client.post("/families/F5/open/", {"reason": REASON})
    page = said(client.get(path))
    assert "is protected" in page
    assert "Ask the team of this family" in page
    assert client.post(path, {"reason": REASON}).status_code == 403
    assert client.get(mend_page("P8", "F5"))["Location"] == path


# A move ---------------------------------------------------------------------------------------------------------


def test_a_move_is_recorded_once_however_often_it_is_sent(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    for _ in range(3):
        assert client.post(MOVE, NEW)["Location"] == ADDRESSES
    assert person_of("P1").addresses.count() == 2
    page = said(client.get(ADDRESSES))
    assert page.index("3 Nettlefold Yard, Withyham, PE2 2BB") < page.index(LINE)
    assert page.count('<dd class="govuk-summary-list__value"> 1 November 2026 </dd>') == 2


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ({"line_1": ""}, "Enter the first line of the address"),
        ({"line_2": ""}, "Enter at least two lines of the address"),
        ({"postcode": "PE2 2B"}, "not the form of a UK postcode"),
        ({"postcode": ""}, "or say below that there is none"),
        ({"uprn": "a12"}, "A UPRN has up to 12 digits"),
        ({"from_on_day": ""}, "The date must include a day"),
        ({"from_on_day": "31"}, "Enter a real date"),
        ({"from_on_year": "2028"}, "more than a year ahead"),
        ({"from_on_year": "2025", "from_on_month": "1"}, "on file from this day on already"),
        ({"same_as": ""}, "Choose where they moved to"),
        ({"same_as": "P3"}, "Choose an answer"),
        ({"line_1": "x" * 201}, "200 characters"),
    ],
)
def test_a_mistake_is_said_what_was_typed_stays_and_it_is_mended(
    walk: Walk, signed_in: SignedIn, mistake: dict[str, str], words: str
) -> None:
    client = signed_in("worker")
    answer = client.post(MOVE, NEW | mistake)
    assert words in said(answer), said(answer)
    assert "<title>Error: " in said(answer)
    assert 'value="2026"' in said(answer) or "from_on_year" in mistake
    assert 'value="Withyham"' in said(answer) or "line_2" in mistake
    assert person_of("P1").addresses.count() == 1
    assert client.post(MOVE, NEW)["Location"] == ADDRESSES
    assert person_of("P1").addresses.count() == 2


def test_a_postcode_of_another_form_is_asked_about_and_then_kept(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    assert "The postcode is right as it is" not in said(client.get(MOVE))
    asked = client.post(MOVE, NEW | {"postcode": "D02 AF30"})
    assert "The postcode is right as it is" in said(asked)
    client.post(MOVE, NEW | {"postcode": "D02 AF30", "postcode_is_right": "on"})
    assert households.address_on(person_of("P1"), walk.now().date()).postcode == "D02 AF30"  # type: ignore[union-attr]


def test_the_address_of_somebody_of_the_family_is_taken_over(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    client.post(MOVE, NEW)
    child = "/families/F1/people/P2/addresses/move/"
    assert "To the address of Zebulonia Quillfeather" in said(client.get(child))
    given = {name: value for name, value in NEW.items() if name.startswith("from_on")}
    assert client.post(child, given | {"same_as": "P1", "line_1": "typed below"}).status_code == 302
    home = households.address_on(person_of("P2"), walk.now().date())
    assert home is not None
    assert (home.line_1, home.postcode) == ("3 Nettlefold Yard", "PE2 2BB")


def test_a_protected_address_is_offered_to_nobody_and_none_to_somebody_protected(
    walk: Walk, signed_in: SignedIn
) -> None:
    walk.change("memberships", "person_ref", "P1", lives_in_household="false")
    hide(walk)
    client = signed_in("worker")
    for reference in ("P1", "P2"):
        page = said(client.get(f"/families/F1/people/{reference}/addresses/move/"))
        assert "To the address of" not in page
        assert SECRET not in page
        assert client.post(f"/families/F1/people/{reference}/addresses/move/", {"same_as": "P1"}).status_code == 200
    assert not Address.objects.filter(line_1=SECRET).exclude(person__reference="P1").exists()


# Mending --------------------------------------------------------------------------------------------------------


def test_an_address_is_mended_once_however_often_it_is_sent(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), mend_page()
    given = as_drawn(client.get(path)) | {"line_1": "8 Marlinspike Terrace"}
    for _ in range(3):
        assert client.post(path, given)["Location"] == ADDRESSES
    assert Entry.objects.filter(event="ADDRESS_CHANGED").count() == 1
    assert "8 Marlinspike Terrace" in said(client.get(ADDRESSES))


def test_the_day_they_moved_out_is_checked(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), mend_page()
    given = as_drawn(client.get(path)) | {"to_on_day": "1", "to_on_month": "1", "to_on_year": "2025"}
    assert "The day they moved out is after the day they moved in" in said(client.post(path, given))
    assert client.post(path, given | {"to_on_day": "2"}).status_code == 302
    assert "2 January 2025" in said(client.get(ADDRESSES))


def test_two_who_mend_one_address_lose_nothing(walk: Walk, signed_in: SignedIn) -> None:
    accounts.add(
        username="second", role="early_help_worker", password=PASSWORD, team="North", by=duty("test"), at=walk.now()
    )
    first, second, path = signed_in("worker"), signed_in("second"), mend_page()
    one, two = as_drawn(first.get(path)), as_drawn(second.get(path))
    first.post(path, one | {"line_1": "One Yard", "line_3": "Onetown", "from_on_day": "2"})
    given = two | {"line_1": "Two Yard"}
    told = second.post(path, given)
    page = said(told)
    assert re.search(
        r"worker \(Early Help worker\), 2 November 2026 at [\d:]+, changed this while you had it open:"
        " now it says One Yard",
        page,
    )
    assert 'name="line_1" value="Two Yard"' in page
    assert 'name="line_3" value="Onetown"' in page
    again = as_drawn(told)
    assert again["from_on_day"] == "2"
    assert second.post(path, again)["Location"] == ADDRESSES
    row = person_of("P1").addresses.get()
    assert (row.line_1, row.line_3, row.from_on.day) == ("Two Yard", "Onetown", 2)


# A protected address --------------------------------------------------------------------------------------------


def nowhere(answer: Any) -> None:
    """Nothing of the planted address in an answer, nor that it would be kept by a browser."""
    for text in (SECRET, "Secretham", "PE9 9ZZ", LINE):
        assert text not in said(answer)


def test_a_protected_address_is_in_no_answer_before_a_reason(walk: Walk, signed_in: SignedIn) -> None:
    hide(walk)
    client = signed_in("worker")
    for reference in ("P1", "P2"):
        own = f"/families/F1/people/{reference}/"
        for path in (
            f"{own}addresses/",
            f"{own}addresses/move/",
            f"{own}membership/",
            mend_page(reference),
            "/families/F1/",
        ):
            nowhere(client.get(path, follow=True))
            nowhere(client.post(path, {"line_1": "Guess"}, follow=True))
    assert "Say why you need to see the address" in said(client.post(ADDRESSES, {"reason": "  "}))
    assert not Entry.objects.filter(event="PROTECTED_ADDRESS_OPENED").exists()


def test_with_a_reason_it_is_shown_in_one_answer_and_can_be_mended_for_an_hour(walk: Walk, signed_in: SignedIn) -> None:
    hide(walk)
    client = signed_in("worker")
    asked = said(client.get(ADDRESSES))
    assert "Write no names" in asked
    assert "/change/" not in asked
    shown = client.post(ADDRESSES, {"reason": REASON})
    assert SECRET in said(shown)
    assert "no-store" in shown["Cache-Control"]
    entry = Entry.objects.get(event="PROTECTED_ADDRESS_OPENED")
    assert (entry.who, entry.reference, entry.reason) == ("worker", "P1", REASON)
    again = client.get(ADDRESSES)
    nowhere(again)
    assert mend_page() in said(again)
    path = mend_page()
    page = client.get(path)
    assert SECRET in said(page)
    assert "no-store" in page["Cache-Control"]
    given = as_drawn(page) | {"line_2": "Elsewhere"}
    walk.minutes += 61
    assert client.get(path)["Location"] == ADDRESSES
    late = client.post(path, given, follow=True)
    nowhere(late)
    assert "Nothing was saved: the hour is over" in said(late)
    assert person_of("P1").addresses.filter(line_2="Elsewhere").count() == 0
    client.post(ADDRESSES, {"reason": REASON})
    assert client.post(path, given)["Location"] == ADDRESSES
    assert person_of("P1").addresses.filter(line_2="Elsewhere").count() == 1


def test_a_reason_opens_the_addresses_of_one_person_in_one_session(walk: Walk, signed_in: SignedIn) -> None:
    hide(walk)
    client = signed_in("worker")
    client.post(ADDRESSES, {"reason": REASON})
    assert client.get(mend_page()).status_code == 200
    assert client.get(mend_page("P2")).status_code == 302
    assert signed_in("worker").get(mend_page()).status_code == 302


def test_a_move_of_somebody_protected_is_recorded_unseen(walk: Walk, signed_in: SignedIn) -> None:
    hide(walk)
    client = signed_in("worker")
    page = client.get(MOVE)
    assert "This person's address is protected" in said(page)
    nowhere(client.post(MOVE, NEW | {"postcode": ""}))
    nowhere(client.post(MOVE, NEW, follow=True))
    assert person_of("P1").addresses.get(line_1=SECRET).to_on is not None


def test_an_earlier_address_that_protects_somebody_now_is_not_shown(walk: Walk, signed_in: SignedIn) -> None:
    """Who moved out of a refuge still has it on file: those who live there now are protected."""
    client = signed_in("worker")
    walk.load({"addresses": [{"person_ref": "P8", "line_1": SECRET, "line_2": "Secretham", "postcode": "PE9 9ZZ",
                              "from_on": "2026-01-01", "to_on": "2026-05-01"}]})  # fmt: skip
    path = "/families/F5/people/P8/addresses/"
    assert SECRET in said(client.get(path))
    hide(walk)
    nowhere(client.get(path))


# In a browser ---------------------------------------------------------------------------------------------------


@needs_a_browser
def test_a_protected_address_in_a_browser(
    walk_to: WalkTo, signed_in: SignedIn, serve: Callable[[], str], browse: Callable[..., Reader]
) -> None:
    walk = walk_to("assemble")
    hide(walk)
    client: Client = signed_in("worker")
    reader = browse(serve(), client)
    page = reader.page
    for size in (DESK, PHONE):
        reader.open(ADDRESSES)
        page.set_viewport_size(size)
        expect(page.get_by_text(SECRET)).to_have_count(0)
        page.get_by_role("button", name="Show the address").click()
        expect(page).to_have_title(re.compile("^Error: "))
        page.get_by_label("Why do you need to see the address?").fill(REASON)
        page.get_by_role("button", name="Show the address").click()
        expect(page.get_by_text(SECRET)).to_be_visible()
        reader.look()
        page.goto(reader.site + "/")
        # The browser kept nothing to go back to.
        with pytest.raises(Error, match="ERR_CACHE_MISS"):
            page.go_back()
        expect(page.get_by_text(SECRET)).to_have_count(0)
