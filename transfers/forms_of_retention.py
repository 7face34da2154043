"""Forms of retention: holds, the end of a study, a recipient's certificate, and asking for a destruction."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django import forms

from connecting_families.arriving import ONE
from connecting_families.kit.forms import Choice, DateBoxesField


class HoldForm(forms.Form):
    """Why a hold is placed, or lifted."""

    reason = forms.CharField(
        label="Why?", help_text="A sentence. It stands on the trail for ever: write no names of families.",
        widget=forms.Textarea(attrs={"rows": 3}), max_length=500, error_messages={"required": "Say why"},
    )  # fmt: skip


class AskForm(forms.Form):
    """That a destruction is asked for."""

    reason = forms.CharField(
        label="Why now? (optional)", help_text="It stands on the certificate for ever: write no names of families.",
        widget=forms.Textarea(attrs={"rows": 2}), max_length=500, required=False,
    )  # fmt: skip


class StudyEndForm(forms.Form):
    """The last day of the research under an agreement."""

    ends_on = DateBoxesField(label="Last day of the study", help_text="The whole day is included.")
    source = forms.CharField(
        label="From what is that known?", help_text="For example the reference of the recipient's letter.",
        max_length=200, error_messages={"required": "Say from what that is known"},
    )  # fmt: skip


class RecipientCertificateForm(forms.Form):
    """A recipient's certificate of destruction: what stands on it, and the file, of which the digest is kept."""

    recipient = forms.ChoiceField(label="Whose certificate is it?", widget=forms.RadioSelect)
    reference = forms.CharField(
        label="Its reference", max_length=100, error_messages={"required": "Give the reference on the certificate"}
    )
    destroyed_on = DateBoxesField(label="On which day was everything destroyed, as it says?")
    file = forms.FileField(
        label="The certificate", max_length=200,
        help_text="The file as the recipient gave it to you. Its SHA-256 is kept, the file is not: keep it yourself.",
        error_messages={"required": "Choose the certificate's file", "empty": "This file is empty"},
    )  # fmt: skip

    def __init__(self, recipients: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["recipient"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(name, Choice(name)) for name in recipients]

    def clean(self) -> dict[str, Any]:
        """`sha256` of the file."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("file") and given["file"].size > ONE:
            self.add_error("file", f"This file is larger than {ONE >> 20} megabytes. Choose the certificate.")
        digest = hashlib.sha256()
        for piece in given["file"].chunks() if given.get("file") else ():
            digest.update(piece)
        return {name: value for name, value in given.items() if name != "file"} | {"sha256": digest.hexdigest()}
