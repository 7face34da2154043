"""Charts as tables with a bar in each row, and the flow of a cohort. The words carry it; the colour only helps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# Four colours, each at least 3:1 against white and told apart without colour vision (Government Analysis Function).
COLOURS = ("#12436D", "#28A197", "#801650", "#F46A25")


@dataclass(frozen=True)
class Bar:
    """A row: what is counted, how many, and (for a count that is rounded or hidden) what is shown for it.

    A count of None draws no bar. `group` picks one of the four colours.
    """

    label: str
    count: int | None
    shown: str = ""
    group: int = 0

    @property
    def text(self) -> str:
        """What is shown: a hidden count must bring its words."""
        return self.shown or f"{self.count:,}"

    @property
    def colour(self) -> str:
        """The fill of the bar. Raises IndexError for a fifth group."""
        return COLOURS[self.group]


class Drawn(NamedTuple):
    """A bar and its width in hundredths of the longest."""

    bar: Bar
    width: float


@dataclass(frozen=True)
class Bars:
    """A bar chart for {% bars %}. The title says the finding ("Most are left out for want of a notice")."""

    title: str
    label: str
    unit: str
    bars: Sequence[Bar]
    csv_href: str = ""

    @property
    def drawn(self) -> list[Drawn]:
        """The rows, the longest bar as wide as the cell."""
        longest = max((bar.count or 0 for bar in self.bars), default=0) or 1
        return [Drawn(bar, round(100 * (bar.count or 0) / longest, 1)) for bar in self.bars]


class Stage(NamedTuple):
    """A stage of a flow: its name, how many reached it, and of what that is made up."""

    name: str
    total: int
    parts: Sequence[Bar]

    @property
    def text(self) -> str:
        """How many, with commas."""
        return f"{self.total:,}"


@dataclass(frozen=True)
class Flow:
    """Considered, excluded by primary reason, included by group; for {% flow %}. `unit` is the plural: families."""

    title: str
    unit: str
    considered: int
    excluded: Sequence[Bar]
    included: Sequence[Bar]

    def __post_init__(self) -> None:
        """Raises ValueError where the parts do not add up: nobody may be lost on the way."""
        if self.considered != self.excluded_total + self.included_total:
            parts = f"{self.excluded_total} excluded and {self.included_total} included"
            raise ValueError(f"{self.considered} were considered, but {parts}.")

    @property
    def excluded_total(self) -> int:
        """How many were left out, for any reason."""
        return sum(bar.count or 0 for bar in self.excluded)

    @property
    def included_total(self) -> int:
        """How many are in, in any group."""
        return sum(bar.count or 0 for bar in self.included)

    @property
    def stages(self) -> list[Stage]:
        """The three stages, in order."""
        return [
            Stage("considered", self.considered, ()),
            Stage("excluded", self.excluded_total, self.excluded),
            Stage("included", self.included_total, self.included),
        ]
