"""Promise 3: matched only with the datasets of the departments that are listed."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.urls import reverse

from cohorts.models import Dataset, Decision, NoticeVersion, Round
from cohorts.rules.clocks import days_before
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import what_left
from connecting_families.governance.promises.shown import Shown, counted, named
from transfers.models import Submission

# Everybody who was told in time of all that was to be matched: they themselves, or a family while they were in it.
NOT_TOLD = """
    WITH survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
    issued AS (SELECT * FROM cohorts_notice WHERE version_id = ANY (%(versions)s) AND issued_on <= %(last)s),
    told AS (
        SELECT person_id AS id FROM issued WHERE person_id IS NOT NULL
        UNION
        SELECT m.person_id FROM issued n JOIN cohorts_membership m ON m.family_id = n.family_id
        WHERE m.joined_on <= n.issued_on AND (m.left_on IS NULL OR m.left_on > n.issued_on)
    ),
    people AS (
        SELECT DISTINCT coalesce(s.survivor_id, told.id) AS id FROM told LEFT JOIN survivor s ON s.person_id = told.id
    )
    SELECT count(DISTINCT d.person_id) FROM cohorts_decision d LEFT JOIN survivor s ON s.person_id = d.person_id
    LEFT JOIN people ON people.id = coalesce(s.survivor_id, d.person_id)
    WHERE d.cohort_id = %(cohort)s AND d.included AND people.id IS NULL
"""
EVENTS = ("DATASET_ENTERED", "DATASET_CHANGED", "DATASET_ENABLED", "DATASET_DISABLED", "DATASET_TAKEN_OUT")


def check(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """Datasets of a round, or of what was sealed, that the agreement, the register or the notice does not have."""
    register = {row.code: row for row in Dataset.objects.all()}
    reasons = []
    for row in Round.objects.select_related("agreement").order_by("pk"):
        if more := [code for code in row.datasets if code not in row.agreement.datasets]:
            sentence = f"The round {row} names datasets that its agreement does not list: {', '.join(more)}."
            reasons.append(Why("ROUND_DATASET_NOT_AGREED", sentence))
        if more := [code for code in row.datasets if not _in_register(register.get(code), row)]:
            sentence = f"The round {row} names datasets not in the register on its cut-off: {', '.join(more)}."
            reasons.append(Why("DATASET_NOT_IN_REGISTER", sentence))
    for sealed in what_left.sealed():
        reasons += _of(sealed)
    return reasons


def _in_register(dataset: Dataset | None, row: Round) -> bool:
    return (
        dataset is not None
        and dataset.in_register_from <= row.cut_off
        and (dataset.in_register_to is None or dataset.in_register_to > row.cut_off)
    )


def _of(row: Submission) -> list[Why]:
    """Of one that was sealed: its cohort's datasets, everybody's scope, and whether everybody was told of them."""
    reasons = []
    if more := [code for code in row.cohort.datasets if code not in row.round.agreement.datasets]:
        sentence = f"{row} is to be matched with datasets that its agreement does not list: {', '.join(more)}."
        reasons.append(Why("DATASET_NOT_AGREED", sentence))
    scopes = Decision.objects.filter(cohort_id=row.cohort_id, included=True).values_list("linkage_scope", flat=True)
    reached = {code for scope in scopes.distinct() for code in scope.split(";")}
    if more := sorted(reached - set(row.cohort.datasets)):
        sentence = f"{row} has people whose scope goes beyond its cohort's datasets: {', '.join(more)}."
        reasons.append(Why("SCOPE_BEYOND_COHORT", sentence))
    if missing := _not_told(row):
        sentence = f"{row} has {counted(missing, 'person', 'people')} not told in time of every dataset and recipient."
        reasons.append(Why("NOT_TOLD", sentence))
    return reasons


def _not_told(row: Submission) -> int:
    versions = [
        version.pk
        for version in NoticeVersion.objects.all()
        if set(row.round.recipients) <= set(version.recipients)
        and (not version.datasets or set(row.cohort.datasets) <= set(version.datasets))
    ]
    last = days_before(row.round.cut_off, row.cohort.notice_days)
    with connection.cursor() as cursor:
        cursor.execute(NOT_TOLD, {"versions": versions, "last": last, "cohort": row.cohort_id})
        (missing,) = cursor.fetchone()
    return int(missing)


def evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """The register, and what each sealed submission is matched with."""
    used = Dataset.objects.filter(enabled=True).order_by("pk").values_list("code", flat=True)
    versions = NoticeVersion.objects.order_by("-published_on", "-pk")
    shown = [
        Shown("Datasets in use", ", ".join(used) or "None", reverse("datasets")),
        Shown("Changes of the register on the trail", f"{Entry.objects.filter(event__in=EVENTS).count():,}",
              reverse("datasets")),
        Shown("What the notice tells of", _told(versions[:5]), reverse("notice_versions")),
    ]  # fmt: skip
    rows = list(what_left.sealed())
    return shown + [
        Shown(f"Matched with, of {row}", f"{', '.join(row.cohort.datasets)}; the agreement {row.round.agreement} lists"
              f" {named(row.round.agreement.datasets)}", reverse("agreement", args=[row.round.agreement_id]))
        for row in rows[:3]
    ]  # fmt: skip


def _told(versions: Iterable[NoticeVersion]) -> str:
    return "; ".join(f"{row}: {', '.join(row.datasets) or 'all'}" for row in versions) or "There is no version"
