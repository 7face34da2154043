"""Notices: a version of the privacy notice is given to a person or a family, and never changes again."""

from datetime import date, datetime

from cohorts import households, numbering
from cohorts.models import Family, Notice, NoticeVersion, Person
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.models import User


class NotIssued(Refused):
    """What was recorded of a notice cannot be right, or it may not be given in this way."""

    event = Event.NOTICE_REFUSED


@trail.stage
def issue(
    *,
    reference: str = "",
    version: NoticeVersion,
    person: Person | None = None,
    family: Family | None = None,
    issued_on: date,
    channel: str,
    issued_by: str = "",
    by: Who,
    at: datetime,
) -> Notice:
    """Record that a version was given to a person or a family on a day, how, and by whom (else by who records it).

    The version never changes again. Raises NotIssued with every reason.
    """
    # The lock holds back whoever changes the version at this moment.
    told = NoticeVersion.objects.select_for_update().get(pk=version.pk)
    today = at.astimezone(LONDON).date()
    reasons = []
    if (person is None) == (family is None):
        reasons.append(Why("PERSON_OR_FAMILY", "A notice is given to a person or to a family: say to which."))
    if issued_on > today:
        reasons.append(Why("ISSUED_LATER", "A notice cannot have been given in the future. Enter the day it was."))
    elif issued_on < told.published_on:
        sentence = f"The version {told.version} was published on {told.published_on:%-d %B %Y}, after that day."
        reasons.append(Why("NOT_PUBLISHED_YET", sentence))
    if channel not in Notice.CHANNELS:
        reasons.append(Why("UNKNOWN_CHANNEL", f"Say how it was given: {', '.join(Notice.CHANNELS.values())}."))
    if issued_by and not User.objects.filter(username=issued_by).exists():
        reasons.append(Why("UNKNOWN_STAFF", "Nobody of the staff has this user name."))
    if family is not None and not households.members(family, issued_on):
        reasons.append(Why("NOBODY_THERE", "Nobody was a member of the family on that day: nobody was told."))
    if reference and Notice.objects.filter(reference=reference).exists():
        reasons.append(Why("REFERENCE_IN_USE", f"There is a notice {reference} already."))
    if channel == "letter":
        reasons += _against_letter(person, family, issued_on, today)
    if reasons:
        about = person or family
        raise NotIssued(reasons, record="cohorts.notice", reference=about.reference if about else "")
    given = Notice.objects.create(
        reference=reference or numbering.fresh(Notice, "N"),
        version=told,
        person=person,
        family=family,
        issued_on=issued_on,
        channel=channel,
        issued_by=issued_by or by.reference,
    )
    trail.record(Event.NOTICE_ISSUED, who=by, at=at, about=given)
    return given


def _against_letter(person: Person | None, family: Family | None, issued_on: date, today: date) -> list[Why]:
    """Whoever lives at a protected address is handed the notice: a letter has the address on it."""
    people = [person] if person else households.members(family, issued_on) if family else []
    if not any(households.address_withheld(each, today) for each in people):
        return []
    sentence = "The address is protected, so no letter is sent: hand the notice over, and record it as in person."
    return [Why("ADDRESS_PROTECTED", sentence)]
