"""Whether this program is alive, and whether it is ready: for machines that watch over it, without signing in.

Nothing here tells of a person, a record or a secret: names of checks, seconds, and whether each is as it should be.
"""

import http
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from connecting_families import pulse
from connecting_families.audit import journal, restored, seal

OK, FAILED, NOT_KNOWN = "ok", "failed", "not known"
NEEDED = ("database", "migrations")
"""Without these no page answers. Without the others people can record all the same: an objection is not turned away
because a worker is gone."""
BACKED_UP = timedelta(hours=26)
"""Every night, and a little."""
LONG_WAIT = 300.0
"""Seconds that work may wait while workers assemble a cohort."""

Said = dict[str, Any]
_migrated: list[bool] = []


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Each check by its name; 503 where a page could not be answered, with ?all where anything at all has failed."""
    checks = look()
    needed = checks if "all" in request.GET else NEEDED
    ready = all(checks[name]["state"] != FAILED for name in needed)
    status = http.HTTPStatus.OK if ready else http.HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"ready": ready, "checks": checks}, status=status)


def look() -> dict[str, Said]:
    """Every check: its state, and seconds where there are some."""
    database = _tried(_database)
    there = database["state"] == OK
    return {
        "database": database,
        "migrations": _tried(_migrations) if there else {"state": NOT_KNOWN},
        **_behind(),
        "seal": _tried(_seal) if there else {"state": NOT_KNOWN},
        "backup": _tried(_backup),
        "journal": _tried(_journal),
        "restore": _tried(_restore) if there else {"state": NOT_KNOWN},
    }


def _tried(check: Callable[[], Said]) -> Said:
    """What a check says; what stood in its way is named by its kind alone, as anything more may be secret."""
    try:
        return check()
    except (Error, OSError, redis.RedisError) as error:
        return {"state": FAILED, "why": type(error).__name__}


def _database() -> Said:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"state": OK}


def _migrations() -> Said:
    """Applied ones stay so for as long as this process runs."""
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return {"state": FAILED}
        _migrated.append(True)
    return {"state": OK}


def _behind() -> dict[str, Said]:
    """The broker, and what it says of the worker, the beat and the queue."""
    try:
        found = pulse.look(settings.REDIS_URL)
    except (redis.RedisError, OSError) as error:
        unknown = {name: {"state": NOT_KNOWN} for name in ("worker", "beat", "queue")}
        return {"broker": {"state": FAILED, "why": type(error).__name__}, **unknown}
    return {
        "broker": {"state": OK},
        "worker": _within(found.worker, pulse.LATE),
        "beat": _within(found.beat, pulse.LATE),
        "queue": _within(found.queue, LONG_WAIT),
    }


def _seal() -> Said:
    """How long the oldest entry of the trail waits to be sealed."""
    return _within(seal.waits(timezone.now()).total_seconds(), seal.SOON.total_seconds())


def backed_up_at() -> datetime | None:
    """When the last backup was done, by the file that whoever makes it writes then (CF_BACKUP_STAMP).

    None where no setting names that file. Raises OSError where it is not there.
    """
    if not settings.CF_BACKUP_STAMP:
        return None
    return datetime.fromtimestamp(Path(settings.CF_BACKUP_STAMP).stat().st_mtime, UTC)


def _backup() -> Said:
    last = backed_up_at()
    if last is None:
        return {"state": NOT_KNOWN}
    return _within((timezone.now() - last).total_seconds(), BACKED_UP.total_seconds())


def _journal() -> Said:
    """Whether what must be kept outside the database can be written there: else no objection can be recorded."""
    return {"state": OK if journal.is_writable() else FAILED}


def _restore() -> Said:
    """Whether nothing waits to be done again after a restore: until then nobody signs in, and nothing leaves."""
    return {"state": FAILED if restored.against() else OK}


def _within(age: float | None, limit: float) -> Said:
    if age is None:
        return {"state": FAILED}
    return {"state": FAILED if age > limit else OK, "seconds": round(age)}
