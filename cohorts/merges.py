"""Merges: which record counts as which; of everybody for a run, of the people at hand for a page."""

from collections.abc import Collection, Iterable
from typing import Any

EVERYBODY = "SELECT person_id, survivor_id FROM cohorts_survivor ORDER BY person_id"
# Up from some records to those that survive, and down to all that count as these: the rows that the view of everybody
# has of them. A circle of merges (files refuse them) has nobody who survives, and no row.
OF_SOME = """
    WITH RECURSIVE up (id) AS (
        SELECT id FROM unnest(%s::bigint[]) AS asked (id)
        UNION
        SELECT p.merged_into_id FROM up JOIN cohorts_person p ON p.id = up.id WHERE p.merged_into_id IS NOT NULL
    ),
    down (person_id, survivor_id) AS (
        SELECT p.id, p.id FROM up JOIN cohorts_person p ON p.id = up.id WHERE p.merged_into_id IS NULL
        UNION ALL
        SELECT p.id, down.survivor_id FROM down JOIN cohorts_person p ON p.merged_into_id = down.person_id
    )
    SELECT person_id, survivor_id FROM down WHERE person_id <> survivor_id ORDER BY person_id
"""


class Merges:
    """The survivor of each merged record, and the merged records of each survivor: of everybody, as it is now."""

    def __init__(self, cursor: Any) -> None:
        self.survivors: dict[int, int] = {}
        self.merged: dict[int, list[int]] = {}
        cursor.execute(EVERYBODY)
        self._take(cursor)

    def reach(self, cursor: Any, records: Collection[int]) -> set[int]:  # noqa: ARG002 - AtHand asks by it
        """The records that these count as: their own, unless they are merged."""
        return {self.survivors.get(record, record) for record in records}

    def all_of(self, cursor: Any, records: Collection[int]) -> list[int]:
        """The records that these count as, and all that count as one of those."""
        survivors = self.reach(cursor, records)
        merged = survivors & self.merged.keys()
        return [*survivors, *(record for survivor in merged for record in self.merged[survivor])]

    def _take(self, rows: Iterable[tuple[int, int]]) -> None:
        for record, survivor in rows:
            self.survivors[record] = survivor
            self.merged.setdefault(survivor, []).append(record)


class AtHand(Merges):
    """The same of the records that were reached, and of nobody else: what it takes does not grow with the council."""

    def __init__(self) -> None:
        self.survivors, self.merged = {}, {}
        self._reached = set[int]()

    def reach(self, cursor: Any, records: Collection[int]) -> set[int]:
        """The same; they are looked up by one question, unless all are known."""
        more = set(records) - self._reached
        if more:
            cursor.execute(OF_SOME, [f"{{{','.join(map(str, more))}}}"])
            rows = cursor.fetchall()
            # Who was reached stays as they were found: all that is read of a family goes by one answer.
            self._take(row for row in rows if row[0] not in self._reached)
            self._reached |= more.union(*rows)
        return super().reach(cursor, records)
