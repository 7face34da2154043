"""Erased: the references of records that are gone for good, and that nobody brings back."""

from cohorts.models import Erasure


def references() -> list[str]:
    """The references of records that were erased: no file, and no page, makes a record of one of them again."""
    done = Erasure.objects.filter(state=Erasure.DONE).values_list("records", flat=True)
    return sorted({reference for records in done for reference in records})
