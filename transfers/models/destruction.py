"""Destruction: by when what was sent must be gone, what stops that, who asked and who confirmed, and what remains."""

import pgtrigger
from django.conf import settings
from django.db import models

from cohorts.models import Agreement
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import frozen
from transfers.models.submission import Submission


@audited(recordable="id agreement ends_on source entered_by entered_at")
class StudyEnd(models.Model):
    """The last day of the research under an agreement. The latest row counts, and none is ever changed."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="study_ends")
    ends_on = models.DateField(help_text="The last day on which it goes on.")
    source = models.CharField(max_length=200, help_text="From what that is known, such as a letter's reference.")
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()

    class Meta:
        triggers = frozen("When a study ends")

    def __str__(self) -> str:
        return f"{self.agreement}/{self.pk}"


@audited(recordable="id submission placed_by placed_at lifted_by lifted_at", masked="reason lifted_because")
class LegalHold(models.Model):
    """While it stands nothing of a submission may be destroyed. Only information governance places and lifts it."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="holds")
    reason = models.TextField()
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField()
    lifted_because = models.TextField(blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(lifted_by__isnull=True, lifted_at__isnull=True)
                | (models.Q(lifted_by__isnull=False, lifted_at__isnull=False) & ~models.Q(lifted_because="")),
                name="hold_lifted_by_somebody_with_a_reason",
            )
        ]
        triggers = frozen("A lifted hold", condition=pgtrigger.Q(old__lifted_at__isnull=False))

    def __str__(self) -> str:
        return f"{self.pk}"


@audited(recordable="id submission recipient reference destroyed_on sha256 entered_by entered_at")
class RecipientDestruction(models.Model):
    """A recipient's own certificate that it destroyed what it was sent. The file itself is not kept, its digest is."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="recipients_destructions")
    recipient = models.CharField(max_length=40)
    reference = models.CharField(max_length=100)
    destroyed_on = models.DateField()
    sha256 = models.CharField(max_length=64, help_text="Of the certificate's file.")
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "recipient", "sha256"], name="one_entry_of_a_certificate")
        ]
        triggers = frozen("That a recipient destroyed what it was sent")

    def __str__(self) -> str:
        return f"{self.submission_id}/{self.recipient}"


@audited(
    recordable="id submission reason asked_by asked_at confirmed_by confirmed_at taken_back_by taken_back_at"
    " key_destroyed_at done_at next_attempt_at stopped forgotten removed certificate_sha256 correlation",
    masked="certificate signature",
)
class Destruction(models.Model):
    """That a submission is to be destroyed: asked for by one person, confirmed by another, then done whole.

    Its certificate is made in the act that ends it, when the key is gone for certain; it stays for ever.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="destructions")
    reason = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    taken_back_at = models.DateTimeField(null=True, blank=True)
    key_destroyed_at = models.DateTimeField(null=True, blank=True, help_text="From here on there is no way back.")
    done_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    stopped = models.JSONField(default=list, blank=True, help_text="Why the last try was refused: sentences.")
    forgotten = models.JSONField(default=dict, blank=True, help_text="How many rows of each kind were deleted.")
    removed = models.JSONField(default=list, blank=True, help_text="Names of the files that were taken away.")
    certificate = models.TextField(blank=True, help_text="Canonical JSON.")
    certificate_sha256 = models.CharField(max_length=64, blank=True)
    signature = models.TextField(blank=True, help_text="Of the council over it: detached CMS, DER, in base64.")
    correlation = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=models.Q(taken_back_at__isnull=True), name="one_destruction"
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True) | ~models.Q(confirmed_by=models.F("asked_by")),
                name="destruction_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | models.Q(confirmed_by__isnull=False, confirmed_at__isnull=False, taken_back_at__isnull=True),
                name="destruction_confirmed_at_a_moment",
            ),
            models.CheckConstraint(
                condition=models.Q(key_destroyed_at__isnull=True) | models.Q(confirmed_by__isnull=False),
                name="no_key_destroyed_unconfirmed",
            ),
            models.CheckConstraint(
                condition=models.Q(done_at__isnull=True, certificate="")
                | (models.Q(done_at__isnull=False, key_destroyed_at__isnull=False) & ~models.Q(certificate="")),
                name="no_certificate_before_the_key_is_gone",
            ),
        ]
        triggers = frozen("A finished destruction", condition=pgtrigger.Q(old__done_at__isnull=False))

    def __str__(self) -> str:
        return f"{self.submission}"
