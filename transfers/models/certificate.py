"""Recipients, as their certificates."""

from django.conf import settings
from django.db import models

from connecting_families.audit.classified import audited


@audited(
    recordable="id recipient purpose pem fingerprint valid_from valid_to added_by added_at first_accepted_by"
    " first_accepted_at second_accepted_by second_accepted_at revoked_at"
)
class RecipientCertificate(models.Model):
    """An X.509 certificate for which a kind of package is encrypted, once two people have compared its fingerprint."""

    PURPOSES = {"linkage": "Linkage (identifiers)", "analysis": "Analysis (programme)"}

    recipient = models.CharField(max_length=40, help_text="The recipient's code in agreements, such as ONS.")
    purpose = models.CharField(max_length=20, choices=PURPOSES)
    pem = models.TextField()
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the certificate, in hex.")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    added_by = models.CharField(max_length=150)
    added_at = models.DateTimeField()
    first_accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    first_accepted_at = models.DateTimeField(null=True, blank=True)
    second_accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "purpose"], name="one_certificate_per_purpose"),
            models.CheckConstraint(
                condition=models.Q(second_accepted_by__isnull=True)
                | ~models.Q(second_accepted_by=models.F("first_accepted_by")),
                name="certificate_accepted_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint
