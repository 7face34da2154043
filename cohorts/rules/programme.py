"""Programme: did the programme work with this family, and from when to when?"""

from datetime import date
from typing import Final, NamedTuple

from cohorts.rules.facts import FamilyFacts

PROGRAMME: Final = "PROGRAMME"
COMPARISON: Final = "COMPARISON"


class Programme(NamedTuple):
    """To which group a family belongs; both dates are None for the comparison group."""

    group: str
    start: date | None
    end: date | None


def programme_of(family: FamilyFacts, cut_off: date) -> Programme:
    """The group of a family on the cut-off, with the start of its earliest engagement and the end of its latest.

    Only engagements that started by the cut-off tell. There is no end while one of them is open on it.
    """
    begun = [engagement for engagement in family.engagements if engagement.started_on <= cut_off]
    if not begun:
        return Programme(COMPARISON, None, None)
    start = min(engagement.started_on for engagement in begun)
    ended = [(it.started_on, it.ended_on) for it in begun if it.ended_on is not None and it.ended_on <= cut_off]
    end = max(ended)[1] if len(ended) == len(begun) else None
    return Programme(PROGRAMME, start, end)
