"""Deciding: the rules over every family on file, in canonical order, counted and hashed on the way.

Nothing is written here: a run freezes what comes out (assembly), a replay compares it (replay).
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from cohorts import facts
from cohorts.rules.facts import Question
from cohorts.rules.findings import Finding
from cohorts.rules.inclusion import Decision, examine

if TYPE_CHECKING:
    from _csv import Writer

HEADER = "family_ref,person_ref,decision,reasons,group,programme_start,programme_end,linkage_scope\n"


class Decided(NamedTuple):
    """A family's decisions and findings, beside what they were made from."""

    streamed: facts.Streamed
    decisions: list[Decision]
    findings: list[Finding]


def decided(asked: Question) -> Iterator[Decided]:
    """Every family with a candidate, decided, in canonical order, in the transaction that is open."""
    for streamed in facts.stream():
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
class Tally:
    """What a run counts on its way, and the digest over its decisions in canonical form."""

    candidates: int = 0
    included: int = 0
    families: int = 0
    primary_reasons: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._hash = hashlib.sha256(HEADER.encode())
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text, lineterminator="\n")

    def add(self, decisions: list[Decision], findings: list[Finding]) -> None:
        """Count one family."""
        self.families += 1
        self.candidates += len(decisions)
        for decision in decisions:
            canonical(self._rows, decision)
            if decision.reasons:
                self.primary_reasons[decision.reasons[0]] += 1
            else:
                self.included += 1
                self.groups[decision.group] += 1
        self.findings.update([finding.code for finding in findings])
        if self._text.tell() > 1 << 16:
            self._drain()

    def _drain(self) -> None:
        self._hash.update(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()

    def digest(self) -> str:
        """SHA-256 of the canonical decisions so far, in hex."""
        self._drain()
        return self._hash.hexdigest()
