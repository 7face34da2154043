"""The peer in pandas: the decisions file of a round from the bulk files themselves, in whole columns.

It states every rule that decides about plain invented families. It makes no findings beyond those that keep somebody
out, writes no database and keeps no digest of facts: less than a run does. Its file must be the run's to the byte.
Days and instants are compared as their texts, which ISO 8601 allows where all are of one form.
"""

import hashlib
import importlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from cohorts.rules.facts import Question

pandas: Any = None
"""Imported when it is first asked for: it is no part of an ordinary set-up."""

REASONS = (
    "PROTECTED_IDENTITY", "PROTECTED_ADDRESS", "OBJECTION_PERSON", "OBJECTION_FAMILY", "OBJECTION_SCOPE",
    "CONSENT_MISSING", "NOTICE_MISSING", "DECEASED", "NOT_YET_BORN", "IDENTITY_INCOMPLETE", "NO_DEPENDENT_CHILD",
    "TOO_FEW_PROBLEMS",
)  # fmt: skip
OF_PERMISSION = REASONS[:7]
IDENTITY = ("adoption", "witness_protection", "other_court_order")
ADDRESS = ("refuge", "sensitive_address")
PLACEHOLDER = r"^\s*(unknown|not\s+known|n/k|baby|unborn|test|tbc)\s*$"


def ready() -> None:
    """Import pandas, outside what is measured."""
    global pandas
    pandas = importlib.import_module("pandas")


def decide(folder: Path, asked: Question, out: Path) -> str:
    """Write the decisions of a round over these bulk files; their SHA-256."""
    return _Decided(folder, asked).write(out)


def _read(folder: Path, name: str, columns: str) -> Any:
    return pandas.read_csv(
        folder / f"{name}.csv", usecols=columns.split(), dtype=str, keep_default_na=False, na_filter=False
    )


def _stands(rows: Any, first: str, last: str, day: str) -> Any:
    return rows[(rows[first] <= day) & ((rows[last] == "") | (rows[last] > day))]


class _Decided:
    """The tables of a run, one after the other as the rules need them."""

    def __init__(self, folder: Path, asked: Question) -> None:
        self.folder, self.asked = folder, asked
        self.cut, self.today = asked.moment.cut_off.isoformat(), asked.moment.today.isoformat()
        self.run = asked.moment.run.isoformat()
        self.notice_by = (asked.moment.cut_off - timedelta(days=asked.notice_days)).isoformat()
        self.datasets = list(asked.datasets)
        self.people = _read(
            folder, "people",
            "person_ref given_name family_name date_of_birth sex date_of_death in_education merged_into",
        )  # fmt: skip
        merged = self.people[self.people.merged_into != ""]
        self.survivors = merged.set_index("person_ref").merged_into
        while (further := self.survivors.map(self.survivors)).notna().any():
            self.survivors = further.fillna(self.survivors)
        self.memberships = _read(folder, "memberships", "family_ref person_ref joined_on left_on lives_in_household")
        self.memberships["person_ref"] = self._survivor(self.memberships.person_ref)
        self.present = _stands(self.memberships, "joined_on", "left_on", self.cut)
        families = _stands(
            _read(folder, "families", "family_ref flagged_on lifted_on"), "flagged_on", "lifted_on", self.cut
        )
        rows = self.present[self.present.family_ref.isin(families.family_ref[families.flagged_on != ""])]
        resident = (rows.lives_in_household == "true").groupby([rows.family_ref, rows.person_ref]).any()
        self.rows = resident.rename("resident").reset_index().merge(self.people, on="person_ref")
        self._judge_people()
        self._judge_families()

    def _survivor(self, references: Any) -> Any:
        return references.map(self.survivors).fillna(references)

    def _is(self, code: str, references: Any) -> None:
        self.rows[code] = self.rows.person_ref.isin(references)

    def _judge_people(self) -> None:
        marks = _stands(
            _read(self.folder, "protections", "person_ref kind from_on to_on"), "from_on", "to_on", self.today
        )
        who = self._survivor(marks.person_ref)
        self._is("PROTECTED_IDENTITY", who[marks.kind.isin(IDENTITY)])
        self._is("PROTECTED_ADDRESS", who[marks.kind.isin(ADDRESS)])
        objected = self._objected()
        to_all = objected[objected.datasets == ""]
        self._is("OBJECTION_PERSON", to_all.person_ref[to_all.about == "person"])
        self._is("OBJECTION_FAMILY", to_all.person_ref[to_all.about == "family"])
        asks, in_time, consented = self._told()
        self._scope(objected, consented)
        self.rows["CONSENT_MISSING"] = self.rows.person_ref.isin(asks) & ~self.rows.person_ref.isin(
            consented.person_ref
        )
        self.rows["NOTICE_MISSING"] = ~self.rows.person_ref.isin(in_time)
        rows = self.rows
        rows["DECEASED"] = (rows.date_of_death != "") & (rows.date_of_death <= self.cut)
        rows["NOT_YET_BORN"] = rows.date_of_birth > self.cut
        rows["IDENTITY_INCOMPLETE"] = (
            self._no_name(rows.given_name) | self._no_name(rows.family_name) | (rows.date_of_birth < "1895-01-01")
            | ((rows.date_of_death != "") & (rows.date_of_birth > rows.date_of_death)) | (rows.sex == "")
            | ~rows.person_ref.isin(self._addressed())
        )  # fmt: skip

    def _objected(self) -> Any:
        """Standing objections, a row for each person they cover."""
        rows = _read(
            self.folder, "objections", "person_ref family_ref received_at datasets lifted_at refused_at"
        )  # fmt: skip
        for column in ("lifted_at", "refused_at"):
            rows = rows[(rows[column] == "") | (rows[column] > self.run)]
        rows = rows[rows.received_at <= self.run]
        personal = rows[rows.person_ref != ""]
        personal = personal.assign(about="person", person_ref=self._survivor(personal.person_ref))
        of_family = rows[rows.family_ref != ""].drop(columns="person_ref")
        of_family = of_family.merge(self.present[["family_ref", "person_ref"]], on="family_ref").assign(about="family")
        return pandas.concat([personal, of_family])[["about", "person_ref", "datasets"]]

    def _told(self) -> tuple[Any, Any, Any]:
        """Whose latest notice asks for consent; who was told in time; and standing consents of the first."""
        versions = _read(self.folder, "notice_versions", "version published_on basis datasets recipients")
        covers = [
            (not named or set(self.datasets) <= set(named.split(";"))) and self.asked.recipients <= set(who.split(";"))
            for named, who in zip(versions.datasets, versions.recipients, strict=True)
        ]
        notices = _read(self.folder, "notices", "version family_ref person_ref issued_on")
        notices = notices[notices.issued_on <= self.today].reset_index(names="entered")
        personal = notices[notices.person_ref != ""]
        personal = personal.assign(person_ref=self._survivor(personal.person_ref))
        of_family = notices[notices.family_ref != ""].drop(columns="person_ref")
        of_family = of_family.merge(self.memberships, on="family_ref")
        on = of_family.issued_on
        was = (of_family.joined_on <= on) & ((of_family.left_on == "") | (of_family.left_on > on))
        columns = ["person_ref", "version", "issued_on", "entered"]
        told = pandas.concat([personal[columns], of_family[was][columns]])
        in_time = told.person_ref[
            told.version.isin(versions.version[covers]) & (told.issued_on <= self.notice_by)
        ].unique()  # fmt: skip
        latest = told.sort_values(["issued_on", "entered"]).drop_duplicates("person_ref", keep="last")
        asking = latest.merge(versions[versions.basis == "CONSENT"][["version", "published_on"]], on="version")
        consents = _read(self.folder, "consents", "person_ref version given_on datasets withdrawn_at")
        consents = consents[
            (consents.given_on <= self.today) & ((consents.withdrawn_at == "") | (consents.withdrawn_at > self.run))
        ]  # fmt: skip
        consents = consents.assign(person_ref=self._survivor(consents.person_ref))
        consents = consents.merge(versions[["version", "published_on"]], on="version")
        consents = consents.merge(
            asking[["person_ref", "version", "published_on"]], on="person_ref", suffixes=("", "_asked")
        )  # fmt: skip
        named = (consents.version == consents.version_asked) | (consents.published_on > consents.published_on_asked)
        return asking.person_ref, in_time, consents[named][["person_ref", "datasets"]]

    def _scope(self, objected: Any, consented: Any) -> None:
        """What is left to link to, of those from whom anything is taken; the few of them one by one."""
        taken: dict[str, set[str]] = {}
        named = objected[objected.datasets != ""]
        for person, codes in zip(named.person_ref, named.datasets, strict=True):
            if hit := set(codes.split(";")) & set(self.datasets):
                taken.setdefault(person, set()).update(hit)
        unlimited = set(consented.person_ref[consented.datasets == ""])
        limited = consented[~consented.person_ref.isin(unlimited)]
        agreed: dict[str, set[str]] = {}
        for person, codes in zip(limited.person_ref, limited.datasets, strict=True):
            agreed.setdefault(person, set()).update(codes.split(";"))
        for person, codes in agreed.items():
            if lacking := set(self.datasets) - codes:
                taken.setdefault(person, set()).update(lacking)
        left = {
            person: ";".join(code for code in self.datasets if code not in codes) for person, codes in taken.items()
        }  # fmt: skip
        self.rows["scope"] = self.rows.person_ref.map(left).fillna(";".join(self.datasets))
        nothing = (person for person, codes in left.items() if not codes or not self.asked.honours_scope)
        self._is("OBJECTION_SCOPE", list(nothing))

    def _no_name(self, names: Any) -> Any:
        held = pandas.Series(names.unique())
        plain = held.str.normalize("NFKC").str.lower()
        empty = ~held.str.contains(r"[^\W\d_]", regex=True) | plain.str.fullmatch(PLACEHOLDER)
        return names.isin(held[empty])

    def _addressed(self) -> Any:
        lines = [f"line_{number}" for number in range(1, 6)]
        rows = _read(self.folder, "addresses", f"person_ref {' '.join(lines)} from_on to_on")
        rows = _stands(rows, "from_on", "to_on", self.cut).sort_values("from_on", kind="stable")
        rows = rows.drop_duplicates("person_ref", keep="last")
        return rows.person_ref[sum(rows[line].str.strip() != "" for line in lines) >= 2]

    def _judge_families(self) -> None:
        rows, cut = self.rows, self.asked.moment.cut_off
        sixteen, nineteen = (cut.replace(year=cut.year - years).isoformat() for years in (16, 19))
        alive = (rows.date_of_birth != "") & ~rows.NOT_YET_BORN & ~rows.DECEASED
        young = (rows.date_of_birth > sixteen) | (
            (rows.date_of_birth > nineteen) & rows.in_education.isin(["education", "unemployed"])
        )  # fmt: skip
        with_child = rows.family_ref[rows.resident & alive & young].unique()
        rows["NO_DEPENDENT_CHILD"] = ~rows.family_ref.isin(with_child)
        enough = self._problems()
        rows["TOO_FEW_PROBLEMS"] = ~rows.family_ref.isin(enough.index[enough >= self.asked.framework.minimum])
        engaged = self._engaged()
        rows["start"], rows["end"] = rows.family_ref.map(engaged.start), rows.family_ref.map(engaged.end)

    def _problems(self) -> Any:
        """How many problems each family has."""
        rows = _read(self.folder, "evidence", "family_ref person_ref indicator observed_on in_error_at")
        framework = self.asked.framework
        headline = {code: each.headline for code, each in framework.indicators.items()}
        since = {
            code: _months_before(self.asked.moment.cut_off, each.look_back_months)
            for code, each in framework.indicators.items()
        }
        rows = rows[rows.indicator.isin(headline)]
        rows = rows[
            (rows.observed_on <= self.cut) & (rows.observed_on > rows.indicator.map(since))
            & ((rows.in_error_at == "") | (rows.in_error_at > self.run))
        ]  # fmt: skip
        rows = rows.assign(problem=rows.indicator.map(headline), person_ref=self._survivor(rows.person_ref))
        permitted = self.rows[~self.rows[list(OF_PERMISSION)].any(axis=1)][["family_ref", "person_ref", "resident"]]
        about = rows[rows.person_ref != ""].merge(permitted, on=["family_ref", "person_ref"])
        counting = pandas.concat([rows[rows.person_ref == ""].assign(resident=True), about])
        seen = counting.resident.astype(bool).groupby([counting.family_ref, counting.problem]).any()
        by_family = seen.groupby(level=0)
        return by_family.sum() + (~seen).groupby(level=0).any()

    def _engaged(self) -> Any:
        rows = _read(self.folder, "engagements", "family_ref started_on ended_on")
        rows = rows[rows.started_on <= self.cut].sort_values(["started_on", "ended_on"])
        first = rows.drop_duplicates("family_ref").set_index("family_ref").started_on
        last = rows.drop_duplicates("family_ref", keep="last").set_index("family_ref").ended_on
        still = rows.family_ref[(rows.ended_on == "") | (rows.ended_on > self.cut)].unique()
        return pandas.DataFrame({"start": first, "end": last.where(~last.index.isin(still), "")})

    def write(self, out: Path) -> str:
        """The file, and its sum."""
        rows = self.rows.sort_values(["family_ref", "person_ref"])
        mask = sum(rows[code].astype(int) * (1 << place) for place, code in enumerate(REASONS))
        words = {
            each: ";".join(code for place, code in enumerate(REASONS) if each >> place & 1) for each in mask.unique()
        }  # fmt: skip
        included, worked = mask == 0, rows.start.notna()
        pandas.DataFrame(
            {
                "family_ref": rows.family_ref,
                "person_ref": rows.person_ref,
                "decision": included.map({True: "included", False: "excluded"}),
                "reasons": mask.map(words),
                "group": worked.map({True: "PROGRAMME", False: "COMPARISON"}).where(included, ""),
                "programme_start": rows.start.where(included),
                "programme_end": rows.end.where(included),
                "linkage_scope": rows.scope.where(included, ""),
            }
        ).to_csv(out, index=False, lineterminator="\n")
        with out.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _months_before(day: Any, months: int | None) -> str:
    if months is None:
        return ""
    return str((pandas.Timestamp(day) - pandas.DateOffset(months=months)).date())
