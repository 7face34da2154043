"""Steps of the walk that concern the end of what was sent: destruction, legal holds, what recipients certify."""

import hashlib
from datetime import timedelta
from typing import Any

from cohorts import assembly, replay
from cohorts.models import Agreement, Cohort, Replay
from connecting_families.audit.trail import duty
from tests.gates.asked import Acts, Asked, Standing
from transfers import destruction, retaining, withdrawal
from transfers.models import Destruction, LegalHold, Submission

KEPT = ("SEALED", "SENDING", "SENT", "RECEIPTED")
DESTROYER = duty("destroy")
WHY = "A court asked for the records."


def _kept(now: Standing) -> Submission | None:
    """The one whose end is pursued, or one of the newest of which something is kept; now and then any."""
    rows = Submission.objects.order_by("-pk")
    if now.pursued and now.random.random() < 0.6:
        return rows.get(name=now.pursued)
    return now.some(rows[:8] if now.random.random() < 0.1 else rows.filter(stage__in=KEPT)[:3])


def _asked_for(now: Standing, **how: Any) -> Submission | None:
    """One whose destruction somebody asked for; now and then any."""
    if now.random.random() < 0.1:
        return _kept(now)
    rows = Destruction.objects.filter(taken_back_at=None, done_at=None, **how).select_related("submission")
    found = now.some(rows.order_by("-pk")[:3])
    return found.submission if found else None


def ask_to_destroy(now: Standing) -> Asked | None:
    """Somebody asks that what was sent be destroyed."""
    row, by, at = _kept(now), now.one_of("prepare", "approve", "govern", "assist"), now.at
    if row is None:
        return None
    return Asked(
        f"{by.reference} asks to destroy {row}",
        lambda: destruction.ask(submission=row, by=by, at=at, reason="The study is over."),
        "DESTRUCTION_ASKED",
        about=row.name,
    )


def take_back(now: Standing) -> Asked | None:
    """Somebody takes that back."""
    row, by, at = _asked_for(now), now.one_of("prepare", "govern"), now.at
    if row is None:
        return None
    return Asked(
        f"{by.reference} takes back that {row} be destroyed",
        lambda: destruction.take_back(submission=row, by=by, at=at),
        "DESTRUCTION_TAKEN_BACK",
        about=row.name,
    )


def confirm(now: Standing) -> Asked | None:
    """Somebody confirms it: somebody else, or whoever asked."""
    row, by, at = _asked_for(now, confirmed_at=None), now.one_of("govern", "govern", "govern2", "prepare"), now.at
    if row is None:
        return None
    return Asked(
        f"{by.reference} confirms that {row} be destroyed",
        lambda: destruction.confirm(submission=row, by=by, at=at),
        "DESTRUCTION_CONFIRMED",
        about=row.name,
    )


def destroy(now: Standing) -> Asked | None:
    """A worker destroys, or somebody at the prompt."""
    row, at = _asked_for(now, confirmed_at__isnull=False), now.at
    by = now.random.choice((DESTROYER, now.staff["prepare"]))
    if row is None:
        return None
    return Asked(
        f"{by.reference} destroys {row}",
        lambda: destruction.carry_out(submission=row, by=by, at=at),
        "SUBMISSION_DESTROYED",
        about=row.name,
        quiet=True,
    )


def place_hold(now: Standing) -> Asked | None:
    """A court asks that something be kept."""
    row = (_asked_for(now) if now.random.random() < 0.5 else None) or _kept(now)
    by, at = now.staff["govern"], now.at
    if row is None:
        return None
    return Asked(
        f"a hold on {row}",
        lambda: retaining.place_hold(submission=row, reason=WHY, by=by, at=at),
        "HOLD_PLACED",
        about=row.name,
    )


def lift_hold(now: Standing) -> Asked | None:
    """The case is over."""
    hold = now.some(LegalHold.objects.filter(lifted_at=None).select_related("submission").order_by("pk")[:3])
    by, at = now.staff["govern"], now.at
    if hold is None:
        return None
    return Asked(
        f"the hold on {hold.submission} is lifted",
        lambda: retaining.lift_hold(hold=hold, reason="The case is over.", by=by, at=at),
        "HOLD_LIFTED",
        about=hold.submission.name,
    )


def certify(now: Standing) -> Asked | None:
    """The recipient certifies that it destroyed what it got."""
    row = now.some(Submission.objects.filter(stage__in=(*KEPT, "DESTROYED")).order_by("-pk")[:4])
    if row is None:
        return None
    by, at, day = now.staff["govern"], now.at, now.today
    sha256 = hashlib.sha256(f"{row.name} {now.fresh('D')}".encode()).hexdigest()
    return Asked(
        f"ONS certifies that {row} is gone there",
        lambda: retaining.enter_recipients_certificate(
            submission=row, recipient="ONS", reference="D-1", destroyed_on=day, sha256=sha256, by=by, at=at
        ),
        "RECIPIENT_DESTROYED",
        about=row.name,
    )


def end_study(now: Standing) -> Asked:
    """The last day of the research becomes known."""
    by, at, day = now.staff["prepare"], now.at, now.today + timedelta(days=now.random.choice((-1, 30, 90)))
    row = Agreement.objects.get(reference=now.agreement)
    return Asked(
        f"the study under {row} ends on {day}",
        lambda: retaining.enter_study_end(agreement=row, ends_on=day, source="Letter 7", by=by, at=at),
        "STUDY_END_ENTERED",
    )


def ask_again(now: Standing) -> Asked | None:
    """Another cohort of a round that has a submission already is asked for, or a replay of the one it has."""
    row = now.some(Submission.objects.exclude(stage="VOID").select_related("cohort__round").order_by("-pk")[:3])
    if row is None:
        return None
    by, at, cohort = now.staff["prepare"], now.at, row.cohort
    if now.random.random() < 0.5:
        return Asked(
            f"a replay of the cohort of {row} is asked for",
            lambda: replay.request(cohort=cohort, by=by, at=at),
            "REPLAY_REQUESTED",
            quiet=True,
        )
    return Asked(
        f"another cohort of the round of {row} is asked for",
        lambda: assembly.request(round_=cohort.round, run_at=at, by=by, at=at),
        "ASSEMBLY_REQUESTED",
    )


def run(now: Standing) -> Asked | None:
    """What was asked for is run."""
    at = now.at
    if asked := Replay.objects.filter(state=Replay.REQUESTED).first():
        return Asked("a replay", lambda: replay.run(asked.pk, by=duty("replay"), at=at), "COHORT_REPLAYED", quiet=True)
    if cohort := Cohort.objects.filter(state=Cohort.REQUESTED).first():
        by = duty("assemble")
        return Asked(
            "a run", lambda: assembly.assemble(cohort.pk, by=by, at=at), "COHORT_ASSEMBLED", quiet=True
        )  # fmt: skip
    return None


def withdraw_first(now: Standing) -> Asked | None:
    """Whoever is late is taken out of what is to be destroyed."""
    if not now.pursued:
        return None
    row, at = Submission.objects.get(name=now.pursued), now.at
    return Asked(
        f"first, who is late is withdrawn from {row}",
        lambda: withdrawal.make(submission=row, by=duty("withdraw"), at=at),
        "WITHDRAWAL_MADE",
        quiet=True,
    )


ENDING: Acts = {
    "ask_to_destroy": ask_to_destroy, "take_back": take_back, "confirm": confirm, "destroy": destroy,
    "place_hold": place_hold, "lift_hold": lift_hold, "certify": certify, "end_study": end_study,
    "ask_again": ask_again, "run": run, "withdraw_first": withdraw_first,
}  # fmt: skip
