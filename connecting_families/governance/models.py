"""What the pages of information governance keep: each time that the trail was verified."""

from django.db import models

from connecting_families.audit.classified import audited


@audited(
    recordable="id state asked_at asked_by correlation ended_at sealed checkpoints held waiting faults failure vkey"
)
class Verification(models.Model):
    """A verification of the trail that somebody asked for, and what came of it.

    How far one is stands nowhere: a worker tells it of itself while it is at it (verification.progress).
    """

    ASKED, WHOLE, BROKEN, FAILED = "ASKED", "WHOLE", "BROKEN", "FAILED"
    STATES = {ASKED: "Asked for", WHOLE: "Whole", BROKEN: "Not whole", FAILED: "Failed"}

    state = models.CharField(max_length=10, choices=STATES, default=ASKED)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    correlation = models.CharField(max_length=32)
    ended_at = models.DateTimeField(null=True, blank=True)
    sealed = models.BigIntegerField(null=True, blank=True, help_text="Sealed entries that are whole.")
    checkpoints = models.BigIntegerField(null=True, blank=True, help_text="Our own, against which they were held.")
    held = models.BigIntegerField(null=True, blank=True, help_text="Checkpoints that were held outside.")
    waiting = models.BigIntegerField(null=True, blank=True, help_text="Entries that were not sealed yet.")
    faults = models.JSONField(default=list, blank=True, help_text="What is wrong, the first entry first.")
    failure = models.CharField(max_length=200, blank=True, help_text="The kind of error that ended it.")
    vkey = models.TextField(blank=True, help_text="The key that was trusted, as others write it down (C2SP).")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="ASKED"), name="one_verification_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
