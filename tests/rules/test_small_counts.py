"""Small counts are not said, and cannot be worked out from what is."""

from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecting_families.kit.small_counts import SMALLEST, in_words, rounded, tabulated


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, None), (1, None), (9, None), (10, 10), (12, 10), (13, 15), (17, 15), (18, 20), (99, 100), (1_002, 1_000)],
)
def test_below_ten_nothing_is_said_and_from_ten_on_it_is_rounded_to_five(count: int, shown: int | None) -> None:
    assert rounded(count) == shown


def test_it_is_said_in_words() -> None:
    assert {in_words(rounded(count), "people") for count in range(SMALLEST)} == {"fewer than 10 people"}
    assert in_words(rounded(1_204), "families") == "about 1,205 families"


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_whoever_knows_how_it_is_done_cannot_tell_what_a_withheld_cell_is(cells: int) -> None:
    """Of every small table: among all tables that are shown alike, a withheld cell has every value below ten."""
    alike: dict[tuple[object, ...], list[set[int]]] = defaultdict(lambda: [set() for _ in range(cells)])
    for counts in product(range(16), repeat=cells):
        shown = tabulated({str(place): count for place, count in enumerate(counts)})
        for place, count in enumerate(counts):
            alike[(*shown.cells.values(), shown.total)][place].add(count)
    assert len(alike) > cells
    for said, values in alike.items():
        for cell, possible in zip(said[:-1], values, strict=True):
            assert cell is not None or possible == set(range(SMALLEST))


TABLES = st.dictionaries(st.text(max_size=3), st.integers(0, 60), max_size=12)


@given(TABLES, st.data())
def test_no_withheld_cell_is_worked_out_from_the_table_and_its_total(
    counts: dict[str, int], data: st.DataObject
) -> None:
    shown = tabulated(counts)
    said = [count for count in (*shown.cells.values(), shown.total) if count is not None]
    assert all(count % 5 == 0 and count >= SMALLEST for count in said)
    assert tabulated(dict(reversed(counts.items()))) == shown
    for name, cell in shown.cells.items():
        assert (cell is None) == (counts[name] < SMALLEST)
        if cell is None:
            other = counts | {name: data.draw(st.integers(0, SMALLEST - 1))}
            assert tabulated(other) == shown
