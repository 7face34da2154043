"""Every kind of finding, with records that have it and records that do not."""

import re
from datetime import date
from typing import Any

import pytest

from cohorts.rules.facts import FamilyFacts, PersonFacts
from cohorts.rules.findings import KINDS, Finding, check
from cohorts.rules.membership import members
from tests.rules.contract import needs_contract, table
from tests.rules.invented import CUT_OFF, DAY, LONG_AGO, address, adult, child, engagement, family, membership, question


def found(facts: FamilyFacts) -> list[tuple[str, str, str, str]]:
    """Code, person, field and value of every finding of a family's members."""
    findings = check(facts, question(), members(facts, CUT_OFF))
    return [(finding.code, finding.person_ref, finding.field, finding.value) for finding in findings]


def about(person: PersonFacts) -> list[tuple[str, str, str]]:
    """Code, field and value of every finding of a person in a sound family."""
    return [(code, field, value) for code, ref, field, value in found(family(person)) if ref == person.person_ref]


def test_a_sound_family_has_no_findings() -> None:
    assert found(family()) == []


ADDRESS = address()
LONG, LONGER = "x" * 35, "x" * 36

PERSON_CASES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("DQ101", {"given_name": ""}, [("given_name", "")]),
    ("DQ101", {"given_name": " - ' "}, [("given_name", " - ' ")]),
    ("DQ101", {"given_name": "Ng"}, []),
    ("DQ101", {"given_name": "Łukasz"}, []),
    ("DQ102", {"family_name": ""}, [("family_name", "")]),
    ("DQ102", {"family_name": "?"}, [("family_name", "?")]),
    ("DQ102", {"family_name": "O"}, []),
    ("DQ103", {"date_of_birth": None}, [("date_of_birth", "")]),
    ("DQ103", {"date_of_birth": date(1990, 1, 2)}, []),
    ("DQ104", {"date_of_birth": date(1894, 12, 31)}, [("date_of_birth", "1894-12-31")]),
    ("DQ104", {"date_of_birth": date(1895, 1, 1)}, []),
    (
        "DQ104",
        {"date_of_birth": date(2000, 1, 2), "date_of_death": date(2000, 1, 1)},
        [("date_of_birth", "2000-01-02")],
    ),
    ("DQ104", {"date_of_birth": date(2000, 1, 1), "date_of_death": date(2000, 1, 1)}, []),
    ("DQ105", {"sex": ""}, [("sex", "")]),
    ("DQ105", {"sex": "9"}, []),
    ("DQ106", {"addresses": ()}, [("address", "")]),
    ("DQ106", {"addresses": (ADDRESS._replace(from_on=CUT_OFF + DAY),)}, [("address", "")]),
    ("DQ106", {"addresses": (ADDRESS._replace(to_on=CUT_OFF),)}, [("address", "")]),
    ("DQ106", {"addresses": (ADDRESS._replace(to_on=CUT_OFF + DAY),)}, []),
    ("DQ106", {"addresses": (ADDRESS._replace(line_2=" "),)}, [("address", "1 Acacia Road")]),
    ("DQ106", {"addresses": (ADDRESS._replace(line_2="", line_5="Peterborough"),)}, []),
    (
        "DQ106",
        {"addresses": (ADDRESS, ADDRESS._replace(line_2="", number=2))},
        [("address", "1 Acacia Road")],
    ),
    ("DQ107", {"given_name": "Baby"}, [("given_name", "Baby")]),
    ("DQ107", {"family_name": " NOT  known "}, [("family_name", " NOT  known ")]),
    ("DQ107", {"given_name": "n/k", "family_name": "TBC"}, [("given_name", "n/k"), ("family_name", "TBC")]),
    (
        "DQ107",
        {"given_name": "unborn", "family_name": "Unknown"},
        [("given_name", "unborn"), ("family_name", "Unknown")],
    ),
    ("DQ107", {"given_name": "Test"}, [("given_name", "Test")]),
    ("DQ107", {"given_name": "Baby Jane", "family_name": "Testa"}, []),
    ("DQ201", {"addresses": (ADDRESS._replace(postcode=""),)}, [("postcode", "")]),
    ("DQ201", {"addresses": (ADDRESS._replace(postcode="PE1"),)}, [("postcode", "PE1")]),
    ("DQ201", {"addresses": (ADDRESS._replace(postcode="pe11hg"),)}, []),
    ("DQ201", {"addresses": ()}, []),
    ("DQ202", {"addresses": (ADDRESS._replace(postcode="ZZ99 3VZ"),)}, [("postcode", "ZZ99 3VZ")]),
    ("DQ202", {"addresses": (ADDRESS,)}, []),
    ("DQ203", {"nhs_number": "9434765918"}, [("nhs_number", "9434765918")]),
    ("DQ203", {"nhs_number": "1111111111"}, [("nhs_number", "1111111111")]),
    ("DQ203", {"nhs_number": "9434765919"}, []),
    ("DQ203", {"nhs_number": ""}, []),
    ("DQ204", {"nino": "QQ123456A"}, [("nino", "QQ123456A")]),
    ("DQ204", {"nino": "AB123456A"}, []),
    ("DQ204", {"nino": ""}, []),
    ("DQ205", {"upn": "A801200005001"}, [("upn", "A801200005001")]),
    ("DQ205", {"upn": "B801200005001"}, []),
    ("DQ205", {"upn": "A80120000500J"}, []),
    ("DQ206", {"nino": "AB123456A", "date_of_birth": date(2011, 3, 31)}, [("nino", "AB123456A")]),
    ("DQ206", {"nino": "AB123456A", "date_of_birth": date(2011, 3, 30)}, []),
    ("DQ206", {"nino": "", "date_of_birth": date(2011, 3, 31)}, []),
    ("DQ206", {"nino": "AB123456A", "date_of_birth": None}, []),
    ("DQ208", {"shared": ("nino",), "nino": "AB123456A"}, [("nino", "AB123456A")]),
    ("DQ208", {"shared": ("nhs_number", "upn"), "nhs_number": "1", "upn": "2"}, [("nhs_number", "1"), ("upn", "2")]),
    ("DQ208", {"shared": (), "nino": "AB123456A"}, []),
    ("DQ209", {"doubtful": True}, [("record", "")]),
    ("DQ209", {"doubtful": False}, []),
    *[
        ("DQ211", {"date_of_birth": date(year, 1, 1)}, [("date_of_birth", f"{year}-01-01")])
        for year in (1900, 1901, 1970)
    ],
    ("DQ211", {"date_of_birth": date(1970, 1, 2)}, []),
    ("DQ211", {"date_of_birth": date(1980, 1, 1)}, []),
    ("DQ212", {"sex": "0"}, [("sex", "0")]),
    ("DQ212", {"sex": "9"}, []),
    ("DQ213", {"given_name": LONGER}, [("given_name", LONGER)]),
    ("DQ213", {"family_name": LONG, "given_name": LONG}, []),
    (
        "DQ213",
        {"middle_names": LONGER, "addresses": (ADDRESS._replace(line_3=LONGER),)},
        [("middle_names", LONGER), ("line_3", LONGER)],
    ),
    ("DQ213", {"previous_family_names": LONGER, "addresses": ()}, [("previous_family_names", LONGER)]),
    ("DQ213", {"addresses": (ADDRESS._replace(line_1=LONG, line_2=LONG),)}, []),
    ("DQ214", {"family_name": "Baker2"}, [("family_name", "Baker2")]),
    (
        "DQ214",
        {"given_name": "4da", "previous_family_names": "Ng (2019)"},
        [("given_name", "4da"), ("previous_family_names", "Ng (2019)")],
    ),
    ("DQ214", {"family_name": "O'Brien-Łukasik"}, []),
]


@pytest.mark.parametrize(
    ("code", "changes", "expected"),
    PERSON_CASES,
    ids=[f"{code}-{number}" for number, (code, *_) in enumerate(PERSON_CASES)],
)
def test_findings_about_a_person(code: str, changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    of_this_kind = [(field, value) for kind, field, value in about(adult(**changes)) if kind == code]
    assert of_this_kind == expected


def test_one_mistake_is_one_finding() -> None:
    assert about(adult(addresses=())) == [("DQ106", "address", "")]
    assert about(adult(addresses=(ADDRESS._replace(postcode="ZZ99 3VZ"),))) == [("DQ202", "postcode", "ZZ99 3VZ")]
    assert about(adult(sex="0")) == [("DQ212", "sex", "0")]


LEAD_BORN = date(1990, 5, 17)


@pytest.mark.parametrize(
    ("born", "relationship", "lead", "holds"),
    [
        (date(2000, 9, 30), "child", {}, True),
        (date(2000, 10, 1), "child", {}, True),
        (date(2002, 5, 16), "child", {}, True),
        (date(2002, 5, 17), "child", {}, False),
        (date(1989, 5, 17), "child", {}, True),
        (date(2002, 5, 16), "step_child", {}, True),
        (date(2002, 5, 16), "grandchild", {}, True),
        (date(2002, 5, 16), "sibling", {}, False),
        (date(2002, 5, 16), "partner", {}, False),
        (date(2000, 9, 30), "child", {"date_of_birth": date(1960, 1, 1)}, True),
        (date(2000, 10, 1), "child", {"date_of_birth": date(1960, 1, 1)}, False),
        (date(2002, 5, 16), "child", {"date_of_birth": None}, False),
        (date(2000, 9, 30), "child", {"date_of_birth": None}, True),
        (date(2002, 5, 16), "child", {"memberships": (membership(relationship="partner"),)}, False),
        (date(2002, 5, 16), "child", {"memberships": (membership(left_on=CUT_OFF),)}, False),
        (None, "child", {}, False),
    ],
    ids=[
        "26 today",
        "25, yet near the lead's age",
        "the lead was eleven",
        "the lead was twelve",
        "older than the lead",
        "a step-child",
        "a grandchild",
        "a sibling",
        "a partner",
        "26 today, lead far older",
        "25, lead far older",
        "lead's birthday not known",
        "26, lead's birthday not known",
        "no lead",
        "the lead has left",
        "birthday not known",
    ],
)
def test_dq207_a_child_too_old(born: date | None, relationship: str, lead: dict[str, Any], *, holds: bool) -> None:
    person = child(date_of_birth=born, memberships=(membership(relationship=relationship),))
    codes = [(code, ref) for code, ref, *_ in found(family(adult(**{"date_of_birth": LEAD_BORN, **lead}), person))]
    assert (("DQ207", "P2") in codes) is holds


def test_dq207_of_two_leads_the_younger_counts() -> None:
    facts = family(adult(), adult("P3", date_of_birth=date(2000, 5, 17)), child(date_of_birth=date(2012, 5, 16)))
    assert found(facts) == [("DQ207", "P2", "date_of_birth", "2012-05-16")]


def test_dq207_looks_at_the_relationship_of_the_cut_off() -> None:
    was_a_child = (membership(relationship="child", left_on=date(2021, 1, 1)), membership(relationship="partner"))
    assert found(family(adult(), child(date_of_birth=date(1995, 1, 2), memberships=was_a_child))) == []


def test_dq210_is_about_the_family() -> None:
    early = engagement(LONG_AGO - DAY)
    assert found(family(engagements=(early, engagement(LONG_AGO)))) == [("DQ210", "", "started_on", "2019-12-31")]
    assert found(family(engagements=(early,), flagged_on=None)) == []


def test_findings_are_in_the_order_of_the_family_then_its_people_critical_first() -> None:
    facts = family(
        adult("P2", sex="0", given_name=""), child("P1", nhs_number="1"), engagements=(engagement(LONG_AGO - DAY),)
    )
    assert [(code, ref) for code, ref, *_ in found(facts)] == [
        ("DQ210", ""),
        ("DQ203", "P1"),
        ("DQ101", "P2"),
        ("DQ212", "P2"),
    ]


def test_every_kind_has_a_sentence_and_a_weight_that_fits_its_code() -> None:
    for code, kind in KINDS.items():
        assert kind.code == code
        assert kind.severity == ("critical" if code < "DQ200" else "query")
        assert re.fullmatch(r"[A-Z].{30,}\.", kind.sentence)
    assert Finding("DQ105", "critical", "P1", "sex", "").sentence.startswith("The sex is empty")


def test_every_kind_that_a_record_can_show_has_been_tried_both_ways() -> None:
    tried = {code for code, _, expected in PERSON_CASES if expected}
    passed = {code for code, _, expected in PERSON_CASES if not expected}
    assert tried == passed == set(KINDS) - {"DQ207", "DQ210"}


@needs_contract
def test_codes_and_weights_are_those_of_the_contract() -> None:
    expected = {
        code: severity
        for codes, severity, _ in table("data.md", "| code | severity | holds when |")
        for code in codes.split(" / ")
    }
    assert {code: kind.severity for code, kind in KINDS.items()} == expected
