"""Small counts: how many people or families there are, as it may be said outside the data team and governance.

Below ten nothing is said but that; from ten on, rounded to five (promise 6 of the privacy notice). A total is said
only where every cell that adds up to it is: so whatever is withheld may be anything from none to nine, for whoever
knows this rule as well. No chance is in it: the same counts are always said in the same way, and asking again tells no
more.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

SMALLEST: Final = 10
"""The smallest count that is said."""
BASE: Final = 5


class Tabulated(NamedTuple):
    """The cells of a table and their total as they may be shown; None is withheld."""

    cells: dict[str, int | None]
    total: int | None


def rounded(count: int) -> int | None:
    """A count rounded to five; None below ten."""
    return None if count < SMALLEST else (count + BASE // 2) // BASE * BASE


def tabulated(counts: Mapping[str, int]) -> Tabulated:
    """Cells that each count something else, and their total: withheld where it could give away a cell that is."""
    cells = {name: rounded(count) for name, count in counts.items()}
    return Tabulated(cells, None if None in cells.values() else rounded(sum(counts.values())))


def in_words(count: int | None, many: str) -> str:
    """A count, as `rounded` has it, of things that are called so, for the inside of a sentence."""
    return f"fewer than {SMALLEST} {many}" if count is None else f"about {count:,} {many}"
