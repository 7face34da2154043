"""Fields that Django lacks: a date in three boxes, a date with its time, and a choice that explains itself."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.forms import BaseForm, ChoiceField, Field, MultiWidget, TextInput
from django.utils import timezone

FORMS = {"day": r"\d{1,2}", "month": r"\d{1,2}", "year": r"(19|20)\d\d", "time": r"([01]?\d|2[0-3])[:.][0-5]\d"}
LIMITS = {"day": 31, "month": 12}
WIDTHS = {"year": 4, "time": 5}


class Choice(str):
    """The text of a choice with a hint below it: `choices=[("letter", Choice("By letter", hint="By post"))]`."""

    hint: str

    def __new__(cls, text: str, hint: str = "") -> "Choice":
        """The text, and the hint."""
        choice = super().__new__(cls, text)
        choice.hint = hint
        return choice


def offer(form: BaseForm, name: str, choices: Iterable[tuple[str, str]]) -> None:
    """Give a field the choices that are known only once its form is drawn. Raises TypeError where it offers none."""
    field = form.fields[name]
    if not isinstance(field, ChoiceField):
        raise TypeError(f"{name} is a field without choices.")
    field.choices = list(choices)


class DateBoxes(MultiWidget):
    """Day, month and year, each in a box: people type dates that they know faster than they pick them."""

    BOXES: ClassVar[tuple[str, ...]] = ("day", "month", "year")
    template_name = "django/forms/widgets/date_boxes.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({box: TextInput() for box in self.BOXES}, attrs)

    def decompress(self, value: date | None) -> list[Any]:
        """A date as what stands in the boxes."""
        return [value.day, value.month, value.year] if value else [None, None, None]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Each box with its own label, width and error; ids end in _day, _month and _year."""
        attrs = dict(attrs or {})
        bad = attrs.pop("bad_boxes", ())
        context: dict[str, Any] = super().get_context(name, value, attrs)
        for box, widget in zip(self.BOXES, context["widget"]["subwidgets"], strict=True):
            width = WIDTHS.get(box, 2)
            error = " govuk-input--error" if box in bad else ""
            widget["label"] = box.capitalize()
            widget["attrs"]["class"] = f"govuk-input govuk-date-input__input govuk-input--width-{width}{error}"
            if box != "time":
                # The numbers of a telephone have no colon.
                widget["attrs"]["inputmode"] = "numeric"
            if attrs.get("id"):
                widget["attrs"]["id"] = f"{attrs['id']}_{box}"
        return context


class DateBoxesField(Field):
    """A date typed as day, month and year. `clean` gives a date, or None where none is needed.

    Say what is asked for: `error_messages={"required": "Enter the date on which the notice was given"}`.
    An error of a form about the relation of a date to others may name the boxes: `params={"boxes": ["year"]}`.
    """

    widget = DateBoxes
    default_error_messages: ClassVar = {
        "required": "Enter a date, for example 27 3 2026",
        "incomplete": "The date must include a %(missing)s",
        "invalid": "Enter a real date, for example 27 3 2026",
        "year": "Enter a year from 1900 to 2099, for example 2026",
    }

    def to_python(self, value: Any) -> Any:
        """The date in the boxes. ValidationError names the boxes that are wrong, for the error summary."""
        if value in self.empty_values or isinstance(value, date):
            return value or None
        boxes = {box: str(text or "").strip() for box, text in zip(self.widget.BOXES, value, strict=True)}
        if not any(boxes.values()):
            return None
        if missing := [box for box, text in boxes.items() if not text]:
            raise self.error("incomplete", missing, missing=" and ".join(missing))
        bad = [box for box, text in boxes.items() if not self.fits(box, text)]
        if len(bad) == 1 and bad[0] in ("year", "time"):
            raise self.error(bad[0], bad)
        if bad:
            raise self.error("invalid", bad)
        return self.meant(boxes)

    def meant(self, boxes: Mapping[str, str]) -> Any:
        """What boxes mean of which each can stand by itself."""
        try:
            return date(int(boxes["year"]), int(boxes["month"]), int(boxes["day"]))
        except ValueError:
            # 30 February: no single box is wrong.
            raise self.error("invalid", DateBoxes.BOXES) from None

    @staticmethod
    def fits(box: str, text: str) -> bool:
        """Whether this text can stand in this box of some date from 1900 to 2099."""
        if not re.fullmatch(FORMS[box], text, re.ASCII):
            return False
        return box == "time" or 1 <= int(text) <= LIMITS.get(box, 2099)

    def error(self, code: str, boxes: Sequence[str], **words: str) -> ValidationError:
        """One of the messages above, with the boxes that are wrong."""
        return ValidationError(self.error_messages[code], code=code, params={"boxes": boxes, **words})

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another date was typed; what is not a date is always a change."""
        try:
            return not self.disabled and self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True


class DateTimeBoxes(DateBoxes):
    """Day, month, year and the time of day, each in a box."""

    BOXES: ClassVar[tuple[str, ...]] = (*DateBoxes.BOXES, "time")

    def decompress(self, value: date | None) -> list[Any]:
        """An instant as what stands in the boxes, by the clock on the wall."""
        if not isinstance(value, datetime):
            return [None, None, None, None]
        local = value.astimezone(timezone.get_current_timezone())
        return [local.day, local.month, local.year, f"{local:%H:%M}"]


class DateTimeBoxesField(DateBoxesField):
    """A date with its time, typed as day, month, year and 14:30. `clean` gives an instant, by the clock on the wall.

    Of an hour that comes twice, when the clocks go back, the first is meant: what was received is never dated later.
    """

    widget = DateTimeBoxes
    default_error_messages: ClassVar = {
        "required": "Enter a date and a time, for example 27 3 2026 at 14:30",
        "incomplete": "The date and time must include a %(missing)s",
        "invalid": "Enter a real date and time, for example 27 3 2026 at 14:30",
        "time": "Enter a time from 00:00 to 23:59, for example 14:30",
        "gap": "The clocks went forward over this time: enter one that there was",
    }

    def meant(self, boxes: Mapping[str, str]) -> datetime:
        """The instant."""
        day = super().meant(boxes)
        hour, minute = re.split("[:.]", boxes["time"])
        at = datetime.combine(day, time(int(hour), int(minute)), timezone.get_current_timezone())
        instant = at.astimezone(UTC)
        if instant.astimezone(at.tzinfo).hour != at.hour:
            raise self.error("gap", ["time"])
        return instant
