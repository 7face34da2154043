"""The workers' entrance: `celery --app connecting_families.celery worker`."""

import os
from typing import Any

from celery import Celery, Task, signals

from connecting_families import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
embedded.ensure(os.environ)


class CorrelatedTask(Task):  # type: ignore[misc]
    """A task whose entries in the trail carry the correlation of the click that asked for it."""

    def __call__(self, *args: Any, correlation: str = "", **kwargs: Any) -> Any:
        """Run with the correlation given, or one of its own."""
        from connecting_families.audit import trail

        with trail.correlated(correlation):
            return super().__call__(*args, **kwargs)


app = Celery("connecting_families", task_cls=CorrelatedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_ready.connect
def pick_up_what_was_left(**_: Any) -> None:
    """A worker that comes back looks at once for what was begun and not finished."""
    for name in ("cohorts.tasks.assemble_what_is_due", "transfers.tasks.seal_what_is_due"):
        app.send_task(name)
