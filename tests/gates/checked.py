"""What must hold after every step, read from the trail, the tables and the files by other eyes than the program's."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.gates import opened
from tests.gates.asked import Asked, Standing
from tests.gates.ended import IN_ONE, Ends
from tests.gates.interrupted import everything, names_lying
from tests.gates.looked import PLANTED, WITHDRAWAL, Entry, holds, rows
from transfers.models import Submission

#: event -> (from which stages, to which), as spec/submission.md draws the lifecycle
MOVES = {
    "SUBMISSION_PUT_FORWARD": ({"DRAFT"}, "PUT_FORWARD"),
    "SUBMISSION_SENT_BACK": ({"PUT_FORWARD"}, "SENT_BACK"),
    "SUBMISSION_APPROVED": ({"PUT_FORWARD"}, "APPROVED"),
    "SUBMISSION_SEALED": ({"APPROVED"}, "SEALED"),
    "DELIVERY_ATTEMPTED": ({"SEALED", "SENDING"}, "SENDING"),
    "SUBMISSION_DELIVERED": ({"SENDING"}, "SENT"),
    "RECEIPT_TAKEN_IN": ({"SENT"}, "RECEIPTED"),
    "SUBMISSION_DESTROYED": ({"SEALED", "SENDING", "SENT", "RECEIPTED"}, "DESTROYED"),
    "SUBMISSION_VOIDED": ({"DRAFT", "PUT_FORWARD", "SENT_BACK", "APPROVED", "SEALED"}, "VOID"),
    "SUBMISSION_DRAFTED": ({"", "SENT_BACK"}, "DRAFT"),
}
DOORS = {
    "SUBMISSION_PUT_FORWARD", "SUBMISSION_APPROVED", "SEALING_REQUESTED", "SUBMISSION_SEALED", "DELIVERY_REQUESTED",
    "DELIVERY_ATTEMPTED",
}  # fmt: skip
SHAPE = {"SUBMISSION_DRAFTED", "FINDING_EXPLAINED", "SUBMISSION_PUT_FORWARD"}
NAMED = re.compile(r"\.?(CF-[^-]+-2026(?:-R\d{5})?-\d{4})")
GOES_ON = ("APPROVED", "SEALED", "SENDING", "SENT", "RECEIPTED", "DESTROYED")
KEPT = ("SEALED", "SENDING", "SENT", "RECEIPTED")

#: Both at once: entries since, and every submission as it stands now, with the number of its last change.
SINCE = """
    SELECT (SELECT json_agg(json_build_array(id, event, who, reference, coalesce(additional_data, '{}')) ORDER BY id)
            FROM audit_entry WHERE id > %s),
        (SELECT string_agg(concat_ws(' ', name, stage, xmin, approved_content_sha256), E'\\n' ORDER BY id)
         FROM transfers_submission)
"""
INCLUDED = """
    SELECT d.person_ref, d.family_ref, d.linkage_scope FROM cohorts_decision d
    JOIN transfers_submission s ON s.cohort_id = d.cohort_id WHERE s.name = %s AND d.included
"""
REFERENCES = """
    SELECT r.reference, p.reference FROM transfers_personreference r JOIN cohorts_person p ON p.id = r.person_id
"""
SEALED = "SELECT sealed_files::text, archived_files::text FROM transfers_{table} WHERE name = %s"
WITHDRAWN = """
    SELECT p.reference FROM transfers_withdrawn w JOIN cohorts_person p ON p.id = w.person_id
    JOIN transfers_submission s ON s.id = w.submission_id WHERE s.name = %s
"""


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
        self.seen: Counter[str] = Counter()
        self.ends = Ends(standing, self._people, self.stages)
        self.stood, self.lay = "", [["nothing"]]

    def after(self, asked: Sequence[Asked]) -> list[Entry]:
        """Follow what was recorded since; then the tables and files must say what the trail says.

        What lies there as it lay, of submissions that stand as they stood, was looked at before.
        """
        ((since, stood),) = rows(SINCE, self.last)
        entries = [Entry(*each) for each in since or ()]
        waiting, beside = list(asked), {entry.event for entry in entries}
        for entry in entries:
            self.last = entry.id
            self.seen[entry.event] += 1
            self._applies(entry, waiting)
            self._follow(entry)
            self.ends.follow(entry, beside)
        lying = names_lying()
        if (stood or "") != self.stood or lying != self.lay:
            self.ends.begun()
            for line in (stood or "").splitlines():
                self._as_recorded(*line.split(" "))
            self._files()
            if (stood or "") != self.stood:
                self.now.live = Submission.objects.select_related("cohort").last()
            self.stood, self.lay = stood or "", lying
        return entries

    def _as_recorded(self, name: str, stage: str, _: str, approved: str) -> None:
        holds(self.stages.get(name) == stage, f"{name} is {stage}, and the trail says {self.stages.get(name)}")
        if stage in GOES_ON:
            holds(approved and approved == self.approved.get(name), f"{name} goes on without its approval")

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
        ((files, kept),) = rows(SEALED.format(table=table), name)
        self.sealed[name] = {file["name"]: file["sha256"] for file in json.loads(files)}
        for file in json.loads(kept):
            holds(_sha256(settings.CF_ARCHIVE / file["name"]) == file["sha256"], f"{file['name']} is not what was kept")
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
        self.ends.sealed(name, [row[0] for row in packages["linkage"].rows])
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
        believed = self.now.believed
        withdrawn = {person for (person,) in rows(WITHDRAWN, name)} | believed.gone
        for person, _, scope in self._people(name):
            against = believed.against(person, scope.split(";"), self.now.today)
            holds(not against or person in withdrawn, f"{person} of {name} is not withdrawn: {against}")

    def _files(self) -> None:
        """What lies in the folders is of submissions that are that far, sealed, and never of a void one.

        Whoever was killed while sealing may have left something: until it is sealed again, or void. Of what is kept the
        key lies there until two people had it destroyed, and under a hold also of a void one.
        """
        owners = {file: name for name, files in self.sealed.items() for file in files}
        lying = everything()
        for path in lying:
            owner = owners.get(path.name.removesuffix(".part"), "")
            of = owner.partition(WITHDRAWAL)[0] or _name(path.name)
            stage, end = self.stages.get(of, "nowhere"), self.now.believed.endings.get(of)
            if path.parent == settings.CF_DELIVERY_FOLDER:
                holds(owner and stage in KEPT[1:], f"{path.name} was delivered and is not sent")
            elif path.name.endswith(".destroyed"):
                holds(end and end.begun, f"{path.name} lies there, and nobody had it destroyed")
            elif path.parent in (settings.CF_ARCHIVE, settings.CF_ARCHIVE_KEYS):
                held = end and end.holds and stage == "VOID"
                holds(held or stage in ("APPROVED", *KEPT), f"{path.name} is kept of one that is {stage}")
            else:
                kept = stage in KEPT if owner or WITHDRAWAL in path.name else stage == "APPROVED"
                holds(kept, f"{path.name} lies in the outbox of one that is {stage}")
        there = {path.name for path in lying}
        for name, stage in self.stages.items():
            end = self.now.believed.endings.get(name)
            if (stage in KEPT and not (end and end.begun)) or (stage == "VOID" and end and end.holds):
                holds(f"{name}.key" in there, f"the key of {name} is lost")

    def nothing_to_read(self) -> None:
        """No name of anybody lies in a file, sealed or not; and nobody is known by what was destroyed."""
        for path in everything():
            data = path.read_bytes()
            holds(not [value for value in PLANTED if value in data], f"{path.name} can be read by anybody")
        self.ends.nobody_is_left()


@cache
def _name(file: str) -> str:
    """The submission whose name a file bears."""
    found = NAMED.match(file)
    return found[1] if found else file


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
