"""The guard twice: of those whom it asks about (cohorts/asked_again.py), and of everybody. Both must say the same."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

from django.db import connection

from cohorts import facts, queries
from cohorts.asked_again import Included
from cohorts.models import Cohort

EVERYBODY = """
    SELECT person_id, person_ref, family_ref, linkage_scope FROM cohorts_decision
    WHERE cohort_id = %s AND included ORDER BY family_ref, person_ref
"""


def everybody(cohort: Cohort) -> list[Included]:
    """Everybody in a cohort."""
    with connection.cursor() as cursor:
        cursor.execute(EVERYBODY, [cohort.pk])
        return [Included(*row) for row in cursor.fetchall()]


Families = Mapping[str, facts.Streamed]


def all_families(known: facts.Known) -> Families:
    """The families that were ever flagged, whole, by their references."""
    return {each.family.family_ref: each for each in facts.stream(known=known)}


def lost_of_everybody(cohort: Cohort, at: datetime, families: Families, known: facts.Known) -> Counter[str]:
    """What the rules say of each of them, none left out, where all is read of their families."""
    asked, lost = facts.question_of(cohort, at), Counter[str]()
    for was in everybody(cohort):
        lost.update(queries.lost_of(was, families.get(was.family_ref), asked, known))
    return lost


@contextmanager
def both_guards() -> Iterator[None]:
    """Inside, each answer of the guard is held against that of everybody."""
    quick = queries.permission_lost

    def both(cohort: Cohort, at: datetime) -> Counter[str]:
        found, known = quick(cohort, at), facts.look_up(shared=False)
        assert found == lost_of_everybody(cohort, at, all_families(known), known), found
        return found

    with patch.object(queries, "permission_lost", both):
        yield
