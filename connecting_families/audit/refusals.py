"""Refusing: always with reasons, and the reasons are the same on the page, at the prompt and in the trail."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from connecting_families.audit.events import Event


class Why(NamedTuple):
    """One reason: a code that stays, and the sentence that a person reads."""

    code: str
    sentence: str


class Reasoned(Protocol):
    """Whatever has a code and a sentence."""

    @property
    def code(self) -> str: ...
    @property
    def sentence(self) -> str: ...


class Refused(Exception):
    """An act was asked for and may not be done. `reasons` says why, in words for the person who asked.

    The act's own changes are rolled back; the refusal itself is recorded under `event`.
    """

    event = Event.ACCESS_REFUSED
    recorded = False
    """Whether an entry of the trail tells of it already."""

    def __init__(self, reasons: Sequence[Reasoned], *, record: str = "", reference: str = "") -> None:
        self.reasons = tuple(reasons)
        self.record, self.reference = record, reference
        super().__init__(" ".join(reason.sentence for reason in self.reasons))

    @property
    def codes(self) -> list[str]:
        """The codes alone, as the trail keeps them."""
        return [reason.code for reason in self.reasons]
