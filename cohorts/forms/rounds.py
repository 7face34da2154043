"""The form that opens a collection round."""

from typing import Any

from django import forms

from cohorts import in_force
from cohorts.models import Agreement, Dataset
from connecting_families.kit.forms import Choice, DateBoxesField, offer

SCOPES = [
    ("honoured", Choice("The recipient leaves that dataset out", hint="The person is sent, with the others.")),
    ("all-or-nothing", Choice("The recipient cannot leave one out", hint="The person stays out.")),
]


class RoundForm(forms.Form):
    """What a round asks; whether it may be asked is for the stage to say."""

    code = forms.CharField(
        label="Code",
        help_text="Up to 30 letters, digits and hyphens. It is in every package's name.",
        max_length=30,
        error_messages={"required": "Enter a code for the round"},
    )
    cut_off = DateBoxesField(
        label="Cut-off",
        help_text="The whole day is included. Today or earlier.",
        error_messages={"required": "Enter the cut-off"},
    )
    framework = forms.ChoiceField(
        label="Framework", widget=forms.RadioSelect, error_messages={"required": "Choose a framework"}
    )
    datasets = forms.MultipleChoiceField(
        label="Datasets to match with",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one dataset"},
    )
    agreement = forms.ChoiceField(
        label="Agreement", error_messages={"required": "Choose the agreement under which this is sent"}
    )
    notice_days = forms.IntegerField(
        label="Days of notice", initial=28, help_text="How many days before the cut-off people must have been told."
    )
    scope = forms.ChoiceField(
        label="If somebody objects to one dataset only",
        widget=forms.RadioSelect,
        initial="honoured",
        choices=SCOPES,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = in_force.loaded()
        offer(self, "framework", [(c, f"{f.name} ({c}, {f.version})") for c, f in chosen.items()])
        register = Dataset.objects.filter(enabled=True).order_by("id")
        offer(self, "datasets", [(d.code, Choice(d.code, hint=f"{d.name}, {d.owner}")) for d in register])
        under = Agreement.objects.order_by("reference")
        offer(self, "agreement", [("", "Choose"), *((a.reference, a.reference) for a in under)])
