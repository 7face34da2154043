"""The links and the forms of a page, and what is sent with a form that is empty or filled in."""

import re
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urljoin

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.stages.walk import PASSWORD


class Control(NamedTuple):
    """A field of a form as it stands in the page."""

    name: str
    kind: str
    value: str


class Form(NamedTuple):
    """A form of a page: where it is sent, how, and what stands in it."""

    page: str
    action: str
    method: str
    controls: tuple[Control, ...]

    @property
    def visible(self) -> list[Control]:
        """What people see of it."""
        return [control for control in self.controls if control.kind not in ("hidden", "submit")]

    @property
    def texts(self) -> list[str]:
        """The names of fields that take any text: no box of a date, no password."""
        free = [c.name for c in self.controls if c.kind in ("text", "textarea", "search")]
        return [name for name in free if not re.search("_(day|month|year|time)$", name)]

    def empty(self) -> dict[str, Any]:
        """What is sent where nothing was filled in."""
        hidden = {c.name: c.value for c in self.controls if c.kind == "hidden"}
        return (
            {"csrfmiddlewaretoken": "not asked for here"}
            | hidden
            | {c.name: "" for c in self.visible if c.kind in ("text", "textarea", "search", "password")}
        )

    def filled(self, words: str) -> dict[str, Any]:
        """What is sent where every free text holds these words, and of each choice the first real one is taken."""
        given: dict[str, Any] = self.empty()
        for control in self.visible:
            name, kind = control.name, control.kind
            if kind == "file":
                given[name] = SimpleUploadedFile("people.csv", words.encode("utf-8", "replace"))
            elif kind == "password":
                given[name] = PASSWORD
            elif kind == "checkbox":
                given[name] = [*given.get(name, []), control.value]
            elif kind in ("radio", "option"):
                given[name] = given.get(name) or control.value
            elif match := re.search("_(day|month|year|time)$", name):
                given[name] = {"day": "5", "month": "4", "year": "1988", "time": "09:30"}[match.group(1)]
            else:
                given[name] = words
        return given


class Read(HTMLParser):
    """The links and the forms of a page."""

    def __init__(self, page: str, body: str) -> None:
        super().__init__()
        self.page, self.links, self.forms = page, list[str](), list[Form]()
        self._form: dict[str, str] | None = None
        self._controls: list[Control] = []
        self._select = ""
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(urljoin(self.page, found["href"]).split("#")[0])
        elif tag == "form":
            self._form, self._controls = found, []
        elif self._form is not None and tag == "select":
            self._select = found.get("name", "")
        elif self._form is not None and tag == "option":
            self._controls.append(Control(self._select, "option", found.get("value", "")))
        elif self._form is not None and tag in ("input", "textarea", "button") and found.get("name"):
            kind = {"textarea": "textarea", "button": "submit"}.get(tag, found.get("type", "text"))
            self._controls.append(Control(found["name"], kind, found.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            action = urljoin(self.page, self._form.get("action") or self.page)
            method = self._form.get("method", "get").lower()
            own = tuple(c for c in self._controls if c.name != "csrfmiddlewaretoken")
            self.forms.append(Form(self.page, action, method, own))
            self._form = None
