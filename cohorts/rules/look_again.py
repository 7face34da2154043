"""Looking again: which details of a person may be asked to be looked at once more, and from which day Early Help is.

Why somebody asks is not told. What was asked for in one week is shown together from the Monday after, so that no day
tells what it came from (promise 5 of the privacy notice).
"""

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "names": "names",
        "date_of_birth": "date of birth",
        "sex": "sex",
        "address": "address",
        "postcode": "postcode",
        "nino": "National Insurance number",
        "nhs_number": "NHS number",
        "upn": "unique pupil number",
        "uln": "unique learner number",
    }
)
"""What may be looked at again, by its name in the program, as people say it."""

OF_ADDRESS: Final = frozenset({"address", "postcode"})
PREFIX: Final = "LOOK-"


def code_of(detail: str) -> str:
    """The code under which a detail to look at stands among the findings."""
    return PREFIX + detail.upper()


def detail_of(code: str) -> str | None:
    """The detail of such a code; None for any other code."""
    detail = code.removeprefix(PREFIX).lower()
    return detail if detail in DETAILS and code == code_of(detail) else None


def sentence(detail: str) -> str:
    """What is asked of a team."""
    return f"Look again at the {DETAILS[detail]}: is it as the person has it?"


def shown_from(day: date) -> date:
    """The Monday after the week in which a look was asked for."""
    return day + timedelta(days=7 - day.weekday())
