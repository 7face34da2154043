"""Which passwords are refused because of what they say of this program."""

from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from connecting_families.staff.passwords import words


@pytest.mark.parametrize(
    "password",
    [
        "connecting-families",
        "ConnectingFamilies2026!",
        "Osierham Council 1",
        "early help early help",
        "osierham-cohort-9",
    ],
)
def test_a_password_of_our_own_words_is_refused(password: str, settings: Any) -> None:
    settings.CF_COUNCIL_NAME = "Osierham City Council"
    with pytest.raises(ValidationError, match="nothing to do with this program"):
        validate_password(password)


@pytest.mark.parametrize(
    "password",
    ["marl and osier in a creel", "a cohort of jackdaws on a wire", '!"£$%^&*()_+{}~@', "x" * 20 + "council"],
)
def test_a_word_of_ours_in_a_long_password_does_no_harm(password: str) -> None:
    validate_password(password)


def test_the_list_is_the_one_that_is_written_down(settings: Any) -> None:
    settings.CF_COUNCIL_NAME = "Osierham City Council"
    said = "city cohort connecting council earlyhelp families objection osierham password troubled"
    assert words() == said.split()
