"""The registers say what is known, are dated, and never change what a round, or somebody who was told, relies on."""

from datetime import date, timedelta
from typing import Any

import pytest

from cohorts import agreements, datasets, frameworks, notice_versions, register_checks
from cohorts.models import Agreement, Dataset, NoticeVersion
from cohorts.register_checks import as_seen
from cohorts.rounds import NotOpened
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.stages.conftest import WalkTo
from tests.stages.walk import CUT_OFF, RUN, Walk

TODAY = RUN.date()
AGREEMENT: dict[str, Any] = {
    "reference": "DSA-NEW", "parties": ["Council", "ONS"], "purpose": "research", "in_force_from": date(2026, 6, 1),
    "last_day": date(2027, 5, 31), "fields": ["upn"], "datasets": ["PNC", "NPD"], "recipients": ["ONS"],
    "legal_reference": "Art 6(1)(e)", "known_fields": ["upn", "TF1"],
}  # fmt: skip
VERSION: dict[str, Any] = {
    "version": "PN9", "published_on": date(2026, 9, 1), "basis": "PUBLIC_TASK", "datasets": ["PNC"],
    "recipients": ["ONS"],
}  # fmt: skip
DATASET: dict[str, Any] = {
    "code": "NEW", "name": "New", "owner": "DfE", "keys": "UPN; names + DOB (aged 4-25)", "from_on": date(2026, 1, 1),
}  # fmt: skip


def as_staff(walk: Walk) -> dict[str, Any]:
    return {"by": walk.who("prepare"), "at": walk.now()}


def codes(act: Any, **asked: Any) -> list[str]:
    """Why this is refused; and that nothing but the refusal is kept."""
    before = [list(model.objects.order_by("pk").values()) for model in (Agreement, Dataset, NoticeVersion)]
    with pytest.raises(Refused) as refusal:
        act(**asked)
    assert [list(model.objects.order_by("pk").values()) for model in (Agreement, Dataset, NoticeVersion)] == before
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.additional_data) == ("REGISTER_REFUSED", {"reasons": refusal.value.codes})
    return refusal.value.codes


# Agreements -----------------------------------------------------------------------------------------------------


def test_an_agreement_is_in_force_to_the_end_of_its_last_day(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    entered = agreements.enter(**AGREEMENT, **as_staff(walk))
    assert entered.in_force_to == date(2027, 6, 1)
    assert walk.open_round("NEW", agreement="DSA-NEW").agreement == entered


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"reference": "?"}, "BAD_REFERENCE"),
        ({"reference": " DSA"}, "BAD_REFERENCE"),
        ({"reference": "DSA"}, "AGREEMENT_EXISTS"),
        ({"parties": []}, "NO_PARTY"),
        ({"parties": ["P" * 41]}, "PARTY_TOO_LONG"),
        ({"purpose": "service"}, "NOT_FOR_RESEARCH"),
        ({"purpose": ""}, "NOT_FOR_RESEARCH"),
        ({"last_day": date(2026, 5, 31)}, "ENDS_BEFORE_IT_BEGINS"),
        ({"fields": ["religion"]}, "UNKNOWN_FIELD"),
        ({"datasets": []}, "NO_DATASET"),
        ({"datasets": ["MOON"]}, "UNKNOWN_DATASET"),
        ({"datasets": ["PNC", "PNC"]}, "DATASET_TWICE"),
        ({"recipients": []}, "NO_RECIPIENT"),
        ({"recipients": ["ons"]}, "BAD_RECIPIENT"),
        ({"recipients": ["ACME"]}, "RECIPIENT_NOT_IN_A_NOTICE"),
        ({"legal_reference": " "}, "NO_LEGAL_REFERENCE"),
    ],
)
def test_an_agreement_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    assert codes(agreements.enter, **AGREEMENT | asked, **as_staff(walk_to("assemble"))) == [code]


def test_what_is_not_known_is_answered_with_what_is(walk_to: WalkTo) -> None:
    with pytest.raises(agreements.NotEntered) as refusal:
        agreements.enter(**AGREEMENT | {"fields": ["religion"], "datasets": ["MOON"], "recipients": ["ACME"]},
                         **as_staff(walk_to("assemble")))  # fmt: skip
    said = " ".join(reason.sentence for reason in refusal.value.reasons)
    assert "It knows PNC, PRI, NPD" in said
    assert "These may: upn, TF1." in said
    assert "They name ONS." in said


@pytest.mark.parametrize(
    ("first", "until", "state"),
    [(1, None, "Not yet in force"), (0, None, "In force"), (0, 91, "In force"), (0, 90, "Expires within 90 days"),
     (0, 1, "Expires within 90 days"), (-9, 0, "Expired"), (-9, -8, "Expired")],
)  # fmt: skip
def test_an_agreement_says_where_it_stands(first: int, until: int | None, state: str) -> None:
    row = Agreement(
        in_force_from=TODAY + timedelta(days=first),
        in_force_to=None if until is None else TODAY + timedelta(days=until),
    )
    assert register_checks.standing(row, TODAY) == state


def test_an_agreement_ends_early_once_and_never_later(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = Agreement.objects.get(reference="DSA")
    for day, reason, code in (
        (date(2026, 12, 31), "x", "NOT_EARLIER"), (date(2027, 3, 1), "x", "NOT_EARLIER"),
        (date(2025, 12, 31), "x", "ENDS_BEFORE_IT_BEGINS"), (TODAY, " ", "NO_REASON"),
    ):  # fmt: skip
        assert codes(agreements.end, agreement=row, last_day=day, reason=reason, **as_staff(walk)) == [code]
    ended = agreements.end(agreement=row, last_day=TODAY, reason="It was revoked.", **as_staff(walk))
    assert ended.in_force_to == TODAY + timedelta(days=1)
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference, entry.reason) == ("AGREEMENT_ENDED", "DSA", "It was revoked.")
    (change,) = entry.changes
    assert change["fields"] == {"in_force_to": ["2027-01-01", "2026-11-03"]}
    walk.minutes += 24 * 60
    asked = {"agreement": row, "last_day": TODAY - timedelta(days=3), "reason": "x"}
    assert codes(agreements.end, **asked, **as_staff(walk)) == ["ENDED_ALREADY"]


def test_nothing_is_sent_under_an_agreement_that_was_ended(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    row = Agreement.objects.get(reference="DSA")
    agreements.end(agreement=row, last_day=TODAY - timedelta(days=1), reason="It was revoked.", **as_staff(walk))
    with pytest.raises(Refused) as refusal:
        walk.through("ask to seal", "seal")
    assert "AGREEMENT_NOT_IN_FORCE" in refusal.value.codes


def test_an_agreement_that_a_file_widens_widens_nothing_that_was_approved(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    recipients, named = list(walk.cohort.round.recipients), list(walk.cohort.round.datasets)
    walk.change(
        "agreements", "reference", "DSA", fields="upn;nhs_number", datasets="PNC;NPD;HES", recipients="ONS;ACME"
    )
    with pytest.raises(Refused) as refusal:
        walk.through("ask to seal", "seal")
    assert refusal.value.codes == ["CONTENT_CHANGED"]
    assert (walk.cohort.round.recipients, walk.cohort.round.datasets) == (recipients, named)


# Datasets -------------------------------------------------------------------------------------------------------


def test_a_dataset_comes_into_use_where_an_agreement_names_it_and_its_keys_are_known(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = Dataset.objects.get(code="CMD")
    assert codes(datasets.enable, dataset=row, **as_staff(walk)) == ["NO_KEY", "NO_AGREEMENT"]
    change: dict[str, Any] = {
        "dataset": row,
        "name": row.name,
        "owner": row.owner,
        "keys": "names + DOB",
        "reason": "x",
    }
    datasets.change(**change, seen=as_seen(row), **as_staff(walk))
    expired = {"datasets": ["CMD"], "in_force_from": date(2020, 1, 1)}
    agreements.enter(**AGREEMENT | expired | {"last_day": TODAY - timedelta(days=1)}, **as_staff(walk))
    assert codes(datasets.enable, dataset=row, **as_staff(walk)) == ["NO_AGREEMENT"]
    with pytest.raises(NotOpened):
        walk.open_round("CMD", datasets=["CMD"], agreement="DSA-NEW")
    agreements.enter(**AGREEMENT | {"reference": "DSA-CMD", "datasets": ["CMD"]}, **as_staff(walk))
    assert datasets.enable(dataset=row, **as_staff(walk)).enabled
    assert walk.open_round("CMD", datasets=["CMD"], agreement="DSA-CMD").datasets == ["CMD"]
    assert codes(datasets.enable, dataset=row, **as_staff(walk)) == ["IN_USE_ALREADY"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"code": "npd"}, "BAD_CODE"), ({"code": "N"}, "BAD_CODE"), ({"code": "NPD"}, "DATASET_EXISTS"),
        ({"name": ""}, "NO_NAME"), ({"owner": " "}, "NO_OWNER"), ({"keys": "shoe size + DOB"}, "UNKNOWN_KEY_PART"),
        ({"keys": "UPN (aged many)"}, "UNKNOWN_KEY_PART"),
    ],
)  # fmt: skip
def test_a_dataset_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    assert codes(datasets.enter, **DATASET | asked, **as_staff(walk_to("assemble"))) == [code]


def test_the_keys_that_ship_are_keys_that_can_be_entered(walk_to: WalkTo) -> None:
    walk_to("assemble")
    assert [row.code for row in Dataset.objects.all() if datasets.wrong_keys(row.keys)] == []


def test_a_new_dataset_is_not_in_use(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert not datasets.enter(**DATASET, **as_staff(walk)).enabled
    with pytest.raises(NotOpened):
        walk.open_round("NEW", datasets=["NEW"])


def test_a_round_keeps_the_datasets_it_was_opened_with(walk_to: WalkTo) -> None:
    walk = walk_to("approve")
    row = Dataset.objects.get(code="PNC")
    datasets.disable(dataset=row, reason="Not now.", **as_staff(walk))
    datasets.take_out(dataset=row, last_day=CUT_OFF - timedelta(days=1), reason="It ended.", **as_staff(walk))
    assert walk.cohort.round.datasets == ["PNC", "NPD"]
    walk.through("ask to seal", "seal")
    with pytest.raises(NotOpened) as refusal:
        walk.open_round("LATER")
    assert refusal.value.codes == ["DATASET_NOT_IN_USE"]
    assert codes(datasets.disable, dataset=row, reason="x", **as_staff(walk)) == ["NOT_IN_USE"]
    assert codes(datasets.enable, dataset=row, **as_staff(walk)) == ["NOT_IN_REGISTER"]


def test_a_dataset_is_taken_out_by_its_last_day(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = Dataset.objects.get(code="PNC")
    too_early = {"dataset": row, "last_day": date(2014, 12, 31), "reason": "x"}
    assert codes(datasets.take_out, **too_early, **as_staff(walk)) == ["OUT_BEFORE_IN"]
    datasets.take_out(dataset=row, last_day=CUT_OFF, reason="It ended.", **as_staff(walk))
    assert walk.open_round("ON-ITS-LAST-DAY").datasets == ["PNC", "NPD"]
    later = {"dataset": row, "last_day": CUT_OFF + timedelta(days=1), "reason": "x"}
    assert codes(datasets.take_out, **later, **as_staff(walk)) == ["OUT_ALREADY"]
    assert codes(datasets.take_out, **too_early | {"reason": ""}, **as_staff(walk)) == ["NO_REASON", "OUT_BEFORE_IN"]


def test_a_change_of_a_dataset_keeps_what_it_had_in_its_history(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = Dataset.objects.get(code="HES")
    same: dict[str, Any] = {
        "dataset": row, "name": row.name, "owner": row.owner, "keys": row.keys, "reason": "x", "seen": as_seen(row),
    }  # fmt: skip
    assert codes(datasets.change, **same, **as_staff(walk)) == ["NOTHING_CHANGES"]
    assert codes(datasets.change, **same | {"keys": ""}, **as_staff(walk)) == ["IN_USE"]
    datasets.change(**same | {"owner": "NHS England"}, **as_staff(walk))
    (change,) = Entry.objects.latest("pk").changes
    assert change["fields"] == {"owner": ["NHS England (was HSCIC)", "NHS England"]}
    with pytest.raises(datasets.NotChanged) as refusal:
        datasets.change(**same | {"owner": "HSCIC"}, **as_staff(walk))
    assert refusal.value.codes == ["CHANGED_MEANWHILE"]
    assert "owner: NHS England" in str(refusal.value)


# Notice versions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"version": "PN1"}, "VERSION_EXISTS"), ({"version": ""}, "BAD_REFERENCE"), ({"basis": "WHIM"}, "BAD_BASIS"),
        ({"datasets": ["MOON"]}, "UNKNOWN_DATASET"), ({"recipients": []}, "NO_RECIPIENT"),
        ({"recipients": ["everybody"]}, "BAD_RECIPIENT"),
    ],
)  # fmt: skip
def test_a_version_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    assert codes(notice_versions.enter, **VERSION | asked, **as_staff(walk_to("assemble"))) == [code]


def test_a_version_may_be_corrected_until_somebody_was_given_it(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = notice_versions.enter(**VERSION, **as_staff(walk))
    asked = {name: value for name, value in VERSION.items() if name != "version"}
    asked |= {"datasets": [], "seen": as_seen(row)}
    changed = notice_versions.change(version=row, **asked, **as_staff(walk))
    assert changed.datasets == []
    assert codes(notice_versions.change, version=row, **asked, **as_staff(walk)) == ["CHANGED_MEANWHILE"]
    asked["seen"] = as_seen(changed)
    walk.load({"notices": [{"notice_ref": "N9", "version": "PN9", "family_ref": "F1", "issued_on": "2026-10-01"}]})
    assert codes(notice_versions.change, version=row, **asked, **as_staff(walk)) == ["ISSUED"]


def test_a_version_to_which_somebody_consented_is_not_changed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    row = notice_versions.enter(**VERSION, **as_staff(walk))
    walk.load({"consents": [{"consent_ref": "C9", "person_ref": "P1", "version": "PN9", "given_on": "2026-10-01"}]})
    asked = {name: value for name, value in VERSION.items() if name != "version"} | {"seen": as_seen(row)}
    assert codes(notice_versions.change, version=row, **asked, **as_staff(walk)) == ["ISSUED"]


def test_every_version_of_a_framework_is_known() -> None:
    for code in frameworks.codes():
        assert frameworks.load(code).version == frameworks.versions(code)[0]
    assert frameworks.versions("XX") == ()
