"""How gunicorn serves the site: `gunicorn --config python:connecting_families.serving connecting_families.wsgi`.

No line is written for each request: an address may lead to a person, and the trail has who opened what.
"""

import os
from typing import Any

from connecting_families import metrics

bind = os.environ.get("CF_BIND") or "127.0.0.1:8000"
workers = int(os.environ.get("CF_WEB_WORKERS") or 2)
threads = 4
timeout = 120
"""Seconds: an upload of the largest kind, over a slow line."""
graceful_timeout = 30
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - gunicorn's heartbeat, in memory
control_socket_disable = True
accesslog = None
# What gunicorn itself says is written as everything else is.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "connecting_families.log.WithoutWords",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
        "json": {"()": "connecting_families.log.Json"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": os.environ.get("CF_LOG_FORMAT") or "plain"},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False},
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}


def when_ready(server: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """The process that starts the others tells what they count."""
    metrics.tell(waiting=False)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """One of them ended."""
    metrics.forget(worker.pid)
