"""Counts and durations for whoever watches over the servers, in Prometheus' form, on a port of their own.

A page is named by its route, never by its address, and work by its task: nothing here tells of anybody. The processes
of a service write what they count into one folder, and one of them, which answers nobody else, reads it out.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from celery import signals
from django.http import HttpRequest
from django.http.response import HttpResponseBase

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def port() -> int:
    """Where metrics are told (CF_METRICS_PORT); 0 for nowhere."""
    return int(os.environ.get("CF_METRICS_PORT") or 0)


if port() and FOLDER not in os.environ:
    # Before anything counts; children inherit it. Each start has a folder of its own.
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="cf-metrics-")

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server  # noqa: E402
from prometheus_client.core import GaugeMetricFamily  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

ANSWERED = Counter("cf_answers", "Requests that were answered.", ["route", "method", "status"])
TOOK = Histogram("cf_answer_seconds", "Seconds until a request was answered.", ["route"],
                 buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))  # fmt: skip
DONE = Counter("cf_tasks", "Pieces of work that ended, by how.", ["task", "state"])
WORKED = Histogram("cf_task_seconds", "Seconds that a piece of work took.", ["task"],
                   buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1800))  # fmt: skip
METHODS = {"GET", "HEAD", "POST"}


def measured(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Count each answer, and how long it took, by the name of its route; what has no route has no name."""

    def counted(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        answer = get_response(request)
        match = request.resolver_match
        route = (match.view_name or "unnamed") if match else "none"
        # A method is whatever whoever asks writes: the usual ones are told apart.
        method = request.method if request.method in METHODS else "other"
        ANSWERED.labels(route, method, str(answer.status_code)).inc()
        TOOK.labels(route).observe(time.perf_counter() - began)
        return answer

    return counted


@signals.task_prerun.connect
def begin(task: Any = None, **_: Any) -> None:
    """A piece of work begins."""
    task.request.begun = time.perf_counter()


@signals.task_postrun.connect
def end(task: Any = None, state: str | None = None, **_: Any) -> None:
    """A piece of work ended."""
    DONE.labels(task.name, state or "UNKNOWN").inc()
    begun = getattr(task.request, "begun", None)
    if begun is not None:
        WORKED.labels(task.name).observe(time.perf_counter() - begun)


class Waiting:
    """What waits, looked up when it is asked for: work in the queue, and entries of the trail to be sealed."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Seconds and counts; what cannot be looked up now is left out."""
        from django.db import connection

        from connecting_families import health

        try:
            found = health.look()
        finally:
            connection.close()
        for name, what in (
            ("queue", "Seconds that the oldest work waits."),
            ("seal", "Seconds that the oldest entry of the trail waits to be sealed."),
            ("worker", "Seconds since a worker gave a sign of life."),
            ("beat", "Seconds since the beat gave a sign of life."),
            ("backup", "Seconds since the last backup."),
        ):
            if "seconds" in found[name]:
                yield GaugeMetricFamily(f"cf_{name}_age_seconds", what, found[name]["seconds"])
        state = GaugeMetricFamily("cf_check_failed", "1 where a check of /readyz has failed.", labels=["check"])
        for name, said in found.items():
            state.add_metric([name], float(said["state"] == health.FAILED))
        yield state


def registry(*, waiting: bool) -> CollectorRegistry:
    """What all processes of this service counted; `waiting`: with what waits, too."""
    gathered = CollectorRegistry()
    MultiProcessCollector(gathered)  # type: ignore[no-untyped-call]
    if waiting:
        gathered.register(Waiting())
    return gathered


def tell(*, waiting: bool) -> None:
    """Answer at CF_METRICS_PORT from a thread of this process, where that is set."""
    if port():
        address = os.environ.get("CF_METRICS_ADDRESS") or "127.0.0.1"
        start_http_server(port(), addr=address, registry=registry(waiting=waiting))


@signals.worker_ready.connect
def worker_is_ready(**_: Any) -> None:
    """The process that hands out a worker's work tells what the others count, and what waits."""
    tell(waiting=True)


@signals.worker_process_shutdown.connect
def hand_is_gone(pid: int | None = None, **_: Any) -> None:
    """One process of a worker ended: what it counted stays."""
    forget(pid)


def forget(process: int | None) -> None:
    """What a process that is gone said of itself is no longer so; what it counted stays."""
    if process is not None and Path(os.environ.get(FOLDER, "")).is_dir() and FOLDER in os.environ:
        mark_process_dead(process)  # type: ignore[no-untyped-call]
