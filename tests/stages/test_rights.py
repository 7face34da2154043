"""Questions and requests about people's data: received whatever is known, answered in time or late, and closed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cohorts import rights, rights_register
from cohorts.models import RightsRequest
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

OFTEN = {"channel": "letter", "team": "North"}
TEXT = "Zebulonia asks what the council knows."


def receive(walk: Walk, received_at: datetime, **asked: Any) -> RightsRequest:
    asked = {"kind": "question", "asked": TEXT, **OFTEN} | asked
    return rights.receive(**asked, received_at=received_at, by=walk.who("worker"), at=walk.now())


def given(told_on: date | None, **more: Any) -> rights.Answer:
    told: dict[str, Any] = {
        "outcome": "done",
        "answer": f"{TEXT} It is in the letter.",
        "legal_reference": "",
        "told_on": told_on,
    }
    return rights.Answer(**(told | {"answer_channel": "letter"} | more))


def codes(act: Any, **asked: Any) -> list[str]:
    """Why this is refused; and that nothing but the refusal is kept."""
    before = list(RightsRequest.objects.order_by("pk").values())
    with pytest.raises(Refused) as refusal:
        act(**asked)
    assert list(RightsRequest.objects.order_by("pk").values()) == before
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.additional_data) == ("REQUEST_REFUSED", {"reasons": refusal.value.codes})
    return refusal.value.codes


def test_a_request_from_its_arrival_until_it_is_closed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    now = walk.now()
    # The day in London counts, clipped to the month's end: received on 30 September in UTC, on 1 October here.
    row = receive(walk, datetime(2026, 9, 30, 23, 30, tzinfo=UTC), about="Zebulonia, of the terrace")
    assert rights_register.due(row) == date(2026, 11, 1)
    assert rights_register.counts(now) == (1, 1, 1, 0, 0)
    govern: dict[str, Any] = {"by": walk.who("govern"), "at": walk.now()}
    today = timezone.localdate(govern["at"])
    assert codes(rights.identify, request=row, by=walk.who("worker"), at=walk.now()) == [
        "NOT_FOR_THIS_ROLE", "PERSON_OR_FAMILY",
    ]  # fmt: skip
    row = rights.identify(request=row, person=walk.person("P1"), **govern)
    assert codes(rights.identify, request=row, person=walk.person("P2"), **govern) == ["IDENTIFIED_ALREADY"]
    # Article 12(3): told within the first month, or not at all.
    assert codes(rights.extend, request=row, reason="Much.", told_on=today, **govern) == ["TOLD_TOO_LATE"]
    assert codes(rights.extend, request=row, reason=" ", told_on=None, **govern) == ["NO_REASON", "NOT_TOLD"]
    row = rights.extend(request=row, reason="Zebulonia asked much.", told_on=date(2026, 10, 31), **govern)
    assert rights_register.due(row) == date(2027, 1, 1)
    assert rights_register.counts(now).overdue == 0
    assert codes(rights.extend, request=row, reason="More.", told_on=date(2026, 10, 31), **govern) == [
        "EXTENDED_ALREADY"
    ]
    assert codes(rights.close, request=row, **govern) == ["NOT_ANSWERED"]
    assert codes(rights.answer, request=row, given=given(today, outcome="refused"), **govern) == ["NO_LEGAL_REFERENCE"]
    wrong = given(today + timedelta(days=1), outcome="no", answer="", answer_channel="")
    assert codes(rights.answer, request=row, given=wrong, **govern) == [
        "NO_OUTCOME", "TOLD_HOW", "NO_ANSWER", "TOLD_LATER",
    ]  # fmt: skip
    law = "Article 12(5) UK GDPR"
    row = rights.answer(request=row, given=given(today, outcome="refused", legal_reference=law), **govern)
    assert codes(rights.answer, request=row, given=given(today), **govern) == ["ANSWERED_ALREADY"]
    closed = rights.close(request=row, **govern)
    entries = Entry.objects.count()
    assert rights.close(request=row, **govern) == closed
    assert Entry.objects.count() == entries
    assert rights_register.counts(walk.now()) == (1, 0, 0, 1, 0)
    assert "Zebulonia" not in str(list(Entry.objects.values()))


def test_what_is_answered_late_is_counted_as_late(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    late, early = (receive(walk, datetime(2026, month, 30, 12, tzinfo=UTC)) for month in (8, 10))
    told = timezone.localdate(at)
    for row in (late, early):
        rights.answer(request=row, given=given(told), by=walk.who("govern"), at=at)
    assert rights_register.counts(at) == (2, 0, 0, 1, 1)
    assert rights_register.counts(at, since=date(2026, 10, 1)) == (1, 0, 0, 1, 0)
    assert rights_register.counts(at - timedelta(minutes=1)) == (2, 2, 1, 0, 0)


def test_what_cannot_be_right_is_refused_with_every_reason(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    by, at = walk.who("worker"), walk.now()
    asked: dict[str, Any] = {"kind": "nothing", "channel": "", "made_by": "nobody", "received_at": at + timedelta(1)}
    assert codes(rights.receive, **asked, by=by, at=at) == [
        "UNKNOWN_KIND",
        "CAME_HOW",
        "MADE_BY_WHOM",
        "RECEIVED_LATER",
    ]
    assert codes(
        rights.receive, **(asked | OFTEN | {"kind": "question", "made_by": "", "received_at": at}), by=by, at=at
    ) == ["NO_QUESTION"]
    own, other = receive(walk, at), receive(walk, at, team="South")
    assert (rights.may_see(own, by), rights.may_see(other, by)) == (True, False)
    assert rights.may_see(other, walk.who("govern"))
    assert list(rights_register.of_team("South")) == [other]
