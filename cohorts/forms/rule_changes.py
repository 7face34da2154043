"""Forms of changes of the rules; what speaks against what is typed is for the stages to say."""

from typing import Any

from django import forms

from cohorts import frameworks, in_force
from cohorts.comparing import Kind
from cohorts.forms.registers import WhyField
from cohorts.forms.rounds import SCOPES
from cohorts.models import Cohort, Dataset, Round
from connecting_families.kit.forms import Choice, offer

IN_USE = "New rounds take it"


class RoundRulesForm(forms.Form):
    """What a round shall ask from now on, beginning with what it asks now."""

    framework_version = forms.ChoiceField(
        label="Version of the framework",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a version of the framework"},
    )
    datasets = forms.MultipleChoiceField(
        label="Datasets to match with",
        help_text="Those in use that the round's agreement lists, and those which the round has.",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one dataset"},
    )
    notice_days = forms.IntegerField(
        label="Days of notice", help_text="How many days before the cut-off people must have been told."
    )
    scope = forms.ChoiceField(label="If somebody objects to one dataset only", widget=forms.RadioSelect, choices=SCOPES)
    reason = WhyField("Why shall the rules change?")

    def __init__(self, data: Any, round_: Round) -> None:
        super().__init__(data, initial=round_.settings._asdict())
        kept = frameworks.versions(round_.framework)
        offer(self, "framework_version", [(v, Choice(v, hint=_of_version(round_, v))) for v in kept])
        listed = Dataset.objects.filter(code__in=[*round_.agreement.datasets, *round_.datasets]).order_by("id")
        asked = [row for row in listed if row.enabled or row.code in round_.datasets]
        offer(self, "datasets", [(row.code, Choice(row.code, hint=f"{row.name}, {row.owner}")) for row in asked])


def _of_version(round_: Round, version: str) -> str:
    if version == round_.framework_version:
        return "The round has it now"
    return IN_USE if in_force.versions().get(round_.framework) == version else "New rounds do not take it"


class DifferenceFilter(forms.Form):
    """Of which cohort, and which differences; left empty, the newest and every one."""

    cohort = forms.ChoiceField(label="Cohort", required=False)
    kind = forms.ChoiceField(label="What would become of them", required=False)

    def __init__(self, data: Any, cohorts: list[Cohort], kinds: dict[Kind, str]) -> None:
        super().__init__(data)
        offer(self, "cohort", [("", "The newest"), *((str(row.pk), f"{row.pk}, round {row.round}") for row in cohorts)])
        offer(self, "kind", [("", "Anything"), *((kind.name, text) for kind, text in kinds.items())])
