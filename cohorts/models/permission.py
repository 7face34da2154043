"""What people were told, what they agreed to, what they object to, and what protects them.

A foreign key with `db_constraint=False` is held by the database all the same (docs/decisions/0009).
"""

from typing import Any

import pgtrigger
from django.db import models

from cohorts.models import fields
from cohorts.models.family import Family, Person
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import Refusal

ABOUT_ONE = models.Q(person__isnull=True) ^ models.Q(family__isnull=True)


def copied_from() -> Any:
    """What a record was copied from, once the merge of two persons was undone: each of the two has one of its own."""
    return models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="copies"
    )


FUNCTION_BODY = """
BEGIN
    -- Whoever gives it to somebody at this moment waits, or is waited for.
    LOCK TABLE cohorts_notice, cohorts_consent IN SHARE MODE;
    IF EXISTS (SELECT FROM cohorts_notice WHERE version_id = OLD.id)
        OR EXISTS (SELECT FROM cohorts_consent WHERE version_id = OLD.id) THEN
        RAISE EXCEPTION 'A version of the notice that was given to people is never changed.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END """


class RefusalOfIssued(Refusal):
    """Refuses to change a version that was given to anybody, or that anybody agreed to (cohorts migration 0007)."""

    body = FUNCTION_BODY

    def render_execute(self, model: models.Model) -> Any:  # noqa: ARG002 - pgtrigger's signature
        """The call of the function."""
        return "cohorts_refuse_change_of_issued_version()"


@audited(recordable="id version published_on basis datasets recipients")
class NoticeVersion(models.Model):
    """A text of the privacy notice: the lawful basis, datasets and recipients that it names."""

    BASES = {"PUBLIC_TASK": "Public task", "CONSENT": "Consent"}

    version = fields.reference()
    published_on = models.DateField()
    basis = models.CharField(max_length=20, choices=BASES)
    datasets = fields.codes(help_text="Empty: all.")
    recipients = fields.codes()

    class Meta:
        triggers = [
            RefusalOfIssued("", name="issued_is_frozen", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.version


@audited(recordable="id reference version family person issued_on channel issued_by")
class Notice(models.Model):
    """A version of the notice was issued to a person, or to a family."""

    CHANNELS = {"letter": "Letter", "in_person": "In person", "email": "E-mail", "phone": "Telephone"}

    reference = fields.reference()
    version = models.ForeignKey(
        NoticeVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    family = models.ForeignKey(
        Family,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="notices",
    )
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="notices",
    )
    issued_on = models.DateField()
    channel = fields.text(20, choices=CHANNELS)
    issued_by = fields.text(60)

    class Meta:
        constraints = [models.CheckConstraint(condition=ABOUT_ONE, name="notice_to_a_person_or_a_family")]
        indexes = [
            fields.index_where_known("family", name="notices_to_family"),
            fields.index_where_known("person", name="notices_to_person"),
        ]

    def __str__(self) -> str:
        return self.reference


@audited(recordable="id reference person version purpose given_on given_by datasets withdrawn_at")
class Consent(models.Model):
    """A person agreed, to research or to something else; `datasets` empty means all."""

    GIVEN_BY = {"self": "The person", "parent": "A parent", "representative": "A representative"}
    PURPOSES = {"research": "Research", "service": "A service"}

    reference = fields.reference()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, db_constraint=False, related_name="consents")
    version = models.ForeignKey(
        NoticeVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    purpose = models.CharField(max_length=20, choices=PURPOSES, default="research", db_default="research")
    given_on = models.DateField()
    given_by = fields.text(20, choices=GIVEN_BY)
    datasets = fields.codes(help_text="Empty: all.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.reference


@audited(
    recordable="id reference person family made_by channel received_at datasets lifted_at lift_asked_by lift_channel"
    " decided_at decided_by refused_at refusal_reference told_on narrowed_to copied_from remembered",
    masked="about refusal_reason",
    m2m="narrowed_to",
)
class Objection(models.Model):
    """Somebody objects: for a person, for a family, or (neither) for somebody who is not yet found on file."""

    MADE_BY = {"self": "The person", "parent": "A parent", "representative": "A representative"}
    CHANNELS = {
        "in_person": "In person, by word of mouth", "phone": "By telephone", "letter": "By letter",
        "email": "By e-mail", "form": "On a form",
    }  # fmt: skip

    reference = fields.reference()
    about = fields.text(500, db_default="", help_text="Who is meant, as told, where nobody was found on file.")
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, db_constraint=False, related_name="objections"
    )
    family = models.ForeignKey(
        Family, on_delete=models.PROTECT, null=True, blank=True, db_constraint=False, related_name="objections"
    )
    made_by = fields.text(20, choices=MADE_BY)
    channel = fields.text(20)
    received_at = models.DateTimeField()
    datasets = fields.codes(help_text="Empty: all.")
    narrowed_to = models.ManyToManyField(Person, blank=True, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lift_asked_by = fields.text(20, choices=MADE_BY, db_default="")
    lift_channel = fields.text(20, choices=CHANNELS, db_default="")
    decided_at = models.DateTimeField(null=True, blank=True, help_text="Upheld, narrowed or refused.")
    decided_by = fields.text(150, db_default="")
    refused_at = models.DateTimeField(null=True, blank=True)
    refusal_reason = fields.text(500)
    refusal_reference = fields.text()
    told_on = models.DateField(null=True, blank=True)
    copied_from = copied_from()
    # What an erased person objected to stands again once they are on file again (cohorts/remembered.py).
    remembered = models.ForeignKey(
        "Remembered", on_delete=models.PROTECT, null=True, blank=True, related_name="stands_again"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person__isnull=True) | models.Q(family__isnull=True),
                name="objection_for_a_person_or_a_family",
            ),
            models.CheckConstraint(
                condition=models.Q(refused_at__isnull=True)
                | (~models.Q(refusal_reason="") & ~models.Q(refusal_reference="") & models.Q(told_on__isnull=False)),
                name="objection_refused_with_reasons_and_told",
            ),
            models.CheckConstraint(
                condition=models.Q(decided_at__isnull=True) | ~models.Q(decided_by=""),
                name="objection_decided_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


@audited(recordable="id objection person age outcome checked_at checked_by")
class Recheck(models.Model):
    """An objection made for somebody was looked at again, once they had reached an age; it stood all the while."""

    OUTCOMES = {
        "stands": "The person wants it to stand",
        "not_asked": "The person could not be asked: it stands",
        "lifted": "The person asked to lift it",
    }

    objection = models.ForeignKey(Objection, on_delete=models.PROTECT, related_name="rechecks")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    age = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=20, choices=OUTCOMES)
    checked_at = models.DateTimeField()
    checked_by = models.CharField(max_length=150)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["objection", "person", "age"], name="one_recheck_at_an_age")]

    def __str__(self) -> str:
        return f"{self.objection_id}/{self.person_id}/{self.age}"


@audited(recordable="id person kind from_on to_on ordinal copied_from")
class Protection(models.Model):
    """A mark that protects a person's identity or address, from a day until the day before another."""

    KINDS = {
        "adoption": "Adoption", "witness_protection": "Witness protection", "other_court_order": "Another court order",
        "refuge": "Refuge", "sensitive_address": "Sensitive address",
    }  # fmt: skip

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="protections"
    )
    kind = models.CharField(max_length=30, choices=KINDS)
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)
    ordinal = models.PositiveSmallIntegerField(default=1, help_text="Tells apart two that began on the same day.")
    copied_from = copied_from()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "kind", "from_on", "ordinal"], name="one_protection")]

    def __str__(self) -> str:
        return f"{self.person_id}/{self.kind}/{self.from_on}"
