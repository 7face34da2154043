"""What must hold before a submission goes a step further: plain functions of frozen facts, which return reasons."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from connecting_families.audit.refusals import Why


class AgreementFacts(NamedTuple):
    """What an agreement says; in force from a day until the day before another."""

    reference: str
    purpose: str
    in_force_from: date
    in_force_to: date | None
    fields: tuple[str, ...]
    datasets: frozenset[str]
    recipients: frozenset[str]


def agreement(
    says: AgreementFacts,
    *,
    today: date,
    datasets: Collection[str],
    recipients: Collection[str],
    known_fields: Collection[str],
    core_fields: Collection[str],
) -> list[Why]:
    """Why this agreement does not carry this submission today (spec/submission.md, "Put forward"; promises 3, 7, 9)."""
    reasons = []
    if not (says.in_force_from <= today and (says.in_force_to is None or says.in_force_to > today)):
        sentence = (
            f"The agreement {says.reference} is not in force today. Enter one that is, and open a round under it."
        )
        reasons.append(Why("AGREEMENT_NOT_IN_FORCE", sentence))
    if says.purpose != "research":
        sentence = f"The agreement {says.reference} is for {says.purpose!r}. Families were promised: research only."
        reasons.append(Why("AGREEMENT_NOT_FOR_RESEARCH", sentence))
    for code, what, missing in (
        ("AGREEMENT_LACKS_DATASET", "datasets", [d for d in datasets if d not in says.datasets]),
        ("AGREEMENT_LACKS_RECIPIENT", "recipients", [r for r in recipients if r not in says.recipients]),
    ):
        if missing:
            reasons.append(Why(code, f"The agreement {says.reference} does not list the {what} {', '.join(missing)}."))
    # An agreement that names no core field lists what goes beyond the core; one that names some must name them all.
    left_out = [name for name in core_fields if name not in says.fields]
    if left_out and len(left_out) < len(core_fields):
        sentence = (
            f"The agreement {says.reference} names some of the fields that are always sent, and not"
            f" {', '.join(left_out)}. Enter one that lists every field."
        )
        reasons.append(Why("AGREEMENT_LACKS_FIELD", sentence))
    unknown = [name for name in says.fields if name not in known_fields]
    if unknown:
        sentence = f"The agreement {says.reference} lists fields that never leave: {', '.join(unknown)}."
        reasons.append(Why("AGREEMENT_LISTS_UNKNOWN_FIELD", sentence))
    return reasons


def unmatched_objections(count: int) -> list[Why]:
    """One objection that names nobody on file blocks every submission: it may be about anyone in it."""
    if not count:
        return []
    them = "One objection names" if count == 1 else f"{count} objections name"
    sentence = f"{them} nobody on file. Information governance must find who objects before anything goes on."
    return [Why("UNMATCHED_OBJECTION", sentence)]


def open_queries(not_explained: Mapping[str, int]) -> list[Why]:
    """Every open query is explained or mended; these, by code, are neither."""
    if not any(not_explained.values()):
        return []
    named = ", ".join(f"{code} ({count})" for code, count in sorted(not_explained.items()) if count)
    return [Why("QUERIES_NOT_EXPLAINED", f"Explain these open queries, or mend them and assemble again: {named}.")]


def looked_at(not_opened: Collection[str]) -> list[Why]:
    """Whoever puts a submission forward has seen who can be found, and what is different from last time."""
    if not not_opened:
        return []
    sentence = f"Open these pages of the cohort first, and look: {' and '.join(not_opened)}."
    return [Why("NOT_LOOKED_AT", sentence)]


def somebody_to_send(included: int) -> list[Why]:
    """A submission without a person is a mistake."""
    return [] if included else [Why("NOBODY_INCLUDED", "The cohort includes nobody: there is nothing to send.")]


def at_the_door(gained: Mapping[str, int], sentences: Mapping[str, str]) -> list[Why]:
    """What people in the submission gained since the run: it may not go on, and is built again without them."""
    return [
        Why(code, f"{sentences[code]} This holds for {count} in the submission since the cohort was assembled.")
        for code, count in gained.items()
        if count
    ]
