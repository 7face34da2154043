"""What somebody typed into a form that could not be taken at the time: while it is set, the form shows it again.

Any form of any page takes part, without knowing of it: its fields are shown with what was typed as though it had been
sent, and nothing is checked or done (kit/renderer.py asks here).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.forms.boundfield import BoundField
from django.http import QueryDict

_typed: ContextVar[QueryDict | None] = ContextVar("typed", default=None)


@contextmanager
def again(fields: QueryDict) -> Iterator[None]:
    """Inside, forms that nobody sent show these values in their fields."""
    token = _typed.set(fields)
    try:
        yield
    finally:
        _typed.reset(token)


def has(field: BoundField) -> bool:
    """Whether something was typed into this field (or a box of its form was left unticked)."""
    typed = _typed.get()
    if typed is None or field.form.is_bound or field.field.widget.needs_multipart_form:
        return False
    return not _omitted(field, typed) and any(name in typed for name in _names(field))


def value(field: BoundField) -> Any:
    """What was typed."""
    return field.field.widget.value_from_datadict(_typed.get() or QueryDict(), {}, field.html_name)


def _omitted(field: BoundField, typed: QueryDict) -> bool:
    return bool(field.field.widget.value_omitted_from_data(typed, {}, field.html_name))


def _names(field: BoundField) -> list[str]:
    """The names of the form to which a field belongs: a form of which nothing was typed is another form."""
    return [name for each in field.form for name in (each.html_name, f"{each.html_name}_day")]
