"""Forms of submissions and certificates."""

from typing import Any

from django import forms

from cohorts.queries import open_queries
from cohorts.rules.findings import KINDS
from connecting_families.kit.forms import Choice
from transfers.models import RecipientCertificate, Submission

LONGEST = 20_000
"""Bytes of a certificate in PEM form that we read."""

BEGINNINGS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"PRIVATE KEY")
"""One with a private key is read, so that it is said what must happen to it."""

PURPOSES = [(code, Choice(words)) for code, words in RecipientCertificate.PURPOSES.items()]


class ExplainForm(forms.Form):
    """A sentence for each code of open queries; what is left empty is not explained."""

    def __init__(self, row: Submission, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = dict(row.explanations.filter(family_ref="").values_list("code", "text"))
        for code, count in open_queries(row.cohort).items():
            self.fields[code] = forms.CharField(
                label=f"{code}, {count:,} finding{'' if count == 1 else 's'}",
                help_text=f"{KINDS[code].sentence} Why are these right as they are? Write no names.",
                required=False,
                initial=said.get(code, ""),
                widget=forms.Textarea(attrs={"rows": 2}),
            )


class ExplainOneForm(forms.Form):
    """A sentence for what was found of one person or family."""

    text = forms.CharField(
        label="Why is this right as it is?",
        help_text="A sentence. It travels with the submission, without saying of whom. Write no names.",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2_000,
        error_messages={"required": "Say why this is right as it is"},
    )


class SendBackForm(forms.Form):
    """Why a submission goes back."""

    reason = forms.CharField(
        label="What is to be mended?", help_text="A sentence. Write no names.", widget=forms.Textarea(attrs={"rows": 3})
    )


class VoidForm(forms.Form):
    """Why a submission goes nowhere."""

    reason = forms.CharField(
        label="Why is it made void?",
        help_text="A sentence. It stands on the trail for ever: write no names of families.",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=500,
        error_messages={"required": "Say why it is made void"},
    )


class ReceiptForm(forms.Form):
    """A recipient's receipt, as a file."""

    file = forms.FileField(
        label="Receipt",
        help_text="The JSON file that the recipient gave you. Anything else is refused, and not kept.",
        error_messages={"required": "Choose the receipt", "empty": "This file is empty"},
        max_length=200,
    )


class AddCertificateForm(forms.Form):
    """A recipient's certificate, as a file or pasted."""

    recipient = forms.CharField(label="Recipient", help_text="The code in agreements, such as ONS.", max_length=40)
    purpose = forms.ChoiceField(label="Packages that it opens", widget=forms.RadioSelect, choices=PURPOSES)
    file = forms.FileField(
        label="Certificate as a file", required=False, max_length=200,
        help_text="X.509 in PEM form, or OpenPGP in armour, as the recipient gave it to you.",
    )  # fmt: skip
    pasted = forms.CharField(
        label="Or paste it",
        help_text="All of it, from -----BEGIN CERTIFICATE----- or -----BEGIN PGP PUBLIC KEY BLOCK----- on.",
        widget=forms.Textarea(attrs={"rows": 8}),
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        """`pem`, the bytes of the one certificate that was given; certificates are some kilobytes of ASCII."""
        given: dict[str, Any] = super().clean() or {}
        file = given.get("file")
        pem = file.read(LONGEST + 1) if file else (given.get("pasted") or "").encode()
        field = "file" if file else "pasted"
        if not pem:
            self.add_error("file", "Choose a file, or paste the certificate below.")
        elif file and given.get("pasted"):
            self.add_error("pasted", "Give the certificate once: as a file, or pasted.")
        elif len(pem) > LONGEST or not pem.isascii() or not any(begin in pem for begin in BEGINNINGS):
            words = "It begins with -----BEGIN CERTIFICATE----- or -----BEGIN PGP PUBLIC KEY BLOCK-----."
            self.add_error(field, f"This is not a certificate in PEM form, nor one of OpenPGP. {words}")
        return given | {"pem": pem}


class AcceptCertificateForm(forms.Form):
    """The fingerprint, as the recipient reads it out."""

    purpose = forms.ChoiceField(label="Packages that it opens", widget=forms.RadioSelect, choices=PURPOSES)
    fingerprint = forms.CharField(
        label="Fingerprint",
        help_text="SHA-256 of an X.509 certificate, or what gpg --fingerprint shows of an OpenPGP one. Ask the"
        " recipient to read it to you, and type it here. Do not copy it from this site.",
    )
