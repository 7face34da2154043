"""Reviews: somebody of information governance looked at what a notice version or an agreement says, on a day.

It stands beside what was given to people or is relied upon, and changes nothing of it (docs/decisions/0048).
"""

from datetime import date, datetime, timedelta

from cohorts import register_checks
from cohorts.models import Agreement, NoticeVersion, Review
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

LONGEST = timedelta(days=731)
"""Two years: by then whatever is relied upon is looked at again."""
SOON = timedelta(days=60)


class NotReviewed(Refused):
    """Recording a review was refused."""

    event = Event.REVIEW_REFUSED


@trail.stage
def record(
    *, of: NoticeVersion | Agreement, legal_reference: str, next_on: date, contact: str = "", by: Who, at: datetime
) -> Review:
    """Record that this was looked at today: the law on which it rests, and the day by which it is looked at again.

    Of a version of the notice, `contact` is whom people may ask. Raises NotReviewed with every reason.
    """
    today = at.astimezone(LONDON).date()
    reasons = register_checks.wanted(legal_reference, "NO_LEGAL_REFERENCE", "Name the law on which it rests.")
    if isinstance(of, NoticeVersion):
        reasons += register_checks.wanted(contact, "NO_CONTACT", "Say whom people may ask, and how.")
    if not today < next_on <= today + LONGEST:
        sentence = "It is looked at again on a day after today, and within two years."
        reasons.append(Why("BAD_REVIEW_DAY", sentence))
    about = {"version": of} if isinstance(of, NoticeVersion) else {"agreement": of}
    if reasons:
        raise NotReviewed(reasons, record=of._meta.label_lower, reference=str(of))
    row = Review.objects.create(
        **about, reviewed_on=today, legal_reference=legal_reference.strip(), next_on=next_on,
        contact=contact.strip() if "version" in about else "", reviewed_at=at, reviewed_by=by.reference,
    )  # fmt: skip
    trail.record(Event.REGISTER_REVIEWED, who=by, at=at, about=of, details={"review": row.pk, "next_on": str(next_on)})
    return row


def newest(of: NoticeVersion | Agreement) -> Review | None:
    """The review that counts; nothing where it was never reviewed."""
    return of.reviews.order_by("-pk").first()


def against(of: NoticeVersion | Agreement, today: date) -> list[Why]:
    """What is missing of this version's or agreement's review on a day; nothing where it is in order."""
    name = f"The {'notice version' if isinstance(of, NoticeVersion) else 'agreement'} {of}"
    row = newest(of)
    if row is None:
        return [Why("NEVER_REVIEWED", f"{name} was never reviewed: nobody recorded on which law it rests.")]
    if row.next_on < today:
        return [Why("REVIEW_OVERDUE", f"{name} was to be looked at again by {row.next_on:%-d %B %Y}.")]
    return []
