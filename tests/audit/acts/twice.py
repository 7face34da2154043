"""Records of one person."""

from cohorts import (
    proposing,
)
from cohorts.models import (
    Merge,
    Pair,
)
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from tests.audit.acts.act import Act
from tests.stages import asked
from tests.stages.walk import Walk


def bring_together(walk: Walk) -> None:
    asked.together(walk, "P1", "P6")


def merge(walk: Walk) -> None:
    asked.merge(walk, Pair.objects.get(), keep=walk.person("P1"))


def objecting_and_merged(walk: Walk) -> None:
    bring_together(walk)
    merge(walk)


def undo_merge(walk: Walk) -> None:
    asked.undo(walk, Merge.objects.get())


def search_for_duplicates(walk: Walk) -> None:
    proposing.propose(by=duty("propose"), at=walk.now())


ACTS = {
    "cohorts.duplicates.bring_together": Act("assemble", bring_together, Event.RECORDS_BROUGHT_TOGETHER),
    "cohorts.duplicates.decide": Act("assemble", merge, Event.RECORDS_MERGED, bring_together),
    "cohorts.duplicates.undo": Act("assemble", undo_merge, Event.MERGE_UNDONE, objecting_and_merged),
    "cohorts.proposing._propose": Act("assemble", search_for_duplicates, Event.DUPLICATES_SEARCHED, asked.twice),
}
