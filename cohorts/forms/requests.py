"""Forms of questions and requests about people's data; what speaks against what is typed is for the stages."""

from typing import Any, ClassVar

from django import forms

from cohorts.forms.wishes import FAMILY, NOBODY, NOBODY_FOUND, NOT_KNOWN, AboutForm, PeopleForm, WhenField
from cohorts.models import RightsRequest
from connecting_families.kit.forms import Choice, DateBoxesField

OBJECTION = "objection"
HINTS = {
    RightsRequest.QUESTION: "About the study, the notice, or what the council does with what it knows",
    RightsRequest.ACCESS: "A copy of what is held about them",
    RightsRequest.RECTIFICATION: "Something held about them is wrong or missing",
    RightsRequest.ERASURE: "What is held about them is taken away for good",
    RightsRequest.RESTRICTION: "It is kept, and not used for now",
}
KINDS = [
    *((kind, Choice(text, hint=HINTS[kind])) for kind, text in RightsRequest.KINDS.items()),
    (OBJECTION, Choice("To object", hint="Their details are not to be sent: you are led to the form for that")),
]


class UnmatchedRequestForm(AboutForm):
    """A question or a request of somebody who is not found on file, or whom nobody looked for yet."""

    kind = forms.ChoiceField(
        label="What do they ask?",
        widget=forms.RadioSelect,
        choices=KINDS,
        error_messages={"required": "Choose what they ask"},
    )
    asked = forms.CharField(
        label="What was asked, in their words?",
        help_text="Write how they want to be answered, too: where to write, or which number to call.",
        widget=forms.Textarea(attrs={"rows": 5}),
        max_length=2000,
        required=False,
    )
    made_by = forms.ChoiceField(
        label="Who asks?",
        widget=forms.RadioSelect,
        required=False,
        choices=[*RightsRequest.MADE_BY.items(), (NOT_KNOWN, "Not known")],
        initial=NOT_KNOWN,
    )
    channel = forms.ChoiceField(
        label="How did it come?",
        widget=forms.RadioSelect,
        choices=list(RightsRequest.CHANNELS.items()),
        error_messages={"required": "Choose how it came"},
    )
    received_at = WhenField("When did it come to the council?")
    field_order = ["kind", "about", "asked", "made_by", "channel", "received_at"]

    def clean(self) -> dict[str, Any]:
        """A question says what it is."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("kind") == RightsRequest.QUESTION and "asked" in given and not given["asked"].strip():
            self.add_error("asked", "Write what was asked")
        return given


class RequestForm(UnmatchedRequestForm, PeopleForm):
    """A question or a request about somebody of a family, or about all of it."""

    reveals: ClassVar = {"person": {NOBODY_FOUND: ["about"]}}
    person = forms.ChoiceField(
        label="About whom?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose whom it is about, or that you cannot find the person"},
    )
    field_order = ["kind", "person", "about", "asked", "made_by", "channel", "received_at"]

    def choices(self) -> list[tuple[str, Choice]]:
        """One of the family, all of it, or somebody whom nobody finds."""
        return [*super().choices(), (FAMILY, Choice("The whole family")), (NOBODY_FOUND, NOBODY)]


# For information governance ---------------------------------------------------------------------------------------

WAITING, TO_CLOSE, CLOSED = "waiting", "to-close", "closed"
STATES = {"": "All that is not closed", WAITING: "Waits for an answer", TO_CLOSE: "Answered", CLOSED: "Closed"}


class RequestFilter(forms.Form):
    """Which requests of the register."""

    state = forms.ChoiceField(label="State", required=False, choices=list(STATES.items()))
    kind = forms.ChoiceField(
        label="What is asked", required=False, choices=[("", "Everything"), *RightsRequest.KINDS.items()]
    )


class ExtendForm(forms.Form):
    """The month of a request is extended."""

    reason = forms.CharField(
        label="Why does it take longer?",
        help_text="As the person was told. It is kept with the request, and not in the trail.",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=500,
        error_messages={"required": "Write why it takes longer"},
    )
    told_on = DateBoxesField(
        label="When was the person told?",
        help_text="Tell them first, within the month: why, and by when they have the answer.",
        error_messages={"required": "Enter the day on which the person was told"},
    )


class AnswerForm(forms.Form):
    """What was decided, and how the person was told."""

    outcome = forms.ChoiceField(
        label="What was decided?",
        widget=forms.RadioSelect,
        choices=list(RightsRequest.OUTCOMES.items()),
        error_messages={"required": "Choose what was decided"},
    )
    answer = forms.CharField(
        label="What was the person told?",
        help_text="It is kept with the request, and not in the trail.",
        widget=forms.Textarea(attrs={"rows": 5}),
        max_length=2000,
        error_messages={"required": "Write what the person was told"},
    )
    legal_reference = forms.CharField(
        label="If it is refused, or in part: by which law?",
        help_text="For example, Article 12(5) UK GDPR. Tell the person that they may complain to the Information"
        " Commissioner.",
        max_length=200,
        required=False,
    )
    answer_channel = forms.ChoiceField(
        label="How were they told?",
        widget=forms.RadioSelect,
        choices=list(RightsRequest.CHANNELS.items()),
        error_messages={"required": "Choose how they were told"},
    )
    told_on = DateBoxesField(
        label="When were they told?",
        help_text="The day on which they had the answer, or it was posted.",
        error_messages={"required": "Enter the day on which the person was told"},
    )


class EraseForm(forms.Form):
    """Why somebody is erased."""

    reason = forms.CharField(
        label="Why is the person erased?",
        help_text="A sentence: what the law asks for, and how you made sure who asks. Write no names.",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=500,
        error_messages={"required": "Write why the person is erased"},
    )
