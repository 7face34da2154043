"""The inbox: receipts that a recipient lays into a folder are taken in; nothing that lies there stays."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings

from connecting_families.alone import Work, alone
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import Who
from transfers import receipt
from transfers.rules.receipts import LARGEST

logger = logging.getLogger(__name__)


def empty(*, by: Who, now: Callable[[], datetime]) -> int:
    """Take in or refuse every file that has its own name by now (.json), and remove it; how many there were.

    A file that cannot be read or removed is left for the next time: taken in twice it is taken in once. One at a time:
    what is refused is refused once.
    """
    with alone(Work.RECEIVING, 0) as nobody_else:
        return _emptied(by, now) if nobody_else else 0


def _emptied(by: Who, now: Callable[[], datetime]) -> int:
    folder: Path = settings.CF_RECEIPT_FOLDER
    count = 0
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
            _take_in(data, by, now())
            path.unlink()
        except OSError as error:
            logger.warning("A file in the inbox could not be read or removed (%s).", type(error).__name__)
        else:
            count += 1
    return count


def _take_in(data: bytes, by: Who, at: datetime) -> None:
    try:
        receipt.take_in(data=data, by=by, at=at)
    except Refused as refusal:
        # Not the file's name either: whoever laid it there chose it.
        logger.warning("Refused in the inbox: %s (%s).", hashlib.sha256(data).hexdigest(), ", ".join(refusal.codes))
