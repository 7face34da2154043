"""The one search box, and what narrows a search."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from cohorts.search import FLAGGED, NOT_FLAGGED
from connecting_families.kit.forms import offer

LONGEST, MOST_WORDS = 200, 12


class TermsField(forms.CharField):
    """What somebody looks for, in one box."""

    def to_python(self, value: Any) -> str:
        """The text. ValidationError for what no record can hold and for more than anybody looks for."""
        text = super().to_python(value) or ""
        if "\0" in text:
            raise ValidationError("What you look for holds a character that cannot be kept: type letters and digits")
        if len(text) > LONGEST:
            raise ValidationError(f"Type at most {LONGEST} characters: a name, and a date of birth or a postcode")
        if len(text.split()) > MOST_WORDS:
            raise ValidationError(f"Type at most {MOST_WORDS} words: a name, and a date of birth or a postcode")
        return text


class FindForm(forms.Form):
    """Whom to find."""

    terms = TermsField(
        label="Whom are you looking for?",
        help_text="A name, as you have heard it; a date or year of birth; a postcode or its first half; a reference or"
        " an NHS number. Several together narrow the search, for example: smyth 2015, or okafor PE1 1AA.",
        error_messages={"required": "Enter a name, a date of birth, a postcode or a reference"},
    )
    team = forms.ChoiceField(label="Team", required=False)
    status = forms.ChoiceField(
        label="Flag",
        required=False,
        choices=[("", "All families"), (FLAGGED, "Flagged"), (NOT_FLAGGED, "Not flagged, or the flag was lifted")],
    )

    def __init__(self, *args: Any, teams: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "team", [("", "All teams"), *((team, team) for team in teams)])
