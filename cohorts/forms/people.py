"""Forms of families and people. What speaks against what is typed is for the stages."""

from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar

from django import forms

from cohorts.forms.wishes import name_of
from cohorts.models import Membership, Person
from cohorts.search import Found
from connecting_families.kit.forms import Choice, DateBoxesField, offer

NOBODY, UNSURE = "nobody", "unsure"
MISSING = {
    "not asked": "Nobody has asked yet",
    "not told": "They were asked, and did not say",
    "not known": "They were asked, and do not know it",
}
SEXES = {code: Person.SEXES[code] for code in ("2", "1", "9", "0")}
EXAMPLE = "For example, 27 3 2014"


class YesNoField(forms.TypedChoiceField):
    """A question that is answered with yes or no."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(
            label=label, widget=forms.RadioSelect, choices=[("yes", "Yes"), ("no", "No")],
            coerce=lambda answer: answer == "yes", **kwargs,
        )  # fmt: skip


def text_field(label: str, length: int = 200, **kwargs: Any) -> forms.CharField:
    """A text that may be unknown."""
    return forms.CharField(label=label, required=False, max_length=length, **kwargs)


class TeamForm(forms.Form):
    """The team of a new family, where somebody may choose it."""

    team = forms.ChoiceField(
        label="Which team supports the family?", error_messages={"required": "Choose the team of the family"}
    )

    def __init__(self, *args: Any, teams: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "team", [("", "Choose a team"), *((team, team) for team in teams)])


class NameForm(forms.Form):
    """Whom to add: enough to look for them on file."""

    given_name = text_field("Given name", help_text="First name. If nobody knows it, leave it empty.")
    family_name = text_field("Family name", help_text="Surname. If nobody knows it, leave it empty.")
    date_of_birth = DateBoxesField(
        label="Date of birth", help_text=f"{EXAMPLE}. If nobody knows it, leave it empty.", required=False
    )


class SameForm(forms.Form):
    """Whether somebody on file is the person about to be added."""

    same = forms.ChoiceField(
        label="Is it one of these?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose the same person, or that it is none of these"},
    )

    def __init__(self, *args: Any, found: Sequence[tuple[Found, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {row.person.reference: row.person for row, _ in found}
        people = [(row.person.reference, Choice(f"{name_of(row.person)}", hint=hint)) for row, hint in found]
        nobody = "None of these: this person is not on file yet" if people else "No: this person is not on file yet"
        unsure = Choice("I am not sure", hint="Nobody is added for now")
        offer(self, "same", [*people, (NOBODY, nobody), (UNSURE, unsure)])

    def clean_same(self) -> Person | str:
        """The person chosen, or what else can be chosen."""
        chosen: str = self.cleaned_data["same"]
        return self.people.get(chosen, chosen)


class BelongingForm(forms.Form):
    """As what somebody belongs to a family."""

    relationship = forms.ChoiceField(
        label="What is this person in the family?",
        help_text="As seen from the lead person, whom the work with the family begins with.",
        widget=forms.RadioSelect,
        choices=list(Membership.RELATIONSHIPS.items()),
        error_messages={"required": "Choose what this person is in the family"},
    )
    lives_in_household = YesNoField(
        "Does this person live in the household?",
        error_messages={"required": "Choose whether this person lives in the household"},
    )
    parental_responsibility = YesNoField(
        "Does this person have parental responsibility for a child of the family?",
        error_messages={"required": "Choose whether this person has parental responsibility"},
    )
    joined_on = DateBoxesField(
        label="Since when do they belong to the family?",
        help_text=f"{EXAMPLE}. Today, if nobody knows.",
        error_messages={"required": "Enter since when this person belongs to the family"},
    )


class JoinForm(BelongingForm):
    """Somebody on file belongs to this family, too."""

    reason = forms.CharField(
        label="Why do you add somebody whom another team supports?",
        help_text="A sentence. It is recorded, and information governance reads it. Write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=300,
        error_messages={"required": "Say why you add somebody whom another team supports"},
    )

    def __init__(self, *args: Any, reason: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not reason:
            del self.fields["reason"]


class MissingField(forms.ChoiceField):
    """Why a date of birth is not known. What is typed here would stand in the trail: so nothing is typed."""

    def __init__(self) -> None:
        super().__init__(
            label="If there is no date of birth, why?", widget=forms.RadioSelect, required=False,
            choices=list(MISSING.items()),
        )  # fmt: skip


class SexField(forms.ChoiceField):
    """A person's sex, as it is recorded."""

    def __init__(self) -> None:
        super().__init__(
            label="Sex", widget=forms.RadioSelect, choices=list(SEXES.items()),
            error_messages={"required": "Choose the sex, or that it is not known"},
        )  # fmt: skip


class EducationField(forms.ChoiceField):
    """What somebody of 16 to 18 does."""

    def __init__(self) -> None:
        super().__init__(
            label="If 16 to 18: in education, training or work?", required=False,
            choices=[("", "Not known, or of another age"), *Person.IN_EDUCATION.items()],
        )  # fmt: skip


NUMBERS = {
    "Numbers, if you have them": ["nhs_number", "nino", "upn", "uln"],
}
NHS_NUMBER = {"label": "NHS number", "help_text": "Ten digits, for example 943 476 5919"}
NINO = {"label": "National Insurance number", "help_text": "From the age of 16, for example AB 12 34 56 C"}
UPN = {"label": "Unique pupil number", "help_text": "13 characters, for example B801200005001"}
ULN = {"label": "Unique learner number", "help_text": "Ten digits, from the age of 14"}


class DetailsForm(BelongingForm):
    """The rest of what is asked of somebody new."""

    sex = SexField()
    middle_names = text_field("Middle names")
    previous_family_names = text_field("Previous family names", help_text="For example, before a marriage")
    dob_missing_reason = MissingField()
    nhs_number = text_field(length=20, **NHS_NUMBER)
    nino = text_field(length=20, **NINO)
    upn = text_field(length=20, **UPN)
    uln = text_field(length=20, **ULN)
    in_education = EducationField()
    fieldsets: ClassVar = NUMBERS

    def __init__(self, *args: Any, born: date | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if born is not None:
            del self.fields["dob_missing_reason"]


class ChangeForm(forms.Form):
    """A person's details as they are on file, to be changed."""

    given_name = text_field("Given name")
    middle_names = text_field("Middle names")
    family_name = text_field("Family name")
    previous_family_names = text_field("Previous family names", help_text="For example, before a marriage")
    date_of_birth = DateBoxesField(label="Date of birth", help_text=EXAMPLE, required=False)
    dob_missing_reason = MissingField()
    sex = SexField()
    nhs_number = text_field(length=20, **NHS_NUMBER)
    nino = text_field(length=20, **NINO)
    upn = text_field(length=20, **UPN)
    uln = text_field(length=20, **ULN)
    in_education = EducationField()
    date_of_death = DateBoxesField(
        label="Date of death", help_text=f"{EXAMPLE}. Leave it empty if the person is alive.", required=False
    )
    fieldsets: ClassVar = NUMBERS

    def __init__(self, *args: Any, row: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        why = row.dob_missing_reason
        known = {} if not why or why in MISSING else {why: why}
        # What a file said is kept, unless somebody chooses another reason.
        offer(self, "dob_missing_reason", [*MISSING.items(), *known.items()])

    def clean(self) -> dict[str, Any]:
        """Where the date of birth is known, nothing says why it is missing."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("date_of_birth"):
            given["dob_missing_reason"] = ""
        return given
