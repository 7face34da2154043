"""Recipients, as their certificates."""

from django.conf import settings
from django.db import models

from connecting_families.audit.classified import audited
from transfers.addressees import CMS, FORMATS


@audited(
    recordable="id recipient purpose format pem fingerprint valid_from valid_to added_by added_at first_accepted_by"
    " first_accepted_at second_accepted_by second_accepted_at revoked_by revoked_at"
)
class RecipientCertificate(models.Model):
    """A certificate for which a kind of package is encrypted, once two people have compared its fingerprint.

    It is X.509 or OpenPGP, and its packages are CMS or OpenPGP accordingly. One that was revoked stays revoked.
    """

    PURPOSES = {"linkage": "Linkage (identifiers)", "analysis": "Analysis (programme)"}

    recipient = models.CharField(max_length=40, help_text="The recipient's code in agreements, such as ONS.")
    purpose = models.CharField(max_length=20, choices=PURPOSES)
    format = models.CharField(max_length=10, choices=FORMATS, default=CMS)
    pem = models.TextField(help_text="The certificate as text: PEM, or in OpenPGP's armour.")
    fingerprint = models.CharField(
        max_length=64, help_text="In hex: SHA-256 of an X.509 certificate, or OpenPGP's own fingerprint."
    )
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
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "purpose"], name="one_certificate_per_purpose"),
            models.CheckConstraint(
                condition=models.Q(second_accepted_by__isnull=True)
                | ~models.Q(second_accepted_by=models.F("first_accepted_by")),
                name="certificate_accepted_by_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_by__isnull=True) | models.Q(revoked_at__isnull=False),
                name="certificate_revoked_at_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint
