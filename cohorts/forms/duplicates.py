"""Forms of records that may be of one person; what speaks against what is chosen is for the stages."""

from typing import Any, ClassVar

from django import forms

from cohorts.compared import Two
from cohorts.models import Pair
from connecting_families.kit.forms import Choice, offer


class PairFilter(forms.Form):
    """Which pairs; left empty, those that wait to be decided."""

    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "To decide, and not sure"), *Pair.STATES.items()]
    )
    # Where a link led to; never typed, since it stands in the address.
    person = forms.CharField(widget=forms.HiddenInput, required=False)


class BringTogetherForm(forms.Form):
    """Two records, by their references."""

    first = forms.CharField(
        label="Reference of one record",
        help_text="For example, P000123",
        max_length=60,
        error_messages={"required": "Enter the reference of one record"},
    )
    second = forms.CharField(
        label="Reference of the other record",
        max_length=60,
        error_messages={"required": "Enter the reference of the other record"},
    )


class DecideForm(forms.Form):
    """Whether two records are of one person, and which of them is kept then."""

    reveals: ClassVar = {"outcome": {Pair.SAME: ["keep"]}}
    outcome = forms.ChoiceField(
        label="Are they one person?",
        widget=forms.RadioSelect,
        choices=[
            (Pair.SAME, Choice("Yes, one person", hint="The two are merged. It can be undone.")),
            (Pair.DIFFERENT, Choice("No, two people", hint="They are not proposed again unless somebody asks.")),
            (Pair.NOT_SURE, Choice("I am not sure", hint="They wait, and are among the findings of a cohort.")),
        ],
        error_messages={"required": "Choose whether the two records are of one person"},
    )
    keep = forms.ChoiceField(
        label="Which record is kept?",
        help_text="Its names, dates, numbers and addresses count; the other record stays on file as it is.",
        widget=forms.RadioSelect,
        required=False,
    )
    reason = forms.CharField(
        label="What speaks for it?",
        help_text="A sentence. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        error_messages={"required": "Write what speaks for it"},
    )

    def __init__(self, *args: Any, two: Two, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {person.reference: person for person in two}
        offer(self, "keep", [(reference, reference) for reference in self.people])

    def clean(self) -> dict[str, Any]:
        """The person of the reference that was chosen; two people need no choice."""
        given: dict[str, Any] = super().clean() or {}
        given["keep"] = self.people.get(given.get("keep", "")) if given.get("outcome") == Pair.SAME else None
        return given


class UndoForm(forms.Form):
    """A merge is undone."""

    reason = forms.CharField(
        label="Why are they not one person?",
        help_text="A sentence. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        error_messages={"required": "Write why the two are not one person"},
    )
