"""What a round is judged by: agreements, and the register of departments' datasets."""

from django.db import models

from cohorts.models.fields import codes, text
from cohorts.models.fields import reference as reference_field
from connecting_families.audit.classified import audited


@audited(recordable="id reference parties purpose in_force_from in_force_to fields datasets recipients legal_reference")
class Agreement(models.Model):
    """A data sharing agreement: who may receive what, for which purpose, from a day until the day before another."""

    reference = reference_field()
    parties = codes()
    purpose = text(60)
    in_force_from = models.DateField()
    in_force_to = models.DateField(null=True, blank=True)
    fields = codes(help_text="Fields that may be sent beside the core ones.")
    datasets = codes()
    recipients = codes()
    legal_reference = text()

    def __str__(self) -> str:
        return self.reference


@audited(recordable="id code name owner keys enabled in_register_from in_register_to")
class Dataset(models.Model):
    """A national dataset that a department may match with, and the keys it can match by, best first."""

    code = reference_field()
    name = text()
    owner = text()
    keys = text(help_text="What a match can use, best first.")
    enabled = models.BooleanField(default=True)
    in_register_from = models.DateField()
    in_register_to = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.code
