"""Which fields of a business record the trail may quote, and which it may only name as changed."""

from collections.abc import Callable
from typing import TypeVar

from auditlog.registry import auditlog
from django.db import models

M = TypeVar("M", bound=type[models.Model])

#: label of a model -> (recordable fields, masked fields)
CLASSIFIED: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

#: labels of models that are written within recorded acts alone, though no entry tells of their fields
WITHIN_AN_ACT: set[str] = set()


def audited(*, recordable: str = "", masked: str = "", m2m: str = "") -> Callable[[M], M]:
    """Record every change to this model's fields; values of `recordable` ones as they are, of `masked` ones never.

    Names are separated by spaces. A field that is in neither is found by a test (spec/audit.md).
    """

    def registered(model: M) -> M:
        CLASSIFIED[model._meta.label_lower] = (frozenset(recordable.split()), frozenset(masked.split()))
        auditlog.register(
            model,
            include_fields=[*recordable.split(), *masked.split()],
            mask_fields=masked.split(),
            mask_callable="connecting_families.audit.trail.masked",
            m2m_fields=m2m.split(),
        )
        return model

    return registered


def within_an_act(model: M) -> M:
    """Written together with what an entry tells of, and never alone; its own fields are nothing for the trail."""
    WITHIN_AN_ACT.add(model._meta.label_lower)
    return model
