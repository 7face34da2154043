"""Forms of a family's problems: what was observed by the headlines of a framework, and what was recorded in error."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms

from cohorts.evidence import Observed, field_of
from cohorts.forms.wishes import FAMILY, name_of
from cohorts.models import Evidence, Person
from cohorts.rules.facts import Framework, Indicator
from connecting_families.kit.forms import DateBoxesField

PARTS = ("observed_on", "person", "source")
WANTED = {
    "observed_on": "enter the day when it was observed",
    "person": "choose of whom it was observed",
    "source": "choose how it is known",
}
NOT_CHOSEN = ("", "Choose")


class ProblemsForm(forms.Form):
    """Each thing that was observed is ticked below its headline, and says when, of whom and how it is known.

    What is filled in below a thing that is not ticked does not count.
    """

    def __init__(self, *args: Any, framework: Framework, people: Sequence[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.framework = framework
        self.people = {person.reference: person for person in people}
        self.reveals: dict[str, dict[str, list[str]]] = {}
        for headline, title in framework.headlines.items():
            indicators = [it for it in framework.indicators.values() if it.headline == headline]
            self.fields[headline] = forms.MultipleChoiceField(
                label=title,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                choices=[(it.code, it.text) for it in indicators],
            )
            self.reveals[headline] = {it.code: [field_of(it.code, part) for part in PARTS] for it in indicators}
            for it in indicators:
                self._ask(it)

    def _ask(self, indicator: Indicator) -> None:
        """The three questions about one thing. Whatever is wrong with an answer is said with the thing's own words."""
        # The words of a mistake are filled in by %.
        words = indicator.text.replace("%", "%%")
        dates = {code: f"{words}: {said[0].lower()}{said[1:]}" for code, said in DATE_ERRORS.items()}
        someone = [(FAMILY, "The whole family"), *((ref, name_of(person)) for ref, person in self.people.items())]
        other = {"invalid_choice": f"{words}: choose one of those on the page"}
        fields = {
            "observed_on": DateBoxesField(
                label="When was it observed?",
                help_text="For example, 27 3 2026",
                required=False,
                error_messages=dates,
            ),
            "person": forms.ChoiceField(
                label="Of whom?", required=False, choices=[NOT_CHOSEN, *someone], error_messages=other
            ),
            "source": forms.ChoiceField(
                label="How is it known?",
                required=False,
                choices=[NOT_CHOSEN, *Evidence.SOURCES.items()],
                error_messages=other,
            ),
        }
        for part, field in fields.items():
            self.fields[field_of(indicator.code, part)] = field

    def clean(self) -> dict[str, Any]:
        """Each thing that is ticked needs its three answers; what is wrong below others does not matter."""
        given: dict[str, Any] = super().clean() or {}
        ticked = set(self._ticked())
        for code, indicator in self.framework.indicators.items():
            for part in PARTS:
                name = field_of(code, part)
                if code not in ticked:
                    self.errors.pop(name, None)
                elif name not in self.errors and not given.get(name):
                    self.add_error(name, f"{indicator.text}: {WANTED[part]}")
        if not ticked and not self.errors:
            self.add_error(next(iter(self.framework.headlines)), "Tick at least one thing that was observed")
        return given

    def _ticked(self) -> Iterator[str]:
        for headline in self.framework.headlines:
            yield from self.cleaned_data.get(headline, ())

    def observed(self) -> list[Observed]:
        """All that was observed."""
        found = []
        for code in self._ticked():
            on, person, source = (self.cleaned_data[field_of(code, part)] for part in PARTS)
            found.append(Observed(code, self.people.get(person), on, source))
        return found


DATE_ERRORS = {str(code): str(said) for code, said in DateBoxesField.default_error_messages.items()}


class InErrorForm(forms.Form):
    """Why evidence is marked as recorded in error."""

    reason = forms.CharField(
        label="What was wrong with it?",
        help_text="A sentence. It stays in the trail: write no names.",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        error_messages={"required": "Write what was wrong with it"},
    )
