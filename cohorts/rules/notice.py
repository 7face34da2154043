"""Notice: was this person told in time, and what were they told last?"""

from collections.abc import Sequence
from datetime import date, timedelta

from cohorts.rules.clocks import days_before
from cohorts.rules.facts import FamilyFacts, Membership, Moment, Notice, NoticeVersion, PersonFacts, Question
from cohorts.rules.membership import standing


def issued_to(person: PersonFacts, family: FamilyFacts, at: Moment) -> list[Notice]:
    """The notices issued to the person by the run: to them, or to a family of theirs while they were a member.

    Days are compared with the date of the run in London.
    """
    notices = _to_members(family.notices, person.memberships, at)
    for other in person.elsewhere:
        notices += _to_members(other.notices, other.memberships, at)
    if person.notices:
        notices += [notice for notice in person.notices if notice.issued_on <= at.today]
    return notices


def _to_members(notices: Sequence[Notice], memberships: Sequence[Membership], at: Moment) -> list[Notice]:
    return [it for it in notices if it.issued_on <= at.today and standing(memberships, it.issued_on)]


def latest_version(issued: Sequence[Notice], question: Question) -> NoticeVersion | None:
    """The version that was issued last, by day of issue; of two on one day, the one entered later."""
    if not issued:
        return None
    latest = max(issued, key=lambda notice: (notice.issued_on, notice.number)) if len(issued) > 1 else issued[0]
    return question.notice_versions[latest.version]


def notice_missing(issued: Sequence[Notice], question: Question) -> bool:
    """NOTICE_MISSING: no version that covers the round was issued to the person early enough before the cut-off."""
    in_time = last_day_to_tell(question)
    for notice in issued:
        if notice.issued_on <= in_time and covers(question.notice_versions[notice.version], question):
            return False
    return True


def last_day_to_tell(question: Question) -> date:
    """The last day on which a notice was issued early enough before the cut-off."""
    return days_before(question.moment.cut_off, question.notice_days)


def earliest_cut_off(issued: Sequence[Notice], question: Question) -> date | None:
    """The first cut-off for which the notice was issued early enough; None where none issued covers the round."""
    days = [it.issued_on for it in issued if covers(question.notice_versions[it.version], question)]
    return min(days) + timedelta(days=question.notice_days) if days else None


def covers(version: NoticeVersion, question: Question) -> bool:
    """Whether one notice version tells of every dataset and every recipient of the round."""
    return question.recipients <= version.recipients and (
        not version.datasets or version.datasets.issuperset(question.datasets)
    )
