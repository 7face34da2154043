"""Two records that may be of one person, what somebody decided about them, and the merges that came of it."""

from django.db import models

from cohorts.models import fields
from cohorts.models.family import Person
from connecting_families.audit.classified import audited


@audited(recordable="id first second found_by weight found_at state decided_at decided_by", masked="reason")
class Pair(models.Model):
    """Two records that look like one person's: found by a search, decided by somebody who compared them.

    `weight` is the Fellegi-Sunter match weight, log2 of how many times likelier the two records are as one person's
    than as two people's; empty where an exact agreement alone proposes them. `found_by` names every way in which they
    were found.
    """

    NHS_NUMBER, UPN, NAMES, SCORE = "NHS_NUMBER", "UPN", "NAMES_DOB_POSTCODE", "SCORE"
    BY_HAND = "BY_HAND"
    WAYS = {
        NHS_NUMBER: "the same valid NHS number", UPN: "the same valid unique pupil number",
        NAMES: "the same names, date of birth and postcode", SCORE: "much alike, all things weighed",
        BY_HAND: "brought together by a colleague",
    }  # fmt: skip
    OPEN, SAME, DIFFERENT, NOT_SURE, GONE = "OPEN", "SAME", "DIFFERENT", "NOT_SURE", "GONE"
    STATES = {
        OPEN: "To decide", SAME: "One person", DIFFERENT: "Two people", NOT_SURE: "Not sure",
        GONE: "No longer alike",
    }  # fmt: skip
    UNDECIDED = (OPEN, NOT_SURE)

    first = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    found_by = fields.codes()
    weight = models.FloatField(null=True, blank=True)
    found_at = models.DateTimeField(help_text="When a search found them last.")
    state = models.CharField(max_length=20, choices=STATES, default=OPEN)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = fields.text(150)
    reason = fields.text(500)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="one_pair"),
            models.CheckConstraint(condition=models.Q(first__lt=models.F("second")), name="pair_in_order_of_entry"),
            models.CheckConstraint(
                condition=models.Q(state__in=["OPEN", "GONE"])
                | (models.Q(decided_at__isnull=False) & ~models.Q(decided_by="")),
                name="pair_decided_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["state", "weight"], name="pairs_to_decide")]

    def __str__(self) -> str:
        return f"{self.pk}"


@audited(recordable="id kept merged pair merged_at merged_by undone_at undone_by", masked="reason undo_reason")
class Merge(models.Model):
    """A record counted as another's from a moment, until that was undone: by whom, and why."""

    kept = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    merged = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="merges")
    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, null=True, blank=True, related_name="merges")
    merged_at = models.DateTimeField()
    merged_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = fields.text(150)
    undo_reason = fields.text(500)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merged"], condition=models.Q(undone_at__isnull=True), name="one_merge_stands"
            ),
            models.CheckConstraint(
                condition=~models.Q(kept=models.F("merged")), name="a_record_is_not_merged_with_itself"
            ),
            models.CheckConstraint(
                condition=models.Q(undone_at__isnull=True) | ~models.Q(undone_by=""), name="undone_by_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
