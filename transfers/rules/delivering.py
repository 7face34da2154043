"""Delivering: for how long it is tried again by itself, and in words what may stand in the way."""

from datetime import datetime, timedelta

from connecting_families.audit.refusals import Why

FOR_SO_LONG = timedelta(days=1)
"""After this a person is asked (spec/submission.md, Deliver)."""

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)

TROUBLES = {
    "NOT_REACHED": "The recipient's host could not be reached, or did not answer in time. Nothing was sent now.",
    "CONNECTION_LOST": "The connection to the recipient's host was lost, or nothing got on. Nobody knows what arrived:"
    " the program looks before it sends anything again.",
    "WRONG_HOST_KEY": "The host that answered is not the recipient's: its key is not the one in CF_SFTP_HOST_KEY."
    " Nothing was sent now. Ask the recipient by telephone whether they changed their key.",
    "SIGN_IN_REFUSED": "The recipient's host does not let us in. Ask the recipient, and who looks after CF_SFTP_USER"
    " and the key or password that goes with it.",
    "NO_KEY": "Our own key for the recipient's host cannot be opened. Ask who looks after CF_SFTP_KEY.",
    "NO_SFTP": "The recipient's host answered, but does not speak SFTP with us. Ask the recipient.",
    "FILE_REFUSED": "The recipient's host did not take a file: its disk may be full, the folder missing or"
    " closed to us.",
    "RENAME_REFUSED": "The recipient's host took a file, but did not let us give it its name.",
    "DIFFERENT_THERE": "What lay at the recipient's host after sending was not what was sent. It was taken away again.",
    "CANNOT_LOOK": "The recipient's host does not let us look what arrived, so nothing can be sent safely. Ask the"
    " recipient that we may see our own files.",
    "FOLDER_REFUSED": "The folder for delivery cannot be used: its disk may be full, or it is missing or closed to us.",
    "PACKAGE_CHANGED": "A file in the outbox is not the one that was sealed, or no longer there.",
    "REFUSED": "It was refused. The reasons stand below, with what was done.",
}


def why(code: str) -> Why:
    """The code of a trouble, with its sentence."""
    return Why(code, TROUBLES[code])


def next_attempt(asked_at: datetime, tries: int, at: datetime) -> datetime | None:
    """When to try again after so many tries (one or more) of which the last ended at `at`; None: ask a person.

    A minute later, then twice as long each time, an hour at most; until a day after it was asked for.
    """
    wait = min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)
    return at + wait if at + wait <= asked_at + FOR_SO_LONG else None
