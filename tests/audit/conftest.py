"""The walks of tests/stages, whose acts the trail tells of; and a sealed trail, to be attacked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.core.management import call_command

from connecting_families.audit import seal, trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Checkpoint, Entry, Leaf
from connecting_families.audit.trail import duty
from tests.conftest import address_of
from tests.stages.conftest import quick_passwords, stands, walk_to

__all__ = ["quick_passwords", "stands", "walk_to"]

AT = datetime(2026, 11, 2, 12, 0, 0, 123456, tzinfo=UTC)
TABLES = ("audit_entry", "audit_leaf", "audit_checkpoint", "audit_handover")


class Trail:
    """A trail in a database of its own, and whoever owns that database."""

    def __init__(self, owner: "psycopg.Connection[Any]", folder: Path) -> None:
        self.owner, self.folder = owner, folder

    def write(self, count: int) -> list[int]:
        """Entries, each of an act of its own; their ids."""
        ids = []
        for number in range(count):
            with trail.act():
                entry = trail.record(
                    Event.TRAIL_VIEWED, who=duty("test"), at=AT, record="trail", reference=f"Rafał's {number}",
                    details={"counts": [number, True, None], "ä": {"b": "ß", "a": -1}},
                )  # fmt: skip
            ids.append(entry.pk)
        return ids

    def sealed(self, count: int) -> list[int]:
        """Entries that are sealed together; their ids."""
        ids = self.write(count)
        assert seal.seal(at=AT) is not None
        return ids

    def order(self) -> list[int]:
        """The sealed entries, in the order of sealing."""
        return list(Leaf.objects.order_by("position").values_list("entry_id", flat=True))

    def hold(self, size: int) -> Path:
        """A file with the checkpoint of this size, as somebody holds it outside."""
        file = self.folder / f"held-{size}.txt"
        file.write_text(Checkpoint.objects.get(size=size).note, encoding="utf-8")
        return file

    def attack(self, *statements: str, hide: bool = True) -> None:
        """As the owner of the database, who switches off what is in the way, and on again."""
        for table in TABLES:
            self.owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            self.owner.execute(statement)
        for table in TABLES if hide else ():
            self.owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    def verify(self, *words: Any) -> tuple[int, dict[str, Any], str]:
        """verify_trail: how it ends, its last line, and what it says beside."""
        return given("verify_trail", *words)


def given(*words: Any) -> tuple[int, dict[str, Any], str]:
    """A command: how it ends, its last line, and what it says beside."""
    out, beside, end = StringIO(), StringIO(), 0
    try:
        call_command(*map(str, words), stdout=out, stderr=beside)
    except SystemExit as stopped:
        end = int(str(stopped.code))
    return end, json.loads(out.getvalue().splitlines()[-1]), beside.getvalue()


@pytest.fixture
def empty(committed: str, folders: Path, settings: Any) -> Iterator[Trail]:
    """A trail without an entry, whose checkpoints go nowhere."""
    settings.CF_CHECKPOINT_KEY = folders / "keys" / "checkpoint-key.pem"
    settings.CF_CHECKPOINTS = folders / "outside"
    with psycopg.connect(address_of(committed, configured.DATABASE_OWNER), autocommit=True) as owner:
        yield Trail(owner, folders)


@pytest.fixture
def whole(empty: Trail) -> Trail:
    """A trail of nine entries, sealed by three, two and four."""
    for count in (3, 2, 4):
        empty.sealed(count)
    assert Entry.objects.count() == Leaf.objects.count() == 9
    return empty
