"""Looks: what somebody must have opened of a cohort before they put it forward (spec/submission.md)."""

from datetime import datetime

from cohorts.models import Cohort
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who

TO_OPEN = {
    Event.MATCHABILITY_VIEWED: "who can be found in each dataset",
    Event.DIFFERENCE_VIEWED: "the difference from the cohort before",
}
"""The pages, by the event that tells of them."""


@trail.stage
def open_both(*, cohort: Cohort, by: Who, at: datetime) -> None:
    """Record that both were shown: at the prompt they are printed, and pages record each by itself."""
    for event in TO_OPEN:
        trail.record(event, who=by, at=at, about=cohort)


def not_opened(cohort: Cohort, by: Who) -> list[str]:
    """What this person has not opened of a cohort yet, in words."""
    return [TO_OPEN[event] for event in to_open(cohort, by)]


def to_open(cohort: Cohort, by: Who) -> list[Event]:
    """The same, by the events that tell of the pages."""
    own = trail.entries_about([(cohort._meta.label_lower, str(cohort))]).filter(who=by.reference)
    opened = set(own.filter(event__in=[event.name for event in TO_OPEN]).values_list("event", flat=True))
    return [event for event in TO_OPEN if event.name not in opened]
