"""A page of docs/ and the commands in it; and somebody who follows it, command by command, in one shell."""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

HOME = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 600
"""Seconds for one block, on a machine that does much else."""
Meanwhile = Mapping[str, Callable[[], object]]


def blocks(page: str) -> list[str]:
    """What a page of docs/ says to type, in its order."""
    return BLOCK.findall((HOME / "docs" / f"{page}.md").read_text(encoding="utf-8"))


class Printed(dict[str, str]):
    """What each block of a page printed."""

    def of(self, words: str) -> str:
        """By the one block in which these words stand."""
        (found,) = [text for block, text in self.items() if words in block]
        return found


class Reader:
    """Follows pages. What one block sets and where it ends up is there for the next, as in one terminal."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """`folder` is this reader's own, and keeps what a terminal remembers. They begin in the program's folder."""
        self._state, self._place = folder / "terminal", folder / "place"
        self._environment = dict(environment)
        self._place.write_text(str(HOME))
        self._state.write_text("")

    def follow(self, page: str, meanwhile: Meanwhile | None = None) -> "Printed":
        """Run a page's blocks; what each printed.

        `meanwhile` has what others do at that point: each before the one block in which these words stand. Raises
        AssertionError where a block fails, or where one of those words stands in none or several.
        """
        waiting, printed = dict(meanwhile or {}), Printed()
        for block in blocks(page):
            for words in [each for each in waiting if each in block]:
                waiting.pop(words)()
            printed[block] = self.type(block, page)
        assert not waiting, f"{page}.md has no block with {list(waiting)}."
        return printed

    def type(self, block: str, page: str = "") -> str:
        """Run one block, which must succeed; what it printed."""
        script = (
            f'set -eua\n. "{self._state}"\ncd "$(cat "{self._place}")"\n{block}\n'
            f'{{ export -p; echo "umask $(umask)"; }} > "{self._state}"\npwd > "{self._place}"\n'
        )
        done = subprocess.run(
            ["sh", "-c", script], env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, f"{page}.md:\n{block}\n{done.stdout}"
        return done.stdout

    def knows(self, name: str) -> str:
        """A variable of the terminal."""
        return self.type(f'printf %s "${name}"')
