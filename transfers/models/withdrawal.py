"""Withdrawals: who objected after they were sent, and how the recipients are told to take them out."""

from django.db import models

from connecting_families.audit.classified import audited, within_an_act
from transfers.models.submission import Attempt, Submission


@audited(
    recordable="id submission number name made_at counts reasons sealed_at sealed_files archived_files delivery_tries"
    " next_attempt_at delivery_stopped sent_at acknowledged_at acknowledged_by acknowledgement_sha256 correlation"
)
class Withdrawal(models.Model):
    """That some people of a submission are to be taken out by whoever got it (spec/submission.md)."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="withdrawals")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=140, unique=True, db_collation="C")
    made_at = models.DateTimeField()
    counts = models.JSONField(default=dict, help_text="How many people are withdrawn.")
    reasons = models.JSONField(default=dict, help_text="How many of them for each code.")
    sealed_at = models.DateTimeField(null=True, blank=True)
    sealed_files = models.JSONField(default=list, blank=True, help_text="Name, bytes and SHA-256 of each file.")
    archived_files = models.JSONField(default=list, blank=True, help_text="Our own copy: name, bytes, SHA-256 of each.")
    delivery_tries = models.PositiveIntegerField(default=0, help_text="That did not get through.")
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivery_stopped = models.CharField(max_length=40, blank=True, help_text="Why a person is asked (a code).")
    sent_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True, help_text="When the recipient had it, as it says.")
    acknowledged_by = models.CharField(max_length=150, blank=True, help_text="Who took the acknowledgement in.")
    acknowledgement_sha256 = models.CharField(max_length=64, blank=True)
    correlation = models.CharField(max_length=32, blank=True, help_text="Of whoever asked the workers last.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["submission", "number"], name="one_withdrawal_of_a_number")]

    def __str__(self) -> str:
        return self.name


@within_an_act
class Withdrawn(models.Model):
    """Somebody who is taken out of what was sent: once of each submission, by the key of the record that was sent."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="people")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="withdrawn")
    person_id = models.BigIntegerField()
    withdrawn_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["submission", "person_id"], name="withdrawn_once")]

    def __str__(self) -> str:
        return f"{self.withdrawal_id}/{self.pk}"


@audited(
    recordable="id withdrawal channel host host_key attempted_by attempted_at outcome reason files_arrived settled_at"
)
class WithdrawalAttempt(Attempt):
    """An attempt to deliver a withdrawal."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="delivery_attempts")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["withdrawal"], condition=models.Q(outcome="delivered"), name="withdrawal_delivered_once"
            ),
            models.UniqueConstraint(
                fields=["withdrawal"], condition=models.Q(outcome=""), name="one_open_attempt_to_withdraw"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.withdrawal_id}/{self.pk}"
