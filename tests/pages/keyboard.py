"""Somebody who uses the keyboard alone: goes from one thing to the next, sees where they are, and presses keys.

    keys = Keyboard(page)
    keys.skip_to_content()
    keys.type_into("Code", "HAND")
    keys.press("Open the round")

Every stop on the way must be seen to be the one that has the focus; a way round the page that never reaches what is
asked for fails.
"""

from playwright.sync_api import Page

FURTHEST = 200
"""Stops after which something cannot be reached."""

# What has the focus: its name as it is read out, and whether somebody sees that it has it.
STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const looks = () => JSON.stringify(['outline', 'boxShadow', 'backgroundColor', 'borderColor', 'textDecoration']
    .map(name => getComputedStyle(at)[name])) + (at.nextElementSibling
    ? ['::before', '::after'].map(part => getComputedStyle(at.nextElementSibling, part).boxShadow
      + getComputedStyle(at.nextElementSibling, part).outline).join() : '');
  const focused = looks();
  const box = at.getBoundingClientRect();
  const named = (at.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)?.innerText);
  const name = at.getAttribute('aria-label') || named.filter(Boolean).join(' ')
    || (at.labels && at.labels.length ? at.labels[0].innerText : at.innerText) || at.value || '';
  at.blur();
  const resting = looks();
  at.focus({preventScroll: true});
  return {name: name.trim().replace(/\\s+/g, ' '), tag: at.tagName.toLowerCase(), type: at.type || '',
    group: at.closest('fieldset')?.querySelector('legend')?.innerText.trim() || '', html: at.outerHTML.slice(0, 200),
    seen: focused !== resting && box.width > 0 && box.bottom > 0 && box.top < innerHeight};
}"""


class Keyboard:
    """The keys, and where on a page they have led."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab(self) -> dict[str, str]:
        """Go to the next stop; what it is. Nothing where the page is at its end."""
        self.page.keyboard.press("Tab")
        found: dict[str, str] = self.page.evaluate(STOP) or {}
        assert not found or found["seen"], f"Nobody sees that this has the focus: {found['html']} on {self.page.url}"
        return found

    def go_to(self, name: str, group: str = "", kinds: tuple[str, ...] = ()) -> None:
        """Go on to what is called this (in a group of this name), a link, a button or a field."""
        passed = []
        for _ in range(FURTHEST):
            stop = self.tab()
            passed.append(stop.get("name", "the end"))
            if not stop or stop["name"] != name or group not in stop["group"]:
                continue
            if not kinds or stop["type"] in kinds or stop["tag"] in kinds:
                return
        raise AssertionError(f"The keyboard does not reach {name!r} on {self.page.url}. It passed {passed[:40]}")

    def skip_to_content(self) -> None:
        """The first stop of a page that was just opened leads past the navigation."""
        self.page.keyboard.press("Tab")
        stop = self.page.evaluate(STOP) or {}
        assert stop.get("name") == "Skip to main content", stop
        assert stop["seen"], stop
        self.page.keyboard.press("Enter")
        assert self.page.url.endswith("#main-content")

    def press(self, name: str) -> None:
        """A button or a link, by Enter; the page that follows is loaded."""
        self.go_to(name, kinds=("a", "button", "submit"))
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def type_into(self, name: str, text: str, group: str = "") -> None:
        """A field: what stands in it is replaced."""
        self.go_to(name, group, kinds=("text", "password", "textarea", "search", "input"))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tick(self, name: str, group: str = "") -> None:
        """A checkbox, by Space."""
        self.go_to(name, group, kinds=("checkbox",))
        self.page.keyboard.press("Space")
        assert self.page.evaluate("document.activeElement.checked")

    def choose(self, name: str, group: str = "") -> None:
        """A radio button: its group is one stop, and arrows lead through it."""
        for _ in range(FURTHEST):
            stop = self.tab()
            if stop.get("type") == "radio" and group in stop["group"]:
                break
        else:
            raise AssertionError(f"The keyboard does not reach a group {group!r} on {self.page.url}.")
        self.page.keyboard.press("Space")
        for _ in range(FURTHEST):
            stop = self.page.evaluate(STOP)
            if stop["name"] == name:
                assert self.page.evaluate("document.activeElement.checked")
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"There is no {name!r} in the group {group!r} on {self.page.url}.")

    def pick(self, name: str, option: str) -> None:
        """An option of a list, by typing its first letters."""
        self.go_to(name, kinds=("select-one",))
        self.page.keyboard.type(option)
        chosen = self.page.evaluate("document.activeElement.selectedOptions[0].text")
        assert chosen == option, chosen
