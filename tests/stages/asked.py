"""What the rules say of somebody on file now: who is in and who is out, and why."""

from datetime import UTC, date, datetime

from django.db import transaction

from cohorts import compared, duplicates, facts
from cohorts.models import Family, Merge, NoticeVersion, Objection, Pair, Person, Round
from cohorts.rules.inclusion import Decision, decide
from tests.stages.walk import Walk


def decisions(family: str, at: datetime, code: str = "2026") -> dict[str, Decision]:
    """The decision on each candidate of a family, by reference, were the round run at this instant."""
    with transaction.atomic():
        known = facts.of_family(family)
        assert known is not None
        return {it.person_ref: it for it in decide(known, facts.question(Round.objects.get(code=code), at))}


def out(walk: Walk, family: str) -> dict[str, str]:
    """Who of a family is out now, and for which reasons of the person's own."""
    of_family = {"NO_DEPENDENT_CHILD", "TOO_FEW_PROBLEMS"}
    found = decisions(family, walk.now())
    codes = {ref: ";".join(code for code in it.reasons if code not in of_family) for ref, it in found.items()}
    return {ref: code for ref, code in codes.items() if code}


def family_of(reference: str) -> Family:
    return Family.objects.get(reference=reference)


def person_of(reference: str) -> Person:
    return Person.objects.get(reference=reference)


def version_of(name: str) -> NoticeVersion:
    return NoticeVersion.objects.get(version=name)


def objection_of(reference: str) -> Objection:
    return Objection.objects.get(reference=reference)


def instant(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def together(walk: Walk, first: str, second: str) -> Pair:
    """Two records brought together by hand."""
    return duplicates.bring_together(first=first, second=second, by=walk.who("prepare"), at=walk.now())


def decide_about(walk: Walk, pair: Pair, outcome: str, *, keep: Person | None = None, who: str = "prepare") -> Pair:
    """Decide about two records as they are."""
    pair.refresh_from_db()
    seen = compared.fingerprint(pair, compared.two_of(pair))
    asked = {"reason": "Their school says so.", "seen": seen}
    return duplicates.decide(pair=pair, outcome=outcome, keep=keep, **asked, by=walk.who(who), at=walk.now())


def merge(walk: Walk, pair: Pair, *, keep: Person) -> Merge:
    """Merge the other of the two into the one to keep."""
    decide_about(walk, pair, Pair.SAME, keep=keep)
    return Merge.objects.latest("pk")


def undo(walk: Walk, row: Merge) -> Merge:
    return duplicates.undo(merge=row, reason="Two people after all.", by=walk.who("prepare"), at=walk.now())


def twice(walk: Walk, reference: str = "P99", **other: str) -> None:
    """P3 once more, misspelt, in another family."""
    row = {"person_ref": reference, "given_name": "Ignatious", "family_name": "Marrowbone", "sex": "1",
           "date_of_birth": "1985-11-12"}  # fmt: skip
    walk.load({
        "people": [row | other],
        "memberships": [{"family_ref": "F5", "person_ref": reference, "joined_on": "2025-01-01"}],
        "addresses": [{"person_ref": reference, "line_1": "7 Marlinspike Terrace", "line_2": "Osierham",
                       "postcode": "PE1 1AB", "from_on": "2025-01-01"}],
    })  # fmt: skip
