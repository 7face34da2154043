"""Changes of the rules: proposed by one person, tried on cohorts that are finished, and decided by another."""

from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models

from cohorts.models import fields
from cohorts.models.cohort import Round, Settings
from cohorts.models.forgotten import frozen_unless_forgotten
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import frozen


@audited(
    recordable="id round framework framework_version datasets notice_days scope before proposed_at proposed_by state"
    " decided_at decided_by rests_on",
    masked="reason decided_because",
)
class RuleChange(models.Model):
    """What a round shall ask from now on; or (no round) which version of a framework new rounds take.

    `before` is what was in force when it was proposed, field by field. `rests_on` is the dry run with which it was
    activated. Once decided it never changes.
    """

    PROPOSED, ACTIVATED, REFUSED, WITHDRAWN = "PROPOSED", "ACTIVATED", "REFUSED", "WITHDRAWN"
    STATES = {PROPOSED: "Proposed", ACTIVATED: "Activated", REFUSED: "Refused", WITHDRAWN: "Withdrawn"}

    round = models.ForeignKey(Round, on_delete=models.PROTECT, null=True, blank=True, related_name="rule_changes")
    framework = models.CharField(max_length=20)
    framework_version = models.CharField(max_length=20)
    datasets = fields.codes(help_text="In the round's order.")
    notice_days = models.PositiveSmallIntegerField(null=True, blank=True)
    scope = models.CharField(max_length=20, choices=Round.SCOPES, blank=True)
    before = models.JSONField()
    reason = models.CharField(max_length=500)
    proposed_at = models.DateTimeField()
    proposed_by = models.CharField(max_length=150)
    state = models.CharField(max_length=20, choices=STATES, default=PROPOSED)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = fields.text(150)
    decided_because = fields.text(500)
    rests_on = models.ForeignKey("DryRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["round"], condition=models.Q(state="PROPOSED"), name="one_change_of_a_round_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["framework"],
                condition=models.Q(state="PROPOSED", round__isnull=True),
                name="one_change_of_a_framework_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state="PROPOSED") | (models.Q(decided_at__isnull=False) & ~models.Q(decided_by="")),
                name="rule_change_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["PROPOSED", "WITHDRAWN"]) | ~models.Q(decided_by=models.F("proposed_by")),
                name="rule_change_decided_by_another",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ACTIVATED") | models.Q(rests_on__isnull=False),
                name="rule_change_tried_before_it_is_activated",
            ),
        ]
        triggers = frozen(
            "A decided change of the rules",
            condition=pgtrigger.Q(old__state__in=["ACTIVATED", "REFUSED", "WITHDRAWN"]),
        )

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def what(self) -> str:
        """What it is a change of, in words."""
        return f"Round {self.round}" if self.round else f"New rounds under {self.framework}"

    def wanted(self, now: Settings) -> Settings:
        """What is asked with this change, where `now` is asked without it."""
        if self.round_id is None:
            return now._replace(framework_version=self.framework_version)
        return Settings(self.framework_version, tuple(self.datasets), self.notice_days or 0, self.scope)


@audited(
    recordable="id change state requested_at requested_by correlation cohorts rule_set started_at finished_at seconds"
    " failure",
    masked="outcome",
)
class DryRun(models.Model):
    """The rules asked twice over today's records, without a change and with it: who would come and go.

    `outcome` has counts, digests and references for each of `cohorts`, and no name (cohorts/trying.py says how). Once
    finished it never changes, and neither does anything else by it.
    """

    REQUESTED, FINISHED, FAILED = "REQUESTED", "FINISHED", "FAILED"
    STATES = {REQUESTED: "Being tried", FINISHED: "Finished", FAILED: "Failed"}

    change = models.ForeignKey(RuleChange, on_delete=models.PROTECT, related_name="dry_runs")
    state = models.CharField(max_length=20, choices=STATES, default=REQUESTED)
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=150)
    correlation = models.CharField(max_length=32)
    cohorts = ArrayField(models.BigIntegerField(), help_text="The cohorts as at which it is tried, the newest first.")
    rule_set = models.CharField(max_length=20, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(default=0)
    failure = models.CharField(max_length=200, blank=True)
    outcome: "models.JSONField[list[dict[str, Any]], list[dict[str, Any]]]" = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["change"], condition=models.Q(state="REQUESTED"), name="one_dry_run_at_a_time"
            )
        ]
        triggers = frozen_unless_forgotten("A finished dry run", condition=pgtrigger.Q(old__state="FINISHED"))

    def __str__(self) -> str:
        return f"{self.pk}"


@audited(recordable="id framework version since change")
class FrameworkInUse(models.Model):
    """From `since` on, new rounds take this version of a framework. The latest row of a framework counts.

    `change` is the decision of two people; the rows without one came with the program. None is ever changed.
    """

    framework = models.CharField(max_length=20)
    version = models.CharField(max_length=20)
    since = models.DateTimeField()
    change = models.OneToOneField(RuleChange, on_delete=models.PROTECT, null=True, blank=True, related_name="in_use")

    class Meta:
        triggers = frozen("What the register says of a framework in use")

    def __str__(self) -> str:
        return f"{self.framework}-{self.version}"
