"""Drawn: a reference for what is about to be recorded travels with its form, so that pressing twice records it once."""

import functools
from collections.abc import Callable
from typing import Any

from django.core import signing
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from cohorts import numbering

FIELD = "drawn"
OK = 200


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


def once(model: type[Any]) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A page that leads on where its reference is kept already does so too where that happens while it is answered.

    Two presses in the same moment both find nothing kept, and the database lets one of them keep it.
    """

    def of_page(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(page)
        def answered(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
            try:
                answer = page(request, *args, **named)
            except IntegrityError:
                if not kept_already(request, model):
                    raise
            else:
                if answer.status_code != OK or not kept_already(request, model):
                    return answer
            return page(request, *args, **named)

        return answered

    return of_page


def _signer(model: type[Any]) -> signing.Signer:
    return signing.Signer(salt=f"drawn:{model._meta.label_lower}")
