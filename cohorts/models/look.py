"""What was asked to be looked at again."""

from django.db import models

from cohorts.models import fields
from cohorts.models.family import Person
from cohorts.rules.look_again import DETAILS
from connecting_families.audit.classified import within_an_act


@within_an_act
class Look(models.Model):
    """A detail of a person that somebody asked to have looked at again, until it was; never why, nor by whom asked.

    It is over once the detail is another than `seen_as` says, or somebody said that it is right as it is.
    """

    WAITING, RIGHT, CHANGED = "", "right", "changed"
    OUTCOMES = {WAITING: "Waits to be looked at", RIGHT: "Right as it is", CHANGED: "Changed since"}

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="looks")
    detail = models.CharField(max_length=20, choices=DETAILS)
    seen_as = models.CharField(max_length=64, help_text="A keyed HMAC of the detail as it was when this was asked.")
    shown_from = models.DateField(help_text="From when on Early Help is shown it.")
    outcome = fields.text(20, choices=OUTCOMES)
    looked_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "detail"], condition=models.Q(outcome=""), name="one_look_waits"),
            models.CheckConstraint(
                condition=models.Q(outcome="", looked_on=None)
                | (~models.Q(outcome="") & models.Q(looked_on__isnull=False)),
                name="looked_at_on_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
