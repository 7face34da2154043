"""Checking the promises: every night by itself, and whenever governance asks; each outcome is kept, and told."""

import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from django.db import transaction

from cohorts.rules.clocks import LONDON
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.governance.models import PromiseOutcome
from connecting_families.governance.progress import Progress, progress_said, say_progress
from connecting_families.governance.promises.table import BY_NUMBER, PROMISES, Promise

logger = logging.getLogger(__name__)

NIGHT = time(2)
"""In London; from then on the check of the day is due."""
OLD = timedelta(hours=36)
"""An outcome that is older says nothing of today: a night was missed."""


NAME = "check-the-promises-"


class NotChecked(Refused):
    """Checking was refused."""

    event = Event.PROMISES_CHECK_REFUSED


class Standing(NamedTuple):
    """A promise, its newest outcome (None: never checked), and whether that is too old to say anything."""

    promise: Promise
    outcome: PromiseOutcome | None
    old: bool

    @property
    def kept(self) -> bool:
        """Whether it is known to be kept: in doubt it is not."""
        return self.outcome is not None and self.outcome.kept and not self.old

    @property
    def words(self) -> str:
        """How it stands."""
        if self.outcome is None:
            return "Not checked yet"
        if not self.outcome.kept:
            return "Broken"
        return "Not checked lately" if self.old else "Kept"


@trail.stage
def request(*, by: Who, at: datetime) -> None:
    """Ask the workers to check every promise now."""
    trail.record(Event.PROMISES_CHECK_REQUESTED, who=by, at=at, record="governance.promiseoutcome")


def asked() -> Entry | None:
    """The entry by which somebody asked for a check that was not made since; nothing where nobody waits."""
    wanted, made = _last(Event.PROMISES_CHECK_REQUESTED), _last(Event.PROMISES_CHECKED)
    # A check that began before somebody asked may not have seen why they ask.
    if wanted is None or (made is not None and wanted.timestamp <= made.timestamp):
        return None
    return wanted


def _last(event: Event) -> Entry | None:
    found: Entry | None = Entry.objects.filter(event=event.name).order_by("-timestamp", "-pk").first()
    return found


def progress() -> Progress | None:
    """How many promises a worker has checked by now; None while none is at it."""
    return progress_said(NAME)


def check(*, by: Who, at: datetime) -> list[PromiseOutcome]:
    """Check every promise, and keep what was found. Raises NotChecked where another worker is at it."""
    with alone(Work.CHECKING_PROMISES, 0) as nobody_else:
        if not nobody_else:
            busy = Why("BEING_CHECKED", "The promises are being checked at this moment. Wait until that has ended.")
            with trail.act(by, at):
                raise NotChecked([busy], record="governance.promiseoutcome")
        return keep(found={each.number: _reasons(each, at) for each in PROMISES}, by=by, at=at)


@trail.stage
def keep(*, found: dict[int, Sequence[Why]], by: Who, at: datetime) -> list[PromiseOutcome]:
    """Keep what checks found, by the number of the promise; what broke or was mended since the last time is told."""
    before = {number: outcome.kept for number, outcome in newest().items()}
    rows = [
        PromiseOutcome.objects.create(
            promise=number, checked_at=at, checked_by=by.reference, correlation=trail.correlation(),
            kept=not reasons, faults=[reason._asdict() for reason in reasons],
        )
        for number, reasons in sorted(found.items())
    ]  # fmt: skip
    codes = {str(row.promise): [fault["code"] for fault in row.faults] for row in rows if not row.kept}
    kept = [row.promise for row in rows if row.kept]
    trail.record(
        Event.PROMISES_CHECKED, who=by, at=at, record="governance.promiseoutcome",
        details={"kept": kept, "broken": codes},
    )  # fmt: skip
    for row in rows:
        if row.kept is not before.get(row.promise, True):
            trail.record(
                Event.PROMISE_MENDED if row.kept else Event.PROMISE_BROKEN, who=by, at=at, about=row,
                details={"promise": row.promise, "faults": codes.get(str(row.promise), [])},
            )  # fmt: skip
    return rows


def newest() -> dict[int, PromiseOutcome]:
    """The newest outcome of each promise that was ever checked."""
    rows = PromiseOutcome.objects.order_by("promise", "-pk").distinct("promise")
    return {row.promise: row for row in rows if row.promise in BY_NUMBER}


def standing(at: datetime) -> list[Standing]:
    """How each promise stands at an instant, in the order of the table."""
    found = newest()
    return [
        Standing(each, row, old=row is not None and at - row.checked_at > OLD)
        for each in PROMISES
        for row in [found.get(each.number)]
    ]


def is_due(at: datetime) -> bool:
    """Whether the check of the night is still to be made."""
    last = PromiseOutcome.objects.order_by("-pk").first()
    return last is None or last.checked_at < last_night(at)


def last_night(at: datetime) -> datetime:
    """The last time that it was two in the night in London."""
    here = at.astimezone(LONDON)
    tonight = datetime.combine(here.date(), NIGHT, LONDON)
    if tonight <= here:
        return tonight
    return datetime.combine(here.date() - timedelta(days=1), NIGHT, LONDON)


def _reasons(promise: Promise, at: datetime) -> list[Why]:
    """What a check finds, in one snapshot; one that fails is no answer, and the promise is not said to be kept."""
    try:
        with transaction.atomic():
            say_progress(NAME, promise.number - 1, len(PROMISES))
            return promise.check(at)
    except Exception as error:  # noqa: BLE001 - whatever it is: the other promises are checked all the same
        kind = type(error).__name__
    logger.error("Checking promise %s failed (%s).", promise.number, kind)
    return [Why("CHECK_FAILED", f"It could not be checked: the kind of error was {kind}.")]
