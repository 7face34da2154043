"""Forms of work with a family and of its flag; what speaks against what is typed is for the stages."""

from typing import Any, ClassVar

from django import forms

from cohorts.models import Engagement, FlagReview
from connecting_families.kit.forms import Choice, DateBoxesField


class BeginWorkForm(forms.Form):
    """Work with a family began."""

    intervention = forms.ChoiceField(
        label="What is the work?",
        widget=forms.RadioSelect,
        choices=list(Engagement.INTERVENTIONS.items()),
        error_messages={"required": "Choose what the work is"},
    )
    started_on = DateBoxesField(
        label="When did it begin?",
        help_text="For example, 27 3 2026",
        error_messages={"required": "Enter the day when the work began"},
    )


class EndWorkForm(forms.Form):
    """Work with a family ended."""

    last_day = DateBoxesField(
        label="Last day of the work",
        help_text="The whole day is included.",
        error_messages={"required": "Enter the last day of the work"},
    )


class FlagForm(forms.Form):
    """A family is flagged. What the record said of the flag before travels with it."""

    flagged_on = DateBoxesField(
        label="From which day?",
        help_text="Today, or the earlier day from which nothing was missing.",
        error_messages={"required": "Enter the first day of the flag"},
    )
    lifted_on = forms.DateField(required=False, widget=forms.HiddenInput)


class LiftFlagForm(forms.Form):
    """A flag is lifted."""

    flagged_on = forms.DateField(required=False, widget=forms.HiddenInput)
    lifted_on = DateBoxesField(
        label="From which day does the flag stand no more?",
        help_text="Today, or an earlier day.",
        error_messages={"required": "Enter the day from which the flag stands no more"},
    )
    reason = forms.CharField(
        label="Why is it lifted?",
        help_text="A sentence. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        error_messages={"required": "Write why the flag is lifted"},
    )


class ReviewForm(forms.Form):
    """What a manager finds of a flag."""

    reveals: ClassVar = {"outcome": {FlagReview.SENT_BACK: ["reason"]}}
    outcome = forms.ChoiceField(
        label="Is the flag right?",
        widget=forms.RadioSelect,
        choices=[
            (FlagReview.CONFIRMED, Choice("Yes, confirm it", hint="It stands as it is.")),
            (
                FlagReview.SENT_BACK,
                Choice("No, send it back", hint="It is lifted from today; the reason is shown."),
            ),
        ],
        error_messages={"required": "Choose whether the flag is right"},
    )
    reason = forms.CharField(
        label="What has to be put right?",
        help_text="A sentence for whoever flagged the family. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        """A flag that is right needs no reason."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("outcome") == FlagReview.CONFIRMED:
            given["reason"] = ""
        return given
