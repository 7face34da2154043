"""Forms of the registers; what speaks against what is typed is for the stages to say."""

from collections.abc import Iterable
from typing import Any

from django import forms

from cohorts.agreements import RESEARCH
from cohorts.datasets import PARTS
from cohorts.models import Dataset, NoticeVersion
from connecting_families.kit.forms import Choice, DateBoxesField, offer

CODES = "Codes separated by semicolons, such as ONS"


def separated(text: str) -> list[str]:
    """Codes or names between semicolons or on lines of their own."""
    return [part.strip() for line in text.splitlines() for part in line.split(";") if part.strip()]


def dataset_choices() -> list[tuple[str, Choice]]:
    """Every dataset of the register, one out of use marked so."""
    return [
        (row.code, Choice(row.code, hint=f"{row.name}, {row.owner}{'' if row.enabled else ' (not in use)'}"))
        for row in Dataset.objects.order_by("id")
    ]


class WhyField(forms.CharField):
    """Why something is done: it stands in the trail for good."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(
            label=label,
            help_text="A sentence. It stays in the trail: write no names.",
            widget=forms.Textarea(attrs={"rows": 2}),
            max_length=500,
            **kwargs,
        )


class DatasetForm(forms.Form):
    """What the register says of a dataset."""

    name = forms.CharField(label="Name", max_length=200)
    owner = forms.CharField(label="Department that owns it", help_text="For example DfE", max_length=200)
    keys = forms.CharField(
        label="Keys by which it can be matched, the best first",
        help_text=f"Parts joined by +, keys separated by semicolons. The parts are {', '.join(PARTS)}. An age may"
        " follow a key, as in (aged 4-25). Leave it empty while none is known.",
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class NewDatasetForm(DatasetForm):
    """A dataset to enter."""

    code = forms.CharField(label="Code", help_text="Capital letters and digits, for example NPD", max_length=60)
    from_on = DateBoxesField(label="First day in the register")
    field_order = ["code", "name", "owner", "keys", "from_on"]


class ChangeDatasetForm(DatasetForm):
    """What is different, and why; `seen` is what it was told from."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = WhyField("Why does it change?")


class ReasonForm(forms.Form):
    """Why, and nothing else."""

    reason = WhyField("Why?")


class LastDayForm(forms.Form):
    """The last day of something, and why it ends then."""

    last_day = DateBoxesField(label="Last day", help_text="The whole day is included.")
    reason = WhyField("Why does it end then?")


class NoticeVersionForm(forms.Form):
    """What a version of the notice says."""

    reveals = {"covers": {"some": ["datasets"]}}

    published_on = DateBoxesField(label="Published on")
    basis = forms.ChoiceField(
        label="Lawful basis that it names", widget=forms.RadioSelect, choices=list(NoticeVersion.BASES.items())
    )
    covers = forms.ChoiceField(
        label="Datasets of which it tells",
        widget=forms.RadioSelect,
        choices=[("all", "All that are, or will be, in the register"), ("some", "Only these")],
    )
    datasets = forms.MultipleChoiceField(label="Which datasets?", widget=forms.CheckboxSelectMultiple, required=False)
    recipients = forms.CharField(label="Recipients that it names", help_text=CODES, max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "datasets", dataset_choices())

    def clean_recipients(self) -> list[str]:
        """As codes."""
        return separated(self.cleaned_data["recipients"])

    def clean(self) -> dict[str, Any]:
        """All datasets, or those that are ticked: none ticked is not all of them."""
        given: dict[str, Any] = super().clean() or {}
        covers = given.pop("covers", "")
        if covers == "some" and not given.get("datasets"):
            self.add_error("datasets", "Tick at least one dataset, or say that the notice tells of all.")
        if covers == "all":
            given["datasets"] = []
        return given


class NewNoticeVersionForm(NoticeVersionForm):
    """A version to enter."""

    version = forms.CharField(label="Name of the version", help_text="For example PN-2026-09", max_length=60)
    field_order = ["version", "published_on", "basis", "covers", "datasets", "recipients"]


class ChangeNoticeVersionForm(NoticeVersionForm):
    """What is different; `seen` is what it was told from."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)


class AgreementForm(forms.Form):
    """An agreement to enter; which fields may be sent is known to who sends them, and told here."""

    reference = forms.CharField(label="Reference", help_text="For example DSA-2026", max_length=60)
    parties = forms.CharField(
        label="Who agreed", help_text="Each on a line of its own", widget=forms.Textarea(attrs={"rows": 3})
    )
    purpose = forms.ChoiceField(
        label="Purpose",
        widget=forms.RadioSelect,
        choices=[(RESEARCH, Choice("Research", hint="Families were promised: for nothing else."))],
        initial=RESEARCH,
    )
    in_force_from = DateBoxesField(label="First day in force")
    last_day = DateBoxesField(
        label="Last day in force", help_text="The whole day is included. Leave it empty where it has no end.",
        required=False,
    )  # fmt: skip
    datasets = forms.MultipleChoiceField(
        label="Datasets that may be matched with",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one dataset"},
    )
    fields_ = forms.MultipleChoiceField(
        label="Fields that may be sent beside the core ones", widget=forms.CheckboxSelectMultiple, required=False
    )
    recipients = forms.CharField(label="Recipients", help_text=CODES, max_length=500)
    legal_reference = forms.CharField(
        label="Law on which it rests", help_text="For example Article 6(1)(e) UK GDPR", max_length=200
    )

    def __init__(self, *args: Any, fields: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "fields_", list(fields))
        offer(self, "datasets", dataset_choices())

    def clean_parties(self) -> list[str]:
        """As names."""
        return separated(self.cleaned_data["parties"])

    def clean_recipients(self) -> list[str]:
        """As codes."""
        return separated(self.cleaned_data["recipients"])

    def clean(self) -> dict[str, Any]:
        """What is asked of the stage, under its names."""
        given: dict[str, Any] = super().clean() or {}
        given["fields"] = given.pop("fields_", [])
        return given
