"""The filter of the trail."""

from typing import Any

from django import forms

from connecting_families.audit.events import Event
from connecting_families.kit.forms import DateBoxesField


class TrailFilter(forms.Form):
    """Which entries; everything left empty is every entry."""

    event = forms.ChoiceField(
        label="What", required=False, choices=[("", "Everything"), *((event.name, event.value) for event in Event)]
    )
    who = forms.CharField(label="Who", help_text="A user name, or a duty such as system:seal", required=False)
    reference = forms.CharField(label="About", help_text="The reference of a record", required=False)
    since = DateBoxesField(label="From", required=False)
    until = DateBoxesField(label="To, the day included", required=False)

    @classmethod
    def names(cls) -> set[str]:
        """The names under which an address narrows the trail."""
        dates = {f"{name}_{box}" for name in ("since", "until") for box in ("day", "month", "year")}
        return {"event", "who", "reference"} | dates

    def clean(self) -> dict[str, Any]:
        """The first day is not after the last."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] > given["until"]:
            self.add_error("until", "The last day must be the first day, or after it.")
        return given
