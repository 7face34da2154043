"""Families, their people, and what was observed of them.

A foreign key with `db_constraint=False` is held by the database all the same, a statement at a time
(migration 0004, docs/decisions/0009).
"""

from django.db import models

from cohorts.models import fields
from connecting_families.audit.classified import audited


@audited(recordable="id reference team flagged_on flagged_by lifted_on")
class Family(models.Model):
    """A family known to Early Help; flagged from a day, until the flag is lifted."""

    reference = fields.reference()
    team = fields.text(60)
    flagged_on = models.DateField(null=True, blank=True)
    flagged_by = fields.text(60)
    lifted_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "families"

    def __str__(self) -> str:
        return self.reference


@audited(
    recordable="id reference dob_missing_reason in_education merged_into",
    masked="given_name middle_names family_name previous_family_names date_of_birth sex date_of_death nino nhs_number"
    " upn uln",
)
class Person(models.Model):
    """A person's own identifiers, as supplied. A record merged into another counts as that other one."""

    SEXES = {"0": "Not known", "1": "Male", "2": "Female", "9": "Not specified"}
    IN_EDUCATION = {"education": "In education or training", "unemployed": "Unemployed", "neither": "Neither"}

    reference = fields.reference()
    given_name = fields.text()
    middle_names = fields.text()
    family_name = fields.text()
    previous_family_names = fields.text()
    date_of_birth = models.DateField(null=True, blank=True)
    dob_missing_reason = fields.text()
    sex = fields.text(1, choices=SEXES)
    date_of_death = models.DateField(null=True, blank=True)
    nino = fields.text(20)
    nhs_number = fields.text(20)
    upn = fields.text(20)
    uln = fields.text(20)
    in_education = fields.text(20, choices=IN_EDUCATION)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="merged_records",
    )

    class Meta:
        verbose_name_plural = "people"
        indexes = [fields.index_where_known("merged_into", name="people_merged_into")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(merged_into=models.F("id")), name="person_is_not_merged_into_itself"
            )
        ]

    def __str__(self) -> str:
        return self.reference


@audited(
    recordable="id family person joined_on left_on relationship lives_in_household parental_responsibility ordinal"
)
class Membership(models.Model):
    """A person belongs to a family from a day until the day before another."""

    RELATIONSHIPS = {
        "lead": "Lead", "partner": "Partner", "child": "Child", "step_child": "Step-child", "grandchild": "Grandchild",
        "parent": "Parent", "sibling": "Sibling", "other_relative": "Other relative", "not_related": "Not related",
    }  # fmt: skip

    family = models.ForeignKey(
        Family, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="memberships"
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, db_constraint=False, related_name="memberships")
    joined_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)
    relationship = fields.text(20, choices=RELATIONSHIPS)
    lives_in_household = models.BooleanField(default=False)
    parental_responsibility = models.BooleanField(default=False)
    ordinal = models.PositiveSmallIntegerField(default=1, help_text="Tells apart two that began on the same day.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["family", "person", "joined_on", "ordinal"], name="one_membership")
        ]

    def __str__(self) -> str:
        return f"{self.family_id}/{self.person_id}/{self.joined_on}"


@audited(
    recordable="id person from_on to_on ordinal",
    masked="line_1 line_2 line_3 line_4 line_5 postcode uprn",
)
class Address(models.Model):
    """Where a person lived from a day until the day before another."""

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="addresses"
    )
    line_1 = fields.text()
    line_2 = fields.text()
    line_3 = fields.text()
    line_4 = fields.text()
    line_5 = fields.text()
    postcode = fields.text(20)
    uprn = fields.text(20)
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)
    ordinal = models.PositiveSmallIntegerField(default=1, help_text="Tells apart two that began on the same day.")

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [models.UniqueConstraint(fields=["person", "from_on", "ordinal"], name="one_address")]

    def __str__(self) -> str:
        return f"{self.person_id}/{self.from_on}"


@audited(recordable="id reference family person indicator observed_on source recorded_by in_error_at")
class Evidence(models.Model):
    """An indicator of a headline problem was observed, of one person or of the family."""

    # Chosen and not typed: the trail quotes it, and no name may come there. Files bring words of their own.
    SOURCES = {
        "family": "The family told us", "visit": "Seen on a visit", "school": "School, college or nursery",
        "social_care": "Children's social care", "health": "Health service",
        "police": "Police, probation or youth justice", "work": "Jobcentre or benefits", "housing": "Housing",
        "other": "Another service",
    }  # fmt: skip

    reference = fields.reference()
    family = models.ForeignKey(Family, on_delete=models.PROTECT, db_constraint=False, related_name="evidence")
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="evidence",
    )
    indicator = models.CharField(max_length=20, help_text="The code of an indicator of a framework, such as TF5.1.")
    observed_on = models.DateField()
    source = fields.text(60)
    recorded_by = fields.text(60)
    in_error_at = models.DateTimeField(null=True, blank=True, help_text="When it was marked as recorded in error.")

    class Meta:
        verbose_name_plural = "evidence"
        indexes = [fields.index_where_known("person", name="evidence_of_person")]

    def __str__(self) -> str:
        return self.reference


@audited(recordable="id family started_on ended_on intervention ordinal")
class Engagement(models.Model):
    """The programme worked with the family from a day until the day before another."""

    # Chosen and not typed, as a source of evidence is.
    INTERVENTIONS = {
        "family_support": "Support of the whole family", "parenting": "Help with parenting",
        "school": "Help with school", "work": "Help with work and money", "housing": "Help with housing",
        "safety": "Help after domestic abuse", "health": "Help with health, drugs or alcohol", "other": "Other help",
    }  # fmt: skip

    family = models.ForeignKey(
        Family, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="engagements"
    )
    started_on = models.DateField()
    ended_on = models.DateField(null=True, blank=True)
    intervention = fields.text(60)
    ordinal = models.PositiveSmallIntegerField(default=1, help_text="Tells apart two that began on the same day.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["family", "started_on", "ordinal"], name="one_engagement")]

    def __str__(self) -> str:
        return f"{self.family_id}/{self.started_on}"


@audited(recordable="id family flagged_on flagged_by outcome reviewed_at reviewed_by", masked="reason")
class FlagReview(models.Model):
    """A flag that was set here, until a manager has looked at it; with what came of that, never by who flagged.

    A family has one flag at a time. These rows keep apart one flag from the next, on the same day too, and stay.
    """

    WAITING, CONFIRMED, SENT_BACK, LIFTED = "", "confirmed", "sent_back", "lifted"
    OUTCOMES = {
        WAITING: "Waits for a manager", CONFIRMED: "Confirmed", SENT_BACK: "Sent back",
        LIFTED: "Lifted before a review",
    }  # fmt: skip

    family = models.ForeignKey(Family, on_delete=models.PROTECT, related_name="flag_reviews")
    flagged_on = models.DateField()
    flagged_by = models.CharField(max_length=150, blank=True)
    outcome = fields.text(20, choices=OUTCOMES)
    reason = fields.text(500)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = fields.text(150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["family"], condition=models.Q(outcome=""), name="one_flag_waits"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", "lifted"])
                | (models.Q(reviewed_at__isnull=False) & ~models.Q(reviewed_by="")),
                name="flag_reviewed_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by="") | ~models.Q(reviewed_by=models.F("flagged_by")),
                name="flag_reviewed_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.family_id}/{self.flagged_on}/{self.pk}"
