"""What is wrong with an upload, in a file beside what was uploaded: its values are personal data, and go with it.

A line each, in the order of the files, so that any page of many thousands is found by passing over lines.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from itertools import islice
from pathlib import Path
from typing import overload

from cohorts.bulk_errors import BulkError

NAME = "errors.jsonl"


def write(errors: Iterable[BulkError], folder: Path) -> int:
    """Keep the errors, all or none; how many there are."""
    count = 0
    unfinished = folder / f".{NAME}"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        for error in errors:
            # In ASCII: whatever a value holds, a line of the file is a line.
            file.write(json.dumps(astuple(error)) + "\n")
            count += 1
    unfinished.replace(folder / NAME)
    return count


class Kept(Sequence[BulkError]):
    """The errors of an upload: of a slice, no other line is read as an error."""

    def __init__(self, folder: Path, count: int) -> None:
        self._path, self._count = folder / NAME, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[BulkError]:
        return self._between(0, self._count)

    @overload
    def __getitem__(self, place: int) -> BulkError: ...
    @overload
    def __getitem__(self, place: slice) -> list[BulkError]: ...
    def __getitem__(self, place: int | slice) -> BulkError | list[BulkError]:
        if isinstance(place, int):
            return next(self._between(place, place + 1))
        return list(self._between(place.start or 0, self._count if place.stop is None else place.stop))

    def _between(self, start: int, stop: int) -> Iterator[BulkError]:
        with self._path.open(encoding="utf-8") as lines:
            for line in islice(lines, start, stop):
                yield BulkError(*json.loads(line))
