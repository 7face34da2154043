"""What became of bulk files: counts of each, what is wrong, and in which rows somebody's objection stands again."""

from dataclasses import asdict, dataclass, field
from typing import Any

from cohorts.bulk_errors import BulkError

LINES_KEPT = 100


@dataclass(slots=True)
class Loaded:
    """How many records of a file are new, how many it changed, and how many were so already.

    `stand_again`: the lines of people who objected, were erased since, and are on file again by this file.
    """

    created: int
    changed: int
    unchanged: int
    stand_again: list[int] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The counts alone, by name."""
        return {"created": self.created, "changed": self.changed, "unchanged": self.unchanged}

    def noted(self) -> dict[str, Any]:
        """The counts as the trail has them: with whose objections stand again, by their lines."""
        return self.counts() | ({"objections_stand_again": told_of(self.stand_again)} if self.stand_again else {})


def told_of(lines: list[int]) -> dict[str, Any]:
    """How many lines there are, and the first of them: as it is kept and shown."""
    return {"count": len(lines), "lines": lines[:LINES_KEPT]}


@dataclass(slots=True)
class LoadReport:
    """What became of each file, by name; and what is wrong with those that were refused."""

    loaded: dict[str, Loaded] = field(default_factory=dict)
    errors: list[BulkError] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as `load_cases` prints it (spec/submission.md)."""
        return {
            "loaded": {name: loaded.counts() for name, loaded in self.loaded.items()},
            "errors": [asdict(error) for error in self.errors],
        }

    def stand_again(self) -> dict[str, dict[str, Any]]:
        """Of each file in which somebody's objection stands again: how many, and in which lines."""
        return {name: told_of(each.stand_again) for name, each in self.loaded.items() if each.stand_again}


def in_rows(told: dict[str, Any]) -> str:
    """What told_of made, in words: `1 person, in row 7`."""
    count, lines = told["count"], told["lines"]
    more = f" and {count - len(lines):,} more" if count > len(lines) else ""
    return (
        f"{count:,} {'person' if count == 1 else 'people'}, in {'row' if count == 1 else 'rows'}"
        f" {', '.join(f'{line:,}' for line in lines)}{more}"
    )
