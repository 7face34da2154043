"""The trail: the only way to write to it, and the reading of it.

    with trail.act():               # one transaction: all that follows, with its entry, or nothing
        row.save()                  # django-auditlog notes which fields change
        trail.record(Event.…, who=who, at=at, about=row)

An act without an entry cannot be committed, and an entry without a person or a named machine duty cannot be made.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction

from connecting_families.audit import journal
from connecting_families.audit.correlating import correlated as correlated
from connecting_families.audit.correlating import correlation as correlation
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused

P = ParamSpec("P")
R = TypeVar("R")

MASK = "changed"
# On an index of such entries alone (Entry.Meta): a record that is opened every day has a thousand others.
NEWEST_CHANGES = """
    SELECT newest.* FROM unnest(%s::text[], %s::text[]) AS asked (record, reference) CROSS JOIN LATERAL (
        SELECT id, timestamp, event, changes, who, role FROM audit_entry entry
        WHERE changes IS NOT NULL AND entry.record = asked.record AND entry.reference = asked.reference
        ORDER BY id DESC LIMIT %s
    ) AS newest ORDER BY id DESC LIMIT %s
"""

_changes: ContextVar[list[dict[str, Any]] | None] = ContextVar("changes", default=None)
_outside: ContextVar[list[journal.Note]] = ContextVar("outside")
_tried: ContextVar[bool] = ContextVar("tried", default=False)


class Unrecorded(Exception):
    """A change was made that no entry of the trail tells of: it is rolled back."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: a user with the role at the time, or a machine's duty; and from which address."""

    reference: str
    role: str = ""
    user_id: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if not self.reference.strip() or (self.user_id is None and not self.reference.startswith("system:")):
            raise Unrecorded("An act needs a person, or a named duty of the machine such as system:assemble.")

    @property
    def person(self) -> int:
        """The key of the user who acts. Raises Unrecorded for a machine: this act needs a person."""
        if self.user_id is None:
            raise Unrecorded(f"{self.reference} is no person: a member of staff must do this.")
        return self.user_id

    def at_address(self, address: str | None) -> "Who":
        """The same, from this network address."""
        return replace(self, address=address)


def duty(name: str) -> Who:
    """The machine at one of its duties, for example `duty("assemble")`."""
    return Who(f"system:{name}")


@contextmanager
def _one_act() -> Iterator[None]:
    outer = _outside.get(None)
    token, kept = _changes.set([]), _outside.set([])
    try:
        with transaction.atomic():
            yield
            if _changes.get():
                raise Unrecorded(f"Nothing was recorded of a change to {_changes.get()}.")
            if outer is None and not _tried.get():
                # Before it is committed: what is committed is in the journal, however this process ends.
                journal.append(_outside.get())
        if outer is not None:
            outer += _outside.get()
    finally:
        _outside.reset(kept)
        _changes.reset(token)


@contextmanager
def tried() -> Iterator[None]:
    """Inside, acts are tried and taken back by whoever asks: nothing of them goes into the journal outside."""
    token = _tried.set(True)
    try:
        yield
    finally:
        _tried.reset(token)


@contextmanager
def act(who: Who | None = None, at: datetime | None = None) -> Iterator[None]:
    """One act: everything inside is committed together with its entry, or not at all.

    A refusal (`Refused`) rolls the act back, is recorded on its own under the refusal's event as asked by `who` at
    `at`, and goes on to the caller. Raises Unrecorded where a change was not recorded.
    """
    outermost = _changes.get() is None
    try:
        with _one_act():
            yield
    except Refused as refusal:
        if outermost and who is not None and at is not None:
            with _one_act():
                record(
                    refusal.event,
                    who=who,
                    at=at,
                    record=refusal.record,
                    reference=refusal.reference,
                    details={"reasons": refusal.codes},
                )
            refusal.recorded = True
        raise


def stage(function: Callable[P, R]) -> Callable[P, R]:
    """A stage function is one act, asked for by its keyword `by` (Who) at its keyword `at` (an instant)."""

    @functools.wraps(function)
    def one_act(*args: P.args, **kwargs: P.kwargs) -> R:
        by, at = kwargs["by"], kwargs["at"]
        if not isinstance(by, Who) or not isinstance(at, datetime) or at.tzinfo is None:
            raise TypeError(f"{function.__name__} needs by=Who and at=an instant with its offset.")
        with act(by, at):
            return function(*args, **kwargs)

    return one_act


def keep_change(instance: models.Model, action: int, fields: dict[str, Any]) -> None:
    """Keep what django-auditlog noticed until the act is recorded. Raises Unrecorded outside an act."""
    kept = _changes.get()
    if kept is None:
        raise Unrecorded(f"A change to {instance._meta.label_lower} was made outside a stage.")
    name = ("created", "changed", "deleted", "read")[action]
    kept.append({"record": instance._meta.label_lower, "reference": str(instance), "act": name, "fields": fields})


def masked(_value: str) -> str:
    """What the trail keeps of an identifier: that it changed (django-auditlog's own mask shows half)."""
    return MASK


def record(
    event: Event,
    *,
    who: Who,
    at: datetime,
    about: models.Model | None = None,
    record: str = "",
    reference: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
    outside: dict[str, Any] | None = None,
) -> Entry:
    """Write the entry of an act, with the changes of fields kept since it began.

    `about` is the record the act is about; where there is no row, `record` and `reference` name it. `details` holds
    codes, counts, dates of acts, digests and references only. `outside` is what it takes to do the act again after a
    restore: it goes into the journal, for the events that are kept there (journal.KEPT), and names nobody either.
    Raises Unrecorded outside an act, and where an event is to be in the journal and `outside` is missing.
    """
    if (event in journal.KEPT) != (outside is not None):
        raise Unrecorded(f"{event.name} and the journal do not agree on whether it is kept outside the database.")
    kept = _changes.get()
    if kept is None:
        raise Unrecorded(f"{event.name} was recorded outside an act: it could be kept where the act is not.")
    changes, kept[:] = list(kept), []
    if about is not None:
        record, reference = about._meta.label_lower, str(about)
    entry = Entry(
        event=event.name,
        action=_action(changes, record, reference),
        content_type=ContentType.objects.get_for_model(about) if about is not None else None,
        object_pk=str(about.pk) if about is not None else "",
        object_id=about.pk if about is not None and isinstance(about.pk, int) else None,
        object_repr=reference,
        record=record,
        reference=reference,
        changes=changes or None,
        additional_data=details or None,
        actor_id=who.user_id,
        who=who.reference,
        role=who.role,
        remote_addr=who.address,
        cid=correlation(),
        timestamp=at,
        reason=reason,
    )
    entry.save(force_insert=True)
    if outside is not None:
        keep_outside(event, entry, outside)
    return entry


def keep_outside(event: Event, entry: Entry, facts: dict[str, Any]) -> None:
    """Have a line of the journal written with this act: of `event`, as part of what `entry` tells."""
    _outside.get().append(
        journal.Note(
            event=event.name,
            entry=entry.event,
            record=entry.record,
            reference=entry.reference,
            cid=entry.cid or "",
            at=entry.timestamp.astimezone(UTC).isoformat(),
            who=entry.who,
            role=entry.role,
            facts=facts,
        )
    )


def _action(changes: list[dict[str, Any]], record: str, reference: str) -> int:
    own = [change["act"] for change in changes if (change["record"], change["reference"]) == (record, reference)]
    for name, action in (
        ("created", Entry.Action.CREATE),
        ("deleted", Entry.Action.DELETE),
        ("changed", Entry.Action.UPDATE),
    ):
        if name in own:
            return int(action)
    return int(Entry.Action.UPDATE if changes else Entry.Action.ACCESS)


def entries_about(references: Iterable[tuple[str, str]]) -> "models.QuerySet[Entry]":
    """The entries about any of these records, each by its model and reference, the latest first."""
    of_kind: dict[str, set[str]] = {}
    for name, reference in references:
        of_kind.setdefault(name, set()).add(reference)
    about = models.Q(pk__in=[])
    for name, some in of_kind.items():
        about |= models.Q(record=name, reference__in=sorted(some))
    return entries().filter(about)


def newest_changes(references: Sequence[tuple[str, str]], number: int) -> "models.query.RawQuerySet[Entry]":
    """The latest entries, so many, that tell of a change of any of these records; however often they were looked at."""
    kinds, own = [list(each) for each in zip(*references, strict=True)] or ([], [])
    found: models.query.RawQuerySet[Entry] = Entry.objects.raw(NEWEST_CHANGES, [kinds, own, number, number])
    return found


def entries() -> "models.QuerySet[Entry]":
    """All entries, the latest first."""
    latest: models.QuerySet[Entry] = Entry.objects.order_by("-id")
    return latest
