"""Collection rounds, and the cohorts that runs of the rules freeze."""

from typing import Any, NamedTuple

import pgtrigger
from django.db import models

from cohorts.models import fields
from cohorts.models.reference import Agreement
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import Refusal, frozen

FUNCTION_BODY = """
BEGIN
    -- Whoever finishes the cohort at this moment is waited for. The schema is named: no other table may stand in.
    IF TG_OP = 'DELETE' THEN
        PERFORM FROM public.cohorts_cohort WHERE id = OLD.cohort_id AND state <> 'FINISHED' FOR SHARE;
        IF FOUND THEN
            RETURN OLD;
        END IF;
        -- What was sent of it was destroyed: the database let that be noted after two people had confirmed it.
        IF EXISTS (SELECT FROM public.cohorts_forgotten WHERE cohort_id = OLD.cohort_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
"""


class RefusalOfFinished(Refusal):
    """Refuses every change, and to delete what was written for a finished cohort that is not forgotten."""

    body = FUNCTION_BODY

    def render_execute(self, model: models.Model) -> str:  # noqa: ARG002 - pgtrigger's signature
        """The call of the function (cohorts migrations 0014 and 0018)."""
        return f"cohorts_refuse_change_of_frozen_row('{self.what}')"


OF_ERASED = """
    -- The value that was found goes with the person, where two people have erased them; nothing else of it changes.
    IF TG_OP = 'UPDATE' THEN
        IF NEW.value = '' AND to_jsonb(NEW) - 'value' = to_jsonb(OLD) - 'value' AND EXISTS (
            SELECT FROM public.cohorts_erasure e WHERE e.state = 'DONE' AND OLD.person_ref = ANY (e.records)
        ) THEN
            RETURN NEW;
        END IF;
    END IF;"""


class RefusalOfFinding(RefusalOfFinished):
    """The same, but for one change: the value goes that was found of somebody who is erased (cohorts/erasure.py)."""

    body = FUNCTION_BODY.replace("\nBEGIN", f"\nBEGIN{OF_ERASED}", 1)

    def render_execute(self, model: models.Model) -> str:  # noqa: ARG002 - pgtrigger's signature
        """The call of the function (cohorts migration 0019)."""
        return f"cohorts_refuse_change_of_finding('{self.what}')"


def frozen_when_finished(what: str) -> list[pgtrigger.Trigger]:
    """Triggers as of `frozen`, which let the rows of a run that was not finished be discarded."""
    return [
        RefusalOfFinished(what, name="frozen", operation=pgtrigger.Update | pgtrigger.Delete),
        *frozen(what)[1:],
    ]


class OfFinished(models.Manager[Any]):
    """Rows of finished cohorts: those that a run is still writing are nobody's outcome yet."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Without what runs that go on, or were broken off, have written."""
        return super().get_queryset().filter(cohort__state=Cohort.FINISHED)


class Settings(NamedTuple):
    """What a change of the rules may change of what a round asks; whatever else it asks is the round itself."""

    framework_version: str
    datasets: tuple[str, ...]
    notice_days: int
    scope: str


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

    @property
    def settings(self) -> Settings:
        """What is in force for the cohorts that are asked for from now on."""
        return Settings(self.framework_version, tuple(self.datasets), self.notice_days, self.scope)


@audited(
    recordable="id round run_at state requested_at requested_by correlation started_at finished_at rule_set"
    " framework_version datasets notice_days scope digest candidates included families primary_reasons findings groups"
    " seconds failure matchability"
)
class Cohort(models.Model):
    """One run of the rules over everyone on file. Once finished it never changes (a trigger holds that).

    What its round asked when it was asked for is kept here: a round may ask something else later.
    """

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
    framework_version = models.CharField(max_length=20)
    datasets = fields.codes(help_text="In the round's order.")
    notice_days = models.PositiveSmallIntegerField()
    scope = models.CharField(max_length=20, choices=Round.SCOPES)
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

    @property
    def settings(self) -> Settings:
        """What it was judged by, whatever its round asks by now."""
        return Settings(self.framework_version, tuple(self.datasets), self.notice_days, self.scope)


class Run(models.Model):
    """A run while it goes on: since when, and on which snapshot of the records. Gone when it ends."""

    cohort = models.OneToOneField(Cohort, on_delete=models.PROTECT, primary_key=True, related_name="run")
    started_at = models.DateTimeField()
    snapshot = models.CharField(max_length=100, blank=True)
    rule_set = models.CharField(
        max_length=20, blank=True, db_default="", help_text="By whose rules it goes: others do not help."
    )

    def __str__(self) -> str:
        return f"{self.cohort_id}"


class Shard(models.Model):
    """Some families of a run that follow each other, decided in one transaction; and what was counted of them."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shards")
    number = models.PositiveIntegerField()
    first = models.CharField(max_length=60, db_collation="C", help_text="The reference from which on.")
    until = models.CharField(max_length=60, db_collation="C", help_text="The next shard's; empty: to the end.")
    done = models.BooleanField(default=False)
    families = models.PositiveIntegerField(default=0, help_text="Families with a candidate.")
    counted = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_shard")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


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

    objects = OfFinished()

    class Meta:
        triggers = frozen_when_finished("A decision")

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

    objects = OfFinished()

    class Meta:
        indexes = [
            models.Index(fields=["cohort", "code", "family_ref", "person_ref"]),
            models.Index(fields=["cohort", "family_ref", "person_ref"], name="findings_by_family"),
        ]
        triggers = [
            RefusalOfFinding("A finding", name="frozen", operation=pgtrigger.Update | pgtrigger.Delete),
            *frozen("A finding")[1:],
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.person_ref}"
