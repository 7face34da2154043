"""Fields that several records share."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


def reference(**options: Any) -> "models.CharField[str, str]":
    """A reference of the case system: the same everywhere, unique, ordered by code point in every database."""
    return models.CharField(max_length=60, db_collation="C", **({"unique": True} | options))


def codes(**options: Any) -> "ArrayField[list[str], list[str]]":
    """A list of codes, in the order given; empty where the record names none."""
    return ArrayField(models.CharField(max_length=40), default=list, blank=True, **options)


def text(length: int = 200, **options: Any) -> "models.CharField[str, str]":
    """A text that may be unknown (empty)."""
    return models.CharField(max_length=length, blank=True, **options)
