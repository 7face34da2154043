"""Forms of a family's page."""

from django import forms


class ReasonForm(forms.Form):
    """Why somebody opens a family that another team supports."""

    reason = forms.CharField(
        label="Why do you open this family?",
        help_text="Your reason is recorded, and information governance reads it. Write no names. The family stays open"
        " to you for an hour.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why you open this family"},
    )
