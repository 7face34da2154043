"""Lists: tables whose columns sort by links that the server makes, and what they are narrowed to."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.forms import BaseForm
from django.http import QueryDict


class Column(NamedTuple):
    """A column: its heading, the name under which an address sorts by it (if any may), whether it holds numbers.

    `wide`: it holds sentences, and is no narrower on a telephone than a line of them is read.
    """

    heading: str
    sort: str = ""
    numeric: bool = False
    wide: bool = False


class Heading(NamedTuple):
    """A column's heading as the page shows it: what aria-sort says, and where a click leads."""

    text: str
    numeric: bool
    aria_sort: str
    href: str


class Cell(NamedTuple):
    """What stands in one cell, and what its class says beyond that it is one."""

    text: object
    style: str


class Row(NamedTuple):
    """A row: the text that heads it, and its further cells."""

    heading: object
    cells: list[Cell]


class Order(NamedTuple):
    """By which column, and which way."""

    column: str
    descending: bool = False

    def __str__(self) -> str:
        """As an address says it: -column for descending."""
        return f"-{self.column}" if self.descending else self.column


def asked_order(columns: Iterable[Column], query: QueryDict, default: str = "") -> Order:
    """The order that an address asks for (?sort=name, ?sort=-name); the default for anything that may not be sorted by.

    `default` is written as in an address.
    """
    asked = Order(query.get("sort", "").removeprefix("-"), query.get("sort", "").startswith("-"))
    if asked.column in {column.sort for column in columns} - {""}:
        return asked
    return Order(default.removeprefix("-"), default.startswith("-"))


class Table:
    """A table for {% table %}: the caption names it, the first cell of each row is that row's heading.

    Cells are text, or SafeString from pieces.link and pieces.tag. With `query` (request.GET) and `order`, columns
    that have a `sort` get links that keep the filters and go back to the first page.
    """

    def __init__(
        self,
        caption: str,
        columns: Sequence[Column],
        rows: Iterable[Sequence[object]],
        *,
        query: QueryDict | None = None,
        order: Order | None = None,
        empty: str = "There is nothing to show.",
        caption_hidden: bool = False,
    ) -> None:
        self.caption, self.caption_hidden, self.empty = caption, caption_hidden, empty
        self.headings = [_heading(column, query, order) for column in columns]
        self.rows = [_row(columns, row) for row in rows]


def _row(columns: Sequence[Column], values: Sequence[object]) -> Row:
    first, *cells = [_cell(column, value) for column, value in zip(columns, values, strict=True)]
    return Row(first.text, cells)


def _cell(column: Column, value: object) -> Cell:
    """A cell; whole numbers of a column of numbers get commas."""
    if column.numeric:
        return Cell(f"{value:,}" if isinstance(value, int) else value, " govuk-table__cell--numeric")
    return Cell(value, " cf-wide" if column.wide and value else "")


def _heading(column: Column, query: QueryDict | None, order: Order | None) -> Heading:
    """The heading; a click on the column that is sorted by turns the order round."""
    if not column.sort or query is None:
        return Heading(column.heading, column.numeric, "", "")
    here = order is not None and order.column == column.sort
    descending = here and order is not None and order.descending
    address = query.copy()
    address["sort"] = str(Order(column.sort, here and not descending))
    address.pop("page", None)
    aria_sort = ("descending" if descending else "ascending") if here else "none"
    return Heading(column.heading, column.numeric, aria_sort, f"?{address.urlencode()}")


class Chosen(NamedTuple):
    """Something that a list is narrowed to: the field, what was chosen, and where it is taken away."""

    label: str
    shown: str
    href: str


def chosen(form: BaseForm, query: QueryDict) -> list[Chosen]:
    """What a filter narrows its list to now; nothing of a filter with a mistake in it."""
    if not form.is_bound or not form.is_valid():
        return []
    found = []
    for field in form.visible_fields():
        given = form.cleaned_data.get(field.name)
        if given not in (None, "", [], False):
            address = query.copy()
            for name in [n for n in address if n == "page" or n == field.name or n.startswith(f"{field.name}_")]:
                del address[name]
            found.append(Chosen(str(field.label), _in_words(field.field, given), f"?{address.urlencode()}"))
    return found


def _in_words(field: Any, given: Any) -> str:
    """A value of a field as people read it on the page."""
    if isinstance(given, list):
        return ", ".join(_in_words(field, each) for each in given)
    if hasattr(field, "choices"):
        return str(dict(field.choices).get(given, given))
    if hasattr(given, "strftime"):
        return f"{given:%-d %B %Y}"
    return "Yes" if given is True else str(given)
