"""Invented families as bulk files: for demonstrations, benchmarks, and comparing two statements of the rules.

Nobody here exists. Numbers are of ranges never issued, or wrong by design. The same arguments always write the same
bytes. Plain: what a council's year looks like. With `edges`: every second record sits on a boundary of a rule.
"""

import csv
import datetime as dt
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Any

CUT_OFF = dt.date(2026, 9, 30)
DAY = dt.timedelta(days=1)


def _words(text: str) -> list[str]:
    return text.split()


GIVEN = _words(
    "Ada Aisha Alice Amira Anil Bartek Ben Bethan Callum Chidi Daisy Daniel Ebony Elena Farid Freya George Grace "
    "Harpreet Hana Imran Ivy Jack Jasmine Kofi Krystyna Liam Lola Maryam Mateusz Mia Mohammed Muhammad Nadia Noah "
    "Olga Oliwia Owen Priya Rafał Rhys Rosa Sadia Seán Siân Sofia Thandi Tomás Umar Yusuf Zofia Zoë Anne-Marie "
    "Jean-Luc D'Andre"
)
FAMILY = _words(
    "Adeyemi Ahmed Baker Begum Brown Clarke Cooper Davies Dąbrowski Evans Fernández Green Hall Hussain Iqbal "
    "Jones Kaur Khan Kowalski Lewis Łukasik Mensah Müller Nowak O'Brien O\u2019Connor Okafor Patel Popescu Quinn "
    "Roberts Shah Silva Singh Smith-Jones Taylor Thomas Umeh van-Dyke Walker Williams Wójcik Yilmaz Young Zhang"
)
STREETS = _words(
    "Acacia Bramble Cowgate Dogsthorpe Eastfield Fulbridge Gladstone Harebell Irchester Jubilee Kingfisher "
    "Lincoln Midland Newark Oundle Padholme Queens Russell Saxon Taverners Ullswater Viney Westwood Yarwell"
)
INDICATORS = {1: 6, 2: 6, 3: 8, 4: 5, 5: 3, 6: 4}
DATASETS = ["PNC", "PRI", "NPD", "ILR", "WPLS", "HES", "MHSDS", "IAPT", "MCDS", "NDTMS"]
EVERYTHING = ";".join(DATASETS)
LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
FLAWS = ("given", "family", "dob", "sex", "address", "baby", "line", "digits", "postcode", "pseudo")
PROTECTIONS = ("adoption", "witness_protection", "other_court_order", "refuge", "sensitive_address")
COLUMNS = {
    "notice_versions": "version published_on basis datasets recipients",
    "agreements": "reference parties purpose in_force_from in_force_to fields datasets recipients legal_reference",
    "families": "family_ref team flagged_on flagged_by lifted_on",
    "people": "person_ref given_name middle_names family_name previous_family_names date_of_birth dob_missing_reason"
    " sex date_of_death nino nhs_number upn uln in_education merged_into",
    "memberships": "family_ref person_ref joined_on left_on relationship lives_in_household parental_responsibility",
    "addresses": "person_ref line_1 line_2 line_3 line_4 line_5 postcode uprn from_on to_on",
    "evidence": "evidence_ref family_ref person_ref indicator observed_on source recorded_by in_error_at",
    "engagements": "family_ref started_on ended_on intervention",
    "notices": "notice_ref version family_ref person_ref issued_on channel issued_by",
    "consents": "consent_ref person_ref version given_on given_by datasets withdrawn_at",
    "objections": "objection_ref person_ref family_ref made_by channel received_at datasets lifted_at refused_at"
    " refusal_reason refusal_reference told_on",
    "protections": "person_ref kind from_on to_on",
}


def write(directory: Path, families: int, *, seed: int = 1, edges: bool = False) -> dict[str, int]:
    """Write the bulk files of so many families into a folder (made if missing); how many of each were written."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        council = _Council(seed, edges=edges)
        for name, columns in COLUMNS.items():
            path = directory / f"{name}.csv"
            file = files.enter_context(path.open("w", newline="", encoding="utf-8"))
            council.files[name] = csv.DictWriter(file, columns.split(), lineterminator="\n")
            council.files[name].writeheader()
        council.reference_data()
        for number in range(1, families + 1):
            council.family(f"F{number:07}")
    return {"families": families} | council.counted


class _Council:
    """One invented council: every draw is made in a fixed order, so that the same seed writes the same bytes."""

    def __init__(self, seed: int, *, edges: bool) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.edges = edges
        self.files: dict[str, csv.DictWriter[str]] = {}
        self.counted = dict.fromkeys(("people", "evidence", "notices", "consents", "objections"), 0)
        self.known: list[str] = []

    def put(self, name: str, **values: Any) -> None:
        """Write a row; None is empty."""
        self.files[name].writerow({column: "" if value is None else value for column, value in values.items()})

    def number(self, kind: str) -> int:
        """The next number of a kind."""
        self.counted[kind] += 1
        return self.counted[kind]

    def near(self, spread: int) -> dt.date:
        """A day around the cut-off: on its very edge where edges are asked for, else some days before it."""
        if self.edges and self.draw.random() < 0.5:
            return CUT_OFF + DAY * self.draw.choice((-1, 0, 1))
        return CUT_OFF - DAY * self.draw.randrange(1, spread)

    def often(self, on_edges: float, plainly: float) -> bool:
        """Whether something happens, with one chance on edges and another plainly."""
        return self.draw.random() < (on_edges if self.edges else plainly)

    def instant(self, day: dt.date) -> str:
        """An instant of office hours on a day."""
        return f"{day.isoformat()}T{self.draw.randrange(8, 18):02}:{self.draw.randrange(60):02}:00+00:00"

    def worker(self) -> str:
        """Somebody who recorded it."""
        return f"worker{self.draw.randrange(40):02}"

    def reference_data(self) -> None:
        """Notice versions, and the agreement."""
        for version, on, basis, cover in (
            ("PN1", "2024-01-01", "PUBLIC_TASK", EVERYTHING),
            ("PN2", "2025-04-01", "CONSENT", EVERYTHING),
            ("PN3", "2026-01-01", "PUBLIC_TASK", EVERYTHING),
            ("PN0", "2020-01-01", "PUBLIC_TASK", "PNC;NPD;WPLS"),
        ):
            self.put("notice_versions", version=version, published_on=on, basis=basis, datasets=cover, recipients="ONS")
        self.put(
            "agreements", reference="DSA-2026", parties="Council;DLUHC;ONS", purpose="research",
            in_force_from="2026-01-01", in_force_to="2027-12-31", datasets=EVERYTHING, recipients="ONS",
            legal_reference="UK GDPR Art 6(1)(e)",
        )  # fmt: skip

    def family(self, family: str) -> None:
        """A family with its people, problems, engagements and permissions."""
        draw = self.draw
        flagged = self.near(500)
        lifted = self.near(60) if self.often(0.2, 0.03) else None
        self.put(
            "families",
            family_ref=family,
            team=draw.choice(("North", "East", "South", "West")),
            flagged_on=flagged,
            flagged_by=self.worker(),
            lifted_on=max(lifted, flagged) if lifted else None,
        )
        home = _Home(draw)
        members: list[str] = []
        adults, children = draw.choice((1, 1, 2, 2, 2, 3)), draw.choice((0, 1, 1, 2, 2, 3, 4))
        for place in range(adults + children):
            members.append(self.member(family, flagged, home, place, child=place >= adults))  # noqa: PERF401
        self.evidence(family, members)
        self.engagements(family)
        self.family_notice(family)
        for person in members:
            self.permission(person)
        self.family_objection(family)

    def member(self, family: str, flagged: dt.date, home: "_Home", place: int, *, child: bool) -> str:
        """Someone of the family: now and then a person known from another one."""
        draw = self.draw
        joined = flagged - DAY * draw.randrange(0, 900)
        if self.edges and draw.random() < 0.1:
            joined = self.near(10)
        left = self.near(90) if self.often(0.2, 0.04) else None
        membership = {
            "family_ref": family,
            "joined_on": joined,
            "left_on": max(left, joined + DAY) if left else None,
            "lives_in_household": "false" if not child and draw.random() < 0.15 else "true",
            "parental_responsibility": "false" if child or draw.random() < 0.15 else "true",
        }
        if self.known and self.often(0.06, 0.01):
            person = draw.choice(self.known)
            self.put("memberships", person_ref=person, relationship="other_relative", **membership)
            return person
        person = f"P{self.number('people'):08}"
        flaw = self.person(person, home, child=child)
        relationship = "child" if child else ("lead" if place == 0 else "partner")
        self.put("memberships", person_ref=person, relationship=relationship, **membership)
        if flaw != "address":
            self.addresses(person, home, joined, flaw)
        if len(self.known) < 5000:
            self.known.append(person)
        if self.often(0.05, 0.01):
            self.put(
                "protections",
                person_ref=person,
                kind=draw.choice(PROTECTIONS),
                from_on=CUT_OFF - DAY * draw.randrange(10, 900),
                to_on=CUT_OFF + DAY * draw.choice((-5, 40, 900)) if draw.random() < 0.3 else None,
            )
        return person

    def born(self, *, child: bool) -> tuple[int, dt.date]:
        """How many years somebody has, and the day of their birth: on edges another one."""
        draw = self.draw
        years = draw.randrange(0, 19) if child else draw.randrange(19, 60)
        born = CUT_OFF - DAY * (years * 365 + draw.randrange(366))
        if self.edges and child and draw.random() < 0.3:
            born = CUT_OFF.replace(year=CUT_OFF.year - draw.choice((0, 16, 19))) + DAY * draw.choice((-1, 0, 1))
        if self.edges and draw.random() < 0.03:
            odd = ((1894, 12, 31), (1895, 1, 1), (2008, 2, 29), (2010, 9, 30), (1970, 1, 1))
            born = dt.date(*draw.choice(odd))
        return years, born

    def person(self, person: str, home: "_Home", *, child: bool) -> str:
        """A person's own identifiers; the flaw in them, if there is one."""
        draw = self.draw
        years, born = self.born(child=child)
        flawed = self.often(0.15, 0.02)
        flaw = draw.choice(FLAWS) if flawed else ""
        died = self.near(200) if self.often(0.05, 0.004) else None
        # Both are drawn whether or not they are used.
        odd_given = {"given": draw.choice(("", "-", "'")), "baby": draw.choice(("Baby", "UNKNOWN", "n/k", "Test"))}
        given = odd_given.get(flaw, draw.choice(GIVEN))
        self.put(
            "people",
            person_ref=person,
            given_name=given,
            middle_names=draw.choice(GIVEN) if draw.random() < 0.3 else "",
            family_name={"family": "", "digits": home.name + "2"}.get(flaw, home.name),
            date_of_birth="" if flaw == "dob" else born,
            sex="" if flaw == "sex" else draw.choice("1122121201"),
            date_of_death=died,
            nino=f"QQ{draw.randrange(10**6):06}A" if not child and draw.random() < 0.3 else "",
            nhs_number=_nhs_number(draw) if draw.random() < 0.6 else "",
            upn=_upn(draw) if child and 4 < years < 17 else "",
            in_education=draw.choice(("education", "unemployed", "neither", "")) if child and years > 14 else "",
            merged_into=draw.choice(self.known) if self.known and self.often(0.05, 0.003) else "",
        )
        return flaw

    def addresses(self, person: str, home: "_Home", joined: dt.date, flaw: str) -> None:
        """Where a person lived, and now and then where they moved to."""
        draw = self.draw
        start = joined - DAY * draw.randrange(0, 2000)
        odd_postcode = {"postcode": draw.choice(("", "PE1", "PE1 1CC", "P3 12AB")), "pseudo": "ZZ99 3VZ"}
        self.put(
            "addresses",
            person_ref=person,
            line_1=f"{home.number} {home.street} Road",
            line_2="" if flaw == "line" else "Peterborough",
            postcode=odd_postcode.get(flaw, home.postcode),
            from_on=start,
            to_on=self.near(50) if self.often(0.1, 0.01) else None,
        )
        if draw.random() < 0.1:
            self.put(
                "addresses",
                person_ref=person,
                line_1=f"{home.number + 1} {home.street} Close",
                line_2="Peterborough",
                postcode=home.postcode,
                from_on=self.near(100),
            )

    def evidence(self, family: str, members: list[str]) -> None:
        """What was seen in the family."""
        draw = self.draw
        for _ in range(draw.choice((0, 1, 2, 2, 3, 4, 5))):
            number, headline, seen = self.number("evidence"), draw.randrange(1, 7), self.near(700)
            if self.edges and draw.random() < 0.3:
                seen = CUT_OFF.replace(year=CUT_OFF.year - 1) + DAY * draw.choice((-1, 0, 1))
            self.put(
                "evidence",
                evidence_ref=f"E{number:08}",
                family_ref=family,
                person_ref=draw.choice(members) if members and draw.random() < 0.7 else "",
                indicator=f"TF{headline}.{draw.randrange(1, INDICATORS[headline] + 1)}",
                observed_on=seen,
                source=draw.choice(("school", "police", "health", "council", "family")),
                recorded_by=self.worker(),
                in_error_at=self.instant(CUT_OFF + DAY * draw.randrange(1, 30)) if draw.random() < 0.03 else "",
            )

    def engagements(self, family: str) -> None:
        """When the programme worked with the family, if it did."""
        draw = self.draw
        if draw.random() >= 0.6:
            return
        started = self.near(400)
        ended = started + DAY * draw.randrange(30, 400) if draw.random() < 0.4 else None
        kind = draw.choice(("intensive", "key_worker", "light_touch"))
        self.put("engagements", family_ref=family, started_on=started, ended_on=ended, intervention=kind)
        if ended and draw.random() < 0.2:
            self.put("engagements", family_ref=family, started_on=ended + DAY * 10, intervention="key_worker")

    def family_notice(self, family: str) -> None:
        """What the family was told."""
        draw = self.draw
        before = draw.choice((27, 28, 29)) if self.edges and draw.random() < 0.4 else draw.randrange(29, 400)
        issued = CUT_OFF - DAY * before
        if self.often(0.85, 0.95):
            versions = ("PN1", "PN3", "PN2", "PN0") if self.edges else ("PN3", "PN3", "PN1", "PN2")
            self.put(
                "notices",
                notice_ref=f"N{self.number('notices'):08}",
                version=draw.choice(versions),
                family_ref=family,
                issued_on=issued,
                channel=draw.choice(("letter", "in_person", "email")),
                issued_by=self.worker(),
            )

    def permission(self, person: str) -> None:
        """What one person was told, agreed to and objects to."""
        draw = self.draw
        if self.often(0.3, 0.05):
            self.put(
                "notices",
                notice_ref=f"N{self.number('notices'):08}",
                version=draw.choice(("PN1", "PN2", "PN3")),
                person_ref=person,
                issued_on=CUT_OFF - DAY * draw.randrange(-20, 200),
                channel="in_person",
                issued_by=self.worker(),
            )
        if draw.random() < 0.35:
            number, given = self.number("consents"), CUT_OFF - DAY * draw.randrange(-30, 300)
            self.put(
                "consents",
                consent_ref=f"C{number:08}",
                person_ref=person,
                version=draw.choice(("PN2", "PN2", "PN3", "PN1")),
                given_on=given,
                given_by=draw.choice(("self", "parent")),
                datasets=";".join(draw.sample(DATASETS, 3)) if draw.random() < 0.15 else "",
                withdrawn_at=self.instant(given + DAY * draw.randrange(1, 100)) if draw.random() < 0.1 else "",
            )
        if self.often(0.12, 0.03):
            self.objection(person)

    def objection(self, person: str) -> None:
        """An objection, now and then lifted or refused."""
        draw = self.draw
        number, received = self.number("objections"), CUT_OFF + DAY * draw.randrange(-200, 60)
        made_by = draw.choice(("self", "parent", "representative"))
        received_at, datasets = self.instant(received), ""
        if draw.random() < 0.4:
            named = EVERYTHING if draw.random() < 0.1 else ";".join(draw.sample(DATASETS, draw.randrange(1, 4)))
            datasets = named
        lifted_at = self.instant(received + DAY * draw.randrange(1, 90)) if draw.random() < 0.25 else ""
        refusal: dict[str, Any] = {}
        if draw.random() < 0.1:
            refusal = {
                "refused_at": self.instant(received + DAY * 20),
                "refusal_reason": "Compelling grounds",
                "refusal_reference": "Art 21(6)",
                "told_on": received + DAY * 21,
            }
        self.put(
            "objections",
            objection_ref=f"O{number:08}",
            person_ref=person,
            made_by=made_by,
            channel="phone",
            received_at=received_at,
            datasets=datasets,
            lifted_at=lifted_at,
            **refusal,
        )

    def family_objection(self, family: str) -> None:
        """An objection for the whole family."""
        draw = self.draw
        if not self.often(0.06, 0.01):
            return
        number, received = self.number("objections"), CUT_OFF + DAY * draw.randrange(-100, 60)
        self.put(
            "objections",
            objection_ref=f"O{number:08}",
            family_ref=family,
            made_by="self",
            channel="letter",
            received_at=self.instant(received),
            datasets=";".join(draw.sample(DATASETS, 2)) if draw.random() < 0.3 else "",
            lifted_at=self.instant(received + DAY * 30) if draw.random() < 0.3 else "",
        )


class _Home:
    """Where a family lives, and its name."""

    def __init__(self, draw: random.Random) -> None:
        self.name, self.street, self.number = draw.choice(FAMILY), draw.choice(STREETS), draw.randrange(1, 200)
        area, sector = draw.randrange(1, 8), draw.randrange(1, 9)
        self.postcode = f"PE{area} {sector}{draw.choice(LETTERS)}{draw.choice(LETTERS)}"


def _nhs_number(draw: random.Random) -> str:
    """A number of the 999 range, which is never issued, with its true check digit (or a wrong one now and then)."""
    while True:
        digits = [9, 9, 9] + [draw.randrange(10) for _ in range(6)]
        check = 11 - sum(digit * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check == 11:
            check = 0
        if check < 10:
            return "".join(map(str, [*digits, check if draw.random() > 0.03 else (check + 1) % 10]))


def _upn(draw: random.Random) -> str:
    digits = "001" + "".join(str(draw.randrange(10)) for _ in range(9))
    weighed = sum(int(digit) * weight for digit, weight in zip(digits, range(2, 14), strict=True))
    return ("ABCDEFGHJKLMNPQRTUVWXYZ"[weighed % 23] if draw.random() > 0.03 else "I") + digits
