"""HTML reduced to what a browser makes of it, so that two ways of writing the same thing are equal."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

EXPECTED = json.loads((Path(__file__).parent / "fixtures" / "govuk-frontend.json").read_text())["components"]

REFERENCES = frozenset({"for", "href", "aria-describedby", "aria-labelledby", "aria-controls"})
# What no component of GOV.UK has and all of ours do: bold labels, and no autofill of other people's data.
OURS = frozenset({"govuk-label--s", "govuk-fieldset__legend--s"})
UNUSED = frozenset({"data-module", "autocomplete"})

Token = tuple[str, ...]


class _Reader(HTMLParser):
    """Start tags with sorted attributes, end tags, and text without the spaces around it."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[Token] = []
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = sorted((name, self._value(name, value or "")) for name, value in attrs if name not in UNUSED)
        self.tokens.append((f"<{tag}", *(f'{name}="{value}"' for name, value in found)))

    def handle_endtag(self, tag: str) -> None:
        self.tokens.append((f"</{tag}",))

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.tokens.append((text,))

    def _value(self, name: str, value: str) -> str:
        """Ids and names are ours to choose: they are numbered in the order in which they come, references with them."""
        if name == "class":
            return " ".join(sorted(set(value.split()) - OURS))
        if name == "name":
            return self.names.setdefault(value, f"name{len(self.names) + 1}")
        if name == "id":
            return self._numbered(value)
        if name in REFERENCES and (name != "href" or value.startswith("#")):
            return " ".join(self._numbered(part.removeprefix("#")) for part in value.split())
        return value

    def _numbered(self, name: str) -> str:
        return self.ids.setdefault(name, f"id{len(self.ids) + 1}")


def read(html: str) -> list[Token]:
    """The tokens of a piece of HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.tokens


def first(tag: str, html: str) -> str:
    """The first element of this kind in a page (which holds no other of its kind)."""
    start = html.index(f"<{tag}")
    return html[start : html.index(f"</{tag}>", start) + len(tag) + 3]


def attributes(tag: str, html: str) -> list[dict[str, str]]:
    """The attributes of every element of this kind, as they are written."""
    found: list[dict[str, str]] = []

    class Collector(HTMLParser):
        def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in {name, "*"}:
                found.append({key: value or "" for key, value in attrs})

    Collector().feed(html)
    return found


def headings_step_by_one(html: str) -> bool:
    """Whether no level of heading is left out."""
    levels = [int(token[0][2]) for token in read(html) if token[0] in {"<h1", "<h2", "<h3", "<h4"}]
    return levels[:1] == [1] and all(below - above <= 1 for above, below in pairwise(levels))


def expected(component: str, name: str) -> str:
    """What GOV.UK Frontend makes of this example; nothing of it needs its script, so no button is hidden for one."""
    return re.sub(r"<button[^>]* hidden .*?</button>", "", EXPECTED[component][name]["html"], flags=re.DOTALL)


def options(component: str, name: str) -> dict[str, Any]:
    """What the example was made from."""
    found: dict[str, Any] = EXPECTED[component][name]["options"]
    return found
