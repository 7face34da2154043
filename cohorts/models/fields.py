"""Fields that several records share."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Reference(models.CharField):  # type: ignore[type-arg]
    """A text ordered by code point. Its one index serves LIKE too, so the second one that Django makes is left out."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        """The type under its long name: Django adds an index for LIKE to a unique column called varchar."""
        return f"character varying({self.max_length})"


def reference(**options: Any) -> "models.CharField[str, str]":
    """A reference of the case system: the same everywhere, unique, ordered by code point in every database."""
    return Reference(max_length=60, db_collation="C", **({"unique": True} | options))


def codes(**options: Any) -> "ArrayField[list[str], list[str]]":
    """A list of codes, in the order given; empty where the record names none."""
    return ArrayField(models.CharField(max_length=40), default=list, blank=True, **options)


def text(length: int = 200, **options: Any) -> "models.CharField[str, str]":
    """A text that may be unknown (empty)."""
    return models.CharField(max_length=length, blank=True, **options)


def index_where_known(field: str, *, name: str) -> models.Index:
    """An index over the rows that name a record here; those that name none are looked for in no other way."""
    return models.Index(fields=[field], name=name, condition=models.Q(**{f"{field}__isnull": False}))
