"""Submission: what a cohort's people would be sent as, drafted and put forward by one person."""

from datetime import datetime
from typing import Any

from django.conf import settings

from cohorts import looks, queries
from cohorts.models import Cohort
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import LostAct
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import content, doors, explained
from transfers.models import Explanation, Submission
from transfers.rules import gates, lifecycle
from transfers.rules.extract import IDENTIFIERS, PROGRAMME
from transfers.rules.lifecycle import Stage


class NotDrafted(Refused):
    """Drafting a submission was refused."""

    event = Event.DRAFT_REFUSED


class NotPutForward(doors.NotDone):
    """Putting a submission forward, or explaining its queries, was refused."""

    event = Event.PUT_FORWARD_REFUSED


@trail.stage
def draft(*, cohort: Cohort, by: Who, at: datetime) -> Submission:
    """Draft the submission of a finished cohort, the newest of its round.

    Raises NotDrafted where the cohort is not finished, a newer one is, the rules of the round changed since, or the
    round has a submission already.
    """
    of_round = Submission.objects.select_for_update().filter(round=cohort.round)
    names = {*of_round.values_list("name", flat=True), *_lost(cohort)}
    reasons = []
    if cohort.state != Cohort.FINISHED:
        reasons.append(Why("COHORT_NOT_FINISHED", "The cohort is not finished. Wait until its run has ended."))
    elif Cohort.objects.filter(round=cohort.round, state=Cohort.FINISHED, pk__gt=cohort.pk).exists():
        reasons.append(Why("NEWER_COHORT", "A newer cohort of this round is finished. Draft its submission instead."))
    reasons += queries.rules_changed(cohort)
    if live := of_round.exclude(stage=Stage.VOID.name).first():
        reasons.append(Why("ROUND_HAS_SUBMISSION", f"The round has the submission {live.name} already."))
    if reasons:
        raise NotDrafted(reasons, record="cohorts.cohort", reference=str(cohort))
    drafted = Submission.objects.create(
        name=f"CF-{settings.CF_LA_CODE}-{cohort.round.code}-{len(names) + 1:04}",
        round=cohort.round,
        cohort=cohort,
        prepared_by_id=by.person,
        prepared_at=at,
        shaped_by=[by.person],
    )
    trail.record(Event.SUBMISSION_DRAFTED, who=by, at=at, about=drafted, details={"cohort": cohort.pk})
    return drafted


def _lost(cohort: Cohort) -> list[str]:
    """The names of submissions of a round that left before a restore took them from the records: none has one again."""
    begins = f"CF-{settings.CF_LA_CODE}-{cohort.round.code}-"
    known = LostAct.objects.filter(record="transfers.submission", reference__startswith=begins)
    names = known.values_list("reference", flat=True).distinct()
    return [name for name in names if name.removeprefix(begins).isdecimal()]


@trail.stage
def explain(
    *, submission: Submission, code: str, text: str, family_ref: str = "", person_ref: str = "", by: Who, at: datetime
) -> Explanation:
    """Say why the open queries of one code are right as they are; an earlier explanation of the same is replaced.

    With `family_ref`, those of this person in this family alone (without `person_ref`: of the family itself). Who
    explains has shaped the submission, and may not approve it.
    """
    row = doors.locked(submission.pk)
    reasons = [] if row.at_stage is Stage.DRAFT else lifecycle.reasons_against("put forward", row.at_stage)
    if code not in queries.open_queries(row.cohort):
        reasons.append(Why("NO_SUCH_QUERY", f"The cohort has no open query {code} to explain."))
    elif (family_ref or person_ref) and not queries.findings_about(row.cohort, code, {(family_ref, person_ref)}):
        reasons.append(Why("NO_SUCH_FINDING", f"The cohort has no finding {code} of this person in this family."))
    if len(text.strip()) < 10:
        reasons.append(Why("NO_EXPLANATION", "Write a sentence which says why these records are right as they are."))
    doors.refuse(NotPutForward, reasons, row)
    _shaped(row, by)
    row.save()
    about: dict[str, Any] = {"code": code, "family_ref": family_ref, "person_ref": person_ref}
    explanation, _ = Explanation.objects.update_or_create(
        submission=row, **about, defaults={"text": text.strip(), "by_id": by.person, "at": at}
    )
    details = {name: value for name, value in about.items() if value}
    trail.record(Event.FINDING_EXPLAINED, who=by, at=at, about=row, details=details)
    return explanation


def reasons_against(row: Submission, by: Who, at: datetime) -> list[Why]:
    """Why this person may not put this draft forward now, the guard at the door apart; the page shows the same."""
    reasons = lifecycle.reasons_against("put forward", row.at_stage)
    if reasons:
        return reasons
    return [
        *gates.somebody_to_send(row.cohort.included),
        *doors.agreement(row, at),
        *gates.unmatched_objections(queries.standing_unmatched_objections(at)),
        *gates.open_queries(explained.not_explained(row)),
        *gates.looked_at(looks.not_opened(row.cohort, by)),
    ]


@doors.guarded
@trail.stage
def put_forward(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Put a draft forward for approval: from here its content is fixed by its digest.

    Raises NotPutForward with every reason at once. Where somebody in it has objected, withdrawn or been protected
    since the run, it is void.
    """
    row = doors.locked(submission.pk)
    doors.refuse(NotPutForward, lifecycle.reasons_against("put forward", row.at_stage), row)
    doors.refuse(NotPutForward, reasons_against(row, by, at), row, stopped=doors.guard(row, at))
    _shaped(row, by)
    content.draw_references(row.cohort)
    found = content.digests(row.cohort)
    row.stage, row.put_forward_at = lifecycle.after("put forward").name, at
    row.content_sha256, row.identifiers_sha256 = found.sha256, found.identifiers.sha256
    row.programme_sha256 = found.programme.sha256
    row.content = {
        name: {"rows": of.rows, "bytes": of.size, "columns": content.columns(which, row.cohort)}
        for name, of, which in (
            ("identifiers", found.identifiers, IDENTIFIERS),
            ("programme", found.programme, PROGRAMME),
        )
    }
    row.counts = content.counts(row.cohort)
    row.sent_back_reason = ""
    row.save()
    trail.record(
        Event.SUBMISSION_PUT_FORWARD, who=by, at=at, about=row,
        details={"content_sha256": row.content_sha256, "counts": row.counts},
    )  # fmt: skip
    return row


@trail.stage
def take_up_again(*, submission: Submission, by: Who, at: datetime) -> Submission:
    """Make a draft again of a submission that was sent back."""
    row = doors.locked(submission.pk)
    doors.refuse(NotPutForward, lifecycle.reasons_against("take up again", row.at_stage), row)
    _shaped(row, by)
    row.stage = lifecycle.after("take up again").name
    row.save()
    trail.record(Event.SUBMISSION_DRAFTED, who=by, at=at, about=row)
    return row


def _shaped(row: Submission, by: Who) -> None:
    """Remember a hand that shaped this submission: it may not approve it."""
    if by.person not in row.shaped_by:
        row.shaped_by = [*row.shaped_by, by.person]
