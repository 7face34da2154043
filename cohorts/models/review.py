"""What governance found when it looked at what a notice version or an agreement says."""

from django.db import models

from cohorts.models import fields
from cohorts.models.permission import NoticeVersion
from cohorts.models.reference import Agreement
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import frozen


@audited(recordable="id version agreement reviewed_on legal_reference contact next_on reviewed_at reviewed_by")
class Review(models.Model):
    """On a day somebody looked at a notice version or an agreement: the law on which it rests, and when to look again.

    Of a version also whom people may ask. What was given to people, or relied upon, is never edited: this stands beside
    it, each review by itself, and the newest counts.
    """

    version = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="reviews")
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, null=True, blank=True, related_name="reviews")
    reviewed_on = models.DateField()
    legal_reference = models.CharField(max_length=200)
    contact = fields.text(help_text="Whom people may ask about this version of the notice.")
    next_on = models.DateField(help_text="The day by which it is looked at again.")
    reviewed_at = models.DateTimeField()
    reviewed_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(version__isnull=True) ^ models.Q(agreement__isnull=True),
                name="review_of_a_version_or_an_agreement",
            ),
            models.CheckConstraint(
                condition=models.Q(version__isnull=True) | ~models.Q(contact=""), name="reviewed_version_has_a_contact"
            ),
            models.CheckConstraint(
                condition=models.Q(next_on__gt=models.F("reviewed_on")), name="reviewed_again_later"
            ),
        ]
        triggers = frozen("A review")

    def __str__(self) -> str:
        return f"{self.pk}"
