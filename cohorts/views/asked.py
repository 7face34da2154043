"""Asked: how a form changes a record of casework. Nothing typed is lost, and nobody is written over unawares."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.core import signing
from django.db import models
from django.forms import CheckboxInput, Form, MultiWidget
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

from cohorts import seen
from connecting_families.audit.refusals import Refused

FIELD = "seen"
FORM_PAGE = "cohorts/form.html"


def told(form: Form, refusal: Refused) -> None:
    """Say in a form what speaks against it: at the field that a reason is about, else at the top."""
    for reason in refusal.reasons:
        field = getattr(reason, "field", None)
        form.add_error(field if field in form.fields else None, reason.sentence)


def ask_to_change(
    request: HttpRequest,
    form: Form,
    row: models.Model,
    act: Callable[[Mapping[str, Any], Mapping[str, str]], object],
    *,
    done: str,
    to: str,
    page: Mapping[str, object],
) -> HttpResponse | HttpResponseRedirect:
    """A form whose fields have the names of the record's fields: it asks `act(wanted, seen)`, a stage.

    Where a colleague changed the record meanwhile, the form keeps what was typed, shows what there is now in the fields
    that were not touched, says who changed what, and carries on from there: pressing again keeps what the form says.
    """
    names = [name for name in form.fields if name in {field.name for field in row._meta.concrete_fields}]
    was = _carried(request, row)
    if request.method == "POST" and form.is_valid():
        typed = {name: form.cleaned_data[name] for name in names}
        try:
            act(form.cleaned_data, was)
        except Refused as refusal:
            told(form, refusal)
            row.refresh_from_db()
            _show_what_is_there(form, row, [name for name in names if seen.text(typed[name]) == was.get(name)])
            was = seen.values(row, names)
        else:
            messages.success(request, done)
            return redirect(to)
    elif request.method != "POST":
        was = seen.values(row, names)
    return render(request, FORM_PAGE, {**page, "form": form, FIELD: _signed(row, was)})


def _show_what_is_there(form: Form, row: models.Model, names: list[str]) -> None:
    data = form.data.copy()  # type: ignore[attr-defined]
    for name in names:
        widget, value = form.fields[name].widget, row.serializable_value(name)
        if isinstance(widget, MultiWidget):
            endings = widget.widgets_names  # type: ignore[attr-defined]
            for ending, part in zip(endings, widget.decompress(value) or (), strict=True):
                data[f"{name}{ending}"] = seen.text(part)
        elif isinstance(widget, CheckboxInput) and not value:
            data.pop(name, None)
        else:
            data[name] = seen.text(value)
    form.data = data


def _carried(request: HttpRequest, row: models.Model) -> dict[str, str]:
    """What the record said when the form was drawn; nothing where the form is not of this record."""
    try:
        carried: dict[str, str] = signing.loads(request.POST.get(FIELD, ""), salt=_salt(row))
    except signing.BadSignature:
        return {}
    return carried


def _signed(row: models.Model, was: Mapping[str, str]) -> str:
    return signing.dumps(dict(was), salt=_salt(row), compress=True)


def _salt(row: models.Model) -> str:
    return f"seen:{row._meta.label_lower}:{row.pk}"
