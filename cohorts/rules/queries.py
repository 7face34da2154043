"""Queries: what looks wrong with a person's record, though it keeps nobody out."""

import re
from datetime import date
from operator import attrgetter
from typing import Final

from cohorts.rules.checks import NOTHING, Check, Found, Subject, query
from cohorts.rules.clocks import age_on, months_before
from cohorts.rules.membership import standing
from cohorts.rules.numbers import is_nhs_number, is_nino, is_pseudo_postcode, is_upn, postcode_form

LONGEST: Final = 35
"""Characters of a name or an address line that the recipients' systems are sure to take."""

NINO_MONTHS: Final = 15 * 12 + 6
"""A National Insurance number is sent in the months before the 16th birthday."""

CHILDREN: Final = frozenset({"child", "step_child", "grandchild"})
OLDEST_CHILD: Final = 25
YOUNGEST_LEAD: Final = 12
DEFAULT_BIRTHS: Final = frozenset({date(1900, 1, 1), date(1901, 1, 1), date(1970, 1, 1)})
NAMES: Final = ("given_name", "middle_names", "family_name", "previous_family_names")
LINES: Final = ("line_1", "line_2", "line_3", "line_4", "line_5")
_names: Final = attrgetter(*NAMES)
_lines: Final = attrgetter(*LINES)
_DIGIT: Final = re.compile(r"\d")


@query("DQ201", "The postcode is empty or has no UK postcode form: enter it in full, for example PE1 1HG.")
def postcode_wrong(of: Subject) -> Found:
    """A postcode that finds nobody. Where there is no address at all, that is the finding."""
    if of.address is None or postcode_form(of.address.postcode):
        return NOTHING
    return (("postcode", of.address.postcode),)


@query("DQ202", "The postcode is a pseudo postcode (ZZ99): enter that of the place where the person lived, if any.")
def postcode_pseudo(of: Subject) -> Found:
    """A code of the NHS for no fixed abode, abroad or not known."""
    if of.address is None or not is_pseudo_postcode(of.address.postcode):
        return NOTHING
    return (("postcode", of.address.postcode),)


@query("DQ203", "The NHS number is not valid: its ten digits must agree with their check digit, and not all be equal.")
def nhs_number_wrong(of: Subject) -> Found:
    """A mistyped or an invented number."""
    number = of.person.nhs_number
    return NOTHING if not number or is_nhs_number(number) else (("nhs_number", number),)


@query("DQ204", "The National Insurance number is not of the form that HMRC issues: two letters, six digits, A to D.")
def nino_wrong(of: Subject) -> Found:
    """A mistyped or a temporary number."""
    number = of.person.nino
    return NOTHING if not number or is_nino(number) else (("nino", number),)


@query("DQ205", "The unique pupil number is not valid: its twelve other characters must agree with its check letter.")
def upn_wrong(of: Subject) -> Found:
    """A mistyped number."""
    number = of.person.upn
    return NOTHING if not number or is_upn(number) else (("upn", number),)


@query("DQ206", "A child under fifteen and a half has no National Insurance number yet: check whose number this is.")
def nino_of_child(of: Subject) -> Found:
    """Often a parent's number, written on the child's record."""
    number, born = of.person.nino, of.person.date_of_birth
    if not number or born is None or born <= months_before(of.cut_off, NINO_MONTHS):
        return NOTHING
    return (("nino", number),)


@query("DQ207", "A child of the family is older than 25, or was born before the lead was twelve: check both birthdays.")
def child_too_old(of: Subject) -> Found:
    """A wrong relationship, or a wrong date of birth."""
    born = of.person.date_of_birth
    if born is None or CHILDREN.isdisjoint([role.relationship for role in of.person.memberships]):
        return NOTHING
    lead_was = YOUNGEST_LEAD if of.lead_born is None else age_on(born, of.lead_born)
    if lead_was >= YOUNGEST_LEAD and age_on(of.cut_off, born) <= OLDEST_CHILD:
        return NOTHING
    return (("date_of_birth", born.isoformat()),) if _is_child_of_family(of) else NOTHING


@query("DQ208", "Another person has the same number: correct one of them, or bring the two records together.")
def number_shared(of: Subject) -> Found:
    """Two records of one person, or one number on two people."""
    shared = of.person.shared
    return tuple([(field, getattr(of.person, field)) for field in shared]) if shared else NOTHING


@query("DQ209", "A likely duplicate is not yet reviewed: say whether the two records are one person.")
def duplicate_waits(of: Subject) -> Found:
    """Somebody who may be on file twice, and so be sent twice, or sent in spite of an objection under the other."""
    return (("record", ""),) if of.person.doubtful else NOTHING


@query("DQ211", "The date of birth looks like a default that a system filled in: enter the true one.")
def birth_default(of: Subject) -> Found:
    """The days which systems write where nothing was entered."""
    born = of.person.date_of_birth
    return (("date_of_birth", born.isoformat()),) if born in DEFAULT_BIRTHS and born is not None else NOTHING


@query("DQ212", "The sex is recorded as not known: ask, and enter 1 for male, 2 for female or 9 for not specified.")
def sex_unknown(of: Subject) -> Found:
    """An answer, but one that links fewer records."""
    return (("sex", of.person.sex),) if of.person.sex == "0" else NOTHING


@query("DQ213", "A name or an address line is longer than 35 characters: shorten it, or split it where it is two.")
def text_too_long(of: Subject) -> Found:
    """What a recipient's system may cut."""
    names = _names(of.person)
    lines = _lines(of.address) if of.address else ()
    if len("".join(names)) <= LONGEST and len("".join(lines)) <= LONGEST:
        return NOTHING
    texts = (*zip(NAMES, names, strict=True), *zip(LINES, lines, strict=False))
    return tuple([(field, text) for field, text in texts if len(text) > LONGEST])


@query("DQ214", "A name has digits in it: enter the name alone.")
def name_with_digits(of: Subject) -> Found:
    """A house number, a date or a reference, written beside the name."""
    names = _names(of.person)
    if _DIGIT.search(" ".join(names)) is None:
        return NOTHING
    return tuple([(field, name) for field, name in zip(NAMES, names, strict=True) if _DIGIT.search(name)])


QUERIES: Final[tuple[Check, ...]] = (
    postcode_wrong,
    postcode_pseudo,
    nhs_number_wrong,
    nino_wrong,
    upn_wrong,
    nino_of_child,
    child_too_old,
    number_shared,
    duplicate_waits,
    birth_default,
    sex_unknown,
    text_too_long,
    name_with_digits,
)


def _is_child_of_family(of: Subject) -> bool:
    return any(role.relationship in CHILDREN for role in standing(of.person.memberships, of.cut_off))
