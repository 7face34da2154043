"""What the one search box takes for a date, a postcode, a number, a reference and a name."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts.rules.terms import Terms, near_dates, read_terms

BORN = (date(2015, 4, 3),)


@pytest.mark.parametrize(
    "text",
    ["3/4/2015", "03/04/2015", "3.4.2015", "3-4-2015", "2015-04-03", "3 April 2015", "3 Apr 2015", "3rd of April 2015",
     "3 apr. 2015", "03042015", "3 4 2015", " 3  APRIL  2015 "],
)  # fmt: skip
def test_a_date_is_read_in_every_form_in_which_people_write_one(text: str) -> None:
    assert read_terms(text) == Terms(births=BORN)


def test_a_year_of_two_digits_is_of_either_century() -> None:
    assert read_terms("3/4/15").births == (date(1915, 4, 3), date(2015, 4, 3))


@pytest.mark.parametrize("text", ["31/2/2015", "3 Maple 2015", "2015-13-01", "1/1/1894"])
def test_what_is_no_date_of_birth_is_none(text: str) -> None:
    assert not read_terms(text).births


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("smyth 2015", Terms(name="smyth", year=2015)),
        ("Okafor AB1 2CD", Terms(name="okafor", postcode="AB12CD")),
        ("okafor ab12cd", Terms(name="okafor", postcode="AB12CD")),
        ("okafor pe1", Terms(name="okafor", first_half="PE1", reference="PE1")),
        ("PE11", Terms(first_half="PE11", reference="PE11")),
        ("f000123", Terms(reference="F000123")),
        ("P00000012 khan", Terms(name="khan", reference="P00000012")),
        ("943 476 5919", Terms(nhs_number="9434765919")),
        ("9434765919 Zoë", Terms(name="zoë", nhs_number="9434765919")),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Brien, Siân 3/4/2015", Terms(name="o'brien siân", births=BORN)),
        ("Khan2", Terms(name="khan2")),
        ("Владимир Ёлкин", Terms(name="владимир ёлкин")),
        ("李小龍", Terms(name="李小龍")),
        ("", Terms()),
    ],
)
def test_the_rest_is_a_name(text: str, terms: Terms) -> None:
    assert read_terms(text) == terms


@given(st.text(max_size=200))
def test_whatever_is_typed_is_read(text: str) -> None:
    read_terms(text)


def test_dates_that_slips_make_are_near() -> None:
    near = near_dates(date(2015, 4, 3))
    assert near[0] == date(2015, 4, 3)
    assert {date(2015, 3, 4), date(2014, 4, 3), date(2005, 4, 3), date(2015, 4, 30), date(2015, 12, 3)} <= set(near)
    assert date(2014, 3, 4) not in near
    assert date(2016, 2, 29) in near_dates(date(2016, 2, 28))
    assert near_dates(date(9999, 12, 31))
