"""What somebody typed into the one search box: dates of birth, postcodes, numbers, and the rest as a name."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from cohorts.rules.identity import EARLIEST_BIRTH
from cohorts.rules.numbers import normal_form

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>\d{4}|\d{2})"
_DATES: Final = (
    re.compile(r"(?<![\w/.-])(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?![\w/-])"),
    re.compile(rf"(?<![\w/.-])(?P<day>\d{{1,2}})[/.-](?P<month>\d{{1,2}})[/.-]{_YEAR}(?![\w/-])"),
    re.compile(rf"(?<!\w){_DAY} (?:of )?(?P<month>[a-z]{{3,9}})\.?,? {_YEAR}(?!\w)"),
    re.compile(r"(?<!\w)(?P<day>\d\d)(?P<month>\d\d)(?P<year>(?:18|19|20)\d\d)(?!\w)"),
    re.compile(r"(?<!\w)(?P<day>\d{1,2}) (?P<month>\d{1,2}) (?P<year>\d{4})(?!\w)"),
)
_BIRTH_YEAR: Final = re.compile(r"(?<!\w)((?:18|19|20)\d\d)(?!\w)")
_NHS_NUMBER: Final = re.compile(r"(?<!\w)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\w)")
# Wider than the forms of a true postcode: what is wrong on file is looked for as it is there.
_WHOLE_POSTCODE: Final = re.compile(r"(?<!\w)[a-z]{1,2}\d[0-9a-z]? ?\d[a-z]{2}(?!\w)")
_FIRST_HALF: Final = re.compile(r"(?<!\w)[a-z]{1,2}\d[0-9a-z]?(?!\w)")
_REFERENCE: Final = re.compile(r"(?<!\w)[a-z]{1,3}-?\d+(?!\w)")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is looked for: people who fit all of it. `births` are readings of one date, `years` of one year.

    `reference` may be one of a person or a family, and the first half of a postcode as well: both have such forms.
    """

    name: str = ""
    births: tuple[date, ...] = ()
    year: int = 0
    postcode: str = ""
    first_half: str = ""
    nhs_number: str = ""
    reference: str = ""


def read_terms(text: str) -> Terms:
    """Read what was typed. Whatever is nothing else is part of a name; of two dates or postcodes the first counts."""
    rest = normal_form(text)
    births, rest = _births(rest)
    found, rest = _taken(_NHS_NUMBER, rest)
    nhs_number = re.sub(r"[ -]", "", found)
    postcode, rest = _taken(_WHOLE_POSTCODE, rest)
    first_half = year = ""
    if not postcode:
        first_half, rest = _taken(_FIRST_HALF, rest)
    reference, rest = (first_half, rest) if first_half else _taken(_REFERENCE, rest)
    if not births:
        year, rest = _taken(_BIRTH_YEAR, rest)
    return Terms(
        name=" ".join(rest.replace(",", " ").split()),
        births=births,
        year=int(year or 0),
        postcode=postcode.replace(" ", "").upper(),
        first_half=first_half.upper(),
        nhs_number=nhs_number,
        reference=reference.upper(),
    )


def _taken(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    """What the pattern finds first, and the text without it."""
    match = pattern.search(text)
    return (match.group(), f"{text[: match.start()]} {text[match.end() :]}") if match else ("", text)


def _births(text: str) -> tuple[tuple[date, ...], str]:
    """The first that is a real date of birth: a year of two digits is read in either century."""
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if read := _dates(match["year"], match["month"], match["day"]):
                return read, f"{text[: match.start()]} {text[match.end() :]}"
    return (), text


def _dates(year: str, month: str, day: str) -> tuple[date, ...]:
    if month.isdecimal():
        number = int(month)
    else:
        number = next((n for n, name in enumerate(_MONTHS, 1) if name.startswith(month)), 0)
    years = (int(year),) if len(year) == 4 else (1900 + int(year), 2000 + int(year))
    read = []
    for full in years:
        try:
            born = date(full, number, int(day))
        except ValueError:
            continue
        if born >= EARLIEST_BIRTH:
            read.append(born)
    return tuple(read)


def near_dates(born: date) -> tuple[date, ...]:
    """A date, and those that somebody writes in its place: day and month changed over, one part wrong by a slip."""
    parts = [(born.year, born.day, born.month)]
    parts += [(born.year + years, born.month, born.day) for years in (-10, -1, 1, 10)]
    parts += [(born.year, month, born.day) for month in range(1, 13)]
    parts += [(born.year, born.month, day) for day in range(1, 32)]
    near = {born: None}
    for part in parts:
        try:
            near[date(*part)] = None
        except ValueError:
            continue
    return tuple(near)
