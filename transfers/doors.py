"""The guard at the door (spec/rules.md): asked in the same transaction as the act, at each of the four doors.

A submission in which anyone has gained a reason of objection, consent or protection since the run goes no further: the
act is refused, and the submission is void. No setting turns this off. The same holds where the rules of its round
changed since its cohort was asked for: what was decided by others is not what may be sent now.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import transaction

from cohorts import queries
from cohorts.rules.clocks import LONDON
from connecting_families.audit import restored, trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who, duty
from transfers import archive, package
from transfers.models import LegalHold, Submission
from transfers.rules import destroying, extract, gates, lifecycle
from transfers.rules.gates import AgreementFacts

LEEWAY = timedelta(seconds=5)
"""An objection that came while an act was being asked for counts, though it came after the clock was read for it."""

P = ParamSpec("P")
R = TypeVar("R")


def locked(submission_id: int) -> Submission:
    """The submission, its row locked until the act ends: of two who act at once, the second sees what the first did."""
    return (
        Submission.objects.select_for_update(of=("self",))
        .select_related("cohort__round", "round__agreement", "prepared_by")
        .get(pk=submission_id)
    )


@dataclass(frozen=True)
class AtTheDoor:
    """What the guard found: why the submission is void, and why it waits. True where it found anything."""

    void: list[Why]
    wait: list[Why] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.void or self.wait)


def guard(submission: Submission, at: datetime) -> AtTheDoor:
    """Why this submission, or somebody in it, may not be sent now; to the end of the act nothing can change it.

    An objection that names nobody is asked for here and not before: one that came since the act began counts. After a
    restore nothing goes on until the records know again who objected.
    """
    moment = hold_permissions(at)
    gained, unmatched = (
        queries.permission_lost(submission.cohort, moment),
        queries.standing_unmatched_objections(moment),
    )
    newest = queries.newest_wish()
    if newest is not None and newest > moment:
        # The clock was set back: what is on file counts, whatever time it is.
        gained |= queries.permission_lost(submission.cohort, newest)
        unmatched = max(unmatched, queries.standing_unmatched_objections(newest))
    lost = gates.at_the_door(gained, queries.SENTENCES)
    return AtTheDoor(
        void=[*lost, *queries.rules_changed(submission.cohort)],
        wait=[*restored.against(), *gates.unmatched_objections(unmatched)],
    )


def hold_permissions(at: datetime) -> datetime:
    """Until the act ends nobody's permission changes; the instant by which it is asked, what just came included."""
    began = time.perf_counter()
    queries.hold_permissions()
    return at + timedelta(seconds=time.perf_counter() - began) + LEEWAY


def agreement(submission: Submission, at: datetime) -> list[Why]:
    """Why the round's agreement does not carry this submission at this instant."""
    says = submission.round.agreement
    return gates.agreement(
        AgreementFacts(
            says.reference,
            says.purpose,
            says.in_force_from,
            says.in_force_to,
            tuple(says.fields),
            frozenset(says.datasets),
            frozenset(says.recipients),
        ),
        today=at.astimezone(LONDON).date(),
        datasets=submission.cohort.datasets,
        recipients=submission.round.recipients,
        core_fields=[column.name for each in (extract.IDENTIFIERS, extract.PROGRAMME) for column in each.core],
        known_fields=[*extract.IDENTIFIERS.columns, *extract.PROGRAMME.columns],
    )


def against_destroyed(submission: Submission) -> list[Why]:
    """Why nothing is done any more with what was sent: two people had it destroyed, whether or not that is finished."""
    confirmed = submission.destructions.filter(taken_back_at=None, confirmed_at__isnull=False).exists()
    return destroying.being_destroyed(confirmed=confirmed)


def against_taking_out(submission: Submission) -> list[Why]:
    """Why nobody is taken out any more of what was sent: its key is gone, or is being destroyed.

    That two people confirmed it is not enough: a hold may stop it for years, and whoever objects is taken out first.
    """
    noted = submission.destructions.filter(key_destroyed_at__isnull=False).exists()
    return destroying.being_destroyed(confirmed=noted or archive.begun_to_end(submission))


class NotDone(Refused):
    """An act on a submission was refused; `voids` where that is because of what somebody in it gained since the run."""

    voids = False


def refuse(
    kind: type[NotDone], reasons: list[Why], submission: Submission, *, stopped: AtTheDoor | None = None
) -> None:
    """Raise a refusal of this kind where there are reasons, or the guard found some (`stopped`)."""
    found = stopped or AtTheDoor(void=[])
    if every := [*found.void, *reasons, *(why for why in found.wait if why not in reasons)]:
        refusal = kind(every, record="transfers.submission", reference=submission.name)
        refusal.voids = bool(found.void)
        raise refusal


def guarded(act: Callable[P, R]) -> Callable[P, R]:
    """An act at a door, given its `submission` and `at` by name: where the guard refuses it, the submission is void."""

    @functools.wraps(act)
    def at_the_door(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return act(*args, **kwargs)
        except NotDone as refusal:
            submission, at = kwargs["submission"], kwargs["at"]
            if refusal.voids and isinstance(submission, Submission) and isinstance(at, datetime):
                void(submission=submission, why=str(refusal), codes=refusal.codes, by=duty("guard"), at=at)
            raise

    return at_the_door


@trail.stage
def void(*, submission: Submission, why: str, codes: list[str], by: Who, at: datetime) -> None:
    """Make a submission void for good: what is sent instead is built again from a new cohort. Its packages go.

    Nothing happens to one that is on its way already, or void.
    """
    row = locked(submission.pk)
    if lifecycle.reasons_against("void", row.at_stage) or against_destroyed(row):
        return
    let_go(row, why)
    trail.record(Event.SUBMISSION_VOIDED, who=by, at=at, about=row, details={"reasons": codes})


def let_go(row: Submission, why: str) -> None:
    """Within an act on a locked row: it is void, and its packages go once that is committed."""
    row.stage, row.void_reason = lifecycle.after("void").name, why
    row.save()
    transaction.on_commit(lambda: forget_packages(row.name))


def forget_packages(name: str) -> bool:
    """Take away what was sealed and will never leave, and destroy our copy's key; False where nothing was left to go.

    All that bears its name goes, and not what is listed alone: a worker may have been killed before it was. Under a
    legal hold our copy stays until that is lifted, and the packages go: nothing of it lies where it could leave.
    """
    packages = package.remove(settings.CF_OUTBOX, package.stems_of(name))
    if LegalHold.objects.filter(submission__name=name, lifted_at=None).exists():
        return bool(packages)
    key, copies = archive.destroy_key(name), archive.remove_files(name)
    return bool(key or copies or packages)
