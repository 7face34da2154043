"""Bulk files become records, and the trail says what became of each."""

import hashlib
import json
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from cohorts.models import (
    Address,
    Agreement,
    Consent,
    Evidence,
    Family,
    Membership,
    NoticeVersion,
    Objection,
    Person,
)
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.staff.models import User
from tests.stages.bulk import AT, SURNAME, everything, load, told, write

pytestmark = pytest.mark.django_db


def entries(event: Event) -> list[Entry]:
    return list(Entry.objects.filter(event=event.name).order_by("id"))


def counts(report: Any) -> dict[str, tuple[int, int, int]]:
    return {name: (of.created, of.changed, of.unchanged) for name, of in report.loaded.items()}


def test_every_file_becomes_records(tmp_path: Path) -> None:
    files = everything()
    report = load(tmp_path, files)
    assert told(report) == []
    assert counts(report) == {f"{name}.csv": (len(rows), 0, 0) for name, rows in files.items()}
    assert NoticeVersion.objects.get().datasets == ["PNC", "NPD"]
    assert Agreement.objects.get().parties == ["Council", "ONS"]
    family = Family.objects.get(reference="F1")
    assert (family.flagged_on, family.lifted_on) == (date(2026, 1, 5), None)
    assert Family.objects.get(reference="F2").flagged_on is None
    person = Person.objects.get(reference="P1")
    assert (person.given_name, person.family_name, person.sex) == ("Zoë", SURNAME, "2")
    assert Person.objects.get(reference="P2").merged_into == Person.objects.get(reference="P3")
    lead, left = Membership.objects.order_by("id")
    assert (lead.relationship, lead.lives_in_household, lead.parental_responsibility) == ("lead", True, True)
    assert (left.relationship, left.lives_in_household, left.left_on) == ("", False, date(2026, 2, 1))
    assert Evidence.objects.get(reference="E2").person is None
    assert Consent.objects.get().purpose == "research"
    about_person, unmatched = Objection.objects.order_by("reference")
    assert about_person.received_at == datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert about_person.datasets == ["NPD", "PNC"]
    assert (unmatched.person, unmatched.family) == (None, None)


def test_the_same_files_again_change_nothing(tmp_path: Path) -> None:
    files = everything()
    load(tmp_path, files)
    report = load(tmp_path)
    assert counts(report) == {f"{name}.csv": (0, 0, len(rows)) for name, rows in files.items()}
    assert entries(Event.RECORD_CHANGED_BY_FILE) == []


def test_a_load_is_recorded_with_counts_and_digest(tmp_path: Path) -> None:
    load(tmp_path, {"families": everything()["families"]})
    (entry,) = entries(Event.FILE_LOADED)
    digest = hashlib.sha256((tmp_path / "families.csv").read_bytes()).hexdigest()
    assert entry.additional_data == {"created": 2, "changed": 0, "unchanged": 0, "sha256": digest}
    assert (entry.who, entry.reference, entry.timestamp) == ("system:load", "families.csv", AT)


def test_a_changed_row_updates_its_record_alone(tmp_path: Path) -> None:
    load(tmp_path, everything())
    changed = {"person_ref": "P1", "given_name": "Zoe", "family_name": SURNAME, "dob_missing_reason": "asked"}
    report = load(tmp_path / "later", {"people": [changed]})
    assert counts(report) == {"people.csv": (0, 1, 0)}
    person = Person.objects.get(reference="P1")
    assert (person.given_name, person.date_of_birth, person.sex, person.nino) == ("Zoe", None, "", "")
    assert Person.objects.get(reference="P2").in_education == "education"


def test_the_trail_names_a_changed_identifier_without_its_value(tmp_path: Path) -> None:
    load(tmp_path, everything())
    changed = everything()["people"][0] | {
        "given_name": "Secretname",
        "dob_missing_reason": "asked",
        "merged_into": "P3",
    }
    load(tmp_path / "later", {"people": [changed]})
    (entry,) = entries(Event.RECORD_CHANGED_BY_FILE)
    survivor = Person.objects.get(reference="P3").pk
    assert entry.changes[0]["fields"] == {
        "given_name": ["changed", "changed"],
        "dob_missing_reason": ["", "asked"],
        "merged_into": ["None", str(survivor)],
    }
    assert entry.additional_data == {"file": "people.csv", "line": 2}
    for kept in Entry.objects.values():
        assert "Secretname" not in str(kept)
        assert "Zoë" not in str(kept)


CHANGES: list[tuple[str, int, dict[str, str], type[models.Model], dict[str, Any]]] = [
    ("families", 0, {"team": "East", "flagged_on": "2026-01-06", "flagged_by": ""}, Family,
     {"team": "East", "flagged_on": date(2026, 1, 6), "flagged_by": ""}),
    ("memberships", 0, {"left_on": "2026-09-01", "lives_in_household": "false"}, Membership,
     {"left_on": date(2026, 9, 1), "lives_in_household": False}),
    ("addresses", 0, {"line_1": "2 Acacia Road", "to_on": "2026-09-01"}, Address,
     {"line_1": "2 Acacia Road", "to_on": date(2026, 9, 1)}),
    ("evidence", 0, {"person_ref": "", "in_error_at": "2026-09-01T10:00:00+01:00"}, Evidence,
     {"person": None, "in_error_at": datetime(2026, 9, 1, 9, tzinfo=UTC)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "change", "model", "edit"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_change_by_file_is_recorded_as_an_edit_is(
    tmp_path: Path, name: str, place: int, change: dict[str, str], model: type[models.Model], edit: dict[str, Any]
) -> None:
    """django-auditlog's entry of the same change, made by hand, is the pattern."""
    files = everything()
    load(tmp_path, files)
    row = model._default_manager.earliest("id")
    before = {field: getattr(row, field) for field in edit}
    who = trail.duty("edit")
    for values in (edit, before):
        with trail.act(who, AT):
            for field, value in values.items():
                setattr(row, field, value)
            row.save()
            by_hand = trail.record(Event.RECORD_CHANGED_BY_FILE, who=who, at=AT, about=row)
        if values is edit:
            pattern = by_hand
    report = load(tmp_path / "later", {name: [files[name][place] | change]})
    assert counts(report) == {f"{name}.csv": (0, 1, 0)}
    by_file = entries(Event.RECORD_CHANGED_BY_FILE)[-1]
    assert by_file.who == "system:load"
    for field in Entry._meta.get_fields():
        if field.name not in {"id", "tx", "recorded_at", "who", "cid", "additional_data", "leaf"}:
            kept, wanted = getattr(by_file, field.name), getattr(pattern, field.name)
            assert json.loads(json.dumps(kept, default=str)) == json.loads(json.dumps(wanted, default=str)), field.name
    row.refresh_from_db()
    assert {field: getattr(row, field) for field in edit} == edit


def test_records_that_a_file_does_not_name_stay(tmp_path: Path) -> None:
    load(tmp_path, everything())
    load(tmp_path / "later", {"families": [{"family_ref": "F3"}]})
    assert list(Family.objects.order_by("id").values_list("reference", flat=True)) == ["F1", "F2", "F3"]


def test_ids_follow_the_lines(tmp_path: Path) -> None:
    references = ["F9", "f1", "É", "F10", "A", "zz"]
    load(tmp_path, {"families": [{"family_ref": reference} for reference in references]})
    assert list(Family.objects.order_by("id").values_list("reference", flat=True)) == references


def test_rows_of_one_key_are_told_apart_by_their_order(tmp_path: Path) -> None:
    files = everything()
    twice = [files["addresses"][0] | {"line_1": line} for line in ("first", "second")]
    load(tmp_path, files | {"addresses": twice})
    assert list(Address.objects.order_by("ordinal").values_list("ordinal", "line_1")) == [(1, "first"), (2, "second")]
    report = load(tmp_path / "later", {"addresses": [twice[0], twice[1] | {"line_1": "other"}, twice[0]]})
    assert counts(report) == {"addresses.csv": (1, 1, 1)}
    assert list(Address.objects.order_by("id").values_list("line_1", flat=True)) == ["first", "other", "first"]


def test_a_merge_may_name_a_record_on_file_or_further_down(tmp_path: Path) -> None:
    load(tmp_path, {"people": [{"person_ref": "P1"}]})
    people = [{"person_ref": "P2", "merged_into": "P3"}, {"person_ref": "P3", "merged_into": "P1"}]
    assert counts(load(tmp_path / "later", {"people": people})) == {"people.csv": (2, 0, 0)}
    merged = dict(Person.objects.values_list("reference", "merged_into__reference"))
    assert merged == {"P1": None, "P2": "P3", "P3": "P1"}


def test_merges_in_a_circle_are_refused_also_through_records_on_file(tmp_path: Path) -> None:
    load(tmp_path, {"people": [{"person_ref": "P2", "merged_into": "P3"}, {"person_ref": "P3"}]})
    circle = [
        {"person_ref": "P1", "merged_into": "P2"},
        {"person_ref": "P3", "merged_into": "P1"},
        {"person_ref": "P4", "merged_into": "P1"},
        {"person_ref": "P5", "merged_into": "P5"},
        {"person_ref": "P6", "merged_into": "P0"},
    ]
    report = load(tmp_path / "later", {"people": circle})
    assert told(report) == [
        ("people.csv", 2, "merged_into", "MERGED_IN_A_CIRCLE", "P2"),
        ("people.csv", 3, "merged_into", "MERGED_IN_A_CIRCLE", "P1"),
        ("people.csv", 5, "merged_into", "MERGED_INTO_ITSELF", "P5"),
        ("people.csv", 6, "merged_into", "UNKNOWN_REFERENCE", "P0"),
    ]
    # Objections would be left with one of the two alone: no file undoes a merge, or turns it round.
    undone = [{"person_ref": "P2"}, {"person_ref": "P3", "merged_into": "P2"}]
    assert ("people.csv", 2, "merged_into", "MERGED_OTHERWISE", "") in told(load(tmp_path / "u", {"people": undone}))


def test_a_refused_file_loads_nothing_and_the_others_load(tmp_path: Path) -> None:
    files = everything()
    files["families"][1]["flagged_on"] = "2026-02-31"
    report = load(tmp_path, files)
    assert {"people.csv", "addresses.csv", "notice_versions.csv", "consents.csv"} <= report.loaded.keys()
    assert ("families.csv", 3, "flagged_on", "NOT_A_DATE", "2026-02-31") in told(report)
    assert ("memberships.csv", 2, "family_ref", "UNKNOWN_REFERENCE", "F1") in told(report)
    assert not Family.objects.exists()
    assert not Membership.objects.exists()


def test_a_refusal_is_recorded_by_codes_without_values(tmp_path: Path) -> None:
    load(tmp_path, {"people": [{"person_ref": "P1", "given_name": "Secretname", "date_of_birth": "Secretdate"}]})
    (entry,) = entries(Event.FILE_REFUSED)
    digest = hashlib.sha256((tmp_path / "people.csv").read_bytes()).hexdigest()
    assert entry.additional_data == {"errors": {"NOT_A_DATE": 1}, "sha256": digest}
    assert "Secret" not in str(Entry.objects.filter(pk=entry.pk).values())


def test_a_dry_run_says_what_would_be_and_keeps_nothing(tmp_path: Path) -> None:
    files = everything()
    files["engagements"][0]["started_on"] = "soon"
    dry = load(tmp_path, files, dry_run=True)
    assert not Family.objects.exists()
    assert not Entry.objects.exists()
    assert dry == load(tmp_path)
    assert "engagements.csv" not in dry.loaded
    assert Family.objects.count() == 2


def command(*arguments: Any) -> tuple[dict[str, Any], int]:
    """What load_cases prints on its last line, and how it ends."""
    out = StringIO()
    try:
        call_command("load_cases", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return json.loads(out.getvalue().splitlines()[-1]), int(str(end.code))
    return json.loads(out.getvalue().splitlines()[-1]), 0


def test_the_command_prints_the_report(tmp_path: Path) -> None:
    printed, code = command(write(tmp_path, {"families": [{"family_ref": "F1"}]}))
    assert printed == {"loaded": {"families.csv": {"created": 1, "changed": 0, "unchanged": 0}}, "errors": []}
    assert code == 0
    printed, code = command(write(tmp_path, {"families": [{"team": "North"}]}))
    assert printed == {
        "loaded": {},
        "errors": [
            {"file": "families.csv", "line": 2, "column": "family_ref", "code": "REQUIRED", "value": "",
             "message": "This may not be empty."}
        ],
    }  # fmt: skip
    assert code == 1


def test_the_command_refuses_a_directory_with_nothing_to_load(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(CommandError) as refused:
            command(directory)
        assert refused.value.returncode == 2


def test_the_command_asks_whether_the_person_may(tmp_path: Path) -> None:
    for username, role in (("prepare", "data_preparer"), ("worker", "early_help_worker")):
        user = User(username=username, role=role)
        with trail.act():
            user.save()
            trail.record(Event.STAFF_ADDED, who=trail.duty("test"), at=AT, about=user)
    write(tmp_path, {"families": [{"family_ref": "F1"}]})
    printed, code = command(tmp_path, "--by", "worker")
    assert (printed["refused"][0]["code"], code) == ("NOT_PERMITTED", 1)
    assert not Family.objects.exists()
    assert command(tmp_path, "--by", "prepare")[1] == 0
    (entry,) = entries(Event.FILE_LOADED)
    assert (entry.who, entry.role) == ("prepare", "data_preparer")


def test_rows_of_one_key_are_numbered_and_stay_the_same_when_loaded_again(tmp_path: Path) -> None:
    files = {"people": [{"person_ref": "P1"}]}
    files["addresses"] = [
        {"person_ref": "P1", "line_1": f"{number} Acacia Road", "from_on": "2024-01-01"} for number in (1, 2, 3)
    ]
    assert counts(load(tmp_path, files))["addresses.csv"] == (3, 0, 0)
    assert list(Address.objects.order_by("id").values_list("ordinal", "line_1")) == [
        (1, "1 Acacia Road"), (2, "2 Acacia Road"), (3, "3 Acacia Road"),
    ]  # fmt: skip
    assert counts(load(tmp_path))["addresses.csv"] == (0, 0, 3)
    files["addresses"][1]["line_1"] = "5 Acacia Road"
    assert counts(load(tmp_path, files))["addresses.csv"] == (0, 1, 2)
    files["addresses"].append({"person_ref": "P1", "line_1": "4 Acacia Road", "from_on": "2024-01-01"})
    assert counts(load(tmp_path, files))["addresses.csv"] == (1, 0, 3)
