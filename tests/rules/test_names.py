"""How near two names are: by slips of whoever typed one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts.rules.names import NEAR, PersonNames, likeness, nearness, parted, slips

words = st.text(alphabet="abcdeł李", max_size=8)


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [("smith", "smith", 0), ("smith", "smyth", 1), ("smith", "smiht", 1), ("smith", "smth", 1), ("smith", "smiith", 1),
     ("smith", "", 5), ("khan", "kaur", 3)],
)  # fmt: skip
def test_each_slip_counts_once(a: str, b: str, apart: int) -> None:
    assert slips(a, b) == slips(b, a) == apart


@given(words, words)
def test_nearness_is_between_nothing_and_the_same(a: str, b: str) -> None:
    assert 0 <= nearness(a, b) <= 1
    assert (nearness(a, b) == 1) == (a == b)


@pytest.mark.parametrize(
    ("typed", "held"),
    [("smyth", "smith"), ("ivt", "ivy"), ("ben", "den"), ("okaf", "okafor"), ("mohamed", "muhammad"),
     ("kowalsky", "kowalski"), ("catherine", "kathryn")],
)  # fmt: skip
def test_words_that_people_mistake_are_near(typed: str, held: str) -> None:
    assert nearness(typed, held) >= NEAR


@pytest.mark.parametrize(("typed", "held"), [("smith", "jones"), ("li", "xu"), ("ada", "ben"), ("khan", "patel")])
def test_other_words_are_not(typed: str, held: str) -> None:
    assert nearness(typed, held) < NEAR


def test_names_are_parted_where_the_database_parted_them() -> None:
    assert parted(["jean", "luc", "jeanluc", "", "", "smith", "", ""]) == PersonNames(
        ("jean", "luc", "jeanluc"), (), ("smith",), ()
    )


ADA = PersonNames(("ada",), ("zoe",), ("green",), ("hall",))


def test_the_name_in_full_and_in_order_fits_best() -> None:
    in_order, turned, middle, before = (
        likeness(typed, ADA) for typed in (["ada", "green"], ["green", "ada"], ["zoe", "green"], ["ada", "hall"])
    )
    assert in_order == 1
    assert in_order > turned > before > middle
    assert likeness([], ADA) == 0


def test_only_words_that_were_looked_up_count_where_they_were() -> None:
    assert likeness(["ada", "grean"], ADA, {"ada": {"ada": 1.0}, "grean": {"green": 0.8}}) == pytest.approx(0.9)
    assert likeness(["ada", "grean"], ADA, {"ada": {"ada": 1.0}, "grean": {}}) == pytest.approx(0.47)
