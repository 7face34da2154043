"""What must hold of the end of what was sent and of whoever is erased: two hands, no hold passed over, nobody left.

Follows the same entries as tests.gates.checked, and holds each against what the oracle believes at that moment.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from tests.gates.asked import Standing
from tests.gates.believed import Ending
from tests.gates.interrupted import everything, lying
from tests.gates.looked import PLANTED, WITHDRAWAL, Entry, holds, rows

People = Callable[[str], list[tuple[Any, ...]]]
IN_ONE = """
    SELECT p.reference FROM transfers_withdrawn w JOIN cohorts_person p ON p.id = w.person_id
    JOIN transfers_withdrawal v ON v.id = w.withdrawal_id WHERE v.name = %s
"""
LEFT = """
    WITH s AS (SELECT id, cohort_id FROM transfers_submission WHERE round_id = %(round)s),
    c AS (SELECT id FROM cohorts_cohort WHERE round_id = %(round)s)
    SELECT 'a decision' FROM cohorts_decision WHERE cohort_id IN (SELECT id FROM c)
    UNION SELECT 'a finding' FROM cohorts_finding WHERE cohort_id IN (SELECT id FROM c)
    UNION SELECT 'a replay' FROM cohorts_replay WHERE cohort_id IN (SELECT id FROM c) AND differences <> '[]'
    UNION SELECT 'somebody rejected' FROM transfers_rejection j JOIN transfers_receipt r ON r.id = j.receipt_id
        WHERE r.submission_id IN (SELECT id FROM s)
    UNION SELECT 'somebody withdrawn' FROM transfers_withdrawn WHERE submission_id IN (SELECT id FROM s)
    UNION SELECT 'an explanation' FROM transfers_explanation
        WHERE submission_id IN (SELECT id FROM s) AND (text <> '' OR family_ref <> '')
    UNION SELECT 'why it was sent back' FROM transfers_submission WHERE round_id = %(round)s AND sent_back_reason <> ''
"""
GOES_ON = "('PUT_FORWARD', 'APPROVED', 'SEALED', 'SENDING', 'SENT', 'RECEIPTED')"
LACKED = f"""
    SELECT t.name FROM cohorts_decision d JOIN transfers_submission t USING (cohort_id)
    LEFT JOIN transfers_personreference r USING (person_id)
    WHERE d.included AND t.stage IN {GOES_ON} AND r.id IS NULL
"""
NOT_NEEDED = """
    SELECT r.reference FROM transfers_personreference r WHERE NOT EXISTS (
        SELECT FROM cohorts_decision d JOIN transfers_submission t USING (cohort_id)
        WHERE d.person_id = r.person_id AND d.included AND t.stage <> 'VOID')
"""
AFTERWARDS = """
    SELECT t.name FROM transfers_submission t JOIN cohorts_cohort c USING (round_id)
    JOIN cohorts_decision d ON d.cohort_id = c.id WHERE t.stage = 'DESTROYED'
"""
DESTROYED = """
    SELECT d.certificate, s.round_id FROM transfers_destruction d JOIN transfers_submission s ON s.id = d.submission_id
    WHERE s.name = %s AND d.done_at IS NOT NULL
"""
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(cohorts|transfers)_'"
SUBMISSION = "CF-"
#: What may still be recorded of what is destroyed.
STILL = {"RECIPIENT_DESTROYED", "WITHDRAWAL_ACKNOWLEDGED"}


class Ends:
    """Follows what ends, and who is erased; `people` says who is in a submission, `stages` where each stands."""

    def __init__(self, now: Standing, people: People, stages: dict[str, str]) -> None:
        self.now, self.people, self.stages = now, people, stages
        self.proposed: dict[str, str] = {}
        self.keys: dict[str, bytes] = {}
        self.references: dict[str, set[str]] = {}

    def sealed(self, name: str, references: Iterable[str]) -> None:
        """A submission was sealed: its key lies there, and by these references people are known in it."""
        self.keys[name] = (settings.CF_ARCHIVE_KEYS / f"{name}.key").read_bytes()
        self.references[name] = set(references)

    def follow(self, entry: Entry, beside: set[str]) -> None:
        """What an entry tells; `beside`: every event of this step."""
        of, event = entry.reference.partition(WITHDRAWAL)[0], entry.event
        end = self.now.believed.endings[of] if of.startswith(SUBMISSION) else Ending()
        if end.done and not event.endswith(("_REFUSED", "_VIEWED")):
            holds(event in STILL, f"{event} of {entry.reference}, which is destroyed")
        match event:
            case "HOLD_PLACED":
                holds(not end.begun, f"a hold on {of}, of which nothing is left to be held")
                end.holds.add(entry.said["hold"])
            case "HOLD_LIFTED":
                end.holds.discard(entry.said["hold"])
            case "DESTRUCTION_ASKED":
                holds(not end.asked, f"{of} is to be destroyed twice")
                end.asked = entry.who
            case "DESTRUCTION_TAKEN_BACK":
                holds(not end.confirmed, f"that {of} be destroyed was taken back after it was confirmed")
                end.asked = ""
            case "DESTRUCTION_CONFIRMED":
                end.confirmed = entry.who
                self._may_go(of)
            case "ARCHIVE_KEY_DESTROYED":
                if not end.begun:
                    self._may_go(of)
                end.begun = True
            case "SUBMISSION_DESTROYED":
                holds(end.begun, f"{of} is destroyed, and its key was not")
                end.done = True
                self._gone(entry, beside)
            case "WITHDRAWAL_MADE":
                holds(not end.begun, f"{entry.reference} is made of what is being destroyed")
                end.withdrawn[entry.reference] = {person for (person,) in rows(IN_ONE, entry.reference)}
            case "WITHDRAWAL_DELIVERED":
                end.arrived.add(entry.reference)
            case "WITHDRAWAL_ACKNOWLEDGED":
                end.acknowledged.add(entry.reference)
            case "COHORT_ASSEMBLED":
                holds(not rows(AFTERWARDS), "somebody is in a cohort of a round whose submission is destroyed")
            case "ERASURE_PROPOSED":
                self.proposed[entry.reference] = entry.who
            case "PERSON_ERASED":
                self._erased(entry)

    def needed(self, person: str) -> bool:
        """Whether somebody lies in something that was sent, and is not taken out of it yet."""
        return any(
            person not in self.now.believed.endings[name].taken_out(self.now.believed.endings[name].acknowledged)
            for name, stage in self.stages.items()
            if stage in ("SENDING", "SENT", "RECEIPTED") and person in {who for who, *_ in self.people(name)}
        )

    def begun(self) -> None:
        """Whoever was killed while destroying a key left a mark beside it: from there on there was no way back."""
        for name, end in self.now.believed.endings.items():
            if end.confirmed and not end.begun and (settings.CF_ARCHIVE_KEYS / f"{name}.destroyed").exists():
                self._may_go(name)
                end.begun = True

    def _went_out(self, name: str) -> bool:
        if self.stages[name] == "SENDING":
            return any(name in path.name for path in lying() if path.parent == settings.CF_DELIVERY_FOLDER)
        return self.stages[name] in ("SENT", "RECEIPTED")

    def is_late(self, name: str) -> bool:
        """Whether somebody who went out in it is to be withdrawn first."""
        return "NOT_WITHDRAWN" in self._against(name)

    def _against(self, name: str) -> set[str]:
        sent = [(person, scope.split(";")) for person, _, scope in self.people(name)] if self._went_out(name) else []
        return self.now.believed.against_destroying(name, sent, self.now.today)

    def _may_go(self, name: str) -> None:
        against = self._against(name)
        holds(not against, f"{name} is destroyed, and should not be: {against}")

    def _gone(self, entry: Entry, beside: set[str]) -> None:
        """Nothing is left that describes anybody who was in it, and nobody else lost anything."""
        name, end = entry.reference, self.now.believed.endings[entry.reference]
        ((certificate, round_),) = rows(DESTROYED, name)
        left = [what for (what,) in rows(LEFT, round=round_)]
        holds(not left, f"{name} is destroyed, and there is {left}")
        holds(not rows(LACKED), f"with {name} went references that others need")
        if "SUBMISSION_VOIDED" not in beside:
            holds(not rows(NOT_NEEDED), f"{name} is destroyed, and references of people in it are left")
        files = [path.name for path in everything() if name in path.name]
        holds(files == [f"{name}.destroyed"], f"{name} is destroyed, and there is {files}")
        keys = [path for path in settings.CF_ARCHIVE_KEYS.iterdir() if self.keys[name] in path.read_bytes()]
        holds(not keys, f"the key of {name} is in {keys}")
        said = json.loads(certificate)
        holds((said["asked_by"], said["confirmed_by"]) == (end.asked, end.confirmed), f"of {name} others are certified")
        digest = hashlib.sha256(certificate.encode()).hexdigest()
        holds(digest == entry.said["certificate_sha256"], f"the certificate of {name} is another than was recorded")
        words = [*PLANTED, *(each.encode() for each in self.references[name])]
        holds(not any(word in certificate.encode() for word in words), f"the certificate of {name} names somebody")

    def _erased(self, entry: Entry) -> None:
        by = self.proposed.get(entry.reference)
        holds(by not in (None, entry.who), f"{entry.who} erased somebody alone")
        persons = entry.said["persons"]
        holds(set(persons) <= self.now.believed.gone, f"{persons} are erased, and others were to be")
        holds(not rows("SELECT id FROM cohorts_person WHERE reference = ANY(%s)", persons), "a record is left")
        for person in persons:
            included = [
                name
                for name, stage in self.stages.items()
                if stage not in ("DRAFT", "DESTROYED") and person in {who for who, *_ in self.people(name)}
            ]
            sent = [name for name in included if self._went_out(name)]
            against = self.now.believed.against_erasing(person, included, sent)
            holds(not against, f"{person} is erased, and should not be: {against}")

    def nobody_is_left(self) -> None:
        """By no reference of the study that is gone is anybody known anywhere in the tables."""
        known = {reference for (reference,) in rows("SELECT reference FROM transfers_personreference")}
        gone = set[str]().union(*self.references.values()) - known
        for (table,) in rows(TABLES) if gone else ():
            ((text,),) = rows(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            holds(not [each for each in gone if each in (text or "")], f"{table} tells of somebody who is forgotten")
