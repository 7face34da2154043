"""Forms of where a person lives, and of what they are in a family."""

from collections.abc import Mapping
from typing import Any

from django import forms

from cohorts.forms.wishes import name_of
from cohorts.homes import LINES, PLACE
from cohorts.models import Address, Membership, Person
from cohorts.rules.numbers import postcode_form
from connecting_families.kit.forms import Choice, DateBoxesField, offer

ANOTHER = "another"
EARLIER = (
    "If they moved on 27 March 2026, enter 27 3 2026: from that day on they no longer count as living here. Leave it"
    " empty if they still live here."
)


class ReasonForm(forms.Form):
    """Why somebody needs to see a protected address."""

    reason = forms.CharField(
        label="Why do you need to see the address?",
        help_text="Your reason is recorded, and information governance reads it. Write no names. The address is then"
        " shown once, and you can mend it for an hour.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why you need to see the address"},
    )


def in_one_line(address: Address) -> str:
    """An address as one line of text."""
    parts = [*(getattr(address, line) for line in LINES), address.postcode]
    return ", ".join(part for part in parts if part.strip())


class PlaceForm(forms.Form):
    """An address, as it is written on a letter."""

    line_1 = forms.CharField(label="Address line 1", max_length=200, required=False)
    line_2 = forms.CharField(label="Address line 2", max_length=200, required=False)
    line_3 = forms.CharField(label="Address line 3 (optional)", max_length=200, required=False)
    line_4 = forms.CharField(label="Address line 4 (optional)", max_length=200, required=False)
    line_5 = forms.CharField(label="Address line 5 (optional)", max_length=200, required=False)
    postcode = forms.CharField(label="Postcode", max_length=20, required=False)
    uprn = forms.CharField(
        label="UPRN (optional)",
        help_text="The unique property reference number: up to 12 digits. Leave it empty if you do not know it.",
        max_length=20,
        required=False,
    )
    field_order = ["same_as", *LINES, "postcode", "postcode_is_right", "uprn", "from_on", "to_on"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.asks_of_the_postcode():
            self.fields["postcode_is_right"] = forms.BooleanField(
                label="The postcode is right as it is, or there is none", required=False
            )
            self.order_fields(self.field_order)

    def asks_of_the_postcode(self) -> bool:
        """Whether a postcode was sent that ONS could not use."""
        return self.is_bound and not postcode_form(self.data.get("postcode", ""))


class MoveForm(PlaceForm):
    """A move: where to, and on which day."""

    same_as = forms.ChoiceField(
        label="Where did they move to?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose where they moved to"},
    )
    from_on = DateBoxesField(
        label="When did they move in, or when will they?",
        help_text="The first day at this address, for example 27 3 2026. The address before ends with the same day."
        " A move can be recorded up to a year ahead.",
        error_messages={"required": "Enter the day on which they moved in"},
    )

    def __init__(self, *args: Any, homes: Mapping[Person, Address], **kwargs: Any) -> None:
        self.homes = {person.reference: home for person, home in homes.items()}
        self.reveals: dict[str, dict[str, list[str]]] = {}
        super().__init__(*args, **kwargs)
        if not homes:
            del self.fields["same_as"]
            return
        choices = [(person.reference, _same_as(person, home)) for person, home in homes.items()]
        offer(self, "same_as", [*choices, (ANOTHER, "Another address")])
        below = [name for name in self.fields if name in (*PLACE, "postcode_is_right")]
        self.reveals = {"same_as": {ANOTHER: below}}

    def asks_of_the_postcode(self) -> bool:
        """Not where the address of somebody is taken over."""
        return super().asks_of_the_postcode() and self.data.get("same_as", "") not in self.homes

    def clean(self) -> dict[str, Any]:
        """The address of whoever was chosen, or the one that was typed."""
        given: dict[str, Any] = super().clean() or {}
        if home := self.homes.get(given.get("same_as", "")):
            place = {name: getattr(home, name) for name in PLACE}
            return given | place | {"postcode_is_right": True}
        if "same_as" not in self.errors and not given.get("line_1"):
            self.add_error("line_1", "Enter the first line of the address")
        return given


def _same_as(person: Person, home: Address) -> Choice:
    return Choice(f"To the address of {name_of(person)}", hint=in_one_line(home))


class AddressForm(PlaceForm):
    """An address that is mended, or ended."""

    from_on = DateBoxesField(
        label="The day they moved in",
        help_text="For example, 27 3 2026",
        error_messages={"required": "Enter the day on which they moved in"},
    )
    to_on = DateBoxesField(label="The day they moved out", help_text=EARLIER, required=False)


class MembershipForm(forms.Form):
    """What somebody is in a family, and since when."""

    relationship = forms.ChoiceField(
        label="What are they in the family?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what they are in the family"},
    )
    lives_in_household = forms.BooleanField(label="They live in the household", required=False)
    parental_responsibility = forms.BooleanField(label="They have parental responsibility", required=False)
    joined_on = DateBoxesField(
        label="First day in the family",
        help_text="For example, 27 3 2026",
        error_messages={"required": "Enter the first day in the family"},
    )
    left_on = DateBoxesField(
        label="First day no longer in the family",
        help_text="If their last day in the family was 26 March 2026, enter 27 3 2026. Leave it empty if they are still"
        " in the family.",
        required=False,
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Bulk files may leave it unknown: that can stay, and nobody can make it so here.
        known = [*Membership.RELATIONSHIPS.items()] + ([] if membership.relationship else [("", "Not known")])
        offer(self, "relationship", known)
        self.fields["relationship"].required = bool(membership.relationship)
        if membership.left_on is None:
            # Leaving is an act of its own, with a page of its own.
            del self.fields["left_on"]


class LeaveForm(forms.Form):
    """The last day of somebody in a family."""

    last_day = DateBoxesField(
        label="Last day in the family",
        help_text="The whole day is included, for example 27 3 2026. From the next day on they are not in the family."
        " It can be up to a year ahead.",
        error_messages={"required": "Enter the last day in the family"},
    )
