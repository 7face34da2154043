"""The filter over the decisions of a cohort."""

from django import forms

from cohorts.rules.reasons import Reason

INCLUDED, EXCLUDED = "IN", "OUT"
CHOICES = [
    ("", "Everyone"),
    (INCLUDED, "Everyone who is in"),
    (EXCLUDED, "Everyone who is out"),
    *((reason.code, f"Out first of all because: {reason.sentence}") for reason in Reason),
]


class DecisionFilter(forms.Form):
    """Which decisions; left empty, every one."""

    decision = forms.ChoiceField(label="Decision", required=False, choices=CHOICES)
