"""Bulk files for tests: a small set of everything, and ways to write and load it."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from cohorts.bulk_files import FILES
from cohorts.load_report import LoadReport
from cohorts.loading import load_directory
from connecting_families.audit.trail import duty

Row = dict[str, str]

AT = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
# A name with an apostrophe of print, a hyphen and a letter beyond Latin-1.
SURNAME = "O\N{RIGHT SINGLE QUOTATION MARK}Brien-Łukasik"
COLUMNS = {file.name: [column.name for column in file.columns] for file in FILES}


def everything() -> dict[str, list[Row]]:
    """One or two valid rows of every file."""
    return {
        "notice_versions": [
            {"version": "PN1", "published_on": "2025-01-01", "basis": "PUBLIC_TASK", "datasets": "PNC; NPD;;PNC",
             "recipients": "ONS"},
        ],
        "agreements": [
            {"reference": "DSA", "parties": "Council;ONS", "purpose": "research", "in_force_from": "2026-01-01",
             "fields": "nino;TF1", "datasets": "PNC;NPD", "recipients": "ONS", "legal_reference": "Art 6(1)(e)"},
        ],
        "families": [
            {"family_ref": "F1", "team": "North", "flagged_on": "2026-01-05", "flagged_by": "worker1"},
            {"family_ref": "F2", "team": "South"},
        ],
        "people": [
            {"person_ref": "P1", "given_name": "Zoë", "family_name": SURNAME, "date_of_birth": "1990-02-28",
             "sex": "2", "nino": "QQ123456A", "nhs_number": "9434765919"},
            {"person_ref": "P2", "given_name": "Imran", "family_name": "O'Brien", "date_of_birth": "2012-02-29",
             "in_education": "education", "merged_into": "P3"},
            {"person_ref": "P3", "given_name": "Imran", "family_name": "OBrien"},
        ],
        "memberships": [
            {"family_ref": "F1", "person_ref": "P1", "joined_on": "2025-01-01", "relationship": "lead",
             "lives_in_household": "true", "parental_responsibility": "true"},
            {"family_ref": "F1", "person_ref": "P3", "joined_on": "2025-01-01", "left_on": "2026-02-01"},
        ],
        "addresses": [
            {"person_ref": "P1", "line_1": "1 Acacia Road", "line_2": "Peterborough", "postcode": "PE1 1AA",
             "from_on": "2024-01-01"},
        ],
        "evidence": [
            {"evidence_ref": "E1", "family_ref": "F1", "person_ref": "P1", "indicator": "TF5.1",
             "observed_on": "2026-03-03", "source": "police"},
            {"evidence_ref": "E2", "family_ref": "F1", "indicator": "TF2.1", "observed_on": "2026-03-04"},
        ],
        "engagements": [{"family_ref": "F1", "started_on": "2026-02-01", "intervention": "intensive"}],
        "notices": [
            {"notice_ref": "N1", "version": "PN1", "family_ref": "F1", "issued_on": "2026-01-10", "channel": "letter"},
        ],
        "consents": [
            {"consent_ref": "C1", "person_ref": "P1", "version": "PN1", "given_on": "2026-01-11", "given_by": "self"},
        ],
        "objections": [
            {"objection_ref": "O1", "person_ref": "P1", "made_by": "self", "received_at": "2026-05-01T10:00:00+01:00",
             "datasets": "NPD;PNC"},
            {"objection_ref": "O2", "made_by": "self", "received_at": "2026-05-01T10:00:00Z"},
        ],
        "protections": [{"person_ref": "P3", "kind": "refuge", "from_on": "2026-01-01"}],
    }  # fmt: skip


def write(directory: Path, files: dict[str, list[Row]]) -> Path:
    """A csv file for each name, with every column; what a row does not have is empty."""
    directory.mkdir(exist_ok=True)
    for name, rows in files.items():
        with (directory / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, COLUMNS[name], restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return directory


def load(directory: Path, files: dict[str, list[Row]] | None = None, *, dry_run: bool = False) -> LoadReport:
    """Write the files, if any are given, and load the directory as the machine's duty."""
    if files is not None:
        write(directory, files)
    return load_directory(directory, by=duty("load"), at=AT, dry_run=dry_run)


def load_bytes(directory: Path, name: str, content: bytes) -> LoadReport:
    """Load one csv file of exactly these bytes."""
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.csv").write_bytes(content)
    return load(directory)


def told(report: LoadReport) -> list[tuple[str, int, str, str, str]]:
    """The errors without their sentences."""
    return [(error.file, error.line, error.column, error.code, error.value) for error in report.errors]
