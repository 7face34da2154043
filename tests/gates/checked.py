"""What must hold after every step, read from the trail, the tables and the files by other eyes than the program's."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from tests.gates import opened
from tests.gates.asked import Asked, Standing
from tests.gates.interrupted import lying
from tests.stages.walk import PEOPLE as ON_FILE

#: event -> (from which stages, to which), as spec/submission.md draws the lifecycle
MOVES = {
    "SUBMISSION_PUT_FORWARD": ({"DRAFT"}, "PUT_FORWARD"),
    "SUBMISSION_SENT_BACK": ({"PUT_FORWARD"}, "SENT_BACK"),
    "SUBMISSION_APPROVED": ({"PUT_FORWARD"}, "APPROVED"),
    "SUBMISSION_SEALED": ({"APPROVED"}, "SEALED"),
    "DELIVERY_ATTEMPTED": ({"SEALED", "SENDING"}, "SENDING"),
    "SUBMISSION_DELIVERED": ({"SENDING"}, "SENT"),
    "RECEIPT_TAKEN_IN": ({"SENT"}, "RECEIPTED"),
    "SUBMISSION_VOIDED": ({"DRAFT", "PUT_FORWARD", "SENT_BACK", "APPROVED", "SEALED"}, "VOID"),
    "SUBMISSION_DRAFTED": ({"", "SENT_BACK"}, "DRAFT"),
}
DOORS = {
    "SUBMISSION_PUT_FORWARD", "SUBMISSION_APPROVED", "SEALING_REQUESTED", "SUBMISSION_SEALED", "DELIVERY_REQUESTED",
    "DELIVERY_ATTEMPTED",
}  # fmt: skip
SHAPE = {"SUBMISSION_DRAFTED", "FINDING_EXPLAINED", "SUBMISSION_PUT_FORWARD"}
WITHDRAWAL = "-withdrawal-"
PLANTED = tuple(value.encode() for each in ON_FILE for value in each[1:3])

ENTRIES = "SELECT id, event, who, reference, additional_data::text FROM audit_entry WHERE id > %s ORDER BY id"
SUBMISSIONS = "SELECT name, stage, coalesce(approved_content_sha256, ''), content_sha256 FROM transfers_submission"
INCLUDED = """
    SELECT d.person_ref, d.family_ref, d.linkage_scope FROM cohorts_decision d
    JOIN transfers_submission s ON s.cohort_id = d.cohort_id WHERE s.name = %s AND d.included
"""
REFERENCES = """
    SELECT r.reference, p.reference FROM transfers_personreference r JOIN cohorts_person p ON p.id = r.person_id
"""
SEALED = "SELECT sealed_files::text FROM transfers_{table} WHERE name = %s"
WITHDRAWN = """
    SELECT p.reference FROM transfers_withdrawn w JOIN cohorts_person p ON p.id = w.person_id
    JOIN transfers_submission s ON s.id = w.submission_id WHERE s.name = %s
"""
IN_ONE = """
    SELECT p.reference FROM transfers_withdrawn w JOIN cohorts_person p ON p.id = w.person_id
    JOIN transfers_withdrawal v ON v.id = w.withdrawal_id WHERE v.name = %s
"""


class BrokenError(AssertionError):
    """Something got past a gate."""


class Entry(NamedTuple):
    """An entry of the trail."""

    id: int
    event: str
    who: str
    reference: str
    said: dict[str, Any]


def holds(condition: object, why: str) -> None:
    """Raise BrokenError with this sentence where it does not hold."""
    if not condition:
        raise BrokenError(why)


def rows(sql: str, *parameters: str | int) -> list[tuple[Any, ...]]:
    """What the database says."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


class Checks:
    """Follows the trail from entry to entry, and holds each against what the oracle believes at that moment."""

    def __init__(self, standing: Standing) -> None:
        self.now = standing
        ((self.last,),) = rows("SELECT coalesce(max(id), 0) FROM audit_entry")
        self.stages: dict[str, str] = {}
        self.agreement_of: dict[str, str] = {}
        self.hands: dict[str, set[str]] = {}
        self.approved: dict[str, str] = {}
        self.sampled: set[tuple[str, str, str]] = set()
        self.sealed: dict[str, dict[str, str]] = {}
        self.included: dict[str, list[tuple[Any, ...]]] = {}
        self.ever: dict[str, set[str]] = {}
        self.seen: Counter[str] = Counter()

    def after(self, asked: Sequence[Asked]) -> list[Entry]:
        """Follow what was recorded since; then the tables and files must say what the trail says."""
        entries = [
            Entry(key, event, who, reference, json.loads(said or "{}"))
            for key, event, who, reference, said in rows(ENTRIES, self.last)
        ]
        waiting = list(asked)
        for entry in entries:
            self.last = entry.id
            self.seen[entry.event] += 1
            self._applies(entry, waiting)
            self._follow(entry)
        found = {name: (stage, approved) for name, stage, approved, _ in rows(SUBMISSIONS)}
        for name, (stage, approved) in found.items():
            holds(self.stages.get(name) == stage, f"{name} is {stage}, and the trail says {self.stages.get(name)}")
            if stage in ("APPROVED", "SEALED", "SENDING", "SENT", "RECEIPTED"):
                holds(approved and approved == self.approved.get(name), f"{name} goes on without its approval")
        self._files()
        return entries

    def _applies(self, entry: Entry, waiting: list[Asked]) -> None:
        """An act that was recorded has its effect, also where whoever did it was killed right after."""
        for act in waiting:
            if act.event == entry.event and act.about in ("", entry.reference):
                waiting.remove(act)
                if act.effect is not None:
                    act.effect(self.now.believed)
                return

    def _follow(self, entry: Entry) -> None:
        name, event = entry.reference, entry.event
        if event in MOVES:
            sources, target = MOVES[event]
            holds(self.stages.get(name, "") in sources, f"{event} of {name}, which was {self.stages.get(name)}")
            if event == "SUBMISSION_DRAFTED" and name not in self.stages:
                self.agreement_of[name] = self.now.round.agreement.reference
            self.stages[name] = target
        if event in SHAPE:
            self.hands.setdefault(name, set()).add(entry.who)
        if event in DOORS:
            self._door(entry)
        match event:
            case "SAMPLE_VIEWED":
                self.sampled.add((entry.who, name, entry.said["content_sha256"]))
            case "SUBMISSION_APPROVED":
                self._approval(entry)
            case "SUBMISSION_SEALED":
                self._sealing(name)
            case "DELIVERY_ATTEMPTED":
                holds(name in self.approved and name in self.sealed, f"{name} is sent without approval or seal")
                self._unchanged(name)
                self._for_whom(name)
            case "SUBMISSION_DELIVERED" | "WITHDRAWAL_DELIVERED":
                self._delivery(name)
            case "WITHDRAWAL_SEALED":
                self._withdrawal(name)

    def _people(self, name: str) -> list[tuple[Any, ...]]:
        if name not in self.included:
            self.included[name] = rows(INCLUDED, name)
        return self.included[name]

    def _door(self, entry: Entry) -> None:
        """Nobody who must not be sent gets past a door, nor anything whose agreement has ended."""
        name, believed, today = entry.reference, self.now.believed, self.now.today
        for person, family, scope in self._people(name):
            against = believed.against(person, scope.split(";"), today)
            holds(not against, f"{person} of {family} is past the door {entry.event} of {name}: {against}")
        holds(self.now.agreements[self.agreement_of[name]] > today, f"{entry.event} of {name} after its agreement")
        holds(not believed.unmatched, f"{entry.event} of {name} while an objection is not matched")

    def _approval(self, entry: Entry) -> None:
        name, sha256 = entry.reference, entry.said["content_sha256"]
        holds(entry.who not in self.hands[name], f"{entry.who} shaped {name} and approved it")
        holds((entry.who, name, sha256) in self.sampled, f"{entry.who} approved {name} without its sample")
        self.approved[name] = sha256

    def _opened(self, name: str, kind: str, table: str) -> opened.Package:
        ((files,),) = rows(SEALED.format(table=table), name)
        self.sealed[name] = {file["name"]: file["sha256"] for file in json.loads(files)}
        path = settings.CF_OUTBOX / f"{name}{kind}.zip.p7m"
        data = path.read_bytes()
        serials = opened.read(data).keys
        return opened.package(data, self.now.key, min(serials))

    def _sealing(self, name: str) -> None:
        """Open both packages as their recipients do: what is inside was approved, and is of nobody who must stay."""
        packages = {
            purpose: self._opened(name, f"-{kind}", "submission")
            for kind, purpose in (("identifiers", "linkage"), ("programme", "analysis"))
        }
        for purpose, package in packages.items():
            usable = self.now.usable(purpose, self.now.at)
            holds(package.serials == usable, f"{name} is sealed for {package.serials}, and {usable} are accepted")
        sums = f"{packages['linkage'].sha256}\n{packages['analysis'].sha256}\n"
        digest = hashlib.sha256(sums.encode()).hexdigest()
        holds(digest == self.approved.get(name), f"{name} is sealed with other bytes than were approved")
        people = dict(rows(REFERENCES))
        inside = {people[row[0]] for row in packages["linkage"].rows}
        holds(inside == {person for person, *_ in self._people(name)}, f"{name} holds others than its cohort")
        self._unchanged(name)

    def _for_whom(self, name: str) -> None:
        """What leaves is for certificates that are accepted now."""
        for kind, purpose in (("identifiers", "linkage"), ("programme", "analysis")):
            serials = set(opened.read((settings.CF_OUTBOX / f"{name}-{kind}.zip.p7m").read_bytes()).keys)
            usable = self.now.usable(purpose, self.now.at)
            holds(serials <= usable, f"{name} leaves for {serials}, and {usable} are accepted")

    def _unchanged(self, name: str) -> None:
        for file, sha256 in self.sealed[name].items():
            holds(_sha256(settings.CF_OUTBOX / file) == sha256, f"{file} is not what was sealed")

    def _delivery(self, name: str) -> None:
        for file, sha256 in self.sealed[name].items():
            holds(_sha256(settings.CF_DELIVERY_FOLDER / file) == sha256, f"{file} did not arrive as it was sealed")

    def _withdrawal(self, name: str) -> None:
        package = self._opened(name, "", "withdrawal")
        people = dict(rows(REFERENCES))
        inside = {people[row[0]] for row in package.rows}
        holds(inside == {person for (person,) in rows(IN_ONE, name)}, f"{name} names others than were withdrawn")

    def late_are_withdrawn(self, name: str) -> None:
        """After somebody looked: whoever was sent and must not be any more is taken out."""
        withdrawn = {person for (person,) in rows(WITHDRAWN, name)}
        for person, _, scope in self._people(name):
            against = self.now.believed.against(person, scope.split(";"), self.now.today)
            holds(not against or person in withdrawn, f"{person} of {name} is not withdrawn: {against}")

    def _files(self) -> None:
        """What lies in the folders is of submissions that are that far, sealed, and never of a void one.

        Whoever was killed while sealing may have left something: until it is sealed again, or void.
        """
        for path in lying():
            name = path.name.removesuffix(".part")
            owners = [each for each in self.sealed if name in self.sealed[each]]
            if path.parent == settings.CF_DELIVERY_FOLDER:
                far = all(self.stages.get(each, "SENT") in ("SENDING", "SENT", "RECEIPTED") for each in owners)
                holds(owners and far, f"{path.name} was delivered and is not sent")
            elif WITHDRAWAL not in path.name:
                of = path.name.lstrip(".").partition("-identifiers")[0].partition("-programme")[0]
                stage = self.stages.get(of.partition("-transmittal")[0])
                kept = stage in ("SEALED", "SENDING", "SENT", "RECEIPTED") if owners else stage == "APPROVED"
                holds(kept, f"{path.name} lies in the outbox of one that is {stage}")

    def nothing_to_read(self) -> None:
        """No name of anybody lies in a file, sealed or not."""
        for path in lying():
            data = path.read_bytes()
            holds(not [value for value in PLANTED if value in data], f"{path.name} can be read by anybody")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
