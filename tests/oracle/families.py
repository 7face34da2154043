"""Hypothesis strategies: a few small families at a time, with values on a boundary of a rule or beside one.

An example is lively in some aspects and usual in all others, so that what happens at one boundary is not hidden by ten
other reasons; it shrinks towards families who are usual in everything and simply included.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.oracle.bulk import Files
from tests.oracle.oracle import Asked, Framework

T = TypeVar("T")

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
LONDON = ZoneInfo("Europe/London")

# Ordinary days; the ends of February (look-backs are clipped, birthdays of 29 February fall on 1 March); midsummer and
# the days when the clocks change (midnight in London is not midnight in UTC).
CUT_OFFS = (
    date(2026, 9, 30),
    date(2026, 6, 30),
    date(2024, 2, 29),
    date(2023, 2, 28),
    date(2023, 3, 1),
    date(2026, 3, 29),
    date(2025, 10, 26),
)
ROUND_DATASETS = (("PNC", "NPD", "HES"), ("HES", "PNC"), ("MHSDS", "NPD", "ILR", "HES"), ("NPD",))
ELSEWHERE = "WPLS"  # a dataset of the register that no round here asks for

# References are sorted by code point: digits before letters, capitals before small ones, full width before astral.
FAMILY_REFS = ("F10", "F2", 'f,"3"', "É4")
PERSON_REFS = ("P10", "P2", "p3", "P,4", 'P"5"', "Pé6", "P\uff17", "P\U0001d49c8", "P-9", "P_11", "P 12",
               "P13", "P14", "P15", "P16", "P17")  # fmt: skip

WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(ord("!"), ord("~") + 1)})
NOT_NAMES = (
    "", "-", "'", "7", "  ", "\u0663", "Baby", " BABY ".translate(WIDE), "n/k", "N/K".translate(WIDE), "Not  known",
    "not\u00a0KNOWN", "UNKNOWN", "Unborn", "t".translate(WIDE) + "est", "TBC",
)  # fmt: skip
NAMES = (
    "Babs", "Test 2", "tbc.", "not-known", "Łucja", "Ж", "王", "O\u2019Neil", "D'Arcy", "Unknown Baby", "x7", "é",
)  # fmt: skip

# Indicators of TF with their look-backs in months, and one of another framework.
TF = (
    ("TF1.1", 12), ("TF1.3", None), ("TF2.1", 12), ("TF3.7", 12), ("TF4.1", None), ("TF5.2", 12), ("TF1.6", None),
    ("TF6.1", None),
)  # fmt: skip

# What may be lively; what takes others to be seen is here twice.
ASPECTS = (
    "evidence", "evidence", "objection", "objection", "again", "again", "merge", "merge", "notice", "consent",
    "membership", "birth", "protection", "address", "name", "death", "sex", "flag",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A few families as bulk files, and what is asked of them."""

    files: Files
    asked: Asked


@st.composite
def examples(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    framework: Framework | None = None,
    foreign: str = "SF01.1",
    groups: int = 1,
) -> Example:
    """So many groups of two to four families, and a round.

    Evidence uses the framework (TF unless given) and one `foreign` indicator.
    """
    # Hypothesis varies one example in many small ways; here many different examples tell more.
    chance = draw(st.randoms(use_true_random=True))
    most = draw(st.integers(2, 10))
    cut_off, notice_days = chance.choice(CUT_OFFS), chance.choice((28, 0, 7))
    asked = Asked(
        cut_off=cut_off,
        run_at=chance.choice(_runs(cut_off, notice_days)),
        datasets=chance.choice(ROUND_DATASETS),
        recipients=chance.choice((("ONS",), ("ONS", "DLUHC"))),
        notice_days=notice_days,
        scope=chance.choice(("honoured", "honoured", "all-or-nothing")),
        framework=framework,
    )
    indicators = tuple((code, months) for code, _, months in framework.indicators) if framework else TF
    invented = _Invented(chance, asked, indicators, foreign)
    for group in range(groups):
        invented.group(f"/{group}" if group else "", chance.sample(ASPECTS, chance.randint(1, most)))
    return Example(invented.files, asked)


def _runs(cut_off: date, notice_days: int) -> list[datetime]:
    """Moments of a run: some weeks later, and around midnight in London on the days that matter."""
    later, told_by = cut_off + 30 * DAY, cut_off - notice_days * DAY
    runs = [datetime.combine(day, time(12), UTC) for day in (later, later, later, cut_off, told_by)]
    for day in (later, cut_off, cut_off - DAY, told_by, told_by - DAY):
        runs += [datetime.combine(day, at, UTC) for at in (time(23, 30), time(22, 59, 59, 999999), time(23), time(0))]
    return runs


def _near(day: date) -> tuple[date, ...]:
    return (day - DAY, day, day + DAY)


def _years_before(day: date, years: int) -> list[date]:
    """Birthdays of those who are about to be that old; 29 February too, where there was one."""
    plain = day.replace(year=day.year - years, day=min(day.day, 28))
    leap = [date(plain.year, 2, 29)] if plain.year % 4 == 0 and plain.month in (2, 3) else []
    return [*_near(plain + (day.day - plain.day) * DAY), *leap]


def _months_before(day: date, months: int) -> list[date]:
    """The end of a look-back and its neighbours: the day of the month, clipped to the last."""
    first = date(day.year + (day.month - 1 - months) // 12, (day.month - 1 - months) % 12 + 1, 1)
    last = (first + 31 * DAY).replace(day=1) - DAY
    return [*_near(min(first + (day.day - 1) * DAY, last))]


@dataclass
class _Invented:
    """The families being invented for one example. Rows are in the order in which they would be entered."""

    chance: Random
    asked: Asked
    indicators: Sequence[tuple[str, int | None]]
    foreign: str
    files: Files = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cut_off = self.asked.cut_off
        self.run_day = self.asked.run_at.astimezone(LONDON).date()
        self.told_by = self.cut_off - self.asked.notice_days * DAY
        self.every = ";".join(self.asked.datasets)
        self.versions()
        self.put("agreements", reference="DSA", parties="Council;ONS", purpose="research", in_force_from="2015-01-01",
                 datasets=self.every, recipients=";".join(self.asked.recipients), legal_reference="x")  # fmt: skip

    def group(self, suffix: str, lively: Collection[str]) -> None:
        """Families who know each other, and nobody else."""
        self.suffix, self.lively = suffix, lively
        self.people: list[str] = []
        self.members: list[tuple[str, str]] = []
        self.edges: list[date] = []  # days on which somebody joins or leaves a family
        self.moving: list[str] = []  # families whom somebody joins or leaves on the cut-off
        families = [ref + suffix for ref in FAMILY_REFS[: self.one(2, 3, 4)]]
        for family in families:
            self.family(family)
        for _ in self.some("again", 4):
            family, ref = self.one(*self.members)
            self.membership(self.one(family, *families), ref, "again")
        for _ in self.some("merge", 4):
            self.merged_record(families)
        for ref in list(self.people):
            self.told_and_agreed(ref)
        for _ in self.some("objection", 4):
            self.objection(self.one("person", "family", "person", "family", "nobody"), families)
        for family in families:
            self.evidence(family)
            self.engagements(family)

    # How values are drawn.

    def one(self, *values: T) -> T:
        return self.chance.choice(values)

    def odd(self, aspect: str, usual: Any, *odd: Any) -> Any:
        """`usual`, or where the aspect is lively as often one of the odd values."""
        return self.one(*odd) if aspect in self.lively and self.chance.random() < 0.5 else usual

    def some(self, aspect: str, most: int) -> range:
        """So many times: none, unless the aspect is lively."""
        return range(self.chance.randint(0, most) if aspect in self.lively else 0)

    def put(self, file: str, **values: object) -> None:
        self.files.setdefault(file, []).append({name: str(value) for name, value in values.items()})

    def number(self, file: str) -> int:
        return len(self.files.get(file, ())) + 1

    def instants(self) -> tuple[str, ...]:
        """The moment of the run, as UTC and as London write it, and its neighbours."""
        run = self.asked.run_at
        return (run.isoformat(), run.astimezone(LONDON).isoformat(), (run - INSTANT).isoformat(),
                (run + INSTANT).isoformat())  # fmt: skip

    def some_datasets(self) -> str:
        asked = self.asked.datasets
        return self.one("", "", "", asked[0], asked[-1], ";".join(reversed(asked)), ELSEWHERE,
                        f"{ELSEWHERE};{asked[0]}", ";".join(asked[1:]) or asked[0])  # fmt: skip

    # The files.

    def versions(self) -> None:
        first, consent = date(2020, 1, 1), date(2021, 1, 1)
        self.put("notice_versions", version="N1", published_on=first, basis="PUBLIC_TASK", datasets="",
                 recipients="ONS;DLUHC")  # fmt: skip
        self.put("notice_versions", version="N2", published_on=consent, basis="CONSENT",
                 datasets=self.one(self.every, "", f"{self.every};{ELSEWHERE}"), recipients="DLUHC;ONS")  # fmt: skip
        for version in ("N3", "N4"):
            self.put("notice_versions", version=version, basis=self.one("CONSENT", "PUBLIC_TASK"),
                     published_on=self.one(consent + DAY, consent, consent - DAY),
                     datasets=self.one("", self.every, self.asked.datasets[0], ELSEWHERE),
                     recipients=self.one("ONS;DLUHC", "ONS", "DLUHC", ""))  # fmt: skip

    def family(self, ref: str) -> None:
        flagged = self.odd("flag", self.cut_off - 300 * DAY, *_near(self.cut_off), "")
        lifted = self.odd("flag", "", *(max(day, flagged) for day in _near(self.cut_off))) if flagged else ""
        self.put("families", family_ref=ref, team="North", flagged_on=flagged, flagged_by="worker1", lifted_on=lifted)
        for kind in ("adult", "child", *self.one((), (), ("child",), ("adult",))):
            self.membership(ref, self.person(kind))
        usual = self.odd("membership", self.told_by - 30 * DAY, self.told_by)
        told = self.odd("notice", usual, *_near(self.told_by), None)
        if told:
            self.notice("N1", told, family_ref=ref)
        for _ in self.some("notice", 2):
            self.notice(self.one("N2", "N3", "N4", "N1"), self.notice_day(), family_ref=ref)

    def person(self, kind: str, merged_into: str = "") -> str:
        ref = PERSON_REFS[len(self.people)] + self.suffix
        if kind == "adult":
            edges = [*_years_before(self.cut_off, 19), date(1894, 12, 31), date(1895, 1, 1)]
            born = self.odd("birth", date(1985, 5, 5), *edges, "")
        else:
            edges = _years_before(self.cut_off, self.one(16, 19, 0))
            born = self.one(*edges) if "birth" in self.lively else self.cut_off - 3000 * DAY
        deaths = [*_near(self.cut_off), *(_near(born) if born else ())]
        self.put(
            "people", person_ref=ref, merged_into=merged_into,
            given_name=self.odd("name", "Ada", *NAMES, *NOT_NAMES),
            family_name=self.odd("name", "Lee", *NAMES, *NOT_NAMES),
            date_of_birth=born, dob_missing_reason="" if born else "not asked",
            date_of_death=self.odd("death", "", *deaths), sex=self.odd("sex", "1", "2", "0", "9", ""),
            in_education=self.one("education", "", "unemployed", "neither"),
        )  # fmt: skip
        self.people.append(ref)
        self.addresses(ref)
        for _ in self.some("protection", 2):
            kind = self.one("adoption", "witness_protection", "other_court_order", "refuge", "sensitive_address")
            self.put("protections", person_ref=ref, kind=kind, to_on=self.one("", *_near(self.run_day)),
                     from_on=self.one(date(2020, 1, 1), *_near(self.run_day)))  # fmt: skip
        return ref

    def addresses(self, ref: str) -> None:
        long_ago = self.cut_off - 700 * DAY
        if self.odd("address", "there", ""):
            self.address(ref, long_ago, "", ("1 High Road", "Anytown"))
        for _ in self.some("address", 2):
            self.address(ref, self.one(long_ago, *_near(self.cut_off)), self.one("", *_near(self.cut_off)),
                         self.one(("2 Low Road", "Anytown"), ("2 Low Road", ""), ("", "Anytown"), ("2 Low Road", "  "),
                                  ("", "", "", "2 Low Road", "Anytown"), ()))  # fmt: skip

    def address(self, ref: str, from_on: date, to_on: object, lines: tuple[str, ...]) -> None:
        numbered = {f"line_{number}": line for number, line in enumerate(lines, 1)}
        self.put("addresses", person_ref=ref, from_on=from_on, to_on=to_on, postcode="AB1 2CD", **numbered)

    def membership(self, family: str, ref: str, aspect: str = "membership") -> None:
        edges, long_ago = _near(self.cut_off), self.cut_off - 500 * DAY
        if self.odd(aspect, "", "", "", "came back"):
            self.stay(family, ref, long_ago, self.one(*_near(self.told_by)))
            self.stay(family, ref, self.one(*edges), "")
        else:
            joined = self.odd(aspect, long_ago, *edges, *_near(self.told_by))
            self.stay(family, ref, joined, self.odd(aspect, "", *edges, *edges, joined))

    def stay(self, family: str, ref: str, joined: date, left: Any) -> None:
        self.edges += [joined, *([left] if left else ())]
        self.members.append((family, ref))
        if self.cut_off in (joined, left):
            self.moving.append(family)
        resident = self.one("true", "true", "false") if {"evidence", "again"} & set(self.lively) else "true"
        self.put("memberships", family_ref=family, person_ref=ref, joined_on=joined, left_on=left,
                 relationship="other_relative", lives_in_household=resident,
                 parental_responsibility="false")  # fmt: skip

    def merged_record(self, families: Sequence[str]) -> None:
        """Another record of somebody, perhaps of one that is merged already: a chain."""
        ref = self.person(self.one("adult", "child"), merged_into=self.one(*self.people))
        if self.one(1, 2) == 1:
            self.membership(self.one(*families), ref)

    def evidence(self, family: str) -> None:
        minimum = self.asked.framework.minimum if self.asked.framework else 2
        lasting = [code for code, months in self.indicators if months is None]
        long_ago = self.cut_off - 100 * DAY
        here = [ref for theirs, ref in self.members if theirs == family]
        files = ("protections", "objections", "consents")
        marked = {row["person_ref"] for file in files for row in self.files.get(file, ())}.intersection(here)
        known = self.odd("evidence", minimum, minimum - 1)
        if marked and self.one(1, 2) == 1:
            # The last problem needed is known of somebody who may be out.
            known = minimum - 1
            self.seen(family, self.one(*sorted(marked)), lasting[-1], long_ago, "")
        for code in lasting[:known]:
            self.seen(family, "", code, long_ago, "")
        for _ in self.some("evidence", 5):
            code, months = self.one(*self.indicators, (self.foreign, None))
            days = _months_before(self.cut_off, months) if months else [*_near(self.cut_off), date(2001, 1, 1)]
            about = self.one("", self.one(*here), self.one(*here), self.one(*self.people))
            day = self.one(self.cut_off - 30 * DAY, self.one(*days))
            self.seen(family, about, code, day, self.one("", "", "", self.one(*self.instants())))

    def seen(self, family: str, ref: str, code: str, day: date, in_error_at: str) -> None:
        self.put("evidence", evidence_ref=f"E{self.number('evidence')}", family_ref=family, person_ref=ref,
                 indicator=code, observed_on=day, source="school", in_error_at=in_error_at)  # fmt: skip

    def engagements(self, family: str) -> None:
        cut_off = self.cut_off
        for _ in range(self.one(0, 1, 2, 3)):
            started = self.one(cut_off - 200 * DAY, cut_off - 100 * DAY, *_near(cut_off))
            ended = self.one("", cut_off - 150 * DAY, cut_off - 50 * DAY, *_near(cut_off))
            self.put("engagements", family_ref=family, started_on=started, ended_on=ended, intervention="intensive")

    def notice_day(self) -> date:
        return self.one(*_near(self.one(self.told_by - 10 * DAY, self.told_by, self.run_day, self.one(*self.edges))))

    def notice(self, version: str, day: date, **to: str) -> None:
        number = self.number("notices")
        # Entered in file order, which is neither the order of references nor that of days.
        self.put("notices", notice_ref=f"N{100 - number}", version=version, issued_on=day, channel="letter",
                 issued_by="worker1", **to)  # fmt: skip

    def told_and_agreed(self, ref: str) -> None:
        for _ in self.some("notice", 2):
            self.notice(self.one("N2", "N1", "N3", "N4"), self.notice_day(), person_ref=ref)
        if "consent" in self.lively:
            self.notice(self.one("N2", "N2", "N3", "N4"), self.told_by - 5 * DAY, person_ref=ref)
        for _ in self.some("consent", 3):
            self.put("consents", consent_ref=f"C{self.number('consents')}", person_ref=ref,
                     version=self.one("N2", "N2", "N3", "N4", "N1"), given_by="self", datasets=self.some_datasets(),
                     given_on=self.odd("consent", self.told_by, *_near(self.run_day)),
                     withdrawn_at=self.odd("consent", "", *self.instants()))  # fmt: skip
        if self.odd("objection", "", "objects"):
            self.objection("person", (), ref)

    def objection(self, about: str, families: Sequence[str], ref: str = "") -> None:
        refused, lifted = (self.one("", "", "", self.one(*self.instants())) for _ in range(2))
        why = {"refusal_reason": "Overriding grounds", "refusal_reference": "Article 21", "told_on": "2026-01-05"}
        self.put("objections", objection_ref=f"O{self.number('objections')}", made_by="parent", channel="phone",
                 person_ref=(ref or self.one(*self.people)) if about == "person" else "",
                 family_ref=self.one(*families, *self.moving, *self.moving) if about == "family" else "",
                 received_at=self.one((self.asked.run_at - 10 * DAY).isoformat(), self.one(*self.instants())),
                 datasets=self.some_datasets(), lifted_at=lifted,
                 refused_at=refused, **(why if refused else {}))  # fmt: skip
