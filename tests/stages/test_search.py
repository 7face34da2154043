"""Finding people: by a name near enough, a date, a postcode or a number; what is recorded of it, and what never is."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection

from cohorts import findable, loading, lookup, people, search
from cohorts.models import Address, Person, Protection
from cohorts.search import Asked, Results
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.keyed import keyed
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.beside import ENTRY
from tests.conftest import address_of
from tests.oracle.bulk import Files
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

Find = Callable[..., Results]

MORE: Files = {
    "families": [
        {"family_ref": "F10", "team": "North", "flagged_on": "2026-01-05"},
        {"family_ref": "F11", "team": "South", "flagged_on": "2026-01-05", "lifted_on": "2026-02-01"},
        {"family_ref": "F12", "team": "South"},
    ],
    "people": [
        {"person_ref": "P10", "given_name": "Zoë", "family_name": "Wójcik", "date_of_birth": "2015-04-03"},
        {"person_ref": "P11", "given_name": "Seán", "family_name": "O\N{RIGHT SINGLE QUOTATION MARK}Brien"},
        {"person_ref": "P12", "given_name": "Anne-Marie", "family_name": "van-Dyke", "nhs_number": "943 476 5919"},
        {"person_ref": "P13", "given_name": "Владимир", "family_name": "Ёлкин"},
        {"person_ref": "P14", "given_name": "小龍", "family_name": "李"},
        {"person_ref": "P15", "given_name": "محمد", "family_name": "الأمين"},
        {"person_ref": "P16", "given_name": "Amira", "family_name": "Hall", "previous_family_names": "Łukasik; Shah",
         "date_of_birth": "1990-02-01"},
        {"person_ref": "P17", "given_name": "Amirah", "family_name": "Hal", "merged_into": "P16"},
        {"person_ref": "P18", "given_name": "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 30,
         "family_name": "%_'\"\\", "previous_family_names": "x" * 200},
        {"person_ref": "P19", "given_name": "Bo", "family_name": "Ng", "date_of_birth": "2015-05-03"},
    ],
    "memberships": [
        {"family_ref": family, "person_ref": person, "joined_on": "2025-01-01", "relationship": "child"}
        for family, person in (("F10", "P10"), ("F11", "P11"), ("F12", "P12"), ("F12", "P17"), ("F10", "P19"))
    ],
    "addresses": [
        {"person_ref": person, "line_1": "1 Osier Lane", "line_2": "Osierham", "from_on": "2025-01-01",
         "postcode": postcode}
        for person, postcode in (("P10", "AB1 2CD"), ("P11", "ab12cd"), ("P12", "AB11 2CD"), ("P19", "AB1 2CD"))
    ],
}  # fmt: skip


@pytest.fixture
def walk(walk_to: WalkTo) -> Walk:
    walked = walk_to("assemble")
    walked.load(MORE)
    return walked


@pytest.fixture
def find(walk: Walk) -> Find:
    def found(text: str, page: int = 1, **filters: str) -> Results:
        return search.search(asked=Asked(text, **filters), page=page, by=walk.who("worker"), at=walk.now())

    return found


def references(results: Results) -> list[str]:
    return [row.person.reference for row in results.found]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Zebulonia Quillfeather", "P1"), ("zebulonia quilfeather", "P1"), ("quillfeather zebulonia", "P1"),
        ("Zebolunia Quillfeather", "P1"), ("Zebulonia", "P1"), ("Peregrine Aurelio Quillfeather", "P2"),
        ("Zoe Wojcik", "P10"), ("ZOË WÓJCIK", "P10"), ("zeo wojcik", "P10"), ("Sean OBrien", "P11"),
        ("sean o'brien", "P11"), ("Sean O Brien", "P11"), ("annemarie vandyke", "P12"), ("Anne Marie Van Dyke", "P12"),
        ("dyke", "P12"), ("Владимир Ёлкин", "P13"), ("ВЛАДИМИР елкин", "P13"), ("李小龍", "P14"), ("李 小龍", "P14"),
        ("محمد الأمين", "P15"), ("Amira Lukasik", "P16"), ("amira shah", "P16"), ("bo ng", "P19"),
        ("rafal angstrom", "P7"), ("%", "P18"),
        ("P10", "P10"), ("p10", "P10"), ("943 476 5919 dyke", "P12"), ("3 April 2015", "P10"), ("wojcik 2015", "P10"),
        ("wojcik 4/3/2015", "P10"), ("wojcik AB1 2CD", "P10"), ("obrien ab1", "P11"),
        ("zoe nobody wojcik", "P10"),
    ],
)  # fmt: skip
def test_somebody_is_found_first(find: Find, text: str, reference: str) -> None:
    assert references(find(text))[:1] == [reference]


@pytest.mark.parametrize(
    "text",
    ["_", "'", "%%", "Zebulonia Wojcik", "wojcik 1990", "wojcik PE1 1AA", "F99999", "31/12/1999", "ZZ1", "zoe F3",
     "\N{RIGHT-TO-LEFT OVERRIDE}", "x' OR 1=1 --", "😀"],
)  # fmt: skip
def test_nobody_is_found_who_does_not_fit(find: Find, text: str) -> None:
    assert references(find(text)) == []


def test_an_odd_name_is_found_as_it_is_typed(find: Find) -> None:
    assert references(find("%_'\"\\")) == ["P18"]
    assert references(find("x" * 200)) == ["P18"]
    assert references(find("\N{RIGHT-TO-LEFT MARK}Bo Ng")) == ["P19"]


def test_a_family_is_found_by_its_reference(find: Find) -> None:
    assert set(references(find("F2"))) == {"P3", "P4"}
    assert references(find("f2 clementina")) == ["P4"]


def test_a_postcode_finds_its_own_people_alone(find: Find) -> None:
    assert set(references(find("AB1 2CD"))) == {"P10", "P11", "P19"}
    assert set(references(find("ab1"))) == {"P10", "P11", "P19"}
    assert references(find("AB11")) == ["P12"]


def test_a_merged_record_leads_to_the_one_that_it_counts_as(find: Find) -> None:
    (row,) = find("amirah hal").found
    assert (row.person.reference, row.merged) == ("P16", ("P17",))
    assert [family.reference for family in row.families] == ["F12"]


def test_filters_leave_only_whom_they_fit(find: Find) -> None:
    assert set(references(find("AB1", team="North"))) == {"P10", "P19"}
    assert set(references(find("AB1", status=search.NOT_FLAGGED))) == {"P11"}
    assert set(references(find("AB1", status=search.FLAGGED))) == {"P10", "P19"}
    cache.clear()
    assert search.teams() == ["North", "South"]


@pytest.mark.parametrize("kind", Protection.KINDS)
def test_nobody_who_is_protected_nor_their_family_is_found_by_a_postcode(walk: Walk, find: Find, kind: str) -> None:
    day = walk.now().date()
    people.protect(person=walk.person("P10"), kind=kind, from_on=day, by=walk.who("worker"), at=walk.now())
    for text in ("AB1 2CD", "AB1", "wojcik AB1 2CD", "wojcik AB1", "ng AB1 2CD"):
        assert not set(references(find(text))) & {"P10", "P19"}, text
    assert references(find("zoe wojcik")) == ["P10"]
    assert references(find("AB1 2CD")) == ["P11"]


def test_a_mark_that_no_longer_stands_hides_nobody_and_one_on_a_merged_record_hides_its_survivor(
    walk: Walk, find: Find
) -> None:
    day = walk.now().date()
    before = date(day.year - 1, 1, 1)
    over = {"person": walk.person("P10"), "kind": "refuge", "from_on": before, "to_on": day}
    people.protect(**over, by=walk.who("worker"), at=walk.now())  # type: ignore[arg-type]
    assert "P10" in references(find("AB1 2CD"))
    by = walk.who("worker")
    people.protect(person=walk.person("P17"), kind="refuge", from_on=day, by=by, at=walk.now())
    assert references(find("AB11 2CD")) == []


def test_a_search_is_recorded_with_nothing_of_what_was_typed(find: Find) -> None:
    find("Zoe WOJCIK AB1 2CD 3/4/2015")
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.who, entry.reference) == ("FAMILIES_SEARCHED", "worker", "")
    details = entry.additional_data
    assert details["terms"] == [keyed(word) for word in ("zoe", "wojcik", "2015-04-03", "AB12CD")]
    assert (details["people"], details["families"], details["found"], details["page"]) == (["P10"], ["F10"], 1, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM audit_entry e WHERE id = %s", [entry.pk])
        said = cursor.fetchone()[0].lower()
    assert not [
        word for word in ("zoe", "wojcik", "zoë", "wójcik", "ab1 2cd", "ab12cd", "2015-04", "3/4/2015") if word in said
    ]


def test_governance_finds_who_searched_for_a_name(find: Find) -> None:
    find("quillfeather")
    find("Zoë Wójcik")
    find("wojcik 2015")
    assert [entry.additional_data["found"] for entry in search.searches_for("WOJCIK")] == [1, 1]
    for name in ("zoe wojcik", "Wójcik, Zoë", "ZOE  WOJCIK"):
        assert search.searches_for(name).count() == 1, name
    assert search.searches_for("wojcikk").count() == 0
    assert search.searches_for("%").count() == 0
    assert search.searches_for("").count() == 0


def test_another_key_gives_other_digits(settings: Any) -> None:
    settings.CF_TRAIL_KEY = "one"
    first = keyed("wojcik")
    settings.CF_TRAIL_KEY = "two"
    assert keyed("wojcik") != first


def new_person(walk: Walk, **values: Any) -> Person:
    with trail.act():
        person = Person.objects.create(**values)
        trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=walk.now(), about=person)
    return person


def test_who_was_saved_a_second_ago_is_found_also_after_a_change(walk: Walk, find: Find) -> None:
    person = new_person(walk, reference="P50", given_name="Thaddeus", family_name="Oakapple")
    assert references(find("thadeus oakaple")) == ["P50"]
    with trail.act():
        person.family_name = "Underbough"
        person.save()
        address = Address.objects.create(person=person, postcode="QX9 9QX", from_on=date(2026, 1, 1))
        trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=walk.now(), about=person)
    assert references(find("oakapple")) == []
    assert references(find("tadeus underbow")) == ["P50"]
    assert references(find("QX9 9QX")) == ["P50"]
    with trail.act():
        address.delete()
        trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=walk.now(), about=person)
    assert references(find("QX9 9QX")) == []
    with trail.act():
        person.delete()
        trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=walk.now(), reference="P50")
    assert references(find("thaddeus underbough")) == []


def many(count: int) -> Files:
    return {
        "people": [
            {"person_ref": f"M{number}", "given_name": "Barnaby", "family_name": f"Crumhorn{number}",
             "date_of_birth": "2001-02-03"}
            for number in range(count)
        ],
        "addresses": [
            {"person_ref": f"M{number}", "line_1": "1 Reed Row", "from_on": "2025-01-01",
             "postcode": f"AB9 {number % 10}CD"}
            for number in range(count)
        ],
    }  # fmt: skip


def alike() -> bool:
    """Whether everybody is findable as they are on file."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM cohorts_to_find t FULL JOIN cohorts_findable f USING (person_id)"
            " WHERE ROW(t.words, t.born, t.postcodes, t.nhs_number)"
            " IS DISTINCT FROM ROW(f.words, f.born, f.postcodes, f.nhs_number)"
        )
        return bool(cursor.fetchone() == (0,))


def beside() -> bool:
    return lookup.read_name("").beside


def test_a_large_file_is_found_at_once_as_spelt_and_soon_as_misspelt(walk: Walk, find: Find) -> None:
    walk.load(many(1_500))
    assert beside()
    results = find("barnaby crumhorn1499")
    assert (references(results), results.beside) == (["M1499"], True)
    assert references(find("crumhorn7 AB9 7CD")) == ["M7"]
    assert references(find("barnabi crumhorn14999")) == []
    assert findable.take_in_what_is_written() > 0
    assert not beside()
    results = find("barnabi krumhorn1499")
    assert (references(results)[:1], results.beside) == (["M1499"], False)
    assert alike()


def test_two_who_write_the_same_person_at_once_leave_both_findable(walk: Walk, find: Find) -> None:
    address = address_of(connection.settings_dict["NAME"], connection.settings_dict)
    move = (
        "INSERT INTO cohorts_address"
        " (person_id, line_1, line_2, line_3, line_4, line_5, postcode, uprn, from_on, ordinal)"
        " SELECT id, '', '', '', '', '', 'QX9 9QX', '', '2026-01-01', 1 FROM cohorts_person WHERE reference = 'P10'"
    )
    with psycopg.connect(address) as first, psycopg.connect(address) as second, ThreadPoolExecutor(1) as beside_us:
        first.execute(ENTRY)
        first.execute("UPDATE cohorts_person SET family_name = 'Underbough' WHERE reference = 'P10'")
        second.execute(ENTRY)
        moving = beside_us.submit(second.execute, move)
        time.sleep(0.3)
        assert not moving.done()
        first.commit()
        moving.result(10)
        second.commit()
    assert alike()
    assert references(find("zoe underbough QX9 9QX")) == ["P10"]


def test_a_file_that_is_taken_in_waits_for_nobody_and_forgets_nobody(walk: Walk, find: Find) -> None:
    walk.load(many(1_500))
    address = address_of(connection.settings_dict["NAME"], connection.settings_dict)
    with psycopg.connect(address) as first:
        first.execute(ENTRY)
        first.execute("UPDATE cohorts_person SET family_name = 'Underbough' WHERE reference = 'M3'")
        findable.take_in_what_is_written()
        first.commit()
    findable.take_in_what_is_written()
    assert not beside()
    assert alike()
    assert references(find("barnabi underbow")) == ["M3"]


def test_pages_and_too_many(walk: Walk, find: Find) -> None:
    walk.load(many(230))
    first, last = find("barnaby"), find("barnaby", page=10)
    assert (len(first.found), first.total, first.more) == (20, 200, True)
    assert not set(references(first)) & set(references(last))
    assert find("barnaby", page=99).page == 10
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cohorts_unfound")
        assert cursor.fetchone() == (0,)


def test_words_that_nobody_has_any_more_are_forgotten(walk: Walk) -> None:
    person = new_person(walk, reference="P50", given_name="Thaddeus", family_name="Oakapple")
    assert findable.forget_words() == 0
    with trail.act():
        person.delete()
        trail.record(Event.FILE_LOADED, who=walk.who("prepare"), at=walk.now(), reference="P50")
    assert findable.forget_words() == 2


def duplicates(given: str, family: str, born: date | None) -> list[str]:
    today = date(2026, 11, 2)
    found = search.possible_duplicates(given_name=given, family_name=family, date_of_birth=born, today=today)
    return [row.person.reference for row in found]


def test_somebody_who_may_be_on_file_already_is_told(walk: Walk) -> None:
    born = date(2015, 4, 3)
    for given, family, day in (
        ("Zoe", "Wojcik", born), ("Zoé", "Wojcick", born), ("Wójcik", "Zoë", born), ("Zoë", "Wójcik", date(2015, 3, 4)),
        ("Zoë", "Wójcik", None),
    ):  # fmt: skip
        assert duplicates(given, family, day) == ["P10"], (given, family, day)
    assert duplicates("Seán", "O'Brien", date(1999, 1, 1)) == ["P11"]
    assert duplicates("Amirah", "Hal", date(1990, 2, 1)) == ["P16"]


@pytest.mark.parametrize(
    ("given", "family", "born"),
    [("Zoë", "Wójcik", date(1980, 7, 9)), ("Jan", "Wójcik", date(2015, 4, 3)), ("Zoë", "Hall", date(2015, 4, 3)),
     ("", "", date(2015, 4, 3)), ("_", "_", None)],
)  # fmt: skip
def test_somebody_else_is_not(walk: Walk, given: str, family: str, born: date | None) -> None:
    assert duplicates(given, family, born) == []


def test_loading_again_what_is_there_takes_nobody_in_again(walk: Walk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(xmin::text::bigint) FROM cohorts_findable")
        was = cursor.fetchone()
        last = max(walk.folder.glob("bulk-*"), key=lambda folder: folder.stat().st_mtime)
        report = loading.load_directory(last, by=duty("load"), at=walk.now())
        assert not report.errors
        cursor.execute("SELECT max(xmin::text::bigint) FROM cohorts_findable")
        assert cursor.fetchone() == was
