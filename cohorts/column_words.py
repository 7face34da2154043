"""The columns of the bulk files in words: what each is for, and what it accepts, from the list that reads them."""

from collections.abc import Iterator
from typing import NamedTuple

from cohorts.bulk_files import FILES, BulkFile, Column, Kind, file_of

# By column, where it means the same in every file; by file and column, where it does not. A test holds them complete.
MEANS = {
    "family_ref": "The family, by its reference in the case system",
    "person_ref": "The person, by their reference in the case system",
    "version": "The version of the privacy notice",
    "datasets": "The national datasets it is about; empty means all of them",
    "recipients": "Who receives data",
    "families.family_ref": "The family's own reference in the case system; one row for each",
    "families.team": "The Early Help team that supports the family",
    "families.flagged_on": "The day from which the family carries the flag",
    "families.flagged_by": "The user name of who flagged it",
    "families.lifted_on": "The day on which the flag was lifted; empty while it stands",
    "people.person_ref": "The person's own reference in the case system; one row for each",
    "people.given_name": "Given name, exactly as the person has it",
    "people.middle_names": "Middle names, separated by spaces",
    "people.family_name": "Family name, exactly as the person has it",
    "people.previous_family_names": "Family names that they had before",
    "people.date_of_birth": "Date of birth",
    "people.dob_missing_reason": "Why the date of birth is not known, where it is empty",
    "people.sex": "Sex: 0 not known, 1 male, 2 female, 9 not specified",
    "people.date_of_death": "Date of death; empty for the living",
    "people.nino": "National Insurance number",
    "people.nhs_number": "NHS number",
    "people.upn": "Unique pupil number",
    "people.uln": "Unique learner number",
    "people.in_education": "For those aged 16 to 18: in education or training, unemployed, or neither",
    "people.merged_into": "The person whom this record repeats, where it is a duplicate; what was decided here of two"
    " records stands, whatever a file says",
    "memberships.joined_on": "The day from which the person belongs to the family",
    "memberships.left_on": "The first day on which they no longer do; empty while they do",
    "memberships.relationship": "What the person is in the family",
    "memberships.lives_in_household": "Whether they live with the family",
    "memberships.parental_responsibility": "Whether they have parental responsibility",
    "addresses.line_1": "First line of the address",
    "addresses.line_2": "Second line of the address",
    "addresses.line_3": "Third line of the address",
    "addresses.line_4": "Fourth line of the address",
    "addresses.line_5": "Fifth line of the address",
    "addresses.postcode": "Postcode",
    "addresses.uprn": "Unique property reference number",
    "addresses.from_on": "The day from which the person lived there",
    "addresses.to_on": "The first day on which they no longer did; empty while they do",
    "evidence.evidence_ref": "The reference of this evidence in the case system; one row for each",
    "evidence.person_ref": "The person it is about; empty where it is about the family",
    "evidence.indicator": "The indicator of a framework that was observed, for example TF5.1",
    "evidence.observed_on": "The day on which it was observed",
    "evidence.source": "Where it is known from, for example police or school",
    "evidence.recorded_by": "The user name of who recorded it",
    "evidence.in_error_at": "When it was marked as recorded in error; empty while it counts",
    "engagements.started_on": "The day on which work with the family began",
    "engagements.ended_on": "The first day on which it had ended; empty while it goes on",
    "engagements.intervention": "What was done with the family",
    "notices.notice_ref": "The reference of this notice in the case system; one row for each",
    "notices.family_ref": "The family to which it was given, where it was not to one person",
    "notices.person_ref": "The person to whom it was given, where it was not to the family",
    "notices.issued_on": "The day on which it was given",
    "notices.channel": "How it was given",
    "notices.issued_by": "The user name of who gave it",
    "consents.consent_ref": "The reference of this consent in the case system; one row for each",
    "consents.given_on": "The day on which it was given",
    "consents.given_by": "Who gave it",
    "consents.withdrawn_at": "When it was withdrawn; empty while it stands",
    "objections.objection_ref": "The reference of this objection in the case system; one row for each",
    "objections.person_ref": "The person for whom it is made; with no family either, somebody not yet found on file",
    "objections.family_ref": "The family for which it is made, where it is for all of it",
    "objections.made_by": "Who objects",
    "objections.channel": "How it came",
    "objections.received_at": "When the council had it",
    "objections.lifted_at": "When it was lifted; empty while it stands",
    "objections.refused_at": "When information governance refused it; empty where it did not",
    "objections.refusal_reason": "Why it was refused",
    "objections.refusal_reference": "The law under which it was refused",
    "objections.told_on": "The day on which the person was told of the refusal",
    "protections.kind": "What protects the person",
    "protections.from_on": "The day from which the mark stands",
    "protections.to_on": "The first day on which it no longer does; empty while it stands",
    "notice_versions.version": "The version's own name; one row for each",
    "notice_versions.published_on": "The day on which it was published",
    "notice_versions.basis": "The lawful basis that it names",
    "agreements.reference": "The agreement's own reference; one row for each",
    "agreements.parties": "Who agreed",
    "agreements.purpose": "What the data may be used for; nothing is sent for anything but research",
    "agreements.in_force_from": "The day from which it is in force",
    "agreements.in_force_to": "The first day on which it no longer is; empty where it has no end",
    "agreements.fields": "Fields that may be sent beside the core ones; empty means the core ones alone",
    "agreements.datasets": "The national datasets that it covers",
    "agreements.legal_reference": "The law on which it rests",
}


class Explained(NamedTuple):
    """A column as people read of it."""

    name: str
    means: str
    accepts: str
    required: bool


def explained(file: BulkFile) -> Iterator[Explained]:
    """Every column of a file, in its order."""
    for column in file.columns:
        means = MEANS.get(f"{file.name}.{column.name}") or MEANS[column.name]
        yield Explained(column.name, means, _accepts(column), column.required)


def _accepts(column: Column) -> str:
    values = list(column.accepted.values()) if column.accepted else []
    listed = ", ".join(values)
    match column.kind:
        case Kind.RECORD if column.refers_to:
            return f"A reference of {file_of(column.refers_to).file_name}, or of a record on file"
        case Kind.CODES:
            only = f": {listed}" if values else f", of at most {column.longest} characters each"
            return f"A list of codes, separated by semicolons{only}"
        case Kind.TEXT if values:
            return f"One of: {listed}"
        case Kind.TEXT:
            return f"Text of at most {column.longest} characters"
        case _:
            words: str = column.kind.value
            return words[0].upper() + words[1:]


def unused() -> set[str]:
    """What is explained and is no column (any more)."""
    there = {name for file in FILES for column in file.columns for name in (f"{file.name}.{column.name}", column.name)}
    return MEANS.keys() - there
