"""Numbering: references for records that are made here, and not by the case system; none is used twice."""

from typing import Any

from django.db import connection


def fresh(model: Any, prefix: str) -> str:
    """The next reference that no record of this model has, such as N000123: from one sequence for all kinds."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT nextval('cohorts_own_reference')")
            reference = f"{prefix}{cursor.fetchone()[0]:06}"
            if not model.objects.filter(reference=reference).exists():
                return reference
