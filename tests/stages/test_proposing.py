"""The search proposes who may be on file twice, and never twins; what was decided stays decided."""

from datetime import date
from pathlib import Path

import pytest

from cohorts import likeness, people, proposing, queries
from cohorts.likeness import Record
from cohorts.models import Pair
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.stages.asked import decide_about, together, twice
from tests.stages.conftest import WalkTo
from tests.stages.walk import PEOPLE, Walk

TODAY = date(2026, 11, 2)


def somebody(number: int, given: str, born: str, *, family: int = 0, **other: str) -> Record:
    """A Quillfeather of 7 Marlinspike Terrace."""
    known = {
        "given_name": given, "family_name": "Quillfeather", "previous_family_names": "", "born": born, "sex": "",
        "line": "7 Marlinspike Terrace", "town": "Osierham", "postcode": "PE1 1AA", "nhs_number": "", "nino": "",
        "upn": "",
    } | other  # fmt: skip
    return Record(id=number, families=[family or number], **known)


def found(*records: Record) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(pair.first, pair.second, pair.ways) for pair in likeness.search([list(records)], today=TODAY)]


@pytest.mark.parametrize(
    ("one", "two", "ways"),
    [
        (somebody(1, "Zebulonia", "1988-04-05"), somebody(2, "Zebulonya", "1988-04-05"), ("SCORE",)),
        (somebody(1, "Zébulonia", "1988-04-05"), somebody(2, "zebulonia", "1988-04-05"),
         ("NAMES_DOB_POSTCODE", "SCORE")),
        (somebody(1, "Zebulonia", "1988-04-05"), somebody(2, "Zebulonia", "1988-05-04", line="1 Elm Way"), ("SCORE",)),
        (somebody(1, "Ada", "1988-04-05", nhs_number="9434765919"),
         somebody(2, "Bea", "1970-01-02", nhs_number="9434765919", line="1 Elm Way", postcode="B1 1AA", town="Ely"),
         ("NHS_NUMBER", "SCORE")),
        # Twins, in one family or in two at one address; a mother and her child of the same name; strangers.
        (somebody(1, "Anna", "2015-04-05", family=7), somebody(2, "Anne", "2015-04-05", family=7), ()),
        (somebody(1, "Hayden", "2015-04-05"), somebody(2, "Jayden", "2015-04-05"), ()),
        (somebody(1, "Ada", "1988-04-05", family=7), somebody(2, "Ada", "2015-09-06", family=7), ()),
        (somebody(1, "Ada", "1988-04-05"), somebody(2, "Bea", "1970-01-02", line="1 Elm Way", postcode="B1 1AA"), ()),
        # Known twins on whom one NHS number was typed: a number that is valid is looked at.
        (somebody(1, "Anna", "2015-04-05", family=7, nhs_number="9434765919"),
         somebody(2, "Anne", "2015-04-05", family=7, nhs_number="9434765919"), ("NHS_NUMBER",)),
    ],
)  # fmt: skip
def test_who_is_proposed_and_who_is_not(one: Record, two: Record, ways: tuple[str, ...]) -> None:
    assert found(one, two) == ([(1, 2, ways)] if ways else [])


def test_what_many_share_is_not_compared_for_ever() -> None:
    crowd = [somebody(n, "", "1980-01-01", line="", postcode="", town="", family_name="Fernsby") for n in range(3_000)]
    assert found(*crowd) == []
    assert found() == []


def search(walk: Walk) -> proposing.Proposed:
    proposed = proposing.propose(by=duty("propose"), at=walk.now())
    assert proposed is not None
    return proposed


def states(walk: Walk) -> dict[tuple[str, str], str]:
    rows = Pair.objects.values_list("first__reference", "second__reference", "state")
    return {(first, second): state for first, second, state in rows}


def test_a_pair_comes_goes_and_stays_decided(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert search(walk) == (8, 0, 0, 0)
    twice(walk)
    assert search(walk) == (9, 1, 1, 0)
    assert search(walk) == (9, 1, 0, 0)
    pair = ("P3", "P99")
    assert states(walk) == {pair: "OPEN"}
    walk.load({"people": [{"person_ref": "P99", "given_name": "Olga", "family_name": "Umeh", "sex": "2",
                           "date_of_birth": "1961-01-02"}]})  # fmt: skip
    assert search(walk) == (9, 0, 0, 1)
    assert states(walk) == {pair: "GONE"}
    twice(walk)
    search(walk)
    assert states(walk) == {pair: "OPEN"}
    decide_about(walk, Pair.objects.get(), Pair.DIFFERENT)
    search(walk)
    assert states(walk) == {pair: "DIFFERENT"}


def test_a_pair_that_somebody_made_stays_and_so_does_one_that_a_file_merged(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    together(walk, "P1", "P5")
    twice(walk)
    search(walk)
    twice(walk, merged_into="P3")
    search(walk)
    assert states(walk) == {("P1", "P5"): "OPEN", ("P3", "P99"): "OPEN"}
    assert [(pair.first.reference, pair.second.reference) for pair in queries.pairs_to_decide()] == [("P1", "P5")]


def test_whose_identity_is_protected_comes_into_no_search(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    twice(walk)
    at = walk.now()
    people.protect(person=walk.person("P99"), kind="adoption", from_on=at.date(), by=walk.who("worker"), at=at)
    assert search(walk) == (8, 0, 0, 0)


def test_a_search_says_nothing_of_anybody_and_writes_to_no_disk(
    walk_to: WalkTo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    walk = walk_to("assemble")
    twice(walk)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "here"))
    caplog.set_level("DEBUG")
    search(walk)
    assert list((tmp_path / "here").iterdir()) == []
    entry = Entry.objects.get(event="DUPLICATES_SEARCHED")
    assert entry.additional_data == {"records": 9, "found": 1, "added": 1, "gone": 0}
    for _, given, family, *_ in PEOPLE:
        assert given not in caplog.text
        assert family not in caplog.text
