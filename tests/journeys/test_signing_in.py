"""Signing in, in a browser, as people tell it: the first time, a lost phone, a break in mid-form, other places."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from playwright.sync_api import expect

from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts, factors, lasting
from connecting_families.staff.models import KeptForm, User
from tests.pages.conftest import Browse, Reader, Serve, needs_a_browser
from tests.signing_in import code_of, enrol
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

pytestmark = needs_a_browser


@pytest.fixture(autouse=True)
def the_database_is_asked_from_within_the_browsers_loop(
    monkeypatch: pytest.MonkeyPatch,
    walk_to: WalkTo,
    browse: Browse,
) -> Iterator[None]:
    """The tests look at the trail, and move a session's clock, while the browser is open."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    yield
    connection.close()


def begin(walk: Walk, name: str, password: str = PASSWORD, **more: object) -> User:
    """Somebody whose password is kept as in service: the walk's own are kept under a quicker hash."""
    role = str(more.pop("role", "data_preparer"))
    return accounts.add(username=name, role=role, password=password, by=duty("test"), at=walk.now(), **more)  # type: ignore[arg-type]


def give_password(reader: Reader, name: str, password: str = PASSWORD) -> None:
    """The first page of signing in."""
    reader.page.get_by_label("Username").fill(name)
    reader.page.get_by_label("Password").fill(password)
    reader.page.get_by_role("button", name="Sign in", exact=True).click()


def give_code(reader: Reader, code: str) -> None:
    """The second page."""
    expect(reader.page).to_have_url(re.compile("/account/login/code/$"))
    reader.page.get_by_label("Code").fill(code)
    reader.page.get_by_role("button", name="Sign in", exact=True).click()


def recorded(event: str) -> list[Entry]:
    """The entries of this event."""
    return list(Entry.objects.filter(event=event).order_by("pk"))


def later(*, seconds: int) -> int:
    """The clock of every session goes on; when somebody was last seen, by that clock."""
    seen = 0
    for row in Session.objects.all():
        data = row.get_decoded()
        if lasting.SEEN in data:
            seen = data[lasting.SEEN] = data[lasting.SEEN] - seconds
            Session.objects.filter(pk=row.pk).update(session_data=Session.objects.encode(data))
    return seen


def run_out() -> None:
    """The clock of every session goes on by an hour."""
    later(seconds=3600)


def test_the_first_sign_in_sets_password_and_factor_and_goes_on_to_what_was_asked_for(
    walk_to: WalkTo, serve: Serve, browse: Browse
) -> None:
    walk = walk_to("assemble")
    begin(walk, "j.bell", "seven-words-once-told", one_time=True)
    reader = browse(serve())
    page = reader.page
    reader.open("/rounds/2026/")
    give_password(reader, "j.bell", "seven-words-once-told")
    # Only the pages that make the sign-in whole answer.
    expect(page).to_have_title(re.compile("^Change your password"))
    page.goto(f"{reader.site}/submissions/")
    expect(page).to_have_title(re.compile("^Change your password"))
    page.goto(f"{reader.site}/account/password/?next=/rounds/2026/")
    reader.look()
    page.get_by_label("Your password now").fill("not this one")
    page.get_by_role("button", name="Change it").click()
    expect(page).to_have_title(re.compile("^Error: "))
    reader.look()
    page.get_by_label("Your password now").fill("seven-words-once-told")
    page.get_by_label("New password", exact=True).fill("marl and osier in a creel")
    page.get_by_label("New password, once more").fill("marl and osier in a creel")
    page.get_by_role("button", name="Change it").click()
    expect(page).to_have_title(re.compile("^Set up a second factor"))
    reader.look()
    picture = page.locator("main img")
    assert picture.evaluate("e => e.complete && e.naturalWidth > 100")
    assert (picture.get_attribute("src") or "") == "/account/factor/picture.svg"
    secret = page.locator("code.cf-secret").inner_text().replace(" ", "")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Set it up").click()
    expect(page).to_have_title(re.compile("^Error: Set up"))
    reader.look()
    # Trying again does not draw another secret: the app has this one.
    assert page.locator("code.cf-secret").inner_text().replace(" ", "") == secret
    page.get_by_label("Code").fill(code_of("", secret=secret))
    page.get_by_role("button", name="Set it up").click()
    expect(page).to_have_title(re.compile("^Keep your recovery codes"))
    reader.look()
    assert page.locator(".cf-codes li").count() == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download them as a text file").click()
    assert download.value.url.endswith("/account/recovery-codes/recovery-codes.txt")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert page.locator(".cf-codes li").first.inner_text() in download.value.path().read_text()
    page.get_by_role("button", name="I have kept them, go on").click()
    expect(page).to_have_url(f"{reader.site}/rounds/2026/")
    for event in ("PASSWORD_CHANGED", "SECOND_FACTOR_SET", "RECOVERY_CODES_DOWNLOADED"):
        assert [entry.reference for entry in recorded(event)][-1:] == ["j.bell"], event


def test_a_lost_phone(walk_to: WalkTo, serve: Serve, browse: Browse) -> None:
    user = begin(walk_to("assemble"), "j.bell")
    enrol("j.bell")
    first, second, *_ = factors.codes_of(user)
    reader = browse(serve())
    page = reader.page
    reader.open("/rounds/")
    give_password(reader, "j.bell")
    reader.look()
    give_code(reader, "123456")
    expect(page).to_have_title(re.compile("^Error: Enter a code"))
    reader.look()
    give_code(reader, first)
    expect(page).to_have_url(f"{reader.site}/rounds/")
    expect(page.locator("main")).to_contain_text("You used a recovery code. 9 recovery codes are left.")
    # With another code the new phone is set up; the old one, and the other codes, are good for nothing then.
    reader.open("/account/")
    page.get_by_role("link", name="Change second factor").click()
    expect(page).to_have_title(re.compile("^Confirm that it is you"))
    page.get_by_role("link", name="Use a code from your phone").click()
    reader.look()
    page.get_by_label("Code").fill(second)
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_title(re.compile("^Set up a second factor"))
    reader.look()
    secret = page.locator("code.cf-secret").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(code_of("", secret=secret))
    page.get_by_role("button", name="Set it up").click()
    expect(page).to_have_title(re.compile("^Keep your recovery codes"))
    page.get_by_role("button", name="I have kept them, go on").click()
    page.get_by_role("button", name="Sign out").click()
    give_password(reader, "j.bell")
    give_code(reader, first)
    expect(page).to_have_title(re.compile("^Error: Enter a code"))
    give_code(reader, code_of("", secret=secret, step=1))
    expect(page).to_have_url(f"{reader.site}/")
    used = [entry.additional_data for entry in recorded("RECOVERY_CODE_USED")]
    assert used == [{"left": 9}, {"left": 8}]
    assert len(recorded("SECOND_FACTOR_REFUSED")) == 2


def test_a_break_in_mid_form_loses_nothing_typed(walk_to: WalkTo, serve: Serve, browse: Browse) -> None:
    walk = walk_to("assemble")
    begin(walk, "j.bell")
    enrol("j.bell")
    reader = browse(serve())
    page = reader.page
    reader.open("/rounds/open/")
    give_password(reader, "j.bell")
    give_code(reader, code_of("j.bell"))
    expect(page).to_have_url(f"{reader.site}/rounds/open/")
    expect(page.locator("footer")).to_contain_text("If you do nothing, you are signed out at")
    page.get_by_label("Code", exact=True).fill("AFTER-LUNCH")
    page.get_by_label("Day", exact=True).fill("31")
    page.get_by_label("Month", exact=True).fill("13")
    page.locator("[name=datasets][value=NPD]").check()
    page.locator("[name=scope]").last.check()
    run_out()
    page.get_by_role("button", name="Open the round").click()
    expect(page.locator("main")).to_contain_text("You were signed out, because nothing was done for 30 minutes.")
    expect(page.locator("main")).to_contain_text("It is kept for an hour")
    reader.look()
    assert "AFTER-LUNCH" not in page.url
    (kept,) = KeptForm.objects.all()
    assert "AFTER-LUNCH" not in kept.sealed
    give_password(reader, "j.bell")
    give_code(reader, code_of("j.bell", step=1))
    expect(page).to_have_url(f"{reader.site}/rounds/open/")
    expect(page.locator("main")).to_contain_text("You were signed out before you sent this. It was not saved yet")
    reader.look()
    assert page.get_by_label("Code", exact=True).input_value() == "AFTER-LUNCH"
    assert page.get_by_label("Day", exact=True).input_value() == "31"
    assert page.get_by_label("Month", exact=True).input_value() == "13"
    assert page.locator("[name=datasets]:checked").evaluate_all("all => all.map(e => e.value)") == ["NPD"]
    assert page.locator("[name=scope]").last.is_checked()
    # Sent once more it is taken as any form is: what is wrong with it is said, and what was kept is gone.
    page.get_by_role("button", name="Open the round").click()
    expect(page).to_have_title(re.compile("^Error: "))
    assert page.get_by_label("Code", exact=True).input_value() == "AFTER-LUNCH"
    assert KeptForm.objects.count() == 0
    (ended,) = recorded("SIGN_IN_RAN_OUT")
    assert ended.additional_data == {"because": "idle", "form_kept": True}


def test_the_warning_comes_before_the_end_and_its_button_puts_it_off(
    walk_to: WalkTo, serve_apart: Serve, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CF_IDLE_MINUTES", "2")
    begin(walk_to("assemble"), "j.bell")
    enrol("j.bell")
    reader = browse(serve_apart())
    page = reader.page
    page.clock.install()
    reader.open("/rounds/open/")
    give_password(reader, "j.bell")
    give_code(reader, code_of("j.bell"))
    page.get_by_label("Code", exact=True).fill("STAYS")
    expect(page.get_by_role("dialog")).to_have_count(0)
    # A minute goes by, here and there.
    before = later(seconds=61)
    page.clock.fast_forward(61_000)
    button = page.get_by_role("dialog").get_by_role("button", name="Stay signed in")
    expect(button).to_be_focused()
    reader.look()
    button.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    (row,) = (each for each in Session.objects.all() if lasting.SEEN in each.get_decoded())
    assert row.get_decoded()[lasting.SEEN] > before
    assert page.get_by_label("Code", exact=True).input_value() == "STAYS"


def test_where_i_am_signed_in_and_ending_it(walk_to: WalkTo, serve: Serve, browse: Browse) -> None:
    begin(walk_to("assemble"), "j.bell")
    enrol("j.bell")
    site = serve()
    here = browse(site)
    there = Reader(here.page.context.browser.new_context(), site)  # type: ignore[union-attr]
    for reader, step in ((here, 0), (there, 1)):
        reader.page.goto(f"{site}/")
        give_password(reader, "j.bell")
        give_code(reader, code_of("j.bell", step=step))
        expect(reader.page).to_have_url(f"{site}/")
    here.open("/account/sign-ins/")
    assert here.page.locator("main tbody tr").count() == 2
    here.page.get_by_role("button", name="End the sign-in with").click()
    expect(here.page).to_have_title(re.compile("^Confirm that it is you"))
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Confirm").click()
    expect(here.page.locator("main")).to_contain_text("1 sign-in ended.")
    here.look()
    there.page.goto(f"{site}/rounds/")
    expect(there.page).to_have_title(re.compile("^Sign in"))
    assert len(recorded("SIGN_IN_ENDED")) == 1
    assert datetime.now(UTC) > recorded("SIGN_IN_ENDED")[0].timestamp
