"""Outside a transaction, files are loaded on several connections, each after those whose records it names."""

from pathlib import Path

from cohorts.models import Address, Person
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from tests.stages.bulk import everything, load, told


def entries(event: Event) -> list[Entry]:
    return list(Entry.objects.filter(event=event.name).order_by("id"))


def test_files_are_loaded_side_by_side_each_after_those_it_names(committed: str, tmp_path: Path) -> None:
    files = everything()
    report = load(tmp_path, files)
    assert told(report) == []
    assert list(report.loaded) == [f"{name}.csv" for name in files]
    assert len(entries(Event.FILE_LOADED)) == len(files)
    assert len({entry.cid for entry in entries(Event.FILE_LOADED)}) == 1
    again = load(tmp_path)
    assert {of.unchanged for of in again.loaded.values()} <= {1, 2, 3}
    assert {(of.created, of.changed) for of in again.loaded.values()} == {(0, 0)}


def test_side_by_side_too_what_names_a_refused_file_is_refused(committed: str, tmp_path: Path) -> None:
    files = everything()
    files["people"][0]["date_of_birth"] = "31 February"
    report = load(tmp_path, files)
    assert [error.file for error in report.errors][:2] == ["people.csv", "memberships.csv"]
    assert {error.code for error in report.errors} == {"NOT_A_DATE", "UNKNOWN_REFERENCE"}
    assert {"families.csv", "engagements.csv"} <= report.loaded.keys()
    assert not Person.objects.exists()
    assert not Address.objects.exists()
    refused = {entry.reference for entry in entries(Event.FILE_REFUSED)}
    assert {"people.csv", "memberships.csv", "addresses.csv", "consents.csv"} <= refused
