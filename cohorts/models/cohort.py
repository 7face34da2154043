"""Collection rounds, and the cohorts that runs of the rules freeze."""

import pgtrigger
from django.db import models

from cohorts.models import fields
from cohorts.models.reference import Agreement
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import frozen


@audited(
    recordable="id code cut_off framework framework_version datasets recipients agreement notice_days scope opened_at"
    " opened_by"
)
class Round(models.Model):
    """A collection round: what is asked of every family, and as at which day."""

    SCOPES = {"honoured": "The recipient honours scope", "all-or-nothing": "All datasets, or none"}

    code = fields.reference()
    cut_off = models.DateField(help_text="The whole day is included.")
    framework = models.CharField(max_length=20)
    framework_version = models.CharField(max_length=20)
    datasets = fields.codes(help_text="In the round's order.")
    recipients = fields.codes()
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="rounds")
    notice_days = models.PositiveSmallIntegerField(default=28)
    scope = models.CharField(max_length=20, choices=SCOPES, default="honoured")
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return self.code


@audited(
    recordable="id round run_at state requested_at requested_by correlation started_at finished_at rule_set"
    " framework_version digest candidates included families primary_reasons findings groups seconds failure"
    " matchability"
)
class Cohort(models.Model):
    """One run of the rules over everyone on file. Once finished it never changes (a trigger holds that)."""

    REQUESTED, FINISHED, FAILED = "REQUESTED", "FINISHED", "FAILED"
    STATES = {REQUESTED: "Being assembled", FINISHED: "Finished", FAILED: "Failed"}

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="cohorts")
    run_at = models.DateTimeField(help_text="The moment to which the dates of permission are compared.")
    state = models.CharField(max_length=20, choices=STATES, default=REQUESTED)
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=150)
    correlation = models.CharField(max_length=32)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rule_set = models.CharField(max_length=20, blank=True)
    framework_version = models.CharField(max_length=20, blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the decisions in canonical form.")
    candidates = models.PositiveIntegerField(default=0)
    included = models.PositiveIntegerField(default=0)
    families = models.PositiveIntegerField(default=0, help_text="Families with a candidate.")
    primary_reasons = models.JSONField(default=dict, blank=True)
    groups = models.JSONField(default=dict, blank=True)
    findings = models.JSONField(default=dict, blank=True, help_text="How many findings of each code.")
    matchability = models.JSONField(default=list, blank=True, help_text="Of each dataset (rules/matchability.py).")
    seconds = models.FloatField(default=0)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        triggers = frozen("A finished cohort", condition=pgtrigger.Q(old__state="FINISHED"))

    def __str__(self) -> str:
        return f"{self.pk}"


class Decision(models.Model):
    """One candidate is in or out, with all the reasons; kept by value, whatever becomes of the records."""

    pk = models.CompositePrimaryKey("cohort_id", "family_ref", "person_ref")
    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="decisions"
    )
    family_ref = fields.reference(unique=False)
    person_ref = fields.reference(unique=False)
    family_id = models.BigIntegerField()
    person_id = models.BigIntegerField(db_index=True)
    included = models.BooleanField()
    reasons = models.TextField(blank=True, help_text="Codes joined by a semicolon, the primary one first.")
    group = models.CharField(max_length=10, blank=True)
    programme_start = models.DateField(null=True)
    programme_end = models.DateField(null=True)
    linkage_scope = models.TextField(blank=True, help_text="Dataset codes joined by a semicolon.")
    address_id = models.BigIntegerField(null=True, help_text="The address that stood on the cut-off.")
    relationship = models.CharField(max_length=20, blank=True, db_default="")
    problems = models.TextField(blank=True, db_default="", help_text="Headline problems evidenced, by semicolon.")
    facts_digest = models.CharField(max_length=32, help_text="Over the facts of the family that the rules read.")

    class Meta:
        triggers = frozen("A decision")

    def __str__(self) -> str:
        return f"{self.cohort_id}/{self.family_ref}/{self.person_ref}"


class Finding(models.Model):
    """Something is wrong with a record of a candidate (spec/data.md), as the run found it."""

    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="finding_rows"
    )
    code = models.CharField(max_length=10)
    severity = models.CharField(max_length=10)
    family_ref = fields.reference(unique=False)
    person_ref = fields.reference(unique=False)
    field = models.CharField(max_length=40, blank=True)
    value = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["cohort", "code", "family_ref", "person_ref"]),
            models.Index(fields=["cohort", "family_ref", "person_ref"], name="findings_by_family"),
        ]
        triggers = frozen("A finding")

    def __str__(self) -> str:
        return f"{self.code} {self.person_ref}"
