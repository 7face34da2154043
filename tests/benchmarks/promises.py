"""The promises at the size of a large council: what the check of a night takes, and each promise of it."""

import sys
import time
from datetime import UTC, datetime, timedelta

from connecting_families.audit.trail import duty
from connecting_families.governance.promises.table import PROMISES
from connecting_families.staff.models import User
from tests.benchmarks.council import vacuum
from tests.benchmarks.measured import RUNS, Measured
from tests.benchmarks.sealing import PREPARER, _approved
from tests.benchmarks.trail_pages import ENTRIES_OF_A_FAMILY, _write
from transfers import delivery, sealing


def promises_seconds(families: int) -> Measured:
    """Seconds of a night's check of all promises, with one submission that was sent and a long trail: at most 60."""
    with _approved(families) as at:
        row, now = at.row, at.row.approved_at or datetime.now(UTC)
        by = User.objects.get(username=PREPARER).who()
        sealing.request(submission=row, by=by, at=now)
        sealing.seal(submission=row, by=duty("seal"), at=now)
        delivery.request(submission=row, by=by, at=now)
        delivery.deliver(submission=row, by=duty("deliver"), at=now)
        _write(families * ENTRIES_OF_A_FAMILY)
        vacuum()
        now += timedelta(minutes=1)
        times = [_night(now) for _ in range(RUNS)]
        for work in ("check", "evidence"):
            for each in PROMISES:
                began = time.perf_counter()
                getattr(each, work)(now)
                sys.stdout.write(f"   {work} of promise {each.number}: {time.perf_counter() - began:.2f} s\n")
    return Measured(
        name="promises_seconds", figure=sorted(times)[RUNS // 2], unit="s", limit=60.0, ours=times, peer=[],
        peer_is="", families=families,
    )  # fmt: skip


def _night(at: datetime) -> float:
    began = time.perf_counter()
    for each in PROMISES:
        each.check(at)
    return round(time.perf_counter() - began, 2)
