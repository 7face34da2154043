"""A walk over the gates: one step after another, drawn by a seed, on a database where everything is committed.

Of a hundred steps some sixty take the submission on as it should go, thirty say what people wish, the others are out of
turn. Now and then whoever acts is killed at a stop point, a file is not laid down as it should be, or two act at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection

from cohorts.models import Cohort
from connecting_families.audit.refusals import Refused
from tests.gates.asked import Acts, Asked, Standing
from tests.gates.believed import PEOPLE, Objects
from tests.gates.checked import KEPT, Checks
from tests.gates.ending import ENDING
from tests.gates.erasing import ERASING
from tests.gates.interrupted import Kill, Killed, Others, Plan, installed, planned
from tests.gates.looked import BrokenError, holds
from tests.gates.partners import PARTNERS
from tests.gates.proposed import a_second
from tests.gates.sending import SENDING
from tests.gates.wishes import WISHES
from tests.stages.walk import Walk
from transfers import carrying, certificates, destruction, keys
from transfers.models import RecipientCertificate

#: stage -> what takes it on, the likeliest first and most often
ONWARDS = {
    "": ("assemble", "draft"),
    "DRAFT": ("explain", "explain", "explain", "explain", "look"),
    "PUT_FORWARD": ("sample", "sample", "approve", "approve", "approve", "approve", "send_back"),
    "SENT_BACK": ("take_up",),
    "APPROVED": ("ask_to_seal", "seal", "seal"),
    "SEALED": ("ask_to_deliver", "deliver", "deliver"),
    "SENDING": ("deliver", "ask_to_deliver", "put_off"),
    "SENT": ("take_in", "withdraw", "carry_out"),
    "RECEIPTED": ("withdraw", "carry_out", "take_in"),
    "DESTROYED": ("assemble",),
    "VOID": ("assemble",),
}
QUIET_WISHES = (
    *("lift", "lift", "lift", "turn_down", "end_protection", "end_protection", "consents", "undo", "narrow"),
    "tell_apart",
)
LOUD_WISHES = (
    *("object_person", "object_family", "object_nobody", "protect", "take_consent_back", "merge", "merge", "edit"),
)
OUT_OF_TURN = tuple(name for name in SENDING if name not in ("assemble", "draft"))
BETWEEN_ENDS = ("place_hold", "certify", "end_study", "ask_again", "take_back", "confirm", "destroy")
BETWEEN = (*OUT_OF_TURN, *ENDING)
BY_ONE_ALONE = {"assemble", "draft", "add_certificate", "end_agreement", "run"}
SECOND = (
    *LOUD_WISHES, *QUIET_WISHES, "seal", "deliver", "approve", "withdraw", "carry_out", "confirm", "destroy", "destroy",
    "place_hold", "ask_again", "confirm_erasure", "confirm_erasure",
)  # fmt: skip
TOGETHER, KILLED, DISTURBED = 0.02, 0.03, 0.02
CALLS = (1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14)
"""Of the stop points that an act passes, the one at which something happens."""
WAITS = 0.006
"""Seconds that the first of two stands still, for the second to get in or to wait."""

ALL: Acts = {**WISHES, **SENDING, **PARTNERS, **ENDING, **ERASING}


class Walked:
    """One walk, from its seed on."""

    def __init__(self, walk: Walk, key: rsa.RSAPrivateKey, seed: int) -> None:
        a_second(walk)
        self.now = Standing(walk, key, seed)
        self.now.believed.consents["CP3"] = "P3"
        self.now.staff["manage"] = self.now.staff["worker"].__class__(
            "manage", "early_help_manager", self.now.staff["worker"].user_id
        )
        self.checks = Checks(self.now)
        self.now.needed = self.checks.ends.needed
        self.told: list[str] = []
        self.ends: Counter[str] = Counter()
        self.others = Others()
        self.seed = seed
        # The objection of the files.
        self.now.believed.objections.append(Objects("OP6", person="P6"))
        # Certificates of the walk are short-lived: with one for two years nothing would ever run out.
        for row in RecipientCertificate.objects.all():
            certificates.revoke(certificate=row, reason="Others follow.", by=self.now.staff["govern"], at=self.now.at)
        for purpose in ("linkage", "analysis"):
            self._certified(purpose)

    def _certified(self, purpose: str) -> None:
        while not self.now.usable(purpose, self.now.at):
            asked = ALL["add_certificate"](self.now)
            if asked is not None:
                with suppress(Refused):
                    asked.do()
        self.checks.after([])

    def steps(self, number: int) -> None:
        """So many steps. Raises BrokenError, with the seed and the last steps in its message."""
        try:
            for _ in range(number):
                self.step()
            self.checks.nothing_to_read()
        except Exception as error:
            last = "\n".join(self.told[-60:])
            raise BrokenError(f"Seed {self.seed}, step {len(self.told)}: {error!r}\n{last}") from error
        finally:
            self.others.end()

    def step(self) -> None:
        """One step, and what must hold after it."""
        self.now.tick()
        name, asked = self._drawn()
        draw = self.now.random.random()
        if draw < TOGETHER and name not in BY_ONE_ALONE:
            done = self._together(asked)
        else:
            done = [(asked, self._alone(asked, draw))]
        self.told.append("; ".join(f"{act.name}: {end}" for act, end in done))
        for _, end in done:
            self.ends[end] += 1
        if name == "lift_hold" or any(end.startswith("killed") for _, end in done):
            # As a worker does every minute.
            destruction.clear_away()
        entries = self.checks.after([act for act, _ in done])
        gone = [end for _, end in done if end.startswith("gone")]
        holds(not gone or any(entry.event == "PERSON_ERASED" for entry in entries), f"{gone}")
        for act, end in done:
            events = {entry.event for entry in entries}
            if end == "done":
                holds(act.quiet or act.event in events, f"{act.name} has no entry {act.event}, only {events}")
            elif end.startswith("refused"):
                holds(end.split(":")[1] in events, f"that {act.name} was {end} has no entry")
        self._looked(name, done)

    def _looked(self, name: str, done: list[tuple[Asked, str]]) -> None:
        if name == "withdraw" and len(done) == 1 and done[0][1] == "done":
            self.checks.late_are_withdrawn(done[0][0].name.rpartition(" ")[2])

    def _drawn(self) -> tuple[str, Asked]:
        while True:
            name = self._name()
            asked = ALL[name](self.now)
            if asked is not None:
                return name, asked

    def _name(self) -> str:
        draw, pick = self.now.random.random(), self.now.random.choice
        stage = str(self.now.live.stage) if self.now.live else ""
        if draw < 0.03:
            return pick(("revoke", "end_agreement", "add_certificate", "edit"))
        if draw < 0.06:
            return pick(LOUD_WISHES)
        if draw < 0.11:
            return pick(BETWEEN if self.now.live else ("assemble",))
        if draw < 0.21:
            return self._ends()
        if draw < 0.23:
            return pick((*("confirm_erasure",) * 5, "propose_erasure", "take_back_erasure", "tell_apart"))
        return self._onwards(stage)

    def _ends(self) -> str:
        """What should be done next by people who want something to be gone."""
        draw, now, endings = self.now.random.random(), self.now, self.now.believed.endings
        if now.pursued not in self.checks.stages or self.checks.stages[now.pursued] not in KEPT:
            kept = [name for name, stage in self.checks.stages.items() if stage in KEPT]
            now.pursued = now.some(kept) or ""
        end = endings[now.pursued]
        if draw < 0.25:
            return now.random.choice(BETWEEN_ENDS)
        if draw < 0.5 and any(each.holds for each in endings.values()):
            return "lift_hold"
        if draw < 0.6:
            return "run"
        if end.withdrawn.keys() - end.arrived:
            return "carry_out"
        if now.pursued and self.checks.ends.is_late(now.pursued):
            return "withdraw_first"
        return "destroy" if end.confirmed else "confirm" if end.asked else "ask_to_destroy"

    def _onwards(self, stage: str) -> str:
        """What should be done next by people who want to get on, more or less."""
        draw, pick = self.now.random.random(), self.now.random.choice
        soon = self.now.at + timedelta(hours=1)
        if stage in ("APPROVED", "SEALED") and not all(self.now.usable(it, soon) for it in ("linkage", "analysis")):
            return "add_certificate" if draw < 0.7 else pick(ONWARDS[stage])
        if stage in ("", "VOID", "SENT", "RECEIPTED", "DESTROYED"):
            # Before the next one, wishes: what stands when it is assembled is what it is made of.
            if stage in ("SENT", "RECEIPTED") and draw < 0.5:
                return pick(ONWARDS[stage])
            if draw < 0.7 or self.free < 4:
                hinders = self.now.believed.unmatched or self.standing > 3
                return pick(QUIET_WISHES if hinders else QUIET_WISHES + LOUD_WISHES)
            return "draft" if self.fresh_cohort else "assemble"
        if stage == "DRAFT" and self.stuck and draw < 0.9:
            if self.free < 4:
                return pick(QUIET_WISHES)
            return "draft" if self.fresh_cohort else "assemble"
        if self.now.believed.unmatched and draw < 0.5:
            return pick(("narrow", "lift", "turn_down"))
        return pick(ONWARDS[stage])

    @property
    def free(self) -> int:
        """How many may be sent by what is wished now."""
        believed, today = self.now.believed, self.now.today
        return sum(not believed.against(person, ("PNC", "NPD"), today) for person in PEOPLE)

    @property
    def standing(self) -> int:
        """How many objections and marks stand."""
        believed = self.now.believed
        return sum(each.stands for each in believed.objections) + sum(it.to is None for it in believed.marks.values())

    @property
    def stuck(self) -> bool:
        """Whether a draft can go nowhere: its cohort includes nobody, or its agreement is over."""
        live, now = self.now.live, self.now
        return live is not None and (not live.cohort.included or now.round.agreement.reference != now.agreement)

    @property
    def fresh_cohort(self) -> bool:
        """Whether a cohort is finished of which there is no submission."""
        newest = Cohort.objects.filter(round=self.now.round, state=Cohort.FINISHED).last()
        return newest is not None and newest.pk != (self.now.live.cohort_id if self.now.live else None)

    def _alone(self, asked: Asked, draw: float) -> str:
        """Do it: to its end, or killed at a stop point, or disturbed where a file is laid down."""
        plan, kill = None, Kill()
        if TOGETHER <= draw < TOGETHER + KILLED:
            plan = Plan("", self.now.random.random() < 0.5, self.now.random.choice(CALLS), kill)
        elif draw < TOGETHER + KILLED + DISTURBED:
            call = self.now.random.choice((1, 2, 4))
            point = "something is wiped" if asked.event == "SUBMISSION_DESTROYED" else "a file is laid down"
            plan = Plan(point, self.now.random.random() < 0.5, call, _disturbed)
        ended = self._ended(asked, plan)
        if kill.left is not None:
            kill.left.restore()
            return f"killed:{kill.point}"
        return ended

    def _ended(self, asked: Asked, plan: Plan | None) -> str:
        with planned(plan):
            try:
                asked.do()
            except carrying.NotArrived:
                return "not arrived"
            except Refused as refusal:
                return f"refused:{refusal.event.name}:{','.join(refusal.codes)}"
            except Killed:
                # Its connection goes with it.
                connection.close()
                return "killed"
            except (IntegrityError, ObjectDoesNotExist) as error:
                # Whoever it was about may have been erased in this very moment: then it was not done.
                return f"gone:{type(error).__name__}"
        return "done"

    def _together(self, first: Asked) -> list[tuple[Asked, str]]:
        """Two at once: the first stands still somewhere, the second gets in or waits for it."""
        second = ALL[self.now.random.choice(SECOND)](self.now)
        if second is None:
            return [(first, self._ended(first, None))]
        one, other = self.others.together(
            lambda plan: self._ended(first, plan),
            lambda plan: self._ended(second, plan),
            after=self.now.random.random() < 0.5,
            call=self.now.random.choice(CALLS),
            waits=WAITS,
        )
        return [(first, one), (second, other)]


def _disturbed(_: str) -> None:
    raise OSError(5, "Nobody knows whether it was written")


@contextmanager
def prepared() -> Iterator[None]:
    """Inside, walks can be walked.

    Checking a key of 3072 bits takes thirty times as long as sealing with it: it is read from its file once, by the
    function that reads it otherwise each time.
    """
    read: Callable[..., Any] = keys.load_signer
    kept: dict[Any, Any] = {}

    def once(*arguments: Any) -> Any:
        if arguments not in kept:
            kept[arguments] = read(*arguments)
        return kept[arguments]

    with installed(), patch("transfers.keys.load_signer", once):
        yield
