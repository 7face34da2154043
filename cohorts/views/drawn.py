"""Drawn: a reference for what is about to be recorded travels with its form, so that pressing twice records it once."""

from typing import Any

from django.core import signing
from django.http import HttpRequest

from cohorts import numbering

FIELD = "drawn"


def draw(request: HttpRequest, model: type[Any], prefix: str) -> str:
    """A signed reference for a form: the one that came with it, else a new one."""
    return _signer(model).sign(reference(request, model) or numbering.fresh(model, prefix))


def reference(request: HttpRequest, model: type[Any]) -> str:
    """The reference that came with a form; empty where none that was drawn here came."""
    try:
        return _signer(model).unsign(request.POST.get(FIELD, ""))
    except signing.BadSignature:
        return ""


def kept_already(request: HttpRequest, model: type[Any]) -> Any:
    """What was recorded under the reference of this form: somebody pressed twice, or went back and pressed again."""
    drawn = reference(request, model)
    return model.objects.filter(reference=drawn).first() if drawn else None


def _signer(model: type[Any]) -> signing.Signer:
    return signing.Signer(salt=f"drawn:{model._meta.label_lower}")
