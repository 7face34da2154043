"""What information governance keeps: verifications, looks to check, checks of promises, and months signed off."""

from django.db import models

from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import frozen


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


@audited(
    recordable="id kind who record reference first_at last_at families found_at state checked_at checked_by",
    masked="note",
)
class LookToCheck(models.Model):
    """A look at families that somebody should explain: found in the trail, and checked by information governance.

    It names no person: a member of staff by user name, and a family or person by reference.
    """

    SAME_NAME, MANY, NO_WORK = "SAME_NAME", "MANY", "NO_WORK"
    KINDS = {
        SAME_NAME: "Opened the record of somebody of their own family name",
        MANY: "Opened many families within an hour",
        NO_WORK: "Opened a family with which nobody of the team then worked",
    }
    OPEN, FINE, KNOWN, TAKEN_UP = "OPEN", "FINE", "KNOWN", "TAKEN_UP"
    STATES = {
        OPEN: "To check", FINE: "Explained", KNOWN: "Known, and not to be shown again", TAKEN_UP: "Taken up",
    }  # fmt: skip

    kind = models.CharField(max_length=20, choices=KINDS)
    who = models.CharField(max_length=150, help_text="The user name of whoever looked.")
    record = models.CharField(max_length=60, blank=True, help_text="The kind of record, as the trail names it.")
    reference = models.CharField(max_length=200, blank=True, help_text="Empty: more than one family.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    families = models.PositiveIntegerField(default=1, help_text="The most of them within an hour.")
    found_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=STATES, default=OPEN)
    checked_at = models.DateTimeField(null=True, blank=True)
    checked_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "who", "record", "reference"], condition=models.Q(state="OPEN"),
                name="one_open_look_of_a_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(state="OPEN")
                | (models.Q(checked_at__isnull=False) & ~models.Q(checked_by="") & ~models.Q(note="")),
                name="look_checked_by_somebody_with_a_note",
            ),
            models.CheckConstraint(
                condition=~models.Q(checked_by=models.F("who")), name="look_checked_by_another"
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["state", "last_at"], name="looks_to_check")]

    def __str__(self) -> str:
        return f"{self.pk}"


@audited(recordable="id promise checked_at checked_by correlation kept faults")
class PromiseOutcome(models.Model):
    """What a check of one promise found: nothing, and it is kept; or why it is not, without a name."""

    promise = models.PositiveSmallIntegerField(help_text="Its number in the table (promises/table.py).")
    checked_at = models.DateTimeField()
    checked_by = models.CharField(max_length=150)
    correlation = models.CharField(max_length=32)
    kept = models.BooleanField()
    faults = models.JSONField(default=list, blank=True, help_text="Code and sentence of each.")

    class Meta:
        indexes = [models.Index(fields=["promise", "-id"], name="outcomes_of_promise")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kept=True, faults=[]) | (models.Q(kept=False) & ~models.Q(faults=[])),
                name="a_promise_is_kept_or_it_is_said_why_not",
            )
        ]
        triggers = frozen("The outcome of a check")

    def __str__(self) -> str:
        return f"{self.promise}/{self.pk}"


@audited(recordable="id month signed_at signed_by stood digest", masked="note")
class SignOff(models.Model):
    """Somebody of information governance looked at how a month went: who, when, and what stood on the page then."""

    month = models.DateField(unique=True, help_text="Its first day.")
    signed_at = models.DateTimeField()
    signed_by = models.CharField(max_length=150)
    note = models.TextField()
    stood = models.JSONField(help_text="Counts, codes, digests: what stood on the page (signing_off.py).")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what stood there, as canonical JSON.")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(month__day=1), name="a_month_by_its_first_day")]
        triggers = frozen("What was signed off")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
