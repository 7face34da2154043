"""The form of a review; what speaks against what is typed is for the stage to say."""

from django import forms

from connecting_families.kit.forms import DateBoxesField


class AgreementReviewForm(forms.Form):
    """On which law an agreement rests, and when it is looked at again."""

    legal_reference = forms.CharField(
        label="Law on which it rests", help_text="For example Article 6(1)(e) UK GDPR", max_length=200
    )
    next_on = DateBoxesField(label="Look at it again by", help_text="A day within two years")


class VersionReviewForm(AgreementReviewForm):
    """Of a version of the notice also whom people may ask."""

    contact = forms.CharField(
        label="Whom people may ask",
        help_text="A team, with its telephone number or e-mail address, as the notice names it",
        max_length=200,
    )
    field_order = ["legal_reference", "contact", "next_on"]
