"""By which key a department can find somebody, and what mending would gain."""

from collections import Counter
from typing import Any

import pytest

from cohorts.datasets import wrong_keys
from cohorts.rules.inclusion import examine
from cohorts.rules.matchability import Keys, Matched, Part, matched, profiles, read_keys
from tests.rules.contract import needs_contract, table
from tests.rules.invented import CUT_OFF, address, adult, child, family, question

NPD = read_keys("UPN; names + DOB + sex + postcode (aged 4-25)")
HES = read_keys("NHS number + DOB + sex; DOB + sex + postcode")
PNC = read_keys("names + DOB + postcode; names + DOB")
NHS, UPN = "9434765919", "B801200005001"


def of(code: str, keys: Keys, **changes: Any) -> Matched:
    """The matchability of one adult, changed so, in a family that is in the cohort."""
    facts = family(adult(**changes), child())
    decisions, findings = examine(facts, question())
    counted = Counter(profiles(facts.people, [d for d in decisions if d.person_ref == "P1"], findings, CUT_OFF))
    assert sum(counted.values()) == 1, [d.reasons for d in decisions]
    return matched(counted, code, keys)


def best(outcome: Matched) -> str | None:
    return next((key for key, people in outcome.by_key if people), None)


def test_keys_are_read_with_the_ages_of_their_dataset() -> None:
    names = Part.NAMES | Part.DOB | Part.SEX | Part.POSTCODE
    assert Keys((("UPN", Part.UPN), ("names + DOB + sex + postcode", names)), 4, 25) == NPD
    assert read_keys("names + DOB (aged 16+)")[1:] == (16, 200)
    assert read_keys("") == Keys(())
    with pytest.raises(KeyError):
        read_keys("shoe size")


@needs_contract
def test_every_key_of_the_register_is_read() -> None:
    written = [row[3] for row in table("data.md", "| code | dataset |")]
    assert len(written) == 11
    for keys in written:
        if not keys.startswith("none known"):
            assert wrong_keys(keys) == []
            assert read_keys(keys).keys


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"nhs_number": NHS}, "NHS number + DOB + sex"),
        ({"nhs_number": ""}, "DOB + sex + postcode"),
        ({"nhs_number": "1111111111"}, "DOB + sex + postcode"),
        ({"nhs_number": NHS, "shared": ("nhs_number",)}, "DOB + sex + postcode"),
        ({"nhs_number": NHS, "addresses": (address(postcode=""),)}, "NHS number + DOB + sex"),
        ({"nhs_number": "", "addresses": (address(postcode="ZZ99 3VZ"),)}, None),
        ({"nhs_number": NHS, "sex": "0"}, None),
    ],
)
def test_the_best_key_of_which_every_part_is_there_and_valid(changes: dict[str, Any], key: str | None) -> None:
    outcome = of("HES", HES, **changes)
    assert best(outcome) == key
    assert outcome.none == (key is None)
    assert outcome.applicable == 1


def test_what_one_mending_would_gain() -> None:
    outcome = of("HES", HES, nhs_number="", addresses=(address(postcode="PE1"),))
    assert (outcome.mend, outcome.ask) == ({"postcode": 1}, {"NHS number": 1})
    both = of("HES", HES, nhs_number="", sex="0", addresses=(address(postcode="PE1"),))
    assert (both.none, both.mend, both.ask) == (1, {}, {})
    without_a_postcode = of("PNC", PNC, addresses=(address(postcode="PE1"),))
    assert without_a_postcode.by_key == [("names + DOB + postcode", 0), ("names + DOB", 1)]


def test_who_is_too_old_or_too_young_is_not_applicable_whatever_is_known_of_them() -> None:
    outcome = of("NPD", NPD, upn=UPN)
    assert (outcome.applicable, outcome.not_applicable) == (0, 1)
    facts = family(adult(), child(upn=UPN))
    decisions, findings = examine(facts, question())
    outcome = matched(Counter(profiles(facts.people, decisions, findings, CUT_OFF)), "NPD", NPD)
    assert (outcome.applicable, outcome.not_applicable, best(outcome)) == (1, 1, "UPN")


def test_who_may_not_be_matched_there_and_who_is_out_does_not_count() -> None:
    facts = family(adult(family_name="?"), child())
    decisions, findings = examine(facts, question())
    counted = Counter(profiles(facts.people, decisions, findings, CUT_OFF))
    assert sum(counted.values()) == sum(decision.included for decision in decisions) == 1
    outcome = matched(counted, "WPLS", HES)
    assert outcome[:4] == ("WPLS", 0, 0, [(text, 0) for text, _ in HES.keys])


def test_the_bias_is_counted_by_sex_age_band_and_group() -> None:
    outcome = of("HES", HES, nhs_number="", sex="2", addresses=(address(postcode=""),))
    assert outcome.without["sex"] == {"2": (1, 1)}
    assert list(outcome.without["group"].values()) == [(1, 1)]
    assert list(outcome.without["age"].values()) == [(1, 1)]
