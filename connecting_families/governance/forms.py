"""Forms of information governance: which entries of the trail, who looked at whom, whom a report is about, and why."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from cohorts.forms.find import TermsField
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.governance.entries import Asked
from connecting_families.governance.models import LookToCheck
from connecting_families.governance.subject.report import ASKED_BY
from connecting_families.kit.forms import Choice, DateBoxesField


class TrailFilter(forms.Form):
    """Which entries; everything left empty is every entry.

    A user name or a reference is one that the trail holds, which holds no name: so it may stand in an address. Words
    may be any, and never do.
    """

    event = forms.ChoiceField(
        label="What", required=False, choices=[("", "Everything"), *((event.name, event.value) for event in Event)]
    )
    who = forms.CharField(
        label="Who", help_text="A user name, or a duty such as system:seal", max_length=150, required=False
    )
    reference = forms.CharField(
        label="About", help_text="The reference of a person or another record", max_length=200, required=False
    )
    since = DateBoxesField(label="From", required=False)
    until = DateBoxesField(label="To, the day included", required=False)
    words = forms.CharField(label="Words in the reason", max_length=100, required=False)

    def __init__(self, *args: Any, forgotten: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.forgotten = forgotten

    def clean_words(self) -> str:
        """Words that this session still keeps."""
        if self.forgotten:
            raise ValidationError("The words that you looked for are no longer kept. Type them again.")
        return str(self.cleaned_data["words"])

    def clean_who(self) -> str:
        """Somebody of whom the trail tells."""
        return self._known("who", "The trail tells of nobody with this user name. Check it.")

    def clean_reference(self) -> str:
        """A record of which the trail tells."""
        return self._known("reference", "The trail tells of no record with this reference. Check it.")

    def _known(self, name: str, otherwise: str) -> str:
        given: str = self.cleaned_data[name]
        if given and not Entry.objects.filter(**{name: given}).exists():
            raise ValidationError(otherwise)
        return given

    def clean(self) -> dict[str, Any]:
        """The first day is not after the last."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] > given["until"]:
            self.add_error("until", "The last day must be the first day, or after it.")
        return given

    def asked(self) -> Asked:
        """What a filter without a mistake asks for."""
        return Asked(**self.cleaned_data)


class _WithReason(forms.Form):
    """What looking at who looked asks for beside."""

    reason = forms.CharField(
        label="Why do you look this up?",
        help_text="Your reason is recorded with what you look up. Write no names.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why you look this up"},
    )


class PersonForm(_WithReason):
    """Whom they looked at."""

    field_order = ["reference", "reason"]
    reference = forms.CharField(
        label="Whose record?",
        help_text="The person's reference. To find it, use Find a family.",
        max_length=200,
        error_messages={"required": "Enter the person's reference"},
    )

    def __init__(self, *args: Any, named: str = "", **kwargs: Any) -> None:
        """`named`: whose record it is, where that is known already."""
        super().__init__(*args, **kwargs)
        if named:
            del self.fields["reference"]


class NameForm(_WithReason):
    """Which name they searched for."""

    field_order = ["name", "reason"]
    name = forms.CharField(
        label="Which name?",
        help_text="One or more words, in any order. It is compared with what was typed, and kept nowhere.",
        max_length=200,
        error_messages={"required": "Enter a name"},
    )


class WhomForm(forms.Form):
    """Whom a report is about, as somebody heard of them."""

    terms = TermsField(
        label="Who asks what is held about them?",
        help_text="A name, as you have heard it; a date or year of birth; a reference or an NHS number."
        " Several together narrow the search.",
        error_messages={"required": "Enter a name, a date of birth or a reference"},
    )


class SubjectForm(forms.Form):
    """For whom a report is made, and why."""

    asked_by = forms.ChoiceField(
        label="Who asked for it?",
        widget=forms.RadioSelect,
        choices=list(ASKED_BY.items()),
        error_messages={"required": "Choose who asked for it"},
    )
    reason = forms.CharField(
        label="Why do you make this report?",
        help_text="For example, the day and the way of the request, and how you know who asks. It is recorded,"
        " and is in later reports about this person. Write no names.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why you make this report"},
    )


class NotOnPaperForm(forms.Form):
    """Why what protects somebody is looked at."""

    reason = forms.CharField(
        label="Why do you need to see it?",
        help_text="It is recorded. Write no names and no addresses.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why you need to see it"},
    )


class LookFilter(forms.Form):
    """Which looks; left empty, those to check."""

    kind = forms.ChoiceField(label="What", required=False, choices=[("", "Every kind"), *LookToCheck.KINDS.items()])
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "To check"), *list(LookToCheck.STATES.items())[1:]]
    )


class CheckedForm(forms.Form):
    """What came of looking into a look."""

    outcome = forms.ChoiceField(
        label="What came of it?",
        widget=forms.RadioSelect,
        choices=[
            (LookToCheck.FINE, Choice("There is an explanation", hint="A later look is shown again")),
            (LookToCheck.KNOWN, Choice("It is known and allowed", hint="The same is not shown again")),
            (LookToCheck.TAKEN_UP, Choice("It is taken up", hint="With their manager, or by the council's procedure")),
        ],
        error_messages={"required": "Choose what came of it"},
    )
    note = forms.CharField(
        label="How do you know?",
        help_text="It is kept here, and not in the trail. Write no names of families.",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write how you know"},
    )


class SignOffForm(forms.Form):
    """The signature under a month: what was found; `seen` is the digest of what stood on the page."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    note = forms.CharField(
        label="What did you find, and what follows from it?",
        help_text="It is kept with your name, and never changed. Write no names of families or people.",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2000,
    )
