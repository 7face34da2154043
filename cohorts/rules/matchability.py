"""Matchability: by which key, if any, can a department find a person in a dataset? (spec/data.md)

A key is made of parts. A part counts where it is recorded and no finding speaks against it. What is counted of a person
is a small profile, the same for many people, so that a whole cohort is counted in little room.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from enum import IntFlag, auto
from typing import Final, NamedTuple

from cohorts.rules.clocks import age_on
from cohorts.rules.facts import PersonFacts
from cohorts.rules.findings import Finding
from cohorts.rules.inclusion import Decision


class Part(IntFlag):
    """A part of a key, as a set of them is counted."""

    NAMES = auto()
    DOB = auto()
    SEX = auto()
    POSTCODE = auto()
    NHS_NUMBER = auto()
    NINO = auto()
    UPN = auto()
    ULN = auto()


NOTHING: Final = Part(0)
WORDS: Final[Mapping[Part, str]] = {
    Part.NAMES: "names", Part.DOB: "date of birth", Part.SEX: "sex", Part.POSTCODE: "postcode",
    Part.NHS_NUMBER: "NHS number", Part.NINO: "National Insurance number", Part.UPN: "unique pupil number",
    Part.ULN: "unique learner number",
}  # fmt: skip
PARTS: Final[Mapping[str, Part]] = {
    "names": Part.NAMES, "initials": Part.NAMES, "DOB": Part.DOB, "sex": Part.SEX, "postcode": Part.POSTCODE,
    "outward postcode": Part.POSTCODE, "NINO": Part.NINO, "NHS number": Part.NHS_NUMBER, "UPN": Part.UPN,
    "ULN": Part.ULN,
}  # fmt: skip
"""The parts as the register of datasets writes them; part of a name or of a postcode needs the whole to be right."""

AGED: Final = re.compile(r" \(aged (\d{1,2})(?:(\+)|[-\N{EN DASH}](\d{1,2}))\)$")
OLDEST: Final = 200

FIELDS: Final[Mapping[str, Part]] = {
    "given_name": Part.NAMES, "family_name": Part.NAMES, "date_of_birth": Part.DOB, "sex": Part.SEX,
    "postcode": Part.POSTCODE, "address": Part.POSTCODE, "nhs_number": Part.NHS_NUMBER, "nino": Part.NINO,
    "upn": Part.UPN, "uln": Part.ULN,
}  # fmt: skip
HARMLESS: Final = frozenset({"DQ207", "DQ213"})
"""Findings that leave a key as it is: a text that is long is whole, and an unlikely age may be true."""

BANDS: Final = (
    (5, "Under 5"),
    (16, "5 to 15"),
    (18, "16 and 17"),
    (25, "18 to 24"),
    (45, "25 to 44"),
    (65, "45 to 64"),
)
LAST_BAND: Final = "65 and over"


class Keys(NamedTuple):
    """The keys of a dataset, best first, each with its text; and the ages that the dataset is about."""

    keys: tuple[tuple[str, Part], ...]
    youngest: int = 0
    oldest: int = OLDEST


class Profile(NamedTuple):
    """What decides where an included person can be found: sets of parts that count, and of those recorded amiss."""

    counts: int
    broken: int
    age: int
    sex: str
    group: str
    scope: tuple[str, ...]


def read_keys(text: str) -> Keys:
    """The keys of a dataset as the register writes them: `UPN; names + DOB + sex + postcode (aged 4-25)`.

    An age is of the whole dataset, whichever key it follows: who is older is not in it, whatever is known of them.
    Raises KeyError for a part that is not one; the register takes none.
    """
    keys, youngest, oldest = [], 0, OLDEST
    for written in filter(None, (key.strip() for key in text.split(";"))):
        if aged := AGED.search(written):
            youngest, oldest = int(aged[1]), OLDEST if aged[2] else int(aged[3])
        plain, parts = AGED.sub("", written), NOTHING
        for part in plain.split(" + "):
            parts |= PARTS[part]
        keys.append((plain, parts))
    return Keys(tuple(keys), youngest, oldest)


def profiles(
    people: Iterable[PersonFacts], decisions: Iterable[Decision], findings: Iterable[Finding], cut_off: date
) -> list[Profile]:
    """The profile of each included person of a family."""
    spoilt: dict[str, Part] = {}
    for finding in findings:
        if finding.code not in HARMLESS and finding.field in FIELDS:
            spoilt[finding.person_ref] = spoilt.get(finding.person_ref, NOTHING) | FIELDS[finding.field]
    included = {decision.person_ref: decision for decision in decisions if decision.included}
    return [
        _profile(person, included[person.person_ref], spoilt.get(person.person_ref, NOTHING), cut_off)
        for person in people
        if person.person_ref in included
    ]


def _profile(person: PersonFacts, decision: Decision, spoilt: Part, cut_off: date) -> Profile:
    recorded = 0
    if person.given_name and person.family_name:
        recorded |= _NAMES
    if person.date_of_birth is not None:
        recorded |= _DOB
    if person.sex:
        recorded |= _SEX
    if decision.address is not None:
        recorded |= _POSTCODE
    if person.nhs_number:
        recorded |= _NHS_NUMBER
    if person.nino:
        recorded |= _NINO
    if person.upn:
        recorded |= _UPN
    if person.uln:
        recorded |= _ULN
    age = age_on(cut_off, person.date_of_birth) if person.date_of_birth else -1
    bad = int(spoilt)
    return Profile(
        recorded & ~bad,
        recorded & bad,
        age,
        person.sex,
        decision.group,
        decision.linkage_scope,
    )


# Plain numbers: a run makes a profile of every included person, and an IntFlag takes twenty times as long.
_NAMES, _DOB, _SEX, _POSTCODE, _NHS_NUMBER, _NINO, _UPN, _ULN = (int(part) for part in Part)


class Matched(NamedTuple):
    """How many people of a cohort a dataset's owner can find, of those whom it is about and who may be matched there.

    `by_key` in the order of the keys. `mend` and `ask`: who has no key, and would have one if this one part were
    mended, or asked for where nothing is recorded; somebody may stand in several. `without`: of each sex, age band and
    group, how many people there are and how many of them have no key.
    """

    dataset: str
    applicable: int
    not_applicable: int
    by_key: list[tuple[str, int]]
    none: int
    mend: dict[str, int]
    ask: dict[str, int]
    without: dict[str, dict[str, tuple[int, int]]]


def matched(counted: Mapping[Profile, int], code: str, keys: Keys) -> Matched:
    """The matchability of a dataset, from how many people have each profile."""
    by_key: Counter[str] = Counter({text: 0 for text, _ in keys.keys})
    mend: Counter[str] = Counter()
    ask: Counter[str] = Counter()
    applicable = not_applicable = none = 0
    without: dict[str, dict[str, list[int]]] = {"sex": {}, "age": {}, "group": {}}
    for profile, people in counted.items():
        if code not in profile.scope:
            continue
        if not keys.youngest <= profile.age <= keys.oldest:
            not_applicable += people
            continue
        applicable += people
        best = next((text for text, parts in keys.keys if parts & profile.counts == parts), None)
        if best is None:
            none += people
            for part in _lacking(profile, keys):
                (mend if part & profile.broken else ask)[WORDS[part]] += people
        else:
            by_key[best] += people
        for kind, value in (("sex", profile.sex), ("age", age_band(profile.age)), ("group", profile.group)):
            cell = without[kind].setdefault(value, [0, 0])
            cell[0] += people
            cell[1] += people if best is None else 0
    biased = {kind: {value: (n, m) for value, (n, m) in sorted(cells.items())} for kind, cells in without.items()}
    return Matched(code, applicable, not_applicable, list(by_key.items()), none, dict(mend), dict(ask), biased)


def _lacking(profile: Profile, keys: Keys) -> list[Part]:
    """The single parts any of which would give somebody a key."""
    lacking = {parts & ~profile.counts for _, parts in keys.keys}
    return [part for part in Part if part in lacking]


def age_band(age: int) -> str:
    """The band of an age in whole years."""
    return next((words for below, words in BANDS if age < below), LAST_BAND)
