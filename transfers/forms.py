"""Forms of submissions and certificates."""

from typing import Any

from django import forms

from cohorts.queries import open_queries
from cohorts.rules.findings import KINDS
from connecting_families.kit.forms import Choice
from transfers.models import RecipientCertificate, Submission

PURPOSES = [(code, Choice(words)) for code, words in RecipientCertificate.PURPOSES.items()]


class ExplainForm(forms.Form):
    """A sentence for each code of open queries; what is left empty is not explained."""

    def __init__(self, row: Submission, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = dict(row.explanations.values_list("code", "text"))
        for code, count in open_queries(row.cohort).items():
            self.fields[code] = forms.CharField(
                label=f"{code}: {count:,}",
                help_text=f"{KINDS[code].sentence} Why are these right as they are? Write no names.",
                required=False,
                initial=said.get(code, ""),
                widget=forms.Textarea(attrs={"rows": 2}),
            )


class SendBackForm(forms.Form):
    """Why a submission goes back."""

    reason = forms.CharField(
        label="What is to be mended?", help_text="A sentence. Write no names.", widget=forms.Textarea(attrs={"rows": 3})
    )


class AddCertificateForm(forms.Form):
    """A recipient's certificate, pasted."""

    recipient = forms.CharField(label="Recipient", help_text="The code in agreements, such as ONS.", max_length=40)
    purpose = forms.ChoiceField(label="Packages that it opens", widget=forms.RadioSelect, choices=PURPOSES)
    pem = forms.CharField(
        label="Certificate",
        help_text="Paste all of it, from -----BEGIN CERTIFICATE----- on.",
        widget=forms.Textarea(attrs={"rows": 10}),
    )


class AcceptCertificateForm(forms.Form):
    """The fingerprint, as the recipient reads it out."""

    purpose = forms.ChoiceField(label="Packages that it opens", widget=forms.RadioSelect, choices=PURPOSES)
    fingerprint = forms.CharField(
        label="Fingerprint (SHA-256)",
        help_text="Ask the recipient to read it to you, and type it here. Do not copy it from this site.",
    )
