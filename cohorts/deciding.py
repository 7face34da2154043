"""Deciding: the rules over every family on file, in canonical order, counted and hashed on the way.

Nothing is written here: a run freezes what comes out (assembly), a replay compares it (replay).
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from cohorts import facts
from cohorts.rules.facts import Question
from cohorts.rules.findings import Finding
from cohorts.rules.inclusion import Decision, examine
from cohorts.rules.matchability import Profile

if TYPE_CHECKING:
    from _csv import Writer

HEADER = "family_ref,person_ref,decision,reasons,group,programme_start,programme_end,linkage_scope\n"


class Decided(NamedTuple):
    """A family's decisions and findings, beside what they were made from."""

    streamed: facts.Streamed
    decisions: list[Decision]
    findings: list[Finding]


def decided(
    asked: Question, *, only: str = facts.FLAGGED, parameters: Sequence[Any] = (), known: facts.Known | None = None
) -> Iterator[Decided]:
    """Every family with a candidate, decided, in canonical order, in the transaction that is open.

    `only` narrows the families as in facts.stream().
    """
    for streamed in facts.stream(only=only, parameters=parameters, known=known):
        decisions, findings = examine(streamed.family, asked)
        if decisions:
            yield Decided(streamed, decisions, findings)


def canonical(rows: "Writer", decision: Decision) -> None:
    """Write a decision as a row of the canonical file."""
    rows.writerow(
        (
            decision.family_ref,
            decision.person_ref,
            "excluded" if decision.reasons else "included",
            ";".join(decision.reasons),
            decision.group,
            iso(decision.programme_start),
            iso(decision.programme_end),
            ";".join(decision.linkage_scope),
        )
    )


def iso(day: date | None) -> str:
    """A date as it stands in files: ISO 8601, or empty."""
    return day.isoformat() if day else ""


@dataclass
class Counted:
    """What a run counts on its way."""

    candidates: int = 0
    included: int = 0
    families: int = 0
    primary_reasons: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    profiles: Counter[Profile] = field(default_factory=Counter)

    def add(self, decisions: list[Decision], findings: list[Finding]) -> None:
        """Count one family."""
        self.families += 1
        self.candidates += len(decisions)
        for decision in decisions:
            if decision.reasons:
                self.primary_reasons[decision.reasons[0]] += 1
            else:
                self.included += 1
                self.groups[decision.group] += 1
        if findings:
            self.findings.update([finding.code for finding in findings])

    def take(self, other: "Counted") -> None:
        """Add what was counted elsewhere."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def as_json(self) -> dict[str, Any]:
        """As it is kept between a shard and the end of its run."""
        return vars(self) | {"profiles": [[*profile, people] for profile, people in self.profiles.items()]}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Counted":
        """What as_json() made."""
        counters = {name: Counter(kept[name]) for name in ("primary_reasons", "groups", "findings")}
        profiles = Counter({Profile._make((*profile, tuple(scope))): n for *profile, scope, n in kept["profiles"]})
        return cls(**kept | counters | {"profiles": profiles})


@dataclass
class Tally(Counted):
    """The counts of a whole run, and the digest over its decisions in canonical form."""

    def __post_init__(self) -> None:
        self._hash = hashlib.sha256(HEADER.encode())

    def add(self, decisions: list[Decision], findings: list[Finding]) -> None:
        """Count and hash one family."""
        super().add(decisions, findings)
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        for decision in decisions:
            canonical(rows, decision)
        self._hash.update(text.getvalue().encode())

    def digest(self) -> str:
        """SHA-256 of the canonical decisions so far, in hex."""
        return self._hash.hexdigest()
