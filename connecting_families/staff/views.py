"""What the pages of every app have in common: why a role may not, refusals in the error summary, moments in words."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Why
from connecting_families.staff.guards import acting, not_permitted
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission


def role_reasons(request: HttpRequest, permission: Permission) -> list[Why]:
    """Why the role of whoever asks may not do this; nothing where it may. It stands in place of the button."""
    user = request.user
    return [] if isinstance(user, User) and user.may(permission) else [not_permitted(permission)]


def refused_form(reasons: Iterable[Reasoned]) -> forms.Form:
    """A form without fields whose errors are these reasons: the error summary and the title read it."""
    form = forms.Form({})
    for reason in reasons:
        form.add_error(None, reason.sentence)
    return form


def listed(request: HttpRequest, what: str, *, people: Iterable[str] = (), families: Iterable[str] = ()) -> None:
    """Record that somebody opened a list of work, and whom it showed, by reference: `people`, or whole `families`."""
    shown = {"people": sorted(set(people)), "families": sorted(set(families))}
    details = {name: references for name, references in shown.items() if references}
    with trail.act():
        trail.record(
            Event.WORK_LIST_VIEWED, who=acting(request), at=timezone.now(), record="page", reference=what,
            details=details,
        )  # fmt: skip


def polls(request: HttpRequest) -> bool:
    """Whether a page that waits asks how far the work is (static/poll.js), and no person asks to read.

    What is answered then is never more than the progress: such a request is not recorded.
    """
    return request.headers.get("X-Poll") == "1"


def hand_over(task: Callable[..., Any], key: int) -> None:
    """Hand work to the workers, once what asks for it is committed.

    Where the queue cannot be reached nothing is lost: a worker looks for what is due by itself.
    """
    transaction.on_commit(lambda: task(key), robust=True)


def moment(at: datetime | None) -> str:
    """An instant in words, in the time of London; empty for none."""
    return f"{timezone.localtime(at):%-d %B %Y at %H:%M}" if at else ""


def in_role(who: str, role: str) -> str:
    """Who acted, with the title of the role at the time, as the trail has them."""
    return f"{who} ({ROLES[role].title})" if role in ROLES else who


def in_words(code: str) -> str:
    """A code, or a name of the program, as words: FOUR_EYES is "Four eyes"."""
    return code.replace("_", " ").capitalize()


def facts(*pairs: tuple[str, object]) -> list[dict[str, Any]]:
    """Rows of a summary list; what is empty is left out."""
    return [{"key": key, "value": value} for key, value in pairs if value not in ("", None)]
