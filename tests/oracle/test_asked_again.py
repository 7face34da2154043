"""The guard asks of nobody in vain, and passes over nobody: on a council of edges that changes again and again.

After every change what it finds is what a guard finds that asks of everybody; for the moment of the run, before it and
months after. And whoever it passes over has nothing on file, as tests/rules/test_asked_again.py says it of facts.
"""

import csv
import datetime as dt
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from django.db import transaction

from cohorts import asked_again, facts
from cohorts.asked_again import Included
from cohorts.models import Cohort, Consent, Person
from cohorts.queries import PERMISSION_TABLES, permission_lost
from connecting_families import invented
from tests.both_guards import all_families, everybody, lost_of_everybody
from tests.oracle import oracle, project
from tests.oracle.bulk import Files, Row, write
from tests.rules.test_asked_again import speaks

FAMILIES, CHANGES, ROWS = 150, 16, 8
SEEDS = int(os.environ.get("CF_GUARD_SEEDS", "1"))
RUN = dt.datetime(2026, 11, 15, 12, tzinfo=dt.UTC)
DATASETS = ("WPLS", "NPD", "PNC")
MOMENTS = [RUN + dt.timedelta(days=days) for days in (-120, -40, 0, 20, 90)]
ASKED = oracle.Asked(cut_off=invented.CUT_OFF, run_at=RUN, datasets=DATASETS, recipients=("ONS",))

#: Each query of cohorts/facts.py that the rules of permission hear of, its columns, and what asked_again makes of them.
#: Whoever reads another column, or another table, says here first how the guard knows of it.
COLUMNS = {
    "FAMILIES": {
        "id": "compared", "reference": "compared", "flagged_on": "compared: it has been flagged",
        "lifted_on": "read by no rule of permission",
    },
    "MEMBERS": {"person_id": "any"},
    "MEMBERSHIPS": {
        "person_id": "any", "family_id": "any", "joined_on": "of any day", "left_on": "of any day",
        "relationship": "read by no rule of permission", "lives_in_household": "read by no rule of permission",
        "parental_responsibility": "read by no rule of permission",
    },
    "PERSONAL_NOTICES": {
        "person_id": "any", "version_id": "whether it asks consent", "issued_on": "of any day", "id": "in any order",
    },
    "FAMILY_NOTICES": {
        "family_id": "any", "version_id": "whether it asks consent", "issued_on": "of any day", "id": "in any order",
    },
    "CONSENTS": {
        "person_id": "any", "version_id": "later than any other that asks", "purpose": "research",
        "given_on": "by the day of the guard", "withdrawn_at": "never", "datasets": "all", "id": "in any order",
    },
    "PERSONAL_OBJECTIONS": {
        "person_id": "any", "received_at": "of any day", "lifted_at": "lifted or not", "refused_at": "refused or not",
        "datasets": "whatever it names", "id": "in any order",
    },
    "FAMILY_OBJECTIONS": {
        "family_id": "any", "received_at": "of any day", "lifted_at": "lifted or not", "refused_at": "refused or not",
        "datasets": "whatever it names", "id": "in any order",
    },
    "NARROWED": {"objection_id": "any", "person_id": "any"},
    "PROTECTIONS": {
        "person_id": "any", "kind": "any", "from_on": "of any day", "to_on": "of any day", "id": "in any order",
    },
}  # fmt: skip
#: What the rules of permission do not hear of (tests/rules/test_asked_again.py); of a person only who it is.
OTHERS = {"PEOPLE", "ADDRESSES", "EVIDENCE", "ENGAGEMENTS"}


def test_every_column_that_the_rules_hear_of_is_known_to_the_guard() -> None:
    queries = {name: sql for name, sql in vars(facts).items() if name.isupper() and "SELECT" in str(sql)}
    assert queries.keys() - {"SETTINGS"} == COLUMNS.keys() | OTHERS
    tables = set()
    for name, columns in COLUMNS.items():
        selected, _, rest = re.sub(r"::text|DISTINCT|f\.|array_to_string\(|, ';'\)", "", queries[name]).partition(
            "FROM"
        )
        assert re.findall(r"\w+", selected)[1:] == list(columns), name
        tables.add(re.findall(r"\w+", rest)[0])
    asked_of = set(re.findall(r"cohorts_\w+", asked_again.ASKED_AGAIN))
    assert tables | {"cohorts_person", "cohorts_noticeversion"} == asked_of - {"cohorts_decision"}
    # And all of them stand still while a door is passed, but for the families themselves: no rule asks their flag.
    assert asked_of - {"cohorts_decision", "cohorts_family"} == set(PERMISSION_TABLES)


class Council:
    """A council that changes: what is on file by the bulk files, and rows that somebody might add or change."""

    def __init__(self, folder: Path, draw: Random, included: list[Included]) -> None:
        self.folder, self.draw, self.number = folder, draw, 0
        with (folder / "people.csv").open(newline="") as people, (folder / "families.csv").open(newline="") as families:
            self.people, self.families = list(csv.DictReader(people)), list(csv.DictReader(families))
        with (folder / "memberships.csv").open(newline="") as memberships:
            self.memberships = list(csv.DictReader(memberships))
        references = {it.person_ref for it in included}
        self.included = [person for person in self.people if person["person_ref"] in references]
        self.households = sorted({it.family_ref for it in included})

    def change(self) -> None:
        """A file with some rows of one kind is loaded."""
        name, row = KINDS[self.number % len(KINDS)]
        rows = [row(self, each) for each in range(ROWS)]
        self.load({name: list({tuple(each.get(key) for key in KEYS): each for each in rows}.values())})

    def load(self, files: Files) -> None:
        """These rows are loaded."""
        self.number += 1
        here = self.folder / f"change-{self.number}"
        write(files, here)
        project.load(here)

    def person(self) -> Row:
        """A person, most often one who is in the cohort."""
        among = self.included if self.draw.random() < 0.7 else self.people
        return {"person_ref": self.draw.choice(among)["person_ref"]}

    def whom(self) -> Row:
        """A person or a family."""
        return (
            self.person() if self.draw.random() < 0.6 else {"family_ref": self.draw.choice(self.families)["family_ref"]}
        )

    def day(self) -> str:
        """A day around the cut-off and the run."""
        return (invented.CUT_OFF + dt.timedelta(days=self.draw.randrange(-200, 160))).isoformat()

    def ref(self, each: int) -> str:
        """A reference of its own."""
        return f"X{self.number}-{each}"

    def some(self) -> str:
        """All datasets, some, or such as no round here asks for."""
        return self.draw.choice(("", "", "", "NPD", "WPLS;NPD;PNC", "HES"))


def _objection(at: Council, each: int) -> Row:
    received = at.day() + "T10:00:00Z"
    return at.whom() | {
        "objection_ref": at.ref(each), "made_by": "self", "received_at": received, "datasets": at.some(),
        "lifted_at": max(received, at.day() + "T11:00:00Z") if at.draw.random() < 0.3 else "",
    }  # fmt: skip


def _protection(at: Council, each: int) -> Row:
    since = at.day()
    until = (dt.date.fromisoformat(since) + dt.timedelta(days=40)).isoformat() if at.draw.random() < 0.4 else ""
    kind = at.draw.choice(("refuge", "adoption", "sensitive_address"))
    return at.person() | {"kind": kind, "from_on": since, "to_on": until}


def _notice(at: Council, each: int) -> Row:
    version = at.draw.choice(("PN1", "PN2", "PN2", "PN3"))
    return at.whom() | {"notice_ref": at.ref(each), "version": version, "issued_on": at.day(), "channel": "letter"}


def _consent(at: Council, each: int) -> Row:
    given = at.day()
    return at.person() | {
        "consent_ref": at.ref(each), "given_on": given,
        "version": at.draw.choice(("PN1", "PN2", "PN3")), "given_by": "self", "datasets": at.some(),
        "withdrawn_at": f"{max(given, at.day())}T11:00:00Z" if at.draw.random() < 0.3 else "",
    }  # fmt: skip


def _version(at: Council, each: int) -> Row:
    basis = at.draw.choice(("CONSENT", "PUBLIC_TASK"))
    return {"version": at.ref(each), "published_on": at.day(), "basis": basis, "recipients": "ONS"}


def _merged(at: Council, each: int) -> Row:
    """The first of those included are they into whom others are merged: no circle comes about."""
    kept = [person["person_ref"] for person in at.included[:20]]
    others = [it for it in at.people if it["person_ref"] not in kept and not it["merged_into"]]
    other = at.draw.choice(others)
    other["merged_into"] = at.draw.choice(kept)
    return other


def _membership(at: Council, each: int) -> Row:
    member = at.draw.choice(at.memberships)
    if at.draw.random() < 0.5:
        return member | {"left_on": (dt.date.fromisoformat(member["joined_on"]) + dt.timedelta(days=9)).isoformat()}
    return member | {"family_ref": at.draw.choice(at.families)["family_ref"]}


def _unflagged(at: Council, each: int) -> Row:
    return at.draw.choice(at.families) | {"flagged_on": "", "lifted_on": ""}


#: What tells rows of one file apart, whichever it is: each may be there once.
KEYS = ("objection_ref", "notice_ref", "consent_ref", "version", "family_ref", "person_ref", "joined_on", "from_on")
KINDS: list[tuple[str, Callable[[Council, int], Row]]] = [
    ("objections", _objection), ("protections", _protection), ("notices", _notice), ("consents", _consent),
    ("notice_versions", _version), ("people", _merged), ("memberships", _membership), ("families", _unflagged),
]  # fmt: skip


def found_now(cohort: Cohort) -> tuple[Counter[str], set[Included]]:
    """What the guard finds at all those moments, and whom it passed over in one of them."""
    found, passed_over = Counter[str](), set[Included]()
    with transaction.atomic():
        known = facts.look_up(shared=False)
        families = all_families(known)
        for at in MOMENTS:
            lost, question = permission_lost(cohort, at), facts.question_of(cohort, at)
            assert lost == lost_of_everybody(cohort, at, families, known)
            found += lost
            asked = {it for some in asked_again.of(cohort, question) for it in some}
            for was in set(everybody(cohort)) - asked:
                family = families[was.family_ref].family
                person = next(it for it in family.people if it.person_ref == was.person_ref)
                assert not speaks(person, family, question), was
                passed_over.add(was)
    return found, passed_over


@pytest.mark.parametrize("seed", range(1, 1 + SEEDS))
def test_whom_the_guard_passes_over_has_lost_nothing(committed: str, tmp_path: Path, seed: int) -> None:
    invented.write(tmp_path, FAMILIES, seed=seed)
    project.load(tmp_path)
    project.open_round(ASKED, agreement="DSA-2026")
    project.decisions(RUN)
    included = everybody(Cohort.objects.latest("id"))
    council = Council(tmp_path, Random(seed), included)
    quiet = sorted(found_now(Cohort.objects.latest("id"))[1])
    assert len(quiet) > len(included) // 2 > FAMILIES // 4
    agreed_before = set(Consent.objects.values_list("person_id", flat=True))
    never = [it for it in quiet if it.person_id not in agreed_before]
    one, another, third, fourth, fifth = (never[place * len(never) // 5] for place in range(5))
    told = {"version": "PN2", "issued_on": "2026-11-01", "channel": "letter"}
    agreed = {"version": "PN2", "given_on": "2026-11-02", "given_by": "self"}
    asked: Files = {
        "notices": [told | {"notice_ref": f"S{it.person_id}", "person_ref": it.person_ref} for it in (one, another)],
        "consents": [
            agreed | {"consent_ref": "S1", "person_ref": one.person_ref, "datasets": "NPD"},
            agreed | {"consent_ref": "S2", "person_ref": another.person_ref},
        ],
    }
    council.load(asked)
    project.decisions(RUN)
    cohort = Cohort.objects.latest("id")
    scopes = {it.person_ref: it.scope for it in everybody(cohort)}
    assert (scopes[one.person_ref], scopes[another.person_ref]) == ("NPD", ";".join(DATASETS))
    objected = {"made_by": "self", "received_at": f"{RUN:%Y-%m-%d}T12:00:00Z"}
    since: Files = {
        "consents": [
            agreed | {"consent_ref": "S3", "person_ref": one.person_ref},
            asked["consents"][1] | {"withdrawn_at": f"{RUN:%Y-%m-%d}T12:00:00Z"},
        ],
        "objections": [
            objected | {"objection_ref": "S1", "person_ref": third.person_ref},
            objected | {"objection_ref": "S2", "person_ref": fourth.person_ref, "datasets": "NPD"},
            objected | {"objection_ref": "S3", "family_ref": fifth.family_ref},
        ],
    }
    council.load(since)
    found = Counter[str]()
    for _ in range(CHANGES):
        found += found_now(cohort)[0]
        council.change()
    reasons = {"PROTECTED_ADDRESS", "OBJECTION_PERSON", "OBJECTION_FAMILY", "OBJECTION_SCOPE", "CONSENT_MISSING"}
    assert reasons | {"RECORD_GONE"} <= set(found), found
    assert 0 < len(found_now(cohort)[1]) < len(quiet)
    assert Person.objects.exclude(merged_into=None).exists()
    read_one_by_one()


def read_one_by_one() -> None:
    """A family that is read for its page, which asks about the merges of its people alone, is as a run reads it."""
    with transaction.atomic():
        everything = facts.look_up(shared=False)
        of_everybody = everything.merges.survivors
        for reference, whole in all_families(everything).items():
            known = facts.at_hand()
            (alone,) = facts.stream(only="AND f.reference = %s", parameters=[reference], known=known)
            assert alone == whole, reference
            assert known.merges.survivors.items() <= of_everybody.items()
