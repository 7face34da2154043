"""The frameworks that ship, as dated data files."""

import re

import pytest

from cohorts import frameworks
from tests.rules.contract import needs_contract, table

TF_COUNTS = {"TF1": 6, "TF2": 6, "TF3": 8, "TF4": 5, "TF5": 3, "TF6": 4}


def test_two_frameworks_ship() -> None:
    assert frameworks.codes() == ("SF", "TF")


def test_troubled_families_asks_for_two_of_six_headline_problems() -> None:
    loaded = frameworks.load("TF")
    assert (loaded.code, loaded.minimum, loaded.counting_unit) == ("TF", 2, "headline")
    counts = dict.fromkeys(loaded.headlines, 0)
    for indicator in loaded.indicators.values():
        counts[indicator.headline] += 1
    assert counts == TF_COUNTS


def test_supporting_families_asks_for_three_needs_under_ten_headlines() -> None:
    loaded = frameworks.load("SF")
    assert (loaded.code, loaded.minimum, loaded.counting_unit) == ("SF", 3, "indicator")
    assert list(loaded.headlines) == [f"SF{number:02}" for number in range(1, 11)]
    for headline in loaded.headlines:
        needs = [indicator for indicator in loaded.indicators.values() if indicator.headline == headline]
        assert 2 <= len(needs) <= 5


@needs_contract
def test_the_indicators_and_look_backs_of_troubled_families_are_those_of_the_contract() -> None:
    expected = {}
    for headline, text in table("data.md", "| headline | indicators (look-back months) |"):
        for entry in text.split(" · "):
            number = entry.split()[0]
            months = re.search(r"\((\d+)\)$", entry)
            expected[f"{headline.split()[0]}.{number.split('.')[1]}"] = int(months.group(1)) if months else None
    loaded = frameworks.load("TF").indicators
    assert {code: indicator.look_back_months for code, indicator in loaded.items()} == expected


@pytest.mark.parametrize("code", ["SF", "TF"])
def test_every_indicator_says_what_it_is_and_where_it_comes_from(code: str) -> None:
    loaded = frameworks.load(code)
    for key, indicator in loaded.indicators.items():
        assert key == indicator.code
        assert key.startswith(f"{indicator.headline}.")
        assert indicator.headline in loaded.headlines
        assert indicator.text
        assert indicator.clause


def test_a_version_can_be_named_and_the_newest_is_loaded_without() -> None:
    newest = frameworks.load("TF")
    assert frameworks.load("TF", newest.version) == newest


def test_the_name_of_a_file_is_what_it_says_inside() -> None:
    for code, versions in frameworks._files().items():
        for version in versions:
            loaded = frameworks.load(code, version)
            assert (loaded.code, loaded.version) == (code, version)


def test_all_indicator_codes() -> None:
    every = frameworks.indicator_codes()
    assert {"TF1.1", "TF6.4", "SF01.1", "SF10.3"} <= every
    assert len(every) == sum(len(frameworks.load(code).indicators) for code in frameworks.codes())


@pytest.mark.parametrize(
    ("code", "version", "sentence"),
    [
        ("XX", None, "There is no framework XX: there are SF, TF."),
        ("../TF", None, "There is no framework ../TF: there are SF, TF."),
        ("TF", "1999-01", "There is no version 1999-01 of framework TF: there are 2015-04."),
    ],
)
def test_what_is_not_there_is_said_clearly(code: str, version: str | None, sentence: str) -> None:
    with pytest.raises(LookupError) as refused:
        frameworks.load(code, version)
    assert refused.value.args == (sentence,)
