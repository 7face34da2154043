"""Submissions, and what was done to each on its way."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from cohorts.models import Cohort, Round
from connecting_families.audit.classified import audited, within_an_act
from transfers.rules.lifecycle import Stage


@within_an_act
class PersonReference(models.Model):
    """A person's random reference in the study: drawn once, the same in every round, apart from the case record."""

    person_id = models.BigIntegerField(unique=True)
    reference = models.CharField(max_length=26, unique=True, db_collation="C")

    def __str__(self) -> str:
        return self.reference


@within_an_act
class FamilyReference(models.Model):
    """A family's random reference in the study, as for a person."""

    family_id = models.BigIntegerField(unique=True)
    reference = models.CharField(max_length=26, unique=True, db_collation="C")

    def __str__(self) -> str:
        return self.reference


class NotByWhoShapedIt(models.Func):
    """Four eyes, held by the database: the approver is nobody who prepared, edited or explained."""

    template = "(approved_by_id IS NULL OR NOT (approved_by_id = ANY(shaped_by)))"
    output_field = models.BooleanField()


@audited(
    recordable="id name round cohort stage prepared_by prepared_at shaped_by content_sha256 identifiers_sha256"
    " programme_sha256 content counts put_forward_at approved_by approved_at approved_content_sha256"
    " sealing_requested_by sealing_requested_at sealed_at sealed_files archived_files delivery_requested_by"
    " delivery_requested_at delivery_tries next_attempt_at delivery_stopped sent_at correlation void_reason",
    masked="sent_back_reason",
)
class Submission(models.Model):
    """What is to leave the council for one round, from draft to destruction (spec/submission.md)."""

    name = models.CharField(max_length=120, unique=True, db_collation="C")
    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="submissions")
    cohort = models.ForeignKey(Cohort, on_delete=models.PROTECT, related_name="submissions")
    stage = models.CharField(max_length=20, choices=[(s.name, s.value) for s in Stage], default=Stage.DRAFT.name)
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    prepared_at = models.DateTimeField()
    shaped_by = ArrayField(models.BigIntegerField(), help_text="Users who prepared, edited or explained it.")
    content_sha256 = models.CharField(max_length=64, blank=True)
    identifiers_sha256 = models.CharField(max_length=64, blank=True)
    programme_sha256 = models.CharField(max_length=64, blank=True)
    content = models.JSONField(default=dict, blank=True, help_text="Rows, bytes and columns of each file.")
    counts = models.JSONField(default=dict, blank=True, help_text="Persons, families, programme, comparison.")
    put_forward_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_content_sha256 = models.CharField(max_length=64, blank=True)
    sent_back_reason = models.TextField(blank=True)
    sealing_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    sealing_requested_at = models.DateTimeField(null=True, blank=True)
    sealed_at = models.DateTimeField(null=True, blank=True)
    sealed_files = models.JSONField(default=list, blank=True, help_text="Name, bytes and SHA-256 of each file.")
    archived_files = models.JSONField(default=list, blank=True, help_text="Our own copy: name, bytes, SHA-256 of each.")
    delivery_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    delivery_requested_at = models.DateTimeField(null=True, blank=True)
    delivery_tries = models.PositiveIntegerField(
        default=0, help_text="That did not get through since it was asked for."
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivery_stopped = models.CharField(max_length=40, blank=True, help_text="Why a person is asked (a code).")
    sent_at = models.DateTimeField(null=True, blank=True)
    correlation = models.CharField(max_length=32, blank=True, help_text="Of whoever asked the workers last.")
    void_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=NotByWhoShapedIt(), name="approved_by_other_hands"),
            models.CheckConstraint(
                condition=models.Q(
                    stage__in=[Stage.DRAFT.name, Stage.PUT_FORWARD.name, Stage.SENT_BACK.name, Stage.VOID.name]
                )
                | (
                    models.Q(approved_by__isnull=False)
                    & ~models.Q(content_sha256="")
                    & models.Q(approved_content_sha256=models.F("content_sha256"))
                ),
                name="nothing_goes_on_unapproved",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def at_stage(self) -> Stage:
        """The stage as the lifecycle knows it."""
        return Stage[self.stage]


@audited(recordable="id submission code family_ref person_ref by at", masked="text")
class Explanation(models.Model):
    """Why open queries of one code are right as they are: of all of them, or of one person's or family's alone.

    The words travel in the manifest; for whom they were written stays here.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="explanations")
    code = models.CharField(max_length=10)
    family_ref = models.CharField(max_length=60, blank=True, db_default="", help_text="Empty: of the whole code.")
    person_ref = models.CharField(max_length=60, blank=True, db_default="", help_text="Empty: of the family itself.")
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "code", "family_ref", "person_ref"], name="one_explanation_of_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.submission_id}/{self.code}"


@audited(recordable="id submission content_sha256 by at")
class SampleOpening(models.Model):
    """Somebody opened the sample of exactly this content."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="sample_openings")
    content_sha256 = models.CharField(max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.submission_id}/{self.by_id}"


class Attempt(models.Model):
    """An attempt to deliver: recorded before anything is sent, settled when it is known how it ended."""

    OUTCOMES = {"": "Not known yet", "delivered": "Delivered", "failed": "Failed"}

    channel = models.CharField(max_length=20)
    host = models.CharField(max_length=255, blank=True)
    host_key = models.CharField(max_length=60, blank=True, help_text="SHA-256 fingerprint that the host had to have.")
    attempted_by = models.CharField(max_length=150)
    attempted_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, blank=True, choices=OUTCOMES)
    reason = models.CharField(max_length=40, blank=True, help_text="What stood in the way (a code).")
    files_arrived = models.PositiveSmallIntegerField(default=0, help_text="Files that were seen to lie there.")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


@audited(
    recordable="id submission channel host host_key attempted_by attempted_at outcome reason files_arrived settled_at"
)
class DeliveryAttempt(Attempt):
    """An attempt to deliver a submission."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="delivery_attempts")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=models.Q(outcome="delivered"), name="delivered_once"
            ),
            models.UniqueConstraint(fields=["submission"], condition=models.Q(outcome=""), name="one_open_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.submission_id}/{self.pk}"


@audited(recordable="id submission sha256 received_at taken_in_at taken_in_by files rejections")
class Receipt(models.Model):
    """That a recipient has a submission, and how many of its rows it loaded: the one thing that ever comes in.

    The file itself is not kept. `rejections` counts by code; who was rejected is with each (Rejection).
    """

    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="receipt")
    sha256 = models.CharField(max_length=64, help_text="Of the file that was taken in.")
    received_at = models.DateTimeField(help_text="When the recipient had the packages, as it says.")
    taken_in_at = models.DateTimeField()
    taken_in_by = models.CharField(max_length=150)
    files = models.JSONField(help_text="Of each package: its name, rows loaded and rows rejected.")
    rejections = models.JSONField(default=dict, blank=True, help_text="How many people were rejected for each code.")

    def __str__(self) -> str:
        return f"{self.submission_id}"


@within_an_act
class Rejection(models.Model):
    """Somebody whose row the recipient could not load, and the code of why."""

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="rejected")
    person_id = models.BigIntegerField()
    code = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["receipt", "person_id", "code"], name="one_rejection")]

    def __str__(self) -> str:
        return f"{self.receipt_id}/{self.pk}"
