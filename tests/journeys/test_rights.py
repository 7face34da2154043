"""Information governance answers a question, and two of them erase a person who asked for it."""

from tests.audit.acts import rights as acts
from tests.journeys.test_permission import press, title
from tests.pages.conftest import Browse, Reader, Serve, SignedIn, needs_a_browser
from tests.pages.following import follow
from tests.stages.conftest import WalkTo
from tests.stages.test_erasure import a_second, ask
from tests.stages.walk import PASSWORD

pytestmark = needs_a_browser


def answer(reader: Reader, outcome: str) -> None:
    """Record that the person had this answer by letter on 3 November, and close the request."""
    page = reader.page
    follow(page.get_by_role("button", name="Record the answer"))
    page.get_by_label(outcome).check()
    page.get_by_label("What was the person told?").fill("It is in the letter.")
    page.get_by_label("Letter").check()
    for box, value in (("Day", "3"), ("Month", "11"), ("Year", "2026")):
        page.get_by_label(box, exact=True).fill(value)
    press(reader, "Record the answer")
    assert page.get_by_text("is answered. Close it once nothing is left to do.").is_visible()
    press(reader, "Close it")
    assert page.get_by_text("Nothing: this request is closed.").is_visible()


def test_governance_answers_a_question_and_two_erase_a_person(
    walk_to: WalkTo, queue: None, signed_in: SignedIn, serve: Serve, browse: Browse
) -> None:
    walk = walk_to("assemble")
    a_second(walk)
    second = signed_in("govern2")
    question, erasure = acts.ask(walk).reference, ask(walk, "P6", asked="Cuthbert wants to be erased.").reference
    reader = browse(serve(), signed_in("govern"))
    page = reader.page

    page.goto(f"{reader.site}/")
    follow(page.get_by_role("link", name="Requests", exact=True))
    reader.look()
    follow(page.get_by_role("link", name=question))
    reader.look()
    answer(reader, "Answered, or done as asked")

    follow(page.get_by_role("link", name="Back"))
    follow(page.get_by_role("link", name=erasure))
    follow(page.get_by_role("button", name="Erase the person"))
    reader.look()
    page.get_by_label("Why is the person erased?").fill("She asked, and showed who she is.")
    press(reader, "Propose it")
    assert page.get_by_text("You proposed it yourself").is_visible()
    reader.look()

    page.context.add_cookies([{"name": "sessionid", "value": second.cookies["sessionid"].value, "url": reader.site}])
    page.reload()
    assert page.get_by_text("Cuthbert Fernsby").is_visible()
    press(reader, "Erase this person for good")
    page.get_by_label("Password").fill(PASSWORD)
    press(reader, "Confirm")
    assert page.get_by_text("The person is erased. Tell them, and record the answer.").is_visible()
    assert not page.get_by_text("Cuthbert").is_visible()
    reader.look()
    follow(page.get_by_role("link", name="Back"))
    assert title(reader).startswith(erasure)
    answer(reader, "Answered, or done as asked")
    assert not page.get_by_text("Cuthbert").is_visible()
