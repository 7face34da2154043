"""Entries of the trail for the pages: narrowed, and paged from an entry on, whatever the length of the trail.

The newest act comes first, by when it was done and then by number. A page goes on from an entry of the page before, by
an index that holds that order: the thousandth page is as near as the first.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.postgres.search import SearchQuery
from django.db.models import BooleanField, F, Func, QuerySet, Value

from connecting_families.audit.models import WORDS_OF_REASON, Entry

LONDON = ZoneInfo("Europe/London")
ON_A_PAGE = 50
AT_ONCE = 2_000
"""Entries in memory, of a download."""


class Asked(NamedTuple):
    """Which entries: of an event, by a person or duty, about a record, of some days, with words in the reason."""

    event: str = ""
    who: str = ""
    reference: str = ""
    since: date | None = None
    until: date | None = None
    words: str = ""

    @property
    def names(self) -> list[str]:
        """By what it narrows."""
        return [name for name, value in self._asdict().items() if value]


class Shown(NamedTuple):
    """A page of entries, and the numbers of those from which the pages beside it go on."""

    entries: list[Entry]
    newer_than: int | None
    older_than: int | None

    @property
    def all(self) -> bool:
        """Whether there is no other page."""
        return self.newer_than is None and self.older_than is None


def _beside(sign: str, other: Entry) -> Func:
    """Whether an entry comes before, or after, another in the order of the pages: one comparison, for one index."""
    own, others = (
        Func(*values, function="ROW", output_field=BooleanField())
        for values in ((F("timestamp"), F("id")), (Value(other.timestamp), Value(other.pk)))
    )
    template = "(%(expressions)s)"
    return Func(own, others, arg_joiner=f" {sign} ", template=template, output_field=BooleanField())


def narrowed(asked: Asked) -> QuerySet[Entry]:
    """The entries that are asked for, in no order."""
    exactly = {name: getattr(asked, name) for name in ("event", "who", "reference") if getattr(asked, name)}
    found: QuerySet[Entry] = Entry.objects.filter(**exactly)
    if asked.since:
        found = found.filter(timestamp__gte=datetime.combine(asked.since, time.min, LONDON))
    if asked.until:
        found = found.filter(timestamp__lt=datetime.combine(asked.until + timedelta(days=1), time.min, LONDON))
    if asked.words:
        words = SearchQuery(asked.words, config="english", search_type="websearch")
        found = found.exclude(reason="").annotate(said=WORDS_OF_REASON).filter(said=words)
    return found


def shown(found: QuerySet[Entry], *, older_than: int | None = None, newer_than: int | None = None) -> Shown:
    """A page of these: the newest, or what comes right after, or before, an entry of this number."""
    other = Entry.objects.filter(pk=older_than or newer_than or 0).first()
    if other is not None and newer_than:
        rows = list(found.filter(_beside(">", other)).order_by("timestamp", "id")[: ON_A_PAGE + 1])
        if len(rows) > ON_A_PAGE:
            entries = rows[ON_A_PAGE - 1 :: -1]
            return Shown(entries, entries[0].pk, entries[-1].pk)
        # The first page is always whole.
        other = None
    older = found.filter(_beside("<", other)) if other is not None else found
    rows = list(older.order_by("-timestamp", "-id")[: ON_A_PAGE + 1])
    entries = rows[:ON_A_PAGE]
    newer = entries[0].pk if other is not None and entries else None
    return Shown(entries, newer, entries[-1].pk if len(rows) > ON_A_PAGE else None)


def each(found: QuerySet[Entry]) -> Iterator[Entry]:
    """All of these, the newest first, some thousand at a time."""
    latest: Entry | None = None
    while True:
        older = found.filter(_beside("<", latest)) if latest is not None else found
        rows = list(older.order_by("-timestamp", "-id")[:AT_ONCE])
        yield from rows
        if len(rows) < AT_ONCE:
            return
        latest = rows[-1]
