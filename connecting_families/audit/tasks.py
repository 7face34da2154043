"""What the workers do for the trail: every minute what is new is sealed, and the checkpoint leaves the building."""

import logging

from celery import shared_task
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from connecting_families.audit import restored, seal
from connecting_families.audit.refusals import Refused

logger = logging.getLogger(__name__)


@shared_task
def seal_the_trail() -> None:
    """Seal, and hand over what was not yet; what is refused or interrupted is tried again in a minute.

    Before that it is looked whether this is the database that was sealed last.
    """
    for step in (restored.notice, seal.seal, seal.hand_over):
        try:
            step(at=timezone.now())
        except Refused as refusal:
            logger.error("%s", refusal)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Sealing the trail was interrupted (%s).", type(error).__name__)
