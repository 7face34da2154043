"""Forms about accounts: the own password, colleagues' accounts, and the register of teams."""

from datetime import date
from typing import Any

from django import forms

from connecting_families.kit.forms import Choice, DateBoxesField, offer
from connecting_families.staff import teams
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES

NO_NAMES = "It is kept in the trail. Write no names of families."


def _secret(label: str, autocomplete: str, hint: str = "") -> forms.CharField:
    box = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, help_text=hint, widget=box, strip=False, max_length=1000)


class PasswordForm(forms.Form):
    """Another password for oneself."""

    old_password = _secret("Your password now", "current-password")
    new_password = _secret(
        "New password", "new-password", "12 characters or more: three words that do not belong together"
    )
    same_password = _secret("New password, once more", "new-password")

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        self.user = user
        super().__init__(*args, **options)

    def clean_old_password(self) -> str:
        """It is the one there is."""
        old: str = self.cleaned_data["old_password"]
        if not self.user.check_password(old):
            raise forms.ValidationError("This is not your password now")
        return old

    def clean(self) -> dict[str, Any]:
        """Typed twice alike."""
        given: dict[str, Any] = super().clean() or {}
        first, second = given.get("new_password"), given.get("same_password")
        if first and second and first != second:
            self.add_error("same_password", "This is not what you typed above")
        return given


class StaffFilter(forms.Form):
    """Which accounts; everything left empty is all of them."""

    name = forms.CharField(label="User name", help_text="Or a part of it", required=False, max_length=150)
    role = forms.ChoiceField(
        label="Role",
        required=False,
        choices=[("", "Every role"), *((code, role.title) for code, role in ROLES.items())],
    )
    team = forms.CharField(label="Team", required=False, max_length=60)
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "Open and closed"), ("open", "Open"), ("closed", "Closed")]
    )


class WorkForm(forms.Form):
    """What somebody is here: role, team, and how the council's sign-on calls them."""

    role = forms.ChoiceField(
        label="Role",
        widget=forms.RadioSelect,
        choices=[(code, Choice(role.title, hint=role.purpose)) for code, role in ROLES.items()],
        error_messages={"required": "Choose a role"},
    )
    team = forms.ChoiceField(label="Team", help_text="Of Early Help; for everybody else there is none", required=False)
    family_name = forms.CharField(
        label="Family name",
        help_text="Information governance is told where somebody opens the record of a person of the same name."
        " It is not in the trail.",
        required=False,
        max_length=150,
    )
    email = forms.EmailField(
        label="E-mail address at work",
        help_text="Only needed where the council's own sign-on finds people by it. No mail is sent.",
        required=False,
        max_length=254,
    )

    def __init__(self, *args: Any, on: date, **options: Any) -> None:
        super().__init__(*args, **options)
        # A team that an account has and the register lacks is kept: files of the case system name it, too.
        known = sorted({*teams.names(on), *filter(None, [(self.initial or {}).get("team")])})
        offer(self, "team", [("", "No team"), *((name, name) for name in known)])


class AddForm(WorkForm):
    """A new account."""

    username = forms.CharField(
        label="User name",
        help_text="As the council writes it, for example j.bell. It stands in the trail and is never changed.",
        max_length=150,
        validators=[User.username_validator],
        error_messages={"required": "Enter a user name"},
    )
    field_order = ("username", "role", "team", "family_name", "email")


class ReasonForm(forms.Form):
    """Why something is done to an account."""

    reason = forms.CharField(
        label="Why",
        help_text=NO_NAMES,
        widget=forms.Textarea(attrs={"rows": "3"}),
        max_length=500,
        error_messages={"required": "Say why"},
    )


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(
        label="Name", help_text="Exactly as the case system writes it", max_length=60,
        error_messages={"required": "Enter the name of the team"},
    )  # fmt: skip
    from_on = DateBoxesField(label="First day", error_messages={"required": "Enter the team's first day"})


class EndTeamForm(ReasonForm):
    """The end of a team."""

    last_day = DateBoxesField(label="Last day", error_messages={"required": "Enter the team's last day"})
    field_order = ("last_day", "reason")
