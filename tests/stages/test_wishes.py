"""What families were told, agreed to and object to: after each act the rules say who is in and who is out."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cohorts import consent, notices, objections, people
from cohorts.models import Consent, Notice, Objection, Protection
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.stages.asked import decisions, family_of, objection_of, out, person_of, version_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import CUT_OFF, PASSWORD, RUN, Walk

TODAY = RUN.date()
DAY = timedelta(days=1)
HEALTH = ["HES", "MHSDS", "IAPT", "MCDS"]


def as_worker(walk: Walk) -> dict[str, Any]:
    return {"by": walk.who("worker"), "at": walk.now()}


def codes(act: Any, **asked: Any) -> list[str]:
    """Why this is refused; and that nothing but the refusal is kept."""
    models = (Notice, Consent, Objection, Protection)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    with pytest.raises(Refused) as refusal:
        act(**asked)
    assert [list(model.objects.order_by("pk").values()) for model in models] == before
    assert Entry.objects.latest("pk").additional_data == {"reasons": refusal.value.codes}
    return refusal.value.codes


def receive(walk: Walk, **asked: Any) -> Objection:
    at = walk.now()
    return objections.receive(**{"received_at": at} | asked, by=walk.who("worker"), at=at)


# Notices --------------------------------------------------------------------------------------------------------

NOTICE: dict[str, Any] = {"issued_on": TODAY, "channel": "in_person"}


def test_a_notice_in_time_lets_a_person_in_and_one_too_late_does_not(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.load({
        "families": [{"family_ref": "F9", "team": "North", "flagged_on": "2026-01-05"}],
        "people": [{"person_ref": "P91", "given_name": "Ida", "family_name": "Low", "date_of_birth": "1990-01-01",
                    "sex": "2"},
                   {"person_ref": "P92", "given_name": "Udo", "family_name": "Low", "date_of_birth": "2018-01-01",
                    "sex": "1"}],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2025-01-01", "relationship": role,
                         "lives_in_household": "true"} for ref, role in (("P91", "lead"), ("P92", "child"))],
        "addresses": [{"person_ref": ref, "line_1": "1 Row", "line_2": "Town", "postcode": "PE1 1ZZ",
                       "from_on": "2025-01-01"} for ref in ("P91", "P92")],
    })  # fmt: skip
    assert out(walk, "F9") == {"P91": "NOTICE_MISSING", "P92": "NOTICE_MISSING"}
    in_time = CUT_OFF - 28 * DAY
    asked: dict[str, Any] = {"version": version_of("PN1"), "channel": "phone"}
    notices.issue(**asked, person=person_of("P91"), issued_on=in_time + DAY, **as_worker(walk))
    assert out(walk, "F9") == {"P91": "NOTICE_MISSING", "P92": "NOTICE_MISSING"}
    notices.issue(**asked, person=person_of("P91"), issued_on=in_time, **as_worker(walk))
    assert out(walk, "F9") == {"P92": "NOTICE_MISSING"}
    given = notices.issue(**asked, family=family_of("F9"), issued_on=in_time, **as_worker(walk))
    assert out(walk, "F9") == {}
    assert (given.issued_by, given.reference[0]) == ("worker", "N")
    entry = Entry.objects.get(event="NOTICE_ISSUED", reference=given.reference)
    assert entry.who == "worker"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"person": None}, "PERSON_OR_FAMILY"),
        ({"family": "F1"}, "PERSON_OR_FAMILY"),
        ({"issued_on": TODAY + DAY}, "ISSUED_LATER"),
        ({"issued_on": date(2024, 12, 31)}, "NOT_PUBLISHED_YET"),
        ({"channel": "pigeon"}, "UNKNOWN_CHANNEL"),
        ({"issued_by": "nobody"}, "UNKNOWN_STAFF"),
        ({"person": None, "family": "F1", "issued_on": date(2025, 1, 1) - DAY, "version": "PN0"}, "NOBODY_THERE"),
    ],
)
def test_a_notice_that_cannot_have_been_given_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    walk.load({"notice_versions": [{"version": "PN0", "published_on": "2020-01-01", "basis": "PUBLIC_TASK"}]})
    given = NOTICE | {"version": "PN1", "person": "P1"} | asked
    given["version"] = version_of(given["version"])
    given["person"] = person_of(given["person"]) if given["person"] else None
    given["family"] = family_of(given["family"]) if "family" in given else None
    assert codes(notices.issue, **given, **as_worker(walk)) == [code]


def test_no_letter_goes_to_a_protected_address(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.change("addresses", "person_ref", "P1", line_1="9 Elsewhere")
    people.protect(person=person_of("P3"), kind="refuge", from_on=TODAY, **as_worker(walk))
    letter: dict[str, Any] = {"version": version_of("PN1"), "issued_on": TODAY, "channel": "letter"}
    # P4 lives with P3; P5 has the same address on file; P1 has not, and lives with nobody who is protected.
    for person in ("P3", "P4", "P5"):
        assert codes(notices.issue, person=person_of(person), **letter, **as_worker(walk)) == ["ADDRESS_PROTECTED"]
    assert codes(notices.issue, family=family_of("F2"), **letter, **as_worker(walk)) == ["ADDRESS_PROTECTED"]
    notices.issue(person=person_of("P1"), **letter, **as_worker(walk))
    notices.issue(person=person_of("P3"), **letter | {"channel": "in_person"}, **as_worker(walk))


def test_a_notice_is_given_by_whoever_gave_it(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    asked: dict[str, Any] = {"version": version_of("PN1"), "person": person_of("P1"), "issued_by": "assist"}
    assert notices.issue(**NOTICE, **asked, **as_worker(walk)).issued_by == "assist"


# Consent --------------------------------------------------------------------------------------------------------


def test_who_was_asked_for_consent_is_in_once_they_give_it_and_out_once_they_withdraw(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    notices.issue(version=version_of("PN2"), person=person_of("P1"), **NOTICE, **as_worker(walk))
    assert out(walk, "F1") == {"P1": "CONSENT_MISSING"}
    asked: dict[str, Any] = {"person": person_of("P1"), "version": version_of("PN2"), "given_on": TODAY}
    given = consent.give(**asked, given_by="self", datasets=["PNC"], **as_worker(walk))
    assert out(walk, "F1") == {}
    consent.give(**asked, given_by="self", **as_worker(walk))
    at = walk.now()
    consent.withdraw(consent=given, withdrawn_at=at, by=walk.who("worker"), at=at)
    assert out(walk, "F1") == {}
    at = walk.now()
    last = Consent.objects.latest("pk")
    consent.withdraw(consent=last, withdrawn_at=at, by=walk.who("worker"), at=at)
    assert out(walk, "F1") == {"P1": "CONSENT_MISSING"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"given_on": TODAY + DAY}, "GIVEN_LATER"),
        ({"given_by": "aunt"}, "GIVEN_BY_WHOM"),
        ({"given_by": "parent"}, "OF_AGE"),
        ({"version": "PN1"}, "NOT_ASKED"),
        ({"person": "P5"}, "NOT_TOLD"),
        ({"given_on": date(2026, 7, 31)}, "NOT_TOLD"),
        ({"datasets": ["MOON"]}, "UNKNOWN_DATASET"),
    ],
)
def test_a_consent_that_is_none_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    given: dict[str, Any] = {"person": "P3", "version": "PN2", "given_on": TODAY, "given_by": "self"} | asked
    given |= {"person": person_of(given["person"]), "version": version_of(given["version"])}
    assert codes(consent.give, **given, **as_worker(walk)) == [code]


def test_nobody_consents_to_a_dataset_they_were_not_told_of(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.load({"notice_versions": [{"version": "PN7", "published_on": "2026-09-01", "basis": "CONSENT",
                                    "datasets": "PNC", "recipients": "ONS"}]})  # fmt: skip
    notices.issue(version=version_of("PN7"), person=person_of("P1"), **NOTICE, **as_worker(walk))
    asked: dict[str, Any] = {"person": person_of("P1"), "version": version_of("PN7"), "given_on": TODAY}
    refused = codes(consent.give, **asked, given_by="self", datasets=["PNC", "NPD"], **as_worker(walk))
    assert refused == ["DATASET_NOT_TOLD"]


# Objections -----------------------------------------------------------------------------------------------------


def test_an_objection_for_one_child_to_health_datasets_keeps_these_out_and_the_child_in(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.open_round("HEALTH", datasets=["PNC", *HEALTH])
    receive(walk, person=person_of("P2"), made_by="parent", channel="phone", datasets=HEALTH)
    found = decisions("F1", walk.now(), "HEALTH")
    assert (found["P2"].reasons, found["P2"].linkage_scope) == ((), ("PNC",))
    assert found["P1"].linkage_scope == ("PNC", *HEALTH)
    walk.open_round("ALL", datasets=HEALTH)
    assert decisions("F1", walk.now(), "ALL")["P2"].reasons[:1] == ("OBJECTION_SCOPE",)


def test_an_objection_stands_though_hardly_anything_is_known_of_it(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    received = receive(walk, family=family_of("F1"), made_by="", channel="")
    assert out(walk, "F1") == {"P1": "OBJECTION_FAMILY", "P2": "OBJECTION_FAMILY"}
    assert received.reference.startswith("O")
    unmatched = receive(walk, about="A man on the telephone who gave no name")
    assert (unmatched.person, unmatched.family, unmatched.about) == (
        None,
        None,
        "A man on the telephone who gave no name",
    )
    assert "telephone who" not in str(list(Entry.objects.filter(reference=unmatched.reference).values()))


def test_who_is_found_on_file_is_described_nowhere_else(walk_to: WalkTo) -> None:
    assert receive(walk_to("assemble"), person=person_of("P1"), about="The lady at number 7").about == ""


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"received_at": RUN + 999 * DAY}, "RECEIVED_LATER"),
        ({"made_by": "neighbour"}, "MADE_BY_WHOM"),
        ({"datasets": ["MOON"]}, "UNKNOWN_DATASET"),
        ({"reference": "OP6"}, "REFERENCE_IN_USE"),
    ],
)
def test_an_objection_is_refused_only_for_what_cannot_be(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    given = {"person": person_of("P1"), "received_at": at} | asked
    assert codes(objections.receive, **given, by=walk.who("worker"), at=at) == [code]


def test_lifting_lets_the_person_in_from_then_on(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert out(walk, "F4") == {"P6": "OBJECTION_PERSON"}
    at = walk.now()
    row = objections.lift(objection=objection_of("OP6"), lifted_at=at, asked_by="self", channel="phone",
                          by=walk.who("worker"), at=at)  # fmt: skip
    assert out(walk, "F4") == {}
    assert (row.lift_asked_by, row.lift_channel) == ("self", "phone")
    asked: dict[str, Any] = {"objection": row, "lifted_at": at, "asked_by": "self", "channel": "phone"}
    assert codes(objections.lift, **asked, **as_worker(walk)) == ["LIFTED_ALREADY"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"lifted_at": RUN + 999 * DAY}, "LIFTED_LATER"),
        ({"lifted_at": datetime(2026, 10, 1, 8, 59, tzinfo=UTC)}, "LIFTED_BEFORE"),
        ({"asked_by": ""}, "ASKED_BY_WHOM"),
        ({"asked_by": "parent"}, "OWN_OBJECTION"),
        ({"channel": ""}, "ASKED_HOW"),
    ],
)
def test_an_objection_is_not_lifted_by_what_cannot_be(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    at = walk.now()
    given = {"objection": objection_of("OP6"), "lifted_at": at, "asked_by": "self", "channel": "phone"} | asked
    assert codes(objections.lift, **given, by=walk.who("worker"), at=at) == [code]
    assert out(walk, "F4") == {"P6": "OBJECTION_PERSON"}


# Protection -----------------------------------------------------------------------------------------------------


def test_a_mark_keeps_a_person_out_until_the_end_of_its_last_day(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    accountable = walk.who("worker")
    mark = people.protect(person=person_of("P1"), kind="refuge", from_on=TODAY, by=accountable, at=walk.now())
    assert out(walk, "F1") == {"P1": "PROTECTED_ADDRESS"}
    asked: dict[str, Any] = {"mark": mark, "last_day": TODAY, "reason": "They moved out."}
    assert codes(people.end_protection, **asked, **as_worker(walk)) == ["NOT_FOR_THIS_ROLE"]
    manager = manager_of(walk)
    for more, code in (({"last_day": TODAY - DAY}, "ENDS_BEFORE_IT_BEGINS"), ({"reason": " "}, "NO_REASON")):
        assert codes(people.end_protection, **asked | more, by=manager, at=walk.now()) == [code]
    people.end_protection(**asked, by=manager, at=walk.now())
    assert out(walk, "F1") == {"P1": "PROTECTED_ADDRESS"}
    assert Entry.objects.latest("pk").reason == "They moved out."
    walk.minutes += 24 * 60
    assert out(walk, "F1") == {}
    assert codes(people.end_protection, **asked, by=manager, at=walk.now()) == ["ENDED_ALREADY"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"kind": "shy"}, "UNKNOWN_KIND"),
        ({"from_on": TODAY + DAY}, "FROM_LATER"),
        ({"to_on": TODAY}, "ENDS_BEFORE_IT_BEGINS"),
    ],
)
def test_a_mark_that_would_not_protect_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    given = {"person": person_of("P1"), "kind": "refuge", "from_on": TODAY} | asked
    assert codes(people.protect, **given, **as_worker(walk)) == [code]


def manager_of(walk: Walk) -> Any:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    return walk.who("manage")
