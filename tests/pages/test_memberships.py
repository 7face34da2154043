"""The pages on what somebody is in a family: changed, and ended."""

from cohorts.models import Membership
from connecting_families.audit.models import Entry
from tests.pages.conftest import SignedIn
from tests.pages.test_homes import F1P1, as_drawn, membership_page, said, walk  # noqa: F401 - a fixture
from tests.stages.walk import Walk


def test_what_somebody_is_in_a_family_is_changed(walk: Walk, signed_in: SignedIn) -> None:  # noqa: F811
    client, path = signed_in("worker"), membership_page("change")
    assert "Lead" in said(client.get(f"{F1P1}membership/"))
    given = as_drawn(client.get(path))
    assert given["lives_in_household"] == "True"
    wrong = client.post(path, given | {"joined_on_month": "13"})
    assert "Enter a real date" in said(wrong)
    del given["lives_in_household"]
    for _ in range(2):
        assert client.post(path, given | {"relationship": "partner"})["Location"] == f"{F1P1}membership/"
    row = Membership.objects.get(person__reference="P1")
    assert (row.relationship, row.lives_in_household) == ("partner", False)
    assert Entry.objects.filter(event="MEMBERSHIP_CHANGED").count() == 1


def test_a_box_that_a_colleague_unticked_is_shown_so(walk: Walk, signed_in: SignedIn) -> None:  # noqa: F811
    client, path = signed_in("worker"), membership_page("change")
    one = as_drawn(client.get(path))
    two = dict(one)
    del one["lives_in_household"]
    client.post(path, one)
    told = client.post(path, two | {"relationship": "parent"})
    assert "changed this while you had it open: now it says No" in said(told)
    again = as_drawn(told)
    assert "lives_in_household" not in again
    assert client.post(path, again).status_code == 302
    row = Membership.objects.get(person__reference="P1")
    assert (row.relationship, row.lives_in_household) == ("parent", False)


def test_somebody_leaves_and_the_last_day_can_be_mended(walk: Walk, signed_in: SignedIn) -> None:  # noqa: F811
    client, path = signed_in("worker"), membership_page("leave")
    given = {"last_day_day": "1", "last_day_month": "11", "last_day_year": "2024"}
    assert "The person joined on 1 January 2025" in said(client.post(path, given))
    assert "Enter the last day in the family" in said(client.post(path, {"last_day_day": ""}))
    for _ in range(2):
        assert client.post(path, given | {"last_day_year": "2026"})["Location"] == f"{F1P1}membership/"
    page = said(client.get(f"{F1P1}membership/"))
    assert 'Last day in the family</dt> <dd class="govuk-summary-list__value"> 1 November 2026 </dd>' in page
    assert "/leave/" not in page
    assert "is 1 November 2026 already" in said(client.post(path, given | {"last_day_year": "2025"}))
    change = membership_page("change")
    mended = as_drawn(client.get(change)) | {"left_on_day": "", "left_on_month": "", "left_on_year": ""}
    assert client.post(change, mended).status_code == 302
    assert Membership.objects.get(person__reference="P1").left_on is None
