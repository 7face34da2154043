"""The bulk files of spec/data.md: their columns, and how rows become files."""

import csv
from pathlib import Path

Row = dict[str, str]
Files = dict[str, list[Row]]

COLUMNS = {
    file: columns.split()
    for file, columns in {
        "notice_versions": "version published_on basis datasets recipients",
        "agreements": "reference parties purpose in_force_from in_force_to fields datasets recipients legal_reference",
        "families": "family_ref team flagged_on flagged_by lifted_on",
        "people": "person_ref given_name middle_names family_name previous_family_names date_of_birth"
        " dob_missing_reason sex date_of_death nino nhs_number upn uln in_education merged_into",
        "memberships": "family_ref person_ref joined_on left_on relationship lives_in_household"
        " parental_responsibility",
        "addresses": "person_ref line_1 line_2 line_3 line_4 line_5 postcode uprn from_on to_on",
        "evidence": "evidence_ref family_ref person_ref indicator observed_on source recorded_by in_error_at",
        "engagements": "family_ref started_on ended_on intervention",
        "notices": "notice_ref version family_ref person_ref issued_on channel issued_by",
        "consents": "consent_ref person_ref version given_on given_by datasets withdrawn_at",
        "objections": "objection_ref person_ref family_ref made_by channel received_at datasets lifted_at refused_at"
        " refusal_reason refusal_reference told_on",
        "protections": "person_ref kind from_on to_on",
    }.items()
}


def write(files: Files, directory: Path) -> None:
    """One CSV file for each name, with every column; a field that a row does not have is unknown (empty)."""
    directory.mkdir(parents=True, exist_ok=True)
    for file, columns in COLUMNS.items():
        with (directory / f"{file}.csv").open("w", newline="", encoding="utf-8") as out:
            rows = csv.DictWriter(out, columns, restval="", lineterminator="\n")
            rows.writeheader()
            rows.writerows(files.get(file, ()))
