"""What comes back from a page, and sending its form, as somebody does who is signed in."""

from html import unescape
from typing import Any

from django.test import Client
from django.utils.html import strip_tags

from tests.stages.walk import PASSWORD


def text(answer: Any) -> str:
    """What people read on a page, or on a piece of one, in one line."""
    page = answer.content.decode()
    if "<main" in page:
        page = page[page.index("<main") : page.index("</main>")]
    return unescape(" ".join(strip_tags(page).split()))


def press(client: Client, path: str, **values: Any) -> Any:
    """Send a form; where a fresh password is asked for, give it."""
    answer = client.post(path, values)
    if answer.status_code == 302 and answer["Location"].startswith("/account/reauthenticate/"):
        return client.post(answer["Location"], {"password": PASSWORD})
    return answer
