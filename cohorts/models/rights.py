"""What families ask the council: questions, and requests by which they use their rights over their data."""

from django.db import models

from cohorts.models import fields
from cohorts.models.family import Family, Person
from connecting_families.audit.classified import audited


@audited(
    recordable="id reference kind person family made_by channel received_at entered_by team extended_at extended_by"
    " extension_told_on answered_at answered_by told_on answer_channel outcome legal_reference closed_at closed_by",
    masked="about asked extension_reason answer",
)
class RightsRequest(models.Model):
    """Somebody asked something, or used a right: about a person, a family, or (neither) somebody not found on file.

    An objection is none: it stands from the moment it came (Objection). What was asked and answered is never in the
    trail, and is emptied once the person is erased.
    """

    QUESTION, ACCESS, RECTIFICATION, ERASURE = "question", "access", "rectification", "erasure"
    RESTRICTION = "restriction"
    KINDS = {
        QUESTION: "A question", ACCESS: "To see what is held", RECTIFICATION: "To put something right",
        ERASURE: "To be erased", RESTRICTION: "To stop using it for now",
    }  # fmt: skip
    MADE_BY = {"self": "The person", "parent": "A parent", "representative": "A representative"}
    CHANNELS = {"letter": "Letter", "phone": "Telephone", "email": "E-mail", "in_person": "In person"}
    DONE, PARTLY, REFUSED, TAKEN_BACK = "done", "partly", "refused", "taken_back"
    OUTCOMES = {
        DONE: "Answered, or done as asked", PARTLY: "Done in part", REFUSED: "Refused",
        TAKEN_BACK: "The person took it back",
    }  # fmt: skip
    BY_LAW = (PARTLY, REFUSED)

    reference = fields.reference()
    kind = models.CharField(max_length=20, choices=KINDS)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="rights_requests")
    family = models.ForeignKey(Family, on_delete=models.PROTECT, null=True, blank=True, related_name="rights_requests")
    about = fields.text(500, help_text="Who is meant, as told, where nobody was found on file.")
    asked = fields.text(2000, help_text="What was asked, as it was said.")
    made_by = fields.text(20, choices=MADE_BY)
    channel = models.CharField(max_length=20, choices=CHANNELS)
    received_at = models.DateTimeField(help_text="When the council had it: the clock begins with that day in London.")
    entered_by = models.CharField(max_length=150)
    team = fields.text(60, help_text="The Early Help team that follows it; empty for none.")
    extended_at = models.DateTimeField(null=True, blank=True)
    extended_by = fields.text(150)
    extension_reason = fields.text(500)
    extension_told_on = models.DateField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When the answer was recorded.")
    answered_by = fields.text(150)
    told_on = models.DateField(null=True, blank=True, help_text="The day on which the person had the answer.")
    answer_channel = fields.text(20, choices=CHANNELS)
    outcome = fields.text(20, choices=OUTCOMES)
    answer = fields.text(2000, help_text="What was decided and done, as the person was told.")
    legal_reference = fields.text()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = fields.text(150)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person__isnull=True) | models.Q(family__isnull=True),
                name="request_about_a_person_or_a_family",
            ),
            models.CheckConstraint(
                condition=models.Q(extended_at__isnull=True)
                | (~models.Q(extended_by="") & models.Q(extension_told_on__isnull=False)),
                name="request_extended_and_told",
            ),
            models.CheckConstraint(
                condition=models.Q(answered_at__isnull=True)
                | (~models.Q(answered_by="") & ~models.Q(outcome="") & models.Q(told_on__isnull=False)),
                name="request_answered_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(outcome__in=["partly", "refused"]) | ~models.Q(legal_reference=""),
                name="request_refused_by_a_law",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True)
                | (~models.Q(closed_by="") & models.Q(answered_at__isnull=False)),
                name="request_closed_once_answered",
            ),
        ]
        indexes = [models.Index(fields=["received_at"], name="requests_as_they_came")]

    def __str__(self) -> str:
        return self.reference

    @property
    def extended(self) -> bool:
        """Whether the month was extended by two more."""
        return self.extended_at is not None
