"""Promise 1: only identifying details of eligible families go, and only those named."""

from datetime import datetime

from django.db.models import Count, Q
from django.urls import reverse

from cohorts.models import Agreement, Decision
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import what_left
from connecting_families.governance.promises.shown import Shown, counted, named
from transfers.models import Submission
from transfers.rules import extract
from transfers.rules.lifecycle import Stage

WHO = "who a person is: names, day of birth, sex, address, and numbers by which services know them"
WORK = "whether and when a family was supported, and with which problems: what the study compares"
DRAWN = "a reference drawn at random, which says nothing of anybody"
ASKED = "what a person agreed may be matched"

#: What the notice tells families of each column that may leave. A column that is not here was promised to nobody.
TOLD = (
    dict.fromkeys(
        ("given_name", "middle_names", "family_name", "previous_family_names", "date_of_birth", "sex", "address_line_1",
         "address_line_2", "address_line_3", "address_line_4", "address_line_5", "postcode", "nino", "nhs_number",
         "upn", "uln"),
        WHO,
    )
    | dict.fromkeys(("submission_person_ref", "submission_family_ref"), DRAWN)
    | dict.fromkeys(("la_code", "group", "programme_start", "programme_end", "relationship",
                     "TF1", "TF2", "TF3", "TF4", "TF5", "TF6"), WORK)
    | dict.fromkeys(("linkage_scope", "withdrawn_on"), ASKED)
)  # fmt: skip


def check(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """What the program could send and the notice does not tell; what was sealed beyond an agreement, or of others."""
    untold = [name for file in extract.EXTRACTS for name in file.columns if name not in TOLD]
    reasons = [
        Why("COLUMN_NOT_IN_NOTICE", f"The program could send {name}, of which the notice tells nothing.")
        for name in dict.fromkeys(untold)
    ]
    known = {name for file in extract.EXTRACTS for name in file.columns}
    for agreement in Agreement.objects.order_by("reference"):
        if more := [name for name in agreement.fields if name not in known]:
            sentence = f"The agreement {agreement} lists fields that never leave: {', '.join(more)}."
            reasons.append(Why("AGREEMENT_LISTS_UNKNOWN_FIELD", sentence))
    for row in what_left.sealed():
        reasons += _columns(row)
        # Who was in what was destroyed is not on file any more, and that is right.
        if row.stage != Stage.DESTROYED.name:
            reasons += _people(row)
    return reasons


def _columns(row: Submission) -> list[Why]:
    """Columns of what was sealed that its agreement, or the notice, does not have."""
    core = {column.name for file in extract.EXTRACTS for column in file.core}
    agreed = core | set(row.round.agreement.fields)
    reasons = []
    for file, sent in what_left.columns(row).items():
        if more := [name for name in sent if name not in agreed]:
            sentence = f"{row} has columns in {file} that its agreement does not list: {', '.join(more)}."
            reasons.append(Why("COLUMN_NOT_AGREED", sentence))
        if more := [name for name in sent if name not in TOLD]:
            sentence = f"{row} has columns in {file} of which the notice tells nothing: {', '.join(more)}."
            reasons.append(Why("SENT_COLUMN_NOT_IN_NOTICE", sentence))
    return reasons


def _people(row: Submission) -> list[Why]:
    """Whether exactly those were sealed whom the rules included, each of them without a reason against it."""
    included = Decision.objects.filter(cohort_id=row.cohort_id, included=True).aggregate(
        rows=Count("person_ref"), persons=Count("person_id", distinct=True),
        against=Count("person_ref", filter=~Q(reasons="")),
    )  # fmt: skip
    reasons = []
    if included["against"]:
        sentence = f"{row} has {counted(included['against'], 'row')} of people against whom a reason stood."
        reasons.append(Why("EXCLUDED_WAS_SENT", sentence))
    rows = {name: sum(each["rows"] for each in row.sealed_files if each["name"].startswith(f"{row}-{name}"))
            for name in what_left.FILES}  # fmt: skip
    if (rows["identifiers"], rows["programme"]) != (included["persons"], included["rows"]):
        sentence = (
            f"{row} was sealed with {rows['identifiers']:,} and {rows['programme']:,} rows; the rules included"
            f" {included['persons']:,} people in {included['rows']:,} places."
        )
        reasons.append(Why("NOT_WHO_WAS_INCLUDED", sentence))
    return reasons


def evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """The whitelist, and what each sealed submission holds."""
    shown = [
        Shown(f"Columns that can be in {file.name}", ", ".join(file.columns))
        for file in (extract.IDENTIFIERS, extract.PROGRAMME)
    ]
    rows = list(what_left.sealed())
    for row in rows[:3]:
        sent = "; ".join(f"{file}: {', '.join(names)}" for file, names in what_left.columns(row).items())
        shown.append(Shown(f"Sealed in {row}", sent, reverse("submission", args=[row.name])))
    return [*shown, Shown("Submissions that were sealed", named(rows), reverse("submissions"))]
