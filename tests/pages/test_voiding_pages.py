"""A submission that goes nowhere is made void on its page: by whoever may, with a reason, until it leaves."""

from django.urls import reverse

from connecting_families.audit.models import Entry
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.stages.conftest import WalkTo


def test_a_draft_is_made_void_with_a_reason_and_the_page_says_so(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("draft")
    page = f"/submissions/{walk.submission.name}/"
    clients = {name: signed_in(name) for name in ("prepare", "approve", "govern", "worker")}
    assert clients["worker"].get(f"{page}void/").status_code == 403
    for name in ("prepare", "approve", "govern"):
        assert f'href="{page}void/"' in clients[name].get(page).content.decode()
    client = clients["prepare"]
    said = text(client.get(f"{page}void/"))
    assert "Nothing of a void submission ever leaves, and it cannot be brought back." in said
    assert "our own copy" not in said
    assert "Say why it is made void" in text(client.post(f"{page}void/", {"reason": ""}))
    assert "Write a sentence which says why." in text(client.post(f"{page}void/", {"reason": "No."}))
    assert walk.submission.stage == "DRAFT"
    assert press(client, f"{page}void/", reason="It is of the <wrong> round.")["Location"] == page
    said = text(client.get(page))
    assert "This submission is void: nothing of it may leave." in said
    assert "It is of the <wrong> round." in said
    assert f'href="{page}void/"' not in client.get(page).content.decode()
    # Pressed twice, or by two: the second is told, and nothing is recorded twice.
    assert "The submission is void; it must be" in text(press(clients["govern"], f"{page}void/", reason="Me, too: so."))
    assert Entry.objects.filter(event="SUBMISSION_VOIDED").count() == 1
    # Its round has another then.
    assert "Draft its submission" in text(client.get(reverse("submissions")))
    drafted = press(client, f"/submissions/draft/{walk.cohort.pk}/")["Location"]
    assert drafted.endswith("-0002/")


def test_of_a_sealed_one_it_is_said_what_goes_and_a_hold_stands_in_place_of_the_button(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    walk = walked_to("seal")
    client, name = signed_in("govern"), walk.submission.name
    page = f"/submissions/{name}/"
    assert "our own copy of them are destroyed" in text(client.get(f"{page}void/"))
    client.post(f"/retention/{name}/hold/", {"reason": "A court asked for the records."})
    assert "You cannot make this void, because: A legal hold stands." in text(client.get(page))
    assert "A legal hold stands." in text(client.post(f"{page}void/", {"reason": "The round was called off."}))
    assert walk.submission.stage == "SEALED"
