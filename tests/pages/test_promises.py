"""Each promise breaks when its control is broken on purpose, within one nightly run, and is kept again when mended."""

import ast
import html
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from connecting_families.alone import Work
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import duty
from connecting_families.governance import checking, promises, tasks
from connecting_families.governance.models import PromiseOutcome
from connecting_families.governance.promises import service
from connecting_families.governance.promises.table import BY_NUMBER, PROMISES
from tests.audit.conftest import given
from tests.pages.breakers import BREAKERS, IN_A_NIGHT
from tests.pages.breakers_of_code import nobody_to_ask
from tests.pages.conftest import SignedIn
from tests.pages.keeping import Council, SetClock, clock, council
from tests.stages.walk import PEOPLE

__all__ = ["clock", "council"]

#: What checks answer by what other modules ask.
ASKED_ELSEWHERE = {"NEVER_REVIEWED", "REVIEW_OVERDUE", "RECIPIENT_NOT_IN_A_NOTICE"}


def said(client: Client) -> str:
    """The page of the promises, as it is read."""
    return " ".join(html.unescape(client.get("/promises/").content.decode()).split())


def test_each_promise_turns_red_within_one_night_and_is_kept_again(
    council: Council, clock: SetClock, signed_in: SignedIn
) -> None:
    assert IN_A_NIGHT.keys() == {each.number for each in PROMISES}
    clock(council.night())
    tasks.check_the_promises()
    assert {row.promise: row.faults for row in PromiseOutcome.objects.all()} == {number: [] for number in IN_A_NIGHT}
    assert "13 of 13 promises of the privacy notice are kept." in said(signed_in("govern"))
    for number, breaks in sorted(IN_A_NIGHT.items()):
        with breaks.breaker(council):
            clock(council.night())
            tasks.check_the_promises()
            row = checking.newest()[number]
            assert set(breaks.codes) <= {fault["code"] for fault in row.faults}, number
            assert row.checked_by == "system:promises"
            assert not [word for fault in row.faults for person in PEOPLE for word in person[1:3] if word in str(fault)]
            entry = Entry.objects.filter(event="PROMISE_BROKEN", additional_data__promise=number).latest("pk")
            assert set(breaks.codes) <= set((entry.additional_data or {})["faults"])
            # What was mended since the night before is kept again.
            assert number == 1 or mended(number - 1)
            if number == 10:
                # Without its gate the site is not opened.
                continue
            page = said(signed_in("govern"))
            assert all(code in page for code in breaks.codes), number
            assert "13 of 13 promises" not in page, number
            assert "govuk-notification-banner" not in page
            assert 'govuk-tag--red">Broken' in page, number
    clock(council.night())
    tasks.check_the_promises()
    assert mended(13)
    assert "13 of 13 promises of the privacy notice are kept." in said(signed_in("govern"))


def mended(number: int) -> bool:
    told = Entry.objects.filter(event="PROMISE_MENDED", additional_data__promise=number).exists()
    return checking.newest()[number].kept and told


def test_every_code_that_a_check_can_answer_is_answered_where_its_control_is_broken(council: Council) -> None:
    at, seen = council.night(), set()
    for breaks in BREAKERS:
        check, what = BY_NUMBER[breaks.promise].check, f"{breaks.promise}: {breaks.codes}"
        with breaks.breaker(council):
            found = check(at)
        seen |= {why.code for why in found}
        assert set(breaks.codes) <= {why.code for why in found}, what
        assert not [word for why in found for person in PEOPLE for word in person[1:3] if word in why.sentence], what
        assert check(at) == [], what
    assert seen == {code for breaks in BREAKERS for code in breaks.codes} == _answered() | ASKED_ELSEWHERE


def _answered() -> set[str]:
    """The codes that stand in the checks."""
    trees = [ast.parse(path.read_text()) for path in Path(promises.__file__).parent.glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    first = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Why"]
    return {
        leaf.value for each in first for leaf in ast.walk(each)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and leaf.value.isupper()
    }  # fmt: skip


def test_a_check_that_fails_is_no_answer_and_an_old_one_says_nothing_of_today(
    council: Council, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: datetime) -> list[Why]:
        raise ValueError(PEOPLE[0][1])

    at = council.night()
    with monkeypatch.context() as broken:
        broken.setattr(checking, "PROMISES", (PROMISES[0]._replace(check=fails), *PROMISES[1:]))
        checking.check(by=duty("promises"), at=at)
    outcome = checking.newest()[1]
    assert [fault["code"] for fault in outcome.faults] == ["CHECK_FAILED"]
    assert PEOPLE[0][1] not in str(outcome.faults)
    assert all(checking.newest()[number].kept for number in range(2, 14))
    # Once a night, and a night later it is due again; who asks does not wait for the night.
    clock(at + timedelta(hours=20))
    tasks.check_the_promises()
    assert PromiseOutcome.objects.count() == 13
    checking.request(by=council.walk.who("govern"), at=at + timedelta(hours=20))
    tasks.check_the_promises()
    assert checking.newest()[1].checked_by == "govern"
    assert checking.newest()[1].kept
    assert checking.asked() is None
    assert [each.words for each in checking.standing(at + timedelta(hours=20) + checking.OLD)] == ["Kept"] * 13
    late = at + timedelta(hours=21) + checking.OLD
    assert {each.words for each in checking.standing(late)} == {"Not checked lately"}
    assert not any(each.kept for each in checking.standing(late))
    with alone_elsewhere(council), pytest.raises(Refused, match="being checked"):
        checking.check(by=duty("promises"), at=late)
    ended, out, beside = given("check_promises", "--by", "govern")
    assert (ended, out["kept"], out["broken"]) == (0, True, [])
    with nobody_to_ask(council):
        ended, out, beside = given("check_promises", "--by", "govern")
    assert (ended, out["kept"], out["broken"]) == (1, False, [12])
    assert "NO_CONTACT_ON_LETTERS" in beside
    assert given("check_promises", "--by", "worker")[0] == 1


@contextmanager
def alone_elsewhere(council: Council) -> Iterator[None]:
    """Another worker is at it."""
    key = Work.CHECKING_PROMISES.value
    council.owner.connection.execute("SELECT pg_advisory_lock(%s, 0)", [key])
    yield
    council.owner.connection.execute("SELECT pg_advisory_unlock(%s, 0)", [key])


def test_what_could_tell_early_help_of_a_cohort_is_seen() -> None:
    for told in ("cohorts/cohort.html", "transfers/submission.html"):
        assert service._words(service._source(told)), told
    assert service._models_read("cohorts.views.cohorts") == ["Cohort"]
    read = {name for module in service._modules() for name in service._named_in(module)}
    assert "cohorts/family.html" in read
    assert len(service._modules()) > 10
