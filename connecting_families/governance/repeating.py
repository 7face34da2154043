"""After a restore: each act that came after the backup is done again by its own stage, or a person says what was done.

What protects somebody, or takes something out of use, is done again by itself, as the journal tells it: an objection
twice is better than none. What takes protection away is done again only where a person says so, because the journal may
name an act that was never committed. What left the council, and what was destroyed, cannot be done again: a person
looks.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from cohorts import answers, consent, objections, people, remembered
from cohorts.models import Consent, Erasure, Family, Objection, Person, Protection
from connecting_families.audit import restored, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import LostAct, Restore
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.restored import NotRestored
from connecting_families.audit.trail import Who
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from transfers import certificates, retaining
from transfers.models import Destruction, RecipientCertificate, Submission, Withdrawal

AGAIN = "Done again after the records were restored from a backup."
ALREADY, DONE, UNMATCHED, BY_WORKERS = "ALREADY_SO", "DONE", "RECORDED_UNMATCHED", "LEFT_TO_THE_WORKERS"
"""How an act was done again: it was so already; by its stage; as one of nobody on file; by the workers, later."""

How = Callable[[LostAct, Who, datetime], str]


class Hindered(Refused):
    """It cannot be done again by itself: a person looks."""

    event = Event.RESTORE_REFUSED


def repeat_all(*, restore: Restore, by: Who, at: datetime) -> dict[str, int]:
    """Do again whatever waits and protects somebody, in the order in which it was done; how many, and how many wait."""
    done = 0
    for row in restore.acts.filter(state=LostAct.WAITING):
        if row.event in BY_ITSELF:
            try:
                repeat(act=row, by=by, at=at)
                done += 1
            except Refused as refusal:
                _hinder(act=row, codes=refusal.codes, by=by, at=at)
    return {"repeated": done, "waiting": restore.acts.filter(state=LostAct.WAITING).count()}


@trail.stage
def repeat(*, act: LostAct, by: Who, at: datetime) -> LostAct:
    """Do one act again, by its own stage and as by whoever restores. Raises Hindered, or what that stage refuses."""
    row = _waiting(act)
    how = (BY_ITSELF | WHERE_ASKED).get(row.event)
    if how is None:
        sentence = "This cannot be done again here. Look what is right, do it, and answer what was done."
        raise Hindered([Why("NOT_REPEATABLE", sentence)], record="audit.lostact", reference=str(row))
    done = how(row, by, at)
    row.state, row.decided_at, row.decided_by = LostAct.REPEATED, at, by.reference
    row.save()
    trail.record(Event.LOST_ACT_REPEATED, who=by, at=at, about=row, details={"event": row.event, "how": done})
    return row


@trail.stage
def answer(*, act: LostAct, text: str, by: Who, at: datetime) -> LostAct:
    """Say what was done about an act that is not done again. Raises NotRestored: decided already, or nothing said."""
    row = _waiting(act)
    if not text.strip():
        _refuse([Why("NO_ANSWER", "Say what was done about it. Write no names.")], row)
    row.state, row.answer, row.decided_at, row.decided_by = LostAct.ANSWERED, text.strip(), at, by.reference
    row.save()
    trail.record(Event.LOST_ACT_ANSWERED, who=by, at=at, about=row, reason=row.answer, details={"event": row.event})
    return row


@trail.stage
def end(*, restore: Restore, by: Who, at: datetime) -> Restore:
    """End a restore: people may sign in, and packages may leave. Raises NotRestored while anything waits."""
    row = Restore.objects.select_for_update().get(pk=restore.pk)
    reasons = []
    if row.ended_at is not None:
        reasons.append(Why("ENDED_ALREADY", "This restore was ended already."))
    if waiting := row.acts.filter(state=LostAct.WAITING).count():
        sentence = f"Acts that came after the backup and are neither done again nor answered: {waiting}."
        reasons.append(Why("ACTS_WAIT", sentence))
    if reasons:
        raise NotRestored(reasons, record="audit.restore", reference=str(row))
    row.ended_at, row.ended_by = at, by.reference
    row.save()
    counts = {state.lower(): row.acts.filter(state=state).count() for state in (LostAct.REPEATED, LostAct.ANSWERED)}
    trail.record(Event.RESTORE_ENDED, who=by, at=at, about=row, details=counts)
    return row


@trail.stage
def _hinder(*, act: LostAct, codes: list[str], by: Who, at: datetime) -> None:
    row = _waiting(act)
    row.hindered = codes
    row.save()
    details = {"event": row.event, "reasons": codes}
    trail.record(Event.LOST_ACT_NOT_REPEATED, who=by, at=at, about=row, details=details)


def _waiting(act: LostAct) -> LostAct:
    row = LostAct.objects.select_for_update().get(pk=act.pk)
    if row.state != LostAct.WAITING:
        _refuse([Why("DECIDED_ALREADY", f"{row.decided_by} decided about this already.")], row)
    return row


def _refuse(reasons: list[Why], row: LostAct) -> None:
    raise NotRestored(reasons, record="audit.lostact", reference=str(row))


def _hindered(row: LostAct, code: str, sentence: str) -> Hindered:
    return Hindered([Why(code, sentence)], record="audit.lostact", reference=str(row))


def _person(facts: dict[str, Any]) -> Person | None:
    """Whom a line means, if they are on file and nobody else was given their reference."""
    found = Person.objects.filter(reference=facts.get("person") or "").first()
    known = facts.get("known") or []
    return found if found and remembered.is_whom_the_journal_means(found, known) else None


def _family(facts: dict[str, Any]) -> Family | None:
    return Family.objects.filter(reference=facts.get("family") or "").first()


def _objection(row: LostAct, by: Who, at: datetime) -> str:
    facts = row.facts
    if Objection.objects.filter(reference=facts["objection"]).exists():
        return ALREADY
    person, family = _person(facts), _family(facts)
    about = ""
    if person is None and family is None:
        # It stops every submission until somebody says whose it is: nobody is sent in spite of it.
        who = facts.get("person") or facts.get("family")
        meant = f"It was for {who}, who is not on file now." if who else "It named nobody on file."
        about = f"Recorded by {row.who} before the records were restored. {meant} Ask them whom it is about."
    objections.receive(
        reference=facts["objection"], person=person, family=family, about=about, made_by=facts["made_by"],
        channel=facts["channel"], received_at=datetime.fromisoformat(facts["received_at"]), datasets=facts["datasets"],
        by=by, at=at,
    )  # fmt: skip
    return UNMATCHED if about else DONE


def _consent(row: LostAct, by: Who, at: datetime) -> str:
    facts = row.facts
    found = Consent.objects.filter(reference=facts["consent"]).first()
    if found is None:
        sentence = "The consent was given after the backup, too, and is not on file. See that it does not come back."
        raise _hindered(row, "NO_CONSENT", sentence)
    withdrawn_at = datetime.fromisoformat(facts["withdrawn_at"])
    if found.withdrawn_at is not None and found.withdrawn_at <= withdrawn_at:
        return ALREADY
    consent.withdraw(consent=found, withdrawn_at=withdrawn_at, by=by, at=at)
    return DONE


def _protection(row: LostAct, by: Who, at: datetime) -> str:
    facts, person = row.facts, _person(row.facts)
    if person is None:
        raise _hindered(
            row, "NOBODY", "The person is not on file now. Record them, and mark them, before anything else."
        )
    from_on, to_on = date.fromisoformat(facts["from_on"]), facts["to_on"] and date.fromisoformat(facts["to_on"])
    if Protection.objects.filter(person=person, kind=facts["kind"], from_on=from_on, to_on=to_on or None).exists():
        return ALREADY
    try:
        people.protect(person=person, kind=facts["kind"], from_on=from_on, to_on=to_on or None, by=by, at=at)
    except people.NotProtected as refusal:
        if refusal.codes == ["MARKED_ALREADY"]:
            return ALREADY
        raise
    return DONE


def _certificate(row: LostAct, by: Who, at: datetime) -> str:
    facts = row.facts
    found = RecipientCertificate.objects.filter(fingerprint=facts["fingerprint"], purpose=facts["purpose"]).first()
    if found is None or found.revoked_at is not None:
        return ALREADY
    certificates.revoke(certificate=found, reason=AGAIN, by=by, at=at)
    return DONE


def _account(row: LostAct, by: Who, at: datetime) -> str:
    found = User.objects.filter(username=row.reference).first()
    if found is None or not found.is_active:
        return ALREADY
    accounts.close(user=found, reason=AGAIN, by=by, at=at)
    return DONE


def _submission(row: LostAct) -> Submission:
    found = Submission.objects.filter(name=row.facts.get("submission") or row.reference).first()
    if found is None:
        raise _hindered(row, "NO_SUBMISSION", "The submission was made after the backup, and is not on file.")
    return found


def _hold(row: LostAct, by: Who, at: datetime) -> str:
    found = _submission(row)
    if retaining.standing_holds(found):
        return ALREADY
    retaining.place_hold(submission=found, reason=AGAIN, by=by, at=at)
    return DONE


def _withdrawal(row: LostAct, _by: Who, _at: datetime) -> str:
    """Whoever objected is late again once the objection is there: the workers withdraw them, under the next number."""
    found = _submission(row)
    if Withdrawal.objects.filter(name=row.reference).exists():
        return ALREADY
    if found.stage not in ("SENT", "RECEIPTED"):
        raise _hindered(row, "NOT_SENT", "The records do not know that this submission was sent. Settle that first.")
    return BY_WORKERS


def _sent(row: LostAct, _by: Who, _at: datetime) -> str:
    if _submission(row).stage in ("SENT", "RECEIPTED", "DESTROYED"):
        return ALREADY
    raise _hindered(
        row, "WAS_SENT", "It left the council, or may have, and the records do not know it. Look what arrived."
    )


def _destroyed(row: LostAct, _by: Who, _at: datetime) -> str:
    if Destruction.objects.filter(submission=_submission(row), done_at__isnull=False).exists():
        return ALREADY
    sentence = (
        "Two people had it destroyed. Have it destroyed again: manage.py submission destroy, by one and by another."
    )
    raise _hindered(row, "WAS_DESTROYED", sentence)


def _erased(row: LostAct, _by: Who, _at: datetime) -> str:
    records = row.facts["records"]
    if Erasure.objects.filter(state=Erasure.DONE, records__overlap=records).exists():
        return ALREADY
    if not Person.objects.filter(reference__in=records).exists():
        return ALREADY
    sentence = "Somebody who was erased is on file again. Two of information governance erase them once more."
    raise _hindered(row, "WAS_ERASED", sentence)


BY_ITSELF: dict[str, How] = {
    Event.OBJECTION_RECEIVED.name: _objection,
    Event.OBJECTION_STANDS_AGAIN.name: _objection,
    Event.CONSENT_WITHDRAWN.name: _consent,
    Event.PROTECTION_MARKED.name: _protection,
    Event.CERTIFICATE_REVOKED.name: _certificate,
    Event.STAFF_CLOSED.name: _account,
    Event.HOLD_PLACED.name: _hold,
    Event.WITHDRAWAL_MADE.name: _withdrawal,
    Event.WITHDRAWAL_DELIVERED.name: _withdrawal,
    Event.DELIVERY_ATTEMPTED.name: _sent,
    Event.SUBMISSION_DELIVERED.name: _sent,
    Event.DESTRUCTION_CONFIRMED.name: _destroyed,
    Event.ARCHIVE_KEY_DESTROYED.name: _destroyed,
    Event.SUBMISSION_DESTROYED.name: _destroyed,
    Event.PERSON_ERASED.name: _erased,
}
"""What is done again without asking, or found to be so already."""


def _of(row: LostAct) -> Objection:
    found = Objection.objects.filter(reference=row.facts["objection"]).first()
    if found is None:
        raise _hindered(row, "NO_OBJECTION", "The objection is not on file. Have what came before it done again first.")
    return found


def _lift(row: LostAct, by: Who, at: datetime) -> str:
    facts, found = row.facts, _of(row)
    if found.lifted_at is not None:
        return ALREADY
    lifted_at = datetime.fromisoformat(facts["lifted_at"])
    objections.lift(
        objection=found, lifted_at=lifted_at, asked_by=facts["asked_by"], channel=facts["channel"], by=by, at=at
    )
    return DONE


def _match(row: LostAct, by: Who, at: datetime) -> str:
    found, person, family = _of(row), _person(row.facts), _family(row.facts)
    if found.person_id or found.family_id:
        return ALREADY
    answers.match(objection=found, person=person, family=family, by=by, at=at)
    return DONE


def _narrow(row: LostAct, by: Who, at: datetime) -> str:
    persons = list(Person.objects.filter(reference__in=row.facts["persons"]))
    if len(persons) != len(row.facts["persons"]):
        raise _hindered(row, "NOBODY", "Somebody whom it was narrowed to is not on file now.")
    answers.narrow(objection=_of(row), persons=persons, reason=AGAIN, by=by, at=at)
    return DONE


WHERE_ASKED: dict[str, How] = {
    Event.OBJECTION_LIFTED.name: _lift,
    Event.OBJECTION_MATCHED.name: _match,
    Event.OBJECTION_NARROWED.name: _narrow,
}
"""What takes protection away, or says whose it is: done again where a person says so."""


def words(row: LostAct) -> dict[str, Any]:
    """A lost act, as whoever restores is told of it."""
    event = Event[row.event].sentence if row.event in Event.__members__ else row.reference
    return {
        "number": row.pk, "line": row.line, "event": row.event, "sentence": event, "record": row.record,
        "reference": row.reference, "at": row.at.isoformat(), "by": row.who, "state": row.state,
        "hindered": row.hindered, "facts": {name: value for name, value in row.facts.items() if name != "known"},
        "by_itself": row.event in BY_ITSELF, "where_asked": row.event in WHERE_ASKED,
    }  # fmt: skip


def the_open_one() -> Restore:
    """The restore that waits. Raises NotRestored where there is none."""
    row = restored.open_one()
    if row is None:
        raise NotRestored([Why("NO_RESTORE", "No restore is under way.")], record="audit.restore")
    return row
