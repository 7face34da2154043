"""Forms of what families were told, agreed to and object to; what speaks against what is typed is for the stages."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from django import forms

from cohorts.forms.registers import dataset_choices
from cohorts.models import Consent, Notice, NoticeVersion, Objection, Person, Protection, Recheck
from cohorts.rules.consent import BASIS
from connecting_families.kit.forms import Choice, DateBoxesField, DateTimeBoxesField, offer
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission, permits

FAMILY, NOBODY_FOUND, NOT_KNOWN = "family", "nobody", ""
NOBODY = Choice("Somebody whom I cannot find here", hint="It is recorded all the same, and looked for")
ALL, SOME = "all", "some"
KINDS = {
    "refuge": "The person lives in a refuge. Where they live is shown on no letter.",
    "sensitive_address": "Somebody must not learn where the person lives.",
    "adoption": "The person was or is being adopted.",
    "witness_protection": "The person is a protected witness.",
    "other_court_order": "A court ordered that who or where the person is must not be told.",
}


def name_of(person: Person) -> str:
    """A person's name as people say it; the reference where no name is known."""
    return " ".join(part for part in (person.given_name, person.family_name) if part) or person.reference


def born(person: Person) -> str:
    """The hint that tells two people of one name apart."""
    known = f"born {person.date_of_birth:%-d %B %Y}, " if person.date_of_birth else ""
    return f"{known}{person.reference}"


class WhenField(DateTimeBoxesField):
    """When something came: a date with its time. Without a time the start of the day is meant, without both now."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        hint = "For example, 27 3 2026 at 14:30. Leave the time empty if nobody knows it, and everything empty for now."
        super().__init__(label=label, help_text=hint, required=False, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        """The instant; None for now. The start of a day is the earliest that can be meant: it protects the longest."""
        if isinstance(value, list) and any(value[:3]) and not str(value[3] or "").strip():
            value = [*value[:3], "00:00"]
        instant: datetime | None = super().to_python(value)
        return instant


def person_choices(people: Sequence[Person]) -> list[tuple[str, Choice]]:
    """The people of a family to choose from."""
    return [(person.reference, Choice(name_of(person), hint=born(person))) for person in people]


class PeopleForm(forms.Form):
    """A form about somebody of a family."""

    def __init__(self, *args: Any, people: Sequence[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {person.reference: person for person in people}
        offer(self, "person", self.choices())

    def choices(self) -> list[tuple[str, Choice]]:
        """Who can be chosen."""
        return person_choices(list(self.people.values()))

    def clean_person(self) -> Person | str:
        """The person of that reference, or what else can be chosen."""
        chosen: str = self.cleaned_data["person"]
        return self.people.get(chosen, chosen)


class NoticeForm(PeopleForm):
    """A notice that was given."""

    person = forms.ChoiceField(
        label="To whom was it given?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose to whom the notice was given"},
    )
    version = forms.ModelChoiceField(
        NoticeVersion.objects.none(),
        label="Which version?",
        to_field_name="version",
        empty_label=None,
        error_messages={"required": "Choose the version that was given"},
    )
    issued_on = DateBoxesField(
        label="When?", help_text="For example, 27 3 2026", error_messages={"required": "Enter the day it was given"}
    )
    channel = forms.ChoiceField(
        label="How?",
        widget=forms.RadioSelect,
        choices=list(Notice.CHANNELS.items()),
        error_messages={"required": "Choose how it was given"},
    )
    issued_by = forms.ChoiceField(label="By whom?")

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        published = NoticeVersion.objects.filter(published_on__lte=today)
        self.fields["version"].queryset = published.order_by("-published_on", "-id")  # type: ignore[attr-defined]
        staff = User.objects.filter(is_active=True).order_by("username")
        names = [user.username for user in staff if permits(user.role, Permission.SEE_OWN_FAMILIES)]
        offer(self, "issued_by", [(name, name) for name in names])

    def choices(self) -> list[tuple[str, Choice]]:
        """The family, or one of it."""
        whole = Choice("The whole family", hint="Everyone who was a member on that day")
        return [(FAMILY, whole), *super().choices()]


class DatasetsForm(forms.Form):
    """All datasets, or some of them."""

    covers = forms.ChoiceField(label="To what?", widget=forms.RadioSelect, initial=ALL, required=False)
    datasets = forms.MultipleChoiceField(label="Which datasets?", widget=forms.CheckboxSelectMultiple, required=False)
    reveals: ClassVar = {"covers": {SOME: ["datasets"]}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "datasets", dataset_choices())
        offer(self, "covers", [(ALL, "All datasets"), (SOME, "Only some")])

    def clean(self) -> dict[str, Any]:
        """What was ticked below "all" does not count."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("covers") != SOME:
            given["datasets"] = []
        return given


class ConsentForm(DatasetsForm, PeopleForm):
    """A consent that was given."""

    person = forms.ChoiceField(
        label="Who is it for?", widget=forms.RadioSelect, error_messages={"required": "Choose whom the consent is for"}
    )
    given_by = forms.ChoiceField(
        label="Who gave it?",
        widget=forms.RadioSelect,
        choices=list(Consent.GIVEN_BY.items()),
        error_messages={"required": "Choose who gave the consent"},
    )
    version = forms.ModelChoiceField(
        NoticeVersion.objects.filter(basis=BASIS).order_by("-published_on", "-id"),
        label="To which version of the notice?",
        to_field_name="version",
        empty_label=None,
        error_messages={"required": "Choose the version that was consented to"},
    )
    given_on = DateBoxesField(
        label="When?", help_text="For example, 27 3 2026", error_messages={"required": "Enter the day it was given"}
    )
    field_order = ["person", "given_by", "version", "covers", "datasets", "given_on"]

    def clean(self) -> dict[str, Any]:
        """Consent to some datasets names them: none named would be taken for all."""
        given = super().clean()
        if given.get("covers") == SOME and not given.get("datasets"):
            self.add_error("datasets", "Tick at least one dataset, or choose that the consent is to all")
        return given


class WithdrawalForm(forms.Form):
    """A consent is withdrawn."""

    withdrawn_at = WhenField("When was it withdrawn?")


class HowForm(forms.Form):
    """Who said something, and how it came; neither need be known."""

    made_by = forms.ChoiceField(
        label="Who objects?",
        widget=forms.RadioSelect,
        required=False,
        choices=[*Objection.MADE_BY.items(), (NOT_KNOWN, "Not known")],
        initial=NOT_KNOWN,
    )
    channel = forms.ChoiceField(
        label="How did it come?",
        widget=forms.RadioSelect,
        required=False,
        choices=[*Objection.CHANNELS.items(), (NOT_KNOWN, "Not known")],
        initial=NOT_KNOWN,
    )


class AboutForm(forms.Form):
    """About somebody who is not found on file, or whom nobody looked for yet."""

    about = forms.CharField(
        label="Who is it about, as far as you were told?",
        help_text="Names, where they live, who they were in touch with. Information governance looks for them by this.",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=500,
        required=False,
    )


class UnmatchedForm(DatasetsForm, HowForm, AboutForm):
    """An objection of somebody who is not found on file; hardly anything of it must be known."""

    received_at = WhenField("When did it come to the council?")
    field_order = ["about", "made_by", "channel", "covers", "datasets", "received_at"]


class ObjectionForm(UnmatchedForm, PeopleForm):
    """An objection for somebody of a family, or for all of it."""

    reveals: ClassVar = {"covers": {SOME: ["datasets"]}, "person": {NOBODY_FOUND: ["about"]}}
    person = forms.ChoiceField(
        label="For whom?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose for whom, or that you cannot find the person"},
    )
    field_order = ["person", "about", "made_by", "channel", "covers", "datasets", "received_at"]

    def choices(self) -> list[tuple[str, Choice]]:
        """One of the family, all of it, or somebody whom nobody finds."""
        whole = Choice("The whole family", hint="Everyone in it, adults too")
        return [*super().choices(), (FAMILY, whole), (NOBODY_FOUND, NOBODY)]


class LiftForm(forms.Form):
    """An objection is lifted."""

    asked_by = forms.ChoiceField(
        label="Who asked to lift it?",
        widget=forms.RadioSelect,
        choices=list(Objection.MADE_BY.items()),
        error_messages={"required": "Choose who asked to lift the objection"},
    )
    channel = forms.ChoiceField(
        label="How did they ask?",
        widget=forms.RadioSelect,
        choices=list(Objection.CHANNELS.items()),
        error_messages={"required": "Choose how they asked"},
    )
    lifted_at = WhenField("When did they ask?")


class ProtectionForm(PeopleForm):
    """A mark that protects somebody."""

    person = forms.ChoiceField(
        label="Who is protected?", widget=forms.RadioSelect, error_messages={"required": "Choose who is protected"}
    )
    kind = forms.ChoiceField(
        label="Why?",
        widget=forms.RadioSelect,
        choices=[(kind, Choice(Protection.KINDS[kind], hint=hint)) for kind, hint in KINDS.items()],
        error_messages={"required": "Choose why the person is protected"},
    )
    from_on = DateBoxesField(
        label="Since when?",
        help_text="For example, 27 3 2026. Today, if nobody knows.",
        error_messages={"required": "Enter the first day"},
    )


class EndProtectionForm(forms.Form):
    """The last day of a mark, and why."""

    last_day = DateBoxesField(label="Last day", help_text="The whole day is included.")
    reason = forms.CharField(
        label="Why does the person need it no longer?",
        help_text="A sentence. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
    )


# For information governance ---------------------------------------------------------------------------------------


class RefusalForm(forms.Form):
    """An objection is refused: with all three, or not at all."""

    reason = forms.CharField(
        label="Why is it refused?",
        help_text="As the person was told. It is kept with the objection, and not in the trail.",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=500,
        error_messages={"required": "Write why it is refused"},
    )
    legal_reference = forms.CharField(
        label="By which law?",
        help_text="For example, Article 21(1) UK GDPR",
        max_length=200,
        error_messages={"required": "Name the law by which it is refused"},
    )
    told_on = DateBoxesField(
        label="When was the person told?",
        help_text="Tell them first: why, and that they may complain to the Information Commissioner.",
        error_messages={"required": "Enter the day on which the person was told"},
    )


class NarrowForm(forms.Form):
    """Those of a family to whom its objection is narrowed."""

    persons = forms.MultipleChoiceField(
        label="Whom does it go on protecting?",
        help_text="Everybody else is no longer covered by it.",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one person"},
    )
    reason = forms.CharField(
        label="Why these alone?",
        help_text="A sentence. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        error_messages={"required": "Write why it covers these persons alone"},
    )

    def __init__(self, *args: Any, people: Sequence[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {person.reference: person for person in people}
        offer(self, "persons", person_choices(people))

    def clean_persons(self) -> list[Person]:
        """The persons of these references."""
        return [self.people[reference] for reference in self.cleaned_data["persons"]]


class ReferenceForm(forms.Form):
    """Whom an objection, or a request, is about."""

    reference = forms.CharField(
        label="Reference of the person or of the family",
        help_text="For example, P000123 or F000123. You see whose it is before anything is kept.",
        max_length=60,
        error_messages={"required": "Enter a reference"},
    )


class RecheckForm(forms.Form):
    """What came of asking somebody after a birthday."""

    due = forms.ChoiceField(
        label="Whom did you ask?", widget=forms.RadioSelect, error_messages={"required": "Choose whom you asked"}
    )
    outcome = forms.ChoiceField(
        label="What came of it?",
        widget=forms.RadioSelect,
        choices=list(Recheck.OUTCOMES.items()),
        error_messages={"required": "Choose what came of it"},
    )

    def __init__(self, *args: Any, due: Sequence[tuple[str, Choice]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "due", list(due))
