"""Replays: what came of running the rules again as at a cohort's moment, by reference alone."""

import pgtrigger
from django.db import models

from cohorts.models.cohort import Cohort
from cohorts.models.forgotten import frozen_unless_forgotten
from connecting_families.audit.classified import audited


@audited(
    recordable="id cohort state requested_at requested_by correlation started_at finished_at rule_set digest same"
    " number failure",
    masked="differences",
)
class Replay(models.Model):
    """The rules run again over today's records for a cohort, whose decisions it leaves as they are."""

    REQUESTED, FINISHED, FAILED = "REQUESTED", "FINISHED", "FAILED"
    STATES = {REQUESTED: "Running", FINISHED: "Finished", FAILED: "Failed"}

    cohort = models.ForeignKey(Cohort, on_delete=models.PROTECT, related_name="replays")
    state = models.CharField(max_length=20, choices=STATES, default=REQUESTED)
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=150)
    correlation = models.CharField(max_length=32)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rule_set = models.CharField(max_length=20, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    same = models.BooleanField(default=False, help_text="The digest is that of the cohort.")
    number = models.PositiveIntegerField(default=0, help_text="Decisions that would be others.")
    differences = models.JSONField(default=list, blank=True, help_text="The first thousand, by reference.")
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cohort"], condition=models.Q(state="REQUESTED"), name="one_replay_at_a_time"
            )
        ]
        triggers = frozen_unless_forgotten("A finished replay", condition=pgtrigger.Q(old__state="FINISHED"))

    def __str__(self) -> str:
        return f"{self.pk}"
