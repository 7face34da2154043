"""How long a sign-in lasts: until nothing was done for a while, and a working day at most.

What a session knows of it is in its own data, on the server. A session that is over is locked and not thrown away: it
no longer says who is signed in, and remembers who was, so that what they had typed comes back to them alone.
"""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase

BEGUN, SEEN = "cf_begun", "cf_seen"
ENDED = "cf_ended"
SECOND = "cf_second"
"""How a session proved more than a password: "own" code, the council's "provider", or (not there) not yet."""
BY_PROVIDER = "cf_by_provider"
WARNING = 120
"""Seconds before the end at which the page warns, at the earliest."""
SET_BACK = 120
"""Seconds from which a time in the future is one of a clock that was set back since."""
OFTEN = 15
"""Seconds within which a session is not written again only to say that somebody is there."""


class Left(NamedTuple):
    """Seconds until a session ends if nothing is done, and whatever is done."""

    idle: int
    whole: int

    @property
    def seconds(self) -> int:
        """Until the nearer of the two."""
        return min(self.idle, self.whole)


def begin(session: SessionBase, now: float) -> None:
    """Somebody has just signed in."""
    session[BEGUN] = session[SEEN] = int(now)


def left(session: SessionBase, now: float) -> Left:
    """How long it still lasts. A session that does not say when it began begins now."""
    if BEGUN not in session or SEEN not in session:
        begin(session, now)
    idle = session[SEEN] + settings.CF_IDLE_MINUTES * 60 - now
    whole = session[BEGUN] + settings.CF_SESSION_HOURS * 3600 - now
    # Where the clock was set back nobody knows how long nothing was done: it is over.
    return Left(0 if session[SEEN] > now + SET_BACK else int(idle), int(whole))


def warned_before() -> int:
    """Seconds before the end at which the page warns: by half of the time at the latest, or it would never be quiet."""
    return min(WARNING, int(settings.CF_IDLE_MINUTES) * 60 // 2)


def over(session: SessionBase, now: float) -> str:
    """Why it is over: "idle" or "hours"; empty while it lasts."""
    there = left(session, now)
    if there.whole <= 0:
        return "hours"
    return "idle" if there.idle <= 0 else ""


def touch(session: SessionBase, now: float) -> None:
    """Somebody did something."""
    if now - session[SEEN] >= OFTEN:
        session[SEEN] = int(now)


def lock(session: SessionBase, user_id: int, why: str) -> None:
    """End it: from here on nobody is signed in, and who was is remembered."""
    for name in (auth.SESSION_KEY, auth.BACKEND_SESSION_KEY, auth.HASH_SESSION_KEY, BEGUN, SEEN, SECOND, BY_PROVIDER):
        session.pop(name, None)
    session[ENDED] = {"user": user_id, "why": why}


def locked_for(session: SessionBase) -> int | None:
    """The key of whoever was signed in when it was locked."""
    return (session.get(ENDED) or {}).get("user")


def why_ended(session: SessionBase) -> str:
    """Why somebody is asked to sign in again, in a sentence; empty where nothing ended."""
    ended: dict[str, Any] = session.get(ENDED) or {}
    sentences = {
        "idle": f"You were signed out, because nothing was done for {settings.CF_IDLE_MINUTES} minutes.",
        "hours": f"You were signed out, because a sign-in lasts {settings.CF_SESSION_HOURS} hours at most.",
    }
    return sentences.get(ended.get("why", ""), "")
