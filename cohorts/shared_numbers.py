"""Numbers that stand on two people who are not merged, in their normal form (DQ208): who has any, and which."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

NUMBERS = ("nhs_number", "nino", "upn")
_SHARED = " UNION ALL ".join(
    f"""
    SELECT person_id, {1 << place} AS mark FROM (
        SELECT id AS person_id, count(*) OVER (PARTITION BY upper(replace({field}, ' ', ''))) AS people
        FROM cohorts_person WHERE {field} <> '' AND merged_into_id IS NULL
    ) AS numbered WHERE people > 1
    """
    for place, field in enumerate(NUMBERS)
)
WHO_SHARES = f"COPY (SELECT person_id, sum(mark) FROM ({_SHARED}) AS shared GROUP BY 1 ORDER BY 1) TO STDOUT"
"""Every person with a shared number, and a mark for each."""
_MARKED = [tuple(field for place, field in enumerate(NUMBERS) if marks >> place & 1) for marks in range(8)]


class SharedNumbers:
    """The numbers that people share: five bytes for each of those, for in a bad file they are many."""

    def __init__(self, rows: Iterable[tuple[int, int]] = ()) -> None:
        """From people and their marks, in the order of people, whose keys lie less than 2^32 apart (OverflowError)."""
        self._first, self._people, self._marks = 0, array("I"), bytearray()
        for person, marks in rows:
            self._first = self._first or person
            self._people.append(person - self._first)
            self._marks.append(marks)

    def of(self, person: int) -> tuple[str, ...]:
        """The fields whose value stands on another person too."""
        place = bisect_left(self._people, person - self._first)
        if place < len(self._people) and self._people[place] == person - self._first:
            return _MARKED[self._marks[place]]
        return ()
