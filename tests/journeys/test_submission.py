"""A submission from its draft to its destruction, as a preparer, an approver and information governance live it."""

import re
from typing import Any, NamedTuple

from django.utils import timezone
from playwright.sync_api import expect

from cohorts import objections
from connecting_families.audit.models import Entry
from tests.journeys.conftest import ServeHere
from tests.journeys.test_permission import press, the_rules, title
from tests.pages.conftest import Browse, Reader, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.pages.paper import printed
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.receipts import acknowledgement, receipt_of
from tests.stages.walk import LINE, PASSWORD, PEOPLE, QUERIES, Walk
from transfers import tasks
from transfers.models import Submission, Withdrawal

pytestmark = needs_a_browser


class Council(NamedTuple):
    """Three people at their desks, and the walk that they are on."""

    walk: Walk
    preparer: Reader
    approver: Reader
    governance: Reader

    def everybody_but(self, *these: Reader) -> list[Reader]:
        """The others."""
        return [each for each in self[1:] if each not in these]


def test_a_submission_from_its_draft_to_its_destruction(
    walk_to: WalkTo, queue: None, serve_here: ServeHere, signed_in: SignedIn, browse: Browse
) -> None:
    walk = walk_to("assemble")
    at, by = walk.now(), walk.who("worker")
    objections.receive(received_at=at, channel="phone", made_by="self", about="Hepzibah", by=by, at=at)
    site = serve_here(walk)
    clients = [signed_in(name) for name in ("prepare", "approve", "govern")]
    preparer = browse(site, clients[0])
    browser = preparer.page.context.browser
    assert browser is not None
    council = Council(walk, preparer, *(Reader(browser.new_context(), site, each) for each in clients[1:]))
    here = it_is_drafted_mended_and_put_forward(council)
    it_is_sent_back_once_and_then_approved(council, here)
    it_is_sealed_and_delivered(council, here)
    its_recipient_says_what_it_has(council, here)
    somebody_objects_late(council, here)
    what_was_sent_is_held_and_then_destroyed(council, here)
    the_trail_tells_it(here)


def it_is_drafted_mended_and_put_forward(council: Council) -> str:
    """Where the submission is, once every gate before it was opened where the page said."""
    preparer, governance = council.preparer, council.governance
    page = preparer.page
    preparer.open("/submissions/")
    press(preparer, "Draft its submission")
    here = f"/submissions/{title(preparer)}/"
    for reason in ("Information governance must find who objects", "Explain these open queries",
                   "Open these pages of the cohort first"):  # fmt: skip
        expect(page.locator(".cf-reasons").get_by_text(reason)).to_be_visible()
    cannot(preparer, "Put forward for approval")

    follow(page.locator(".cf-reasons").get_by_role("link", name="Explain open queries"))
    for code in QUERIES:
        page.get_by_label(re.compile(f"^{code}")).fill("Asked again: it is so.")
    press(preparer, "Keep the explanations")
    for link in ("Who can be found", "The difference"):
        follow(page.locator(".cf-reasons").get_by_role("link", name=link))
        preparer.look()
        page.goto(preparer.site + here)
    assert page.locator(".cf-reasons li").count() == 1

    # Who objects is for governance to find, and leads to the desk.
    governance.page.goto(f"{governance.site}/")
    follow(governance.page.get_by_role("link", name="Objections", exact=True))
    follow(governance.page.get_by_role("table", name=re.compile("match", re.IGNORECASE)).get_by_role("link").first)
    follow(governance.page.get_by_role("button", name="Match it"))
    governance.page.get_by_label("Reference of the person or of the family").fill("P8")
    follow(governance.page.get_by_role("button", name="Look up"))
    follow(governance.page.get_by_role("button", name="Match it"))

    page.reload()
    press(preparer, "Put forward for approval")
    expect(page.get_by_text("Somebody else must approve it.")).to_be_visible()
    expect(page.get_by_text("You cannot approve this, because:")).to_be_visible()
    return here


def it_is_sent_back_once_and_then_approved(council: Council, here: str) -> None:
    preparer, approver = council.preparer, council.approver
    page = approver.page
    page.goto(f"{approver.site}/")
    follow(page.get_by_role("region", name="For you to approve").get_by_role("link", name=here.split("/")[2]))
    expect(page.get_by_text("Open the sample of this submission first")).to_be_visible()
    cannot(approver, "Approve exactly this content")

    press(approver, "Open the sample")
    shown = page.locator("main").inner_text()
    assert "Q•••••••••••" in shown
    assert [word for _, given, family, *_ in PEOPLE for word in (given, family, LINE) if word in shown] == []
    follow(page.get_by_role("link", name="Go back, to approve it or to send it back"))
    follow(page.get_by_role("link", name="Send it back, with a reason"))
    page.get_by_label("What is to be mended?").fill("No.")
    press(approver, "Send back")
    assert page.title().startswith("Error: ")
    page.get_by_label("What is to be mended?").fill("Ask for the postcode of P4 again.")
    press(approver, "Send back")

    preparer.page.reload()
    expect(preparer.page.get_by_text("to be mended: Ask for the postcode of P4 again.")).to_be_visible()
    press(preparer, "Take it up again")
    press(preparer, "Put forward for approval")
    page.reload()
    press(approver, "Approve exactly this content")
    it_is_me(approver)
    expect(page.get_by_text("It is approved.")).to_be_visible()


def it_is_sealed_and_delivered(council: Council, here: str) -> None:
    preparer, governance = council.preparer, council.governance
    page = preparer.page
    governance.open(here)
    expect(governance.page.get_by_text("You cannot seal this, because:")).to_be_visible()
    cannot(governance, "Seal it for its recipients")
    page.reload()
    press(preparer, "Seal it for its recipients")
    it_is_me(preparer)
    expect(page.get_by_text("The workers are at it.").first).to_be_visible()
    the_workers(tasks.seal, the_submission())
    # The page goes on by itself.
    expect(page.get_by_role("button", name="Deliver it")).to_be_visible(timeout=30_000)
    governance.page.reload()
    cannot(governance, "Deliver it")
    press(preparer, "Deliver it")
    the_workers(tasks.deliver, the_submission())
    expect(page.get_by_text("This submission was delivered.")).to_be_visible(timeout=30_000)
    preparer.look()
    for each in council[1:]:
        each.page.goto(each.site + here)
        cannot(each, "Make it void")


def its_recipient_says_what_it_has(council: Council, here: str) -> None:
    preparer = council.preparer
    page = preparer.page
    cannot(council.governance, "Take in the receipt")
    follow(page.get_by_role("button", name="Take in the receipt"))
    for content, answer in ((b"{}", "exactly these keys"), (the_receipt(council.walk), "The receipt is taken in.")):
        give_file(preparer, "Receipt", "receipt.json", content)
        press(preparer, "Take it in")
        expect(page.get_by_text(answer).first).to_be_visible()
    follow(page.get_by_role("link", name=re.compile("^Who could not be loaded")))
    preparer.look()
    expect(page.get_by_role("row", name="P4")).to_be_visible()
    page.goto(preparer.site + here)
    follow(page.get_by_role("link", name="Proof of submission, to print"))
    preparer.look()
    printed(preparer, "Proof of submission", "How an auditor checks it", but=("Download it, signed, for an auditor",))


def somebody_objects_late(council: Council, here: str) -> None:
    preparer, governance = council.preparer, council.governance
    number = the_rules(lambda: p1_objects(council.walk))
    the_workers(tasks.withdraw_from, the_submission())
    preparer.open("/withdrawals/")
    follow(preparer.page.get_by_role("link", name=re.compile("-withdrawal-1$")))
    expect(preparer.page.get_by_text("The workers seal it and deliver it by themselves")).to_be_visible()
    the_workers(tasks.withdraw, the_rules(lambda: Withdrawal.objects.get().pk))
    preparer.page.reload()
    follow(preparer.page.get_by_role("button", name="Take in the receipt"))
    given = the_rules(lambda: acknowledgement(council.walk, Withdrawal.objects.get(), received_at=now()))
    give_file(preparer, "Receipt", "receipt.json", given)
    press(preparer, "Take it in")
    expect(preparer.page.get_by_text("The recipient says that these people were taken out.")).to_be_visible()
    assert PEOPLE[0][1] not in preparer.page.content()

    page = governance.page
    governance.open(f"/objections/{number}/")
    expect(page.get_by_role("row", name=here.split("/")[2])).to_be_visible()
    follow(page.get_by_role("link", name="Letter to print to Zebulonia Quillfeather"))
    governance.look()
    printed(
        governance, "What we sent before", "They say that they did so on 2 November 2026.", LINE,
        "What can be undone, and what cannot", but=("Print this page",),
    )  # fmt: skip


def what_was_sent_is_held_and_then_destroyed(council: Council, here: str) -> None:
    preparer, governance = council.preparer, council.governance
    page, name = governance.page, here.split("/")[2]
    follow(page.get_by_role("link", name="Retention", exact=True))
    follow(page.get_by_role("row", name=re.compile("^DSA ")).get_by_role("link"))
    fill_in(governance, {"Day": "30", "Month": "10", "Year": "2026", "From what is that known?": "Letter 7"})
    press(governance, "Enter it")
    expect(page.get_by_text("1 submission should have been destroyed already.")).to_be_visible()

    follow(page.get_by_role("link", name=name))
    governance.look()
    follow(page.get_by_role("button", name="Place a legal hold"))
    fill_in(governance, {"Why?": "A court asked for the records."})
    press(governance, "Place the hold")
    preparer.page.goto(f"{preparer.site}/retention/{name}/")
    expect(preparer.page.get_by_text("A legal hold stands.")).to_be_visible()
    cannot(preparer, "Ask for destruction", "Lift it", "Place a legal hold")
    follow(page.get_by_role("link", name="Lift it"))
    fill_in(governance, {"Why?": "The case is over."})
    press(governance, "Lift the hold")

    preparer.page.reload()
    follow(preparer.page.get_by_role("button", name="Ask for destruction"))
    expect(preparer.page.get_by_text("The details of 6 people")).to_be_visible()
    fill_in(preparer, {"Why now? (optional)": "The study is over."})
    press(preparer, "Ask for destruction")
    expect(preparer.page.get_by_text("You cannot confirm this, because:")).to_be_visible()
    for each in council.everybody_but(governance):
        each.page.goto(f"{each.site}/retention/{name}/")
        cannot(each, "Destroy it for good")
    page.reload()
    press(governance, "Destroy it for good")
    it_is_me(governance)
    expect(page.get_by_text("It is confirmed, and is being destroyed.")).to_be_visible()
    the_workers(tasks.destroy, the_submission())
    page.reload()

    follow(page.get_by_role("button", name="Enter a recipient's certificate"))
    page.get_by_label("ONS", exact=True).check()
    fill_in(governance, {"Its reference": "D-7", "Day": "2", "Month": "11", "Year": "2026"})
    give_file(governance, "The certificate", "ons.pdf", b"%PDF-1.7 it is destroyed")
    press(governance, "Enter it")
    expect(page.get_by_role("row", name=re.compile("ONS D-7"))).to_be_visible()
    follow(page.get_by_role("button", name="Certificate of destruction, to print"))
    governance.look()
    printed(
        governance, "Certificate of destruction", "How it was destroyed", "written over", "What is not gone yet",
        "The study is over.", but=("Download it, signed",),
    )  # fmt: skip
    preparer.page.goto(preparer.site + here)
    expect(preparer.page.get_by_text("What was sent is destroyed.")).to_be_visible()


def the_trail_tells_it(here: str) -> None:
    """Who did what, in the order in which it was done."""

    def told() -> list[str]:
        acts = Entry.objects.filter(record="transfers.submission", reference=here.split("/")[2]).order_by("pk")
        done = acts.exclude(event__contains="VIEWED").exclude(event__contains="DOWNLOADED")
        return [f"{who} {event}" for who, event in done.values_list("who", "event")]

    assert the_rules(told) == [
        "prepare SUBMISSION_DRAFTED", *["prepare FINDING_EXPLAINED"] * 3, "prepare SUBMISSION_PUT_FORWARD",
        "approve SEND_BACK_REFUSED", "approve SUBMISSION_SENT_BACK", "prepare SUBMISSION_DRAFTED",
        "prepare SUBMISSION_PUT_FORWARD", "approve SUBMISSION_APPROVED", "prepare SEALING_REQUESTED",
        "system:seal SUBMISSION_SEALED", "prepare DELIVERY_REQUESTED", "system:deliver DELIVERY_ATTEMPTED",
        "system:deliver SUBMISSION_DELIVERED", "prepare RECEIPT_TAKEN_IN",
        "govern HOLD_PLACED", "govern HOLD_LIFTED", "prepare DESTRUCTION_ASKED", "govern DESTRUCTION_CONFIRMED",
        "system:destroy ARCHIVE_KEY_DESTROYED", "system:destroy SUBMISSION_DESTROYED", "govern RECIPIENT_DESTROYED",
    ]  # fmt: skip


def cannot(reader: Reader, *buttons: str) -> None:
    """This is not theirs: there is nothing to press."""
    for name in buttons:
        for role in ("button", "link"):
            expect(reader.page.get_by_role(role, name=name, exact=True)).to_have_count(0)


def it_is_me(reader: Reader) -> None:
    """The password once more, before what cannot be undone easily."""
    assert title(reader) == "Confirm that it is you"
    reader.page.get_by_label("Password").fill(PASSWORD)
    press(reader, "Confirm")


def fill_in(reader: Reader, given: dict[str, str]) -> None:
    for label, value in given.items():
        reader.page.get_by_label(label, exact=True).fill(value)


def give_file(reader: Reader, label: str, name: str, content: Any) -> None:
    file: Any = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    reader.page.get_by_label(label, exact=True).set_input_files(file)


def the_workers(task: Any, key: object) -> None:
    """A worker does what was asked for."""
    the_rules(lambda: task(key))


def the_submission() -> object:
    return the_rules(lambda: Submission.objects.get().pk)


def the_receipt(walk: Walk) -> object:
    """Of a recipient who could not load one of them."""
    return the_rules(lambda: receipt_of(walk, ("P4", "POSTCODE"), received_at=now()))


def now() -> str:
    return timezone.now().isoformat()  # noqa: TID251 - the day of the walk, which the site has too


def p1_objects(walk: Walk) -> object:
    """By telephone, to Early Help."""
    at, by = timezone.now(), walk.who("worker")  # noqa: TID251 - as above
    return objections.receive(person=person_of("P1"), received_at=at, channel="phone", made_by="self", by=by, at=at).pk
