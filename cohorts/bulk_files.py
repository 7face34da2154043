"""The bulk files: which there are, and what each column holds (spec/data.md, "Bulk files").

Kinds, lengths and accepted values come from the models, so that a file accepts what a record can hold. The order of
FILES is the order of loading: a row names records of files before its own (in people.csv also of its own).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import models

from cohorts import frameworks
from cohorts.models import (
    Address,
    Agreement,
    Consent,
    Dataset,
    Engagement,
    Evidence,
    Family,
    Membership,
    Notice,
    NoticeVersion,
    Objection,
    Person,
    Protection,
)


class Kind(Enum):
    """How a value is read; the value completes "this is not …"."""

    TEXT = "text"
    DATE = "a date that exists, written as 2026-09-30"
    INSTANT = "an instant with its offset from UTC, written as 2026-09-30T14:05:00+01:00"
    BOOLEAN = "true or false, in small letters"
    CODES = "a list of codes, separated by semicolons"
    RECORD = "the reference of a record"


class Accepted(NamedTuple):
    """The values that a column accepts, as they are today; `unknown` is the code of the error for any other."""

    values: Callable[[], Iterable[str]]
    unknown: str = "NOT_ACCEPTED"


class Column(NamedTuple):
    """A column of a file, and the field of the record that it fills."""

    name: str
    field: str
    attribute: str
    kind: Kind
    required: bool
    longest: int
    accepted: Accepted | None
    refers_to: type[models.Model] | None

    @property
    def value(self) -> str:
        """The name of the value as read, beside the text of the file (checking.py)."""
        return self.name if self.kind is Kind.TEXT else f"{self.name}_value"


class Rule(NamedTuple):
    """What must not hold in one row: a condition in SQL over the columns of the file and their values as read."""

    code: str
    column: str
    broken: str
    message: str


@dataclass(frozen=True)
class BulkFile:
    """A bulk file: each row is a record, told apart by the columns of `key`."""

    name: str
    model: type[models.Model]
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    rules: tuple[Rule, ...]

    @property
    def file_name(self) -> str:
        """The name as a csv file."""
        return f"{self.name}.csv"

    @property
    def label(self) -> str:
        """The model, as the trail names it."""
        return self.model._meta.label_lower

    @property
    def key_may_repeat(self) -> bool:
        """Whether rows of one key are records of their own (a reference is unique; a day is not)."""
        return len(self.key) > 1

    @property
    def names(self) -> set[type[models.Model]]:
        """The models whose records a row names, those of this same file left out."""
        return {column.refers_to for column in self.columns if column.refers_to} - {self.model}

    @property
    def own_reference(self) -> Column | None:
        """The column that names records of this same file: merged_into in people.csv."""
        return next((column for column in self.columns if column.refers_to is self.model), None)


def _column(model: type[models.Model], name: str, field: Any) -> Column:
    """The column that fills this field of the model."""
    kind, longest, accepted, refers_to = Kind.TEXT, 0, None, None
    match field:
        case models.ForeignKey():
            kind, refers_to = Kind.RECORD, field.related_model
        case models.DateTimeField():
            kind = Kind.INSTANT
        case models.DateField():
            kind = Kind.DATE
        case models.BooleanField():
            kind = Kind.BOOLEAN
        case ArrayField():
            kind, longest = Kind.CODES, field.base_field.max_length or 0
        case models.CharField():
            longest = field.max_length or 0
            if field.choices:
                accepted = Accepted(dict(field.flatchoices).keys)
        case _:
            raise TypeError(f"No bulk file fills {model._meta.label}.{field.name}.")
    required = not field.blank and not field.has_default()
    return Column(name, field.name, field.column, kind, required, longest, accepted, refers_to)


def _file(
    name: str,
    model: type[models.Model],
    columns: str,
    *,
    key: str,
    required: str = "",
    accepted: dict[str, Accepted] | None = None,
    rules: tuple[Rule, ...] = (),
) -> BulkFile:
    """A file by its columns in order; `column=field` where the model has another name for it."""
    made = {}
    for pair in columns.split():
        column, _, field = pair.partition("=")
        made[column] = _column(model, column, model._meta.get_field(field or column))
        if column in required.split():
            made[column] = made[column]._replace(required=True)
        if accepted and column in accepted:
            made[column] = made[column]._replace(accepted=accepted[column])
    return BulkFile(name, model, tuple(made.values()), tuple(made[part] for part in key.split()), rules)


def _register() -> Iterable[str]:
    return Dataset.objects.order_by("id").values_list("code", flat=True)


DATASETS = {"datasets": Accepted(_register, "UNKNOWN_REFERENCE")}
INDICATORS = {"indicator": Accepted(lambda: sorted(frameworks.indicator_codes()))}

FILES = (
    _file(
        "notice_versions",
        NoticeVersion,
        "version published_on basis datasets recipients",
        key="version",
        accepted=DATASETS,
        rules=(
            Rule(
                "ISSUED",
                "version",
                """EXISTS (
                    SELECT FROM cohorts_noticeversion held
                    WHERE held.id = held_id AND ROW(held.published_on, held.basis, held.datasets, held.recipients)
                    IS DISTINCT FROM ROW(published_on_value, file_records.basis, datasets_value, recipients_value)
                    AND (EXISTS (SELECT FROM cohorts_notice given WHERE given.version_id = held.id)
                        OR EXISTS (SELECT FROM cohorts_consent agreed WHERE agreed.version_id = held.id))
                )""",
                "This version was given to people: what they were told stays as it is. Load a new version.",
            ),
        ),
    ),
    _file(
        "agreements",
        Agreement,
        "reference parties purpose in_force_from in_force_to fields datasets recipients legal_reference",
        key="reference",
        required="purpose",
        accepted=DATASETS,
        rules=(
            # Which fields exist is known to the app that sends them, not here.
            Rule(
                "NOT_ACCEPTED",
                "fields",
                "array_to_string(fields_value, '') !~ '^[A-Za-z0-9_]*$'",
                "The name of a field has letters, digits and underscores alone.",
            ),
        ),
    ),
    _file("families", Family, "family_ref=reference team flagged_on flagged_by lifted_on", key="family_ref"),
    _file(
        "people",
        Person,
        "person_ref=reference given_name middle_names family_name previous_family_names date_of_birth"
        " dob_missing_reason sex date_of_death nino nhs_number upn uln in_education merged_into",
        key="person_ref",
        rules=(
            Rule(
                "MERGED_INTO_ITSELF",
                "merged_into",
                "merged_into <> '' AND merged_into = person_ref",
                "A record is merged into another one, never into itself.",
            ),
            Rule(
                "MERGED_OTHERWISE",
                "merged_into",
                """held_id IN (SELECT id FROM cohorts_person WHERE merged_into_id IS NOT NULL) AND EXISTS (
                    SELECT FROM cohorts_person held JOIN cohorts_person kept ON kept.id = held.merged_into_id
                    WHERE held.id = held_id AND kept.reference <> file_records.merged_into
                )""",
                "This record counts as another one on file. No file undoes a merge, since the objections of both are"
                " left with both: undo it on the page of merged records first.",
            ),
        ),
    ),
    _file(
        "memberships",
        Membership,
        "family_ref=family person_ref=person joined_on left_on relationship lives_in_household parental_responsibility",
        key="family_ref person_ref joined_on",
    ),
    _file(
        "addresses",
        Address,
        "person_ref=person line_1 line_2 line_3 line_4 line_5 postcode uprn from_on to_on",
        key="person_ref from_on",
    ),
    _file(
        "evidence",
        Evidence,
        "evidence_ref=reference family_ref=family person_ref=person indicator observed_on source recorded_by"
        " in_error_at",
        key="evidence_ref",
        accepted=INDICATORS,
    ),
    _file("engagements", Engagement, "family_ref=family started_on ended_on intervention", key="family_ref started_on"),
    _file(
        "notices",
        Notice,
        "notice_ref=reference version family_ref=family person_ref=person issued_on channel issued_by",
        key="notice_ref",
        rules=(
            Rule(
                "ONE_OF_PERSON_AND_FAMILY",
                "person_ref",
                "(person_ref = '') = (family_ref = '')",
                "A notice is issued to a person or to a family: fill exactly one of person_ref and family_ref.",
            ),
        ),
    ),
    _file(
        "consents",
        Consent,
        "consent_ref=reference person_ref=person version given_on given_by datasets withdrawn_at",
        key="consent_ref",
        accepted=DATASETS,
    ),
    _file(
        "objections",
        Objection,
        "objection_ref=reference person_ref=person family_ref=family made_by channel received_at datasets lifted_at"
        " refused_at refusal_reason refusal_reference told_on",
        key="objection_ref",
        accepted=DATASETS,
        rules=(
            Rule(
                "ONE_OF_PERSON_AND_FAMILY",
                "person_ref",
                "person_ref <> '' AND family_ref <> ''",
                "An objection is for a person or for a family: fill one of person_ref and family_ref"
                " (neither: not yet found on file).",
            ),
            *(
                Rule(
                    "REFUSAL_INCOMPLETE",
                    column,
                    f"refused_at <> '' AND {column} = ''",
                    "An objection is refused with a reason, a legal reference and the day on which the person was"
                    " told: fill refusal_reason, refusal_reference and told_on.",
                )
                for column in ("refusal_reason", "refusal_reference", "told_on")
            ),
        ),
    ),
    _file("protections", Protection, "person_ref=person kind from_on to_on", key="person_ref kind from_on"),
)


def file_of(model: type[models.Model]) -> BulkFile:
    """The file whose rows are records of this model."""
    return next(file for file in FILES if file.model is model)
