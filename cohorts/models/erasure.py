"""Erasures: who stands behind it that a person is erased, and what must outlive them so that an objection is kept.

Nothing here says who anybody was. Of an identity only keyed digests are left (cohorts/remembered.py).
"""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models

from cohorts.models import fields
from cohorts.models.family import Person
from cohorts.models.rights import RightsRequest
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import frozen


@audited(
    recordable="id request person person_ref records state proposed_at proposed_by decided_at decided_by counts"
    " remains",
    masked="reason",
)
class Erasure(models.Model):
    """One person is to be erased, or was: two of information governance stand behind it. Once done it never changes.

    `records` are the references of all their records, `remains` the submissions of which a sealed copy is kept until it
    is destroyed. Neither says who it was once the records are gone.
    """

    PROPOSED, DONE, TAKEN_BACK = "PROPOSED", "DONE", "TAKEN_BACK"
    STATES = {PROPOSED: "Waits for a second person", DONE: "Erased", TAKEN_BACK: "Taken back"}

    request = models.ForeignKey(RightsRequest, on_delete=models.PROTECT, related_name="erasures")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="erasures")
    person_ref = fields.reference(unique=False)
    records = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    state = models.CharField(max_length=20, choices=STATES, default=PROPOSED)
    reason = models.CharField(max_length=500)
    proposed_at = models.DateTimeField()
    proposed_by = models.CharField(max_length=150)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = fields.text(150)
    counts = models.JSONField(default=dict, blank=True, help_text="How many records of each kind went.")
    remains = models.JSONField(default=list, blank=True, help_text="Submissions of which a sealed copy is kept.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(state="PROPOSED"), name="one_erasure_of_a_person_at_a_time"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="DONE")
                | (
                    models.Q(decided_at__isnull=False, person__isnull=True)
                    & ~models.Q(decided_by="")
                    & ~models.Q(decided_by=models.F("proposed_by"))
                ),
                name="erased_by_two",
            ),
        ]
        triggers = frozen("A finished erasure", condition=pgtrigger.Q(old__state="DONE"))

    def __str__(self) -> str:
        return f"{self.pk}"


@audited(recordable="id erasure objection made_by channel received_at datasets decided_at decided_by of_family")
class Remembered(models.Model):
    """An objection that stood when the person was erased: it stands again once they are on file again."""

    erasure = models.ForeignKey(Erasure, on_delete=models.PROTECT, related_name="remembered")
    objection = fields.reference(unique=False)
    made_by = fields.text(20)
    channel = fields.text(20)
    received_at = models.DateTimeField()
    datasets = fields.codes(help_text="Empty: all.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = fields.text(150)
    of_family = models.BooleanField(help_text="It was for a whole family, of which the person was a member.")

    class Meta:
        triggers = frozen("What is remembered of an objection")

    def __str__(self) -> str:
        return f"{self.erasure_id}/{self.objection}"


@audited(recordable="id erasure kind", masked="digest")
class ErasedIdentity(models.Model):
    """A keyed digest of one thing by which somebody erased is known again: names and birthday, or one number."""

    erasure = models.ForeignKey(Erasure, on_delete=models.PROTECT, related_name="identities")
    kind = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, db_index=True)

    class Meta:
        triggers = frozen("What is remembered of an identity")

    def __str__(self) -> str:
        return f"{self.erasure_id}/{self.kind}"
