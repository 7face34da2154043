"""How a form becomes GOV.UK markup: set as FORM_RENDERER, it serves every form, those of packages included.

The markup is in templates/django/forms/. What cannot be said there is said here: the classes of an input, what
describes it, and where an error summary must point.
"""

from collections.abc import Mapping
from typing import Any

from django.forms import Field, widgets
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting
from django.utils.safestring import SafeString

from connecting_families.kit import typed
from connecting_families.kit.forms import DateBoxes

# The first that fits: RadioSelect is a parent of CheckboxSelectMultiple, Input of most others.
CLASSES: tuple[tuple[type[widgets.Widget], str], ...] = (
    (widgets.CheckboxSelectMultiple, "govuk-checkboxes__input"),
    (widgets.RadioSelect, "govuk-radios__input"),
    (widgets.CheckboxInput, "govuk-checkboxes__input"),
    (widgets.Textarea, "govuk-textarea"),
    (widgets.Select, "govuk-select"),
    (widgets.FileInput, "govuk-file-upload"),
    (DateBoxes, "govuk-input"),
    (widgets.Input, "govuk-input"),
)
TEMPLATES: tuple[tuple[type[widgets.Widget], str], ...] = (
    (widgets.RadioSelect, "django/forms/field_choices.html"),
    (widgets.CheckboxInput, "django/forms/field_checkbox.html"),
    (DateBoxes, "django/forms/field_date.html"),
)
TICKED = (widgets.RadioSelect, widgets.CheckboxInput)

# What Django says of an empty field does not tell which. A field's own message for "required" goes before these.
WANTED: tuple[tuple[type[widgets.Widget], str], ...] = (
    (widgets.CheckboxInput, "Tick “{}”"),
    (widgets.FileInput, "Choose a file for “{}”"),
    (widgets.RadioSelect, "Choose an answer to “{}”"),
    (widgets.Select, "Choose an answer to “{}”"),
    (widgets.Widget, "Fill in “{}”"),
)
# What Django says by itself of other mistakes, in words that tell the field and what would be right.
PLAIN = {
    "null_characters_not_allowed": "“{label}” holds a character that cannot be kept (NUL). Take it out.",
    "max_length": "“{label}” must be {limit_value} characters or fewer. It has {show_value}.",
    "min_length": "“{label}” must be {limit_value} characters or more. It has {show_value}.",
    "max_value": "“{label}” must be {limit_value} or less",
    "min_value": "“{label}” must be {limit_value} or more",
    "invalid_choice": "Choose an answer to “{label}” from those on the page",
    "invalid_list": "Choose an answer to “{label}” from those on the page",
    "empty": "The file chosen for “{label}” is empty",
}
NUL, REPLACEMENT = "\0", "\N{REPLACEMENT CHARACTER}"


class KitBoundField(BoundField):
    """A field of a form, as the kit's templates need it.

    A form may say `reveals = {"field": {"choice": ["other field", ...]}}`: the other fields stand below that choice
    of a radio or checkbox field, and are seen once it is chosen. They are always sent, so `clean` must drop what was
    not asked for. And `fieldsets = {"Legend": ["field", ...]}`: these fields stand together under that legend, where
    the first of them stands.
    """

    def value(self) -> Any:
        """What stands in the field. NUL is refused, and no page can hold it: its replacement is shown.

        Where somebody typed into it and it could not be taken at the time, that is what stands in it.
        """
        given = typed.value(self) if typed.has(self) else super().value()
        if isinstance(given, list):
            return [_shown(each) for each in given]
        return _shown(given)

    @property
    def template_name(self) -> str:
        """The field's own template, passed by keyword as `template_name=`, or the one for its widget."""
        for_widget = (template for widget, template in TEMPLATES if isinstance(self.field.widget, widget))
        own: str | None = getattr(self.field, "template_name", None)
        return own or next(for_widget, self.form.renderer.field_template_name)

    @property
    def container_class(self) -> str:
        """For choices: `radios` or `checkboxes`, from which all their class names are made."""
        return "checkboxes" if isinstance(self.field.widget, widgets.CheckboxSelectMultiple) else "radios"

    @property
    def aria_describedby(self) -> str | None:
        """The ids of the hint and of the error, in the order in which they stand on the page."""
        if self.field.widget.attrs.get("aria-describedby") or not self.auto_id or self.is_hidden:
            return None
        parts = (("hint", self.help_text), ("error", self.errors))
        return " ".join(f"{self.auto_id}_{name}" for name, there in parts if there) or None

    def build_widget_attrs(self, attrs: Mapping[str, Any], widget: widgets.Widget | None = None) -> dict[str, Any]:
        """Classes and attributes. No `required`, no placeholder, and no autofill of other people's data."""
        widget = widget or self.field.widget
        built: dict[str, Any] = super().build_widget_attrs(dict(attrs), widget)
        built.pop("required", None)
        built.pop("aria-invalid", None)
        if widget.is_hidden:
            return built
        names = [name for kind, name in CLASSES if isinstance(widget, kind)][:1]
        if not isinstance(widget, TICKED):
            if self.errors and not isinstance(widget, DateBoxes):
                names += [f"{name}--error" for name in names]
            names.append(widget.attrs.get("class", ""))
            if not isinstance(widget, widgets.FileInput):
                built["autocomplete"] = widget.attrs.get("autocomplete", "off")
        built["class"] = " ".join(filter(None, names))
        if "placeholder" in widget.attrs:
            built["placeholder"] = False
        if isinstance(widget, widgets.Textarea):
            # 40 by 10 is Django's guess, not the author's.
            size = widget.attrs.get("cols"), widget.attrs.get("rows")
            built |= {"cols": False, "rows": "5"} if size == ("40", "10") else {}
        if isinstance(widget, widgets.NumberInput):
            # A box for numbers alone loses what else was typed, and a turn of the wheel changes it.
            widget.input_type = "text"
            built |= {"inputmode": "numeric", "min": False, "max": False, "step": False}
        if isinstance(widget, DateBoxes):
            built["bad_boxes"] = self.bad_boxes
        return built

    @property
    def bad_boxes(self) -> tuple[str, ...]:
        """Which of the boxes of a date are wrong: all of them, where an error does not say."""
        found: list[str] = []
        for error in self.errors.as_data():
            found += (error.params or {}).get("boxes", self._boxes)
        return tuple(box for box in self._boxes if box in found)

    @property
    def _boxes(self) -> tuple[str, ...]:
        widget = self.field.widget
        return widget.BOXES if isinstance(widget, DateBoxes) else ()

    @property
    def sentences(self) -> list[str]:
        """What is wrong, each in a sentence that makes sense away from the field, in the error summary."""
        said = []
        for error in self.errors.as_data():
            (sentence,) = error.messages
            if sentence == Field.default_error_messages["required"]:
                wanted = next(words for kind, words in WANTED if isinstance(self.field.widget, kind))
                sentence = wanted.format(self.label)
            elif error.code in PLAIN and not self._has_own_words_for(error.code):
                sentence = PLAIN[error.code].format(label=self.label, **(error.params or {}))
            said.append(sentence)
        return said

    def _has_own_words_for(self, code: str) -> bool:
        """Whether this field says something of its own of this mistake."""
        words = self.field.error_messages.get(code)
        of_django = [kind.__dict__.get("default_error_messages", {}) for kind in type(self.field).__mro__
                     if kind.__module__.startswith("django.")]  # fmt: skip
        return words is not None and all(words != each.get(code) for each in of_django)

    @property
    def error_target(self) -> str:
        """The id of what a person goes to in order to mend this field; empty where there is nothing to go to."""
        if self.is_hidden or not self.auto_id:
            return ""
        if isinstance(self.field.widget, DateBoxes):
            return f"{self.auto_id}_{(self.bad_boxes or self._boxes)[0]}"
        if isinstance(self.field.widget, widgets.RadioSelect):
            return str(self.subwidgets[0].id_for_label) if self.subwidgets else ""
        return str(self.id_for_label or self.auto_id)

    @property
    def is_revealed(self) -> bool:
        """Whether this field stands below a choice of another field, and not in the form's own sequence."""
        reveals = getattr(self.form, "reveals", {})
        return any(self.name in names for choices in reveals.values() for names in choices.values())

    @property
    def fieldset_below(self) -> dict[str, Any] | None:
        """The fieldset that begins with this field: its legend, and its fields."""
        for legend, names in getattr(self.form, "fieldsets", {}).items():
            if names[0] == self.name:
                return {"legend": legend, "fields": [self.form[name] for name in names]}
        return None

    @property
    def is_inside_fieldset(self) -> bool:
        """Whether this field stands in a fieldset that an earlier one begins."""
        return any(self.name in names[1:] for names in getattr(self.form, "fieldsets", {}).values())

    @property
    def options(self) -> list[dict[str, Any]]:
        """The choices of a radio or checkbox field, each with the fields that it reveals."""
        reveals = getattr(self.form, "reveals", {}).get(self.name, {})
        found = []
        for subwidget in self.subwidgets:
            data = subwidget.data
            hint = getattr(data["label"], "hint", "")
            if hint:
                data["attrs"]["aria-describedby"] = f"{data['attrs'].get('id', '')}_hint"
            revealed = [self.form[name] for name in reveals.get(str(data["value"]), ())]
            found.append({"widget": data, "hint": hint, "revealed": revealed})
        return found

    def label_tag(
        self,
        contents: str | None = None,
        attrs: Mapping[str, Any] | None = None,
        label_suffix: str | None = None,
        tag: str | None = None,
    ) -> SafeString:
        """The label, or with tag="legend" the legend, in bold; a colon is not put after it."""
        name = "govuk-fieldset__legend" if tag == "legend" else "govuk-label"
        classes = {"class": f"{name} {name}--s"}
        return super().label_tag(contents, {**classes, **(attrs or {})}, label_suffix or "", tag)


def _shown(value: Any) -> Any:
    return value.replace(NUL, REPLACEMENT) if isinstance(value, str) else value


class KitRenderer(TemplatesSetting):
    """Django's renderer for templates of the project, with the kit's fields."""

    bound_field_class = KitBoundField


def error_links(form: Any) -> list[tuple[str, str]]:
    """What the error summary of a form says: for each error, where it is mended (an id, or empty) and the sentence.

    In the order of the form, what belongs to no field first.
    """
    links = [("", str(sentence)) for sentence in form.non_field_errors()]
    for field in form:
        links += [(field.error_target, sentence) for sentence in field.sentences]
    return links
