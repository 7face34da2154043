"""The workers' entrance: `celery --app connecting_families.celery worker`."""

import logging
import os
import time
from typing import Any

from celery import Celery, Task, signals

from connecting_families import embedded, pulse

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
embedded.ensure(os.environ)


class CorrelatedTask(Task):
    """A task whose entries in the trail carry the correlation of the click that asked for it."""

    def apply_async(self, *args: Any, headers: dict[str, Any] | None = None, **options: Any) -> Any:
        """Hand the work over, with the correlation of this moment, and when that is."""
        from connecting_families.audit import trail

        headers = {"correlation": trail.correlation(), pulse.SENT: time.time()} | (headers or {})
        return super().apply_async(*args, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the correlation that came with the work, or one of its own."""
        from connecting_families.audit import trail

        with trail.correlated((self.request.headers or {}).get("correlation", "")):
            # Celery's own lines know the number of the task; this one ties it to the trail.
            logger.info("Task %s[%s] begins", self.name, self.request.id)
            return super().__call__(*args, **kwargs)


app = Celery("connecting_families", task_cls=CorrelatedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_ready.connect
def pick_up_what_was_left(**_: Any) -> None:
    """A worker that comes back looks at once for what was begun and not finished."""
    for name in (
        "cohorts.tasks.assemble_what_is_due",
        "cohorts.tasks.try_out_what_is_due",
        "cohorts.tasks.replay_what_is_due",
        "cohorts.tasks.look_after_uploads",
        "transfers.tasks.seal_what_is_due",
        "connecting_families.governance.tasks.verify_what_is_due",
        "connecting_families.governance.tasks.check_the_promises",
    ):
        app.send_task(name)
