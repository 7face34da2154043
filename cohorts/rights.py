"""Rights: a question or a request about somebody's data is received, answered within its time, and closed.

An objection is not received here: it stands from the moment it came (cohorts/objections.py).
"""

from datetime import date, datetime
from typing import Any, NamedTuple

from cohorts import numbering
from cohorts.models import Erasure, Family, Person, RightsRequest
from cohorts.other_teams import sees_every_team, team_of
from cohorts.rules.answer import answer_due
from cohorts.rules.clocks import LONDON
from cohorts.seen import At
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import Permission, permits, roles_permitting

LONGEST_TEXT, LONGEST_REASON, LONGEST_REFERENCE = 2000, 500, 200


class NotDone(Refused):
    """An act on a question or a request was refused: it waits as it did."""

    event = Event.REQUEST_REFUSED


class Answer(NamedTuple):
    """What was decided of a request, and how the person was told of it."""

    outcome: str
    answer: str
    legal_reference: str
    told_on: date | None
    answer_channel: str


@trail.stage
def receive(
    *,
    reference: str = "",
    kind: str,
    person: Person | None = None,
    family: Family | None = None,
    about: str = "",
    asked: str = "",
    made_by: str = "",
    channel: str,
    received_at: datetime,
    team: str = "",
    by: Who,
    at: datetime,
) -> RightsRequest:
    """Record a question or a request: about a person, a family, or (neither) somebody not found on file.

    `received_at` is the instant when the council had it, whoever of it did; `team` the Early Help team that follows it.
    Raises NotDone with every reason.
    """
    reasons: list[Reasoned] = []
    if kind not in RightsRequest.KINDS:
        reasons.append(At("UNKNOWN_KIND", f"Say what is asked: {', '.join(RightsRequest.KINDS)}.", "kind"))
    if person is not None and family is not None:
        reasons.append(Why("PERSON_OR_FAMILY", "A request is about a person or about a family, not about both."))
    if channel not in RightsRequest.CHANNELS:
        reasons.append(At("CAME_HOW", "Say how it came.", "channel"))
    if made_by and made_by not in RightsRequest.MADE_BY:
        reasons.append(At("MADE_BY_WHOM", "Say who asks.", "made_by"))
    if received_at > at:
        reasons.append(At("RECEIVED_LATER", "It cannot come in the future: enter when it came.", "received_at"))
    if not asked.strip() and kind == RightsRequest.QUESTION:
        reasons.append(At("NO_QUESTION", "Write what was asked.", "asked"))
    if len(asked) > LONGEST_TEXT or len(about) > LONGEST_REASON:
        reasons.append(At("TOO_LONG", f"Write at most {LONGEST_TEXT} characters.", "asked"))
    if reference and RightsRequest.objects.filter(reference=reference).exists():
        reasons.append(Why("REFERENCE_IN_USE", f"There is a request {reference} already."))
    if reasons:
        raise NotDone(reasons, record="cohorts.rightsrequest", reference=reference)
    row = RightsRequest.objects.create(
        reference=reference or numbering.fresh(RightsRequest, "R"),
        kind=kind,
        person=person,
        family=family,
        about="" if person or family else about.strip(),
        asked=asked.strip(),
        made_by=made_by,
        channel=channel,
        received_at=received_at,
        entered_by=by.reference,
        team=team,
    )
    trail.record(Event.REQUEST_RECEIVED, who=by, at=at, about=row)
    return row


@trail.stage
def identify(*, request: RightsRequest, person: Person | None = None, family: Family | None = None,
             by: Who, at: datetime) -> RightsRequest:  # fmt: skip
    """Say whom a request is about, of which nobody knew. Its clock goes on. Raises NotDone with every reason."""
    row = _held(request)
    reasons = [*_not_for_this_role(by), *against_identifying(row)]
    if (person is None) == (family is None):
        reasons.append(Why("PERSON_OR_FAMILY", "A request is about a person or about a family: say which."))
    _refuse_if(reasons, row)
    row.person, row.family = person, family
    row.save()
    trail.record(Event.REQUEST_IDENTIFIED, who=by, at=at, about=row)
    return row


@trail.stage
def extend(*, request: RightsRequest, reason: str, told_on: date | None, by: Who, at: datetime) -> RightsRequest:
    """Extend the month of a request by two: the person was told so and why, within the first month.

    Raises NotDone with every reason. What is written as the reason is never in the trail.
    """
    row = _held(request)
    reasons: list[Reasoned] = [*_not_for_this_role(by), *against_extending(row)]
    if not reason.strip():
        reasons.append(At("NO_REASON", "Write why it takes longer, as the person was told.", "reason"))
    if len(reason) > LONGEST_REASON:
        reasons.append(At("TOO_LONG", f"Write at most {LONGEST_REASON} characters.", "reason"))
    reasons += _told_wrong(row, told_on, at)
    if told_on is not None and told_on > answer_due(row.received_at):
        sentence = "The person was told after the first month: it cannot be extended any more. Answer it now."
        reasons.append(At("TOLD_TOO_LATE", sentence, "told_on"))
    _refuse_if(reasons, row)
    row.extended_at, row.extended_by = at, by.reference
    row.extension_reason, row.extension_told_on = reason.strip(), told_on
    row.save()
    trail.record(Event.REQUEST_EXTENDED, who=by, at=at, about=row)
    return row


@trail.stage
def answer(*, request: RightsRequest, given: Answer, by: Who, at: datetime) -> RightsRequest:
    """Record the answer that the person had: what was decided, how and when they were told, by which law if refused.

    Raises NotDone with every reason. What was written to them is never in the trail.
    """
    row = _held(request)
    reasons: list[Reasoned] = [*_not_for_this_role(by), *against_answering(row)]
    if given.outcome not in RightsRequest.OUTCOMES:
        reasons.append(At("NO_OUTCOME", "Say what was decided.", "outcome"))
    if given.answer_channel not in RightsRequest.CHANNELS:
        reasons.append(At("TOLD_HOW", "Say how the person was told.", "answer_channel"))
    if given.outcome in RightsRequest.BY_LAW and not given.legal_reference.strip():
        sentence = "Name the law by which it is refused, or refused in part."
        reasons.append(At("NO_LEGAL_REFERENCE", sentence, "legal_reference"))
    if not given.answer.strip():
        reasons.append(At("NO_ANSWER", "Write what the person was told.", "answer"))
    if len(given.answer) > LONGEST_TEXT or len(given.legal_reference) > LONGEST_REFERENCE:
        sentence = f"Shorten it: {LONGEST_TEXT} characters for the answer, {LONGEST_REFERENCE} for the law."
        reasons.append(At("TOO_LONG", sentence, "answer"))
    reasons += [*_not_erased(row, given.outcome), *_told_wrong(row, given.told_on, at)]
    _refuse_if(reasons, row)
    row.answered_at, row.answered_by, row.outcome = at, by.reference, given.outcome
    row.answer, row.legal_reference = given.answer.strip(), given.legal_reference.strip()
    row.told_on, row.answer_channel = given.told_on, given.answer_channel
    row.save()
    trail.record(Event.REQUEST_ANSWERED, who=by, at=at, about=row)
    return row


@trail.stage
def close(*, request: RightsRequest, by: Who, at: datetime) -> RightsRequest:
    """Close a request that was answered. Closed once, it stays as it is. Raises NotDone with every reason."""
    row = _held(request)
    if row.closed_at is not None:
        return row
    _refuse_if([*_not_for_this_role(by), *against_closing(row)], row)
    row.closed_at, row.closed_by = at, by.reference
    row.save()
    trail.record(Event.REQUEST_CLOSED, who=by, at=at, about=row)
    return row


def against_identifying(row: RightsRequest) -> list[Why]:
    """Why it is not to be said whom a request is about: that is known, or it is closed."""
    if row.person_id or row.family_id:
        return [Why("IDENTIFIED_ALREADY", "It is known already whom this request is about.")]
    if row.erasures.filter(state=Erasure.DONE).exists():
        return [Why("ERASED_ALREADY", "The person was erased for this request.")]
    return _closed(row)


def against_extending(row: RightsRequest) -> list[Why]:
    """Why the time of a request cannot be extended."""
    if row.answered_at is not None:
        return [Why("ANSWERED_ALREADY", "This request was answered already.")]
    if row.extended_at is not None:
        return [Why("EXTENDED_ALREADY", "Its time was extended already: the law allows it once.")]
    return []


def against_answering(row: RightsRequest) -> list[Why]:
    """Why a request cannot be answered: it was."""
    return [Why("ANSWERED_ALREADY", "This request was answered already.")] if row.answered_at is not None else []


def against_closing(row: RightsRequest) -> list[Why]:
    """Why a request cannot be closed."""
    if row.answered_at is None:
        return [Why("NOT_ANSWERED", "This request was not answered yet: answer it first.")]
    return _closed(row)


def may_see(row: RightsRequest, by: Who) -> bool:
    """Whether a request is one of those that whoever acts follows: their own team's, or any."""
    if permits(by.role, Permission.ANSWER_REQUESTS) or sees_every_team(by):
        return True
    return bool(row.team) and row.team == team_of(by)


def _told_wrong(row: RightsRequest, told_on: date | None, at: datetime) -> list[Reasoned]:
    """What speaks against the day on which the person was told."""
    if told_on is None:
        return [At("NOT_TOLD", "Enter the day on which the person was told: they are told first.", "told_on")]
    if told_on > at.astimezone(LONDON).date():
        return [At("TOLD_LATER", "The person must have been told by today: they are told first.", "told_on")]
    if told_on < row.received_at.astimezone(LONDON).date():
        return [At("TOLD_BEFORE", "The person cannot be told before the request came.", "told_on")]
    return []


def _not_erased(row: RightsRequest, outcome: str) -> list[Reasoned]:
    """Nobody is told that they were erased who were not."""
    if row.kind != RightsRequest.ERASURE or outcome != RightsRequest.DONE:
        return []
    if row.erasures.filter(state=Erasure.DONE).exists() or not (row.person_id or row.family_id):
        return []
    return [At("ERASE_FIRST", "The person is on file still: erase them first, or say what is refused.", "outcome")]


def _closed(row: RightsRequest) -> list[Why]:
    return [Why("CLOSED_ALREADY", "This request was closed already.")] if row.closed_at is not None else []


def _held(request: RightsRequest) -> RightsRequest:
    return RightsRequest.objects.select_for_update().get(pk=request.pk)


def _not_for_this_role(by: Who) -> list[Any]:
    if permits(by.role, Permission.ANSWER_REQUESTS):
        return []
    who = " or ".join(roles_permitting(Permission.ANSWER_REQUESTS))
    return [Why("NOT_FOR_THIS_ROLE", f"Your role may not answer requests. Ask {who}.")]


def _refuse_if(reasons: list[Any], row: RightsRequest) -> None:
    if reasons:
        raise NotDone(reasons, record="cohorts.rightsrequest", reference=row.reference)
