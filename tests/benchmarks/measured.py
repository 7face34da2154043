"""What a benchmark found: a ratio to a peer measured beside it, or a value; and whether it holds."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

RUNS = 5


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One benchmark; `ours` and `peer` are the seconds (or megabytes) of each run."""

    name: str
    figure: float
    unit: str
    limit: float
    ours: list[float]
    peer: list[float]
    peer_is: str
    families: int
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure is within its limit: at most that, or at least."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def line(self) -> str:
        """A line of the table."""
        ours = ", ".join(f"{run:.2f}" for run in self.ours)
        beside = f" beside {', '.join(f'{run:.2f}' for run in self.peer)} ({self.peer_is})" if self.peer else ""
        bound = "at least" if self.at_least else "at most "
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        return (
            f"{self.name:<22} {self.figure:8.2f} {self.unit:<6} {bound} {self.limit:<6g} {verdict}"
            f"  at {self.families:,} families: {ours}{beside}"
        )

    def as_json(self) -> dict[str, Any]:
        """As spec/performance.md has it."""
        kept = asdict(self)
        figure = kept.pop("figure")
        kind = "ratio" if self.peer and self.unit not in ("ms", "s", "MB") else "value"
        return {"name": kept.pop("name"), kind: round(figure, 3)} | kept | {"holds": self.holds, "runs": len(self.ours)}


def side_by_side(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[list[float], list[float]]:
    """The seconds of both, turn by turn: what else the machine does meets both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for which, work in zip(times, (ours, peer), strict=True):
            began = time.perf_counter()
            work()
            which.append(round(time.perf_counter() - began, 3))
    return times


def ratio(ours: list[float], peer: list[float]) -> float:
    """The median of ours over the median of the peer's."""
    return statistics.median(ours) / statistics.median(peer)
