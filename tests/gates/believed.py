"""What a clerk with a pencil would hold of everybody's wishes: the oracle of the walk over the gates.

Written from spec/rules.md alone. It reads nothing of the program, neither its tables nor its code: it is told of each
act that was recorded, and says of whom nothing may leave. Where the page leaves a choice it takes the milder reading:
what it forbids, nobody may do.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

#: Who is a member of which family, on the cut-off of every round.
HOUSEHOLDS: Mapping[str, frozenset[str]] = {
    "F1": frozenset({"P1", "P2"}),
    "F2": frozenset({"P3", "P4"}),
    "F3": frozenset({"P5", "P2"}),
    "F4": frozenset({"P6", "P7"}),
    "F5": frozenset({"P8"}),
}
PEOPLE = tuple(sorted(frozenset().union(*HOUSEHOLDS.values())))
ASKED_FOR_CONSENT = "P3"
IDENTITY = frozenset({"adoption", "witness_protection", "other_court_order"})


@dataclass
class Objects:
    """An objection: of a person, of a family, or of somebody not found; to these datasets, or (none) to all."""

    origin: str
    person: str = ""
    family: str = ""
    datasets: frozenset[str] = frozenset()
    stands: bool = True
    narrowed_to: set[str] = field(default_factory=set)


@dataclass
class Mark:
    """A mark of protection on a record: the first day on which it stands no more, or None."""

    person: str
    kind: str
    to: date | None = None


@dataclass
class Ending:
    """The end of one submission: who asked for it and who confirmed it, what holds it, and who is taken out of it.

    `withdrawn` has the people of each withdrawal, `arrived` and `acknowledged` those withdrawals that are that far.
    """

    asked: str = ""
    confirmed: str = ""
    begun: bool = False
    done: bool = False
    holds: set[int] = field(default_factory=set)
    withdrawn: dict[str, set[str]] = field(default_factory=dict)
    arrived: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)

    def taken_out(self, withdrawals: Iterable[str]) -> set[str]:
        """The people of these withdrawals."""
        return set[str]().union(*(self.withdrawn[each] for each in withdrawals))


@dataclass
class Believed:
    """Everything that was wished, and which records count as one person; who is erased, and what ends."""

    objections: list[Objects] = field(default_factory=list)
    marks: dict[object, Mark] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    endings: defaultdict[str, Ending] = field(default_factory=lambda: defaultdict(Ending))

    def one(self, person: str) -> str:
        """The record as which this one counts."""
        while person in self.merged:
            person = self.merged[person]
        return person

    def records(self, person: str) -> set[str]:
        """All records that are of one person with this one."""
        return {each for each in PEOPLE if self.one(each) == self.one(person)}

    def against(self, person: str, scope: Iterable[str], today: date) -> set[str]:
        """Why this person may not be sent for these datasets."""
        records = self.records(person)
        reasons = set()
        if person in self.gone:
            reasons.add("ERASED")
        if any(mark.person in records and (mark.to is None or mark.to > today) for mark in self.marks.values()):
            reasons.add("PROTECTED")
        for each in self.objections:
            if each.stands and self._covers(each, records) and (not each.datasets or each.datasets & set(scope)):
                reasons.add("OBJECTION")
        if ASKED_FOR_CONSENT in records and not records & set(self.consents.values()):
            reasons.add("CONSENT")
        return reasons

    def _covers(self, objection: Objects, records: set[str]) -> bool:
        if objection.person:
            return objection.person in records
        if objection.family:
            named = objection.narrowed_to
            return bool(records & (named or HOUSEHOLDS[objection.family]))
        return False

    @property
    def unmatched(self) -> int:
        """How many stand that name nobody: each blocks every approval."""
        return sum(each.stands and not each.person and not each.family for each in self.objections)

    def against_destroying(self, name: str, sent: Iterable[tuple[str, Iterable[str]]], today: date) -> set[str]:
        """Why nothing of this submission may be destroyed; `sent`: who went out in it, for which datasets."""
        end, reasons = self.endings[name], set()
        if not end.asked or not end.confirmed or end.asked == end.confirmed:
            reasons.add("ONE_HAND")
        if end.holds:
            reasons.add("HOLD")
        if end.withdrawn.keys() - end.arrived:
            reasons.add("BEING_WITHDRAWN")
        taken_out = end.taken_out(end.withdrawn)
        if any(self.against(each, scope, today) - {"ERASED"} and each not in taken_out for each, scope in sent):
            reasons.add("NOT_WITHDRAWN")
        return reasons

    def against_erasing(self, person: str, included: Iterable[str], sent: Iterable[str]) -> set[str]:
        """Why somebody may not be erased, who is in these submissions, and went out in some of them."""
        reasons = {"HOLD" for each in included if self.endings[each].holds}
        for each in sent:
            end = self.endings[each]
            if person not in end.taken_out(end.acknowledged):
                reasons.add("NOT_WITHDRAWN")
        return reasons

    def erased(self, person: str) -> set[str]:
        """Somebody was erased, with all records of theirs: which these are. What is about them alone goes with them."""
        records = self.records(person)
        for each in self.objections:
            if each.narrowed_to and not each.narrowed_to - records:
                each.stands = False
            each.narrowed_to -= records
            each.stands = each.stands and each.person not in records
        self._forget()
        self.marks = {key: mark for key, mark in self.marks.items() if mark.person not in records}
        self.consents = {key: whose for key, whose in self.consents.items() if whose not in records}
        self.merged = {other: kept for other, kept in self.merged.items() if other not in records}
        self.gone |= records
        return records

    def lifted(self, origin: str, person: str) -> None:
        """An objection was lifted or refused, as it is on this record."""
        for each in self.objections:
            if each.origin == origin and each.person == person:
                each.stands = False
        self._forget()

    def _forget(self) -> None:
        """What stands no more never stands again."""
        self.objections = [each for each in self.objections if each.stands]

    def ended(self, key: object, person: str, kind: str, to: date) -> None:
        """A mark ended: the one of this key, or a copy on this record that a merge left there."""
        known = self.marks.get(key)
        for mark in [known] if known else self.marks.values():
            if (mark.person, mark.kind) == (person, kind):
                mark.to = to

    def parted(self, merged: str, today: date) -> None:
        """A merge was undone: each of the two is left with every objection and mark that stands for either."""
        both = self.records(merged)
        del self.merged[merged]
        # Whoever was merged into the record itself goes with it.
        sides = [self.records(merged), both - self.records(merged)]
        self._objections_with(sides)
        self._marks_with(sides, today)

    def _objections_with(self, sides: list[set[str]]) -> None:
        standing = [each for each in self.objections if each.stands]
        for each in standing:
            if each.person and any(each.person in side for side in sides):
                for side in sides:
                    mine = (it.origin == each.origin and it.person in side for it in self.objections if it.stands)
                    if not any(mine):
                        copy = Objects(each.origin, person=self.one(min(side)), datasets=each.datasets)
                        self.objections.append(copy)
            elif each.narrowed_to and any(each.narrowed_to & side for side in sides):
                each.narrowed_to |= {self.one(min(side)) for side in sides if not each.narrowed_to & side}

    def _marks_with(self, sides: list[set[str]], today: date) -> None:
        everybody = set[str]().union(*sides)
        standing = [it for it in self.marks.values() if it.person in everybody and _until(it) > today]
        for mark in standing:
            for side in sides:
                if not any(
                    it.kind == mark.kind and it.person in side and _until(it) >= _until(mark) for it in standing
                ):
                    self.marks[object()] = Mark(self.one(min(side)), mark.kind, mark.to)


def _until(mark: Mark) -> date:
    return mark.to or date.max


Effect = Callable[[Believed], None]
