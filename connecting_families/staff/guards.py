"""The one way a page is opened, and an act is asked for at the prompt; a refusal is recorded."""

import functools
import inspect
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from types import CodeType
from typing import Concatenate, NoReturn, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who, duty
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission, roles_permitting

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
METHODS = ("GET", "HEAD", "POST")
"""In which ways a page may be asked for. A page that is narrower says so itself (require_POST and the like)."""
READ = ("GET", "HEAD")
"""In which ways a page that takes nothing may be asked for."""
SENT = frozenset({"POST", "method"})
"""What a view looks at in a request that takes what is sent to it."""


class NotPermitted(Refused):
    """This person's role does not permit this."""


def not_permitted(permission: Permission) -> Why:
    """The reason, with who may."""
    return Why(
        "NOT_PERMITTED", f"Your role may not {permission.value}. Ask {' or '.join(roles_permitting(permission))}."
    )


def opened_by(*permissions: Permission, takes: bool = False) -> Callable[[View[P]], View[P]]:
    """A page that people with any of these permissions may open; no permission named: everybody who signed in.

    Nobody signed in is sent to sign in; a wrong role is refused with the reason (403), and the refusal recorded. Who
    asks in another way than by METHODS is answered 405, before anything is looked at; so is whoever sends something to
    a page that takes nothing. That is one whose own code does not look at what was sent, and which no other decorator
    around it narrows to a way (require_POST). `takes`: it does take it, and leaves the looking to another function.
    """

    def guarded(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def opened(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            whole = request.resolver_match is not None and request.resolver_match.func is opened
            ways = READ if whole and not takes and not looks_at_what_is_sent(view) else METHODS
            if request.method not in ways:
                return HttpResponseNotAllowed(ways)
            user = request.user
            if not isinstance(user, User) or not user.is_active:
                return redirect_to_login(request.get_full_path())
            if permissions and not any(user.may(permission) for permission in permissions):
                refuse_page(request, permissions[0])
            return view(request, *args, **kwargs)

        opened.permissions = permissions  # type: ignore[attr-defined]
        return opened  # type: ignore[return-value]

    return guarded


@functools.cache
def looks_at_what_is_sent(view: Callable[..., object]) -> bool:
    """Whether the code of a view looks at what was sent, or in which way it was asked."""
    return bool(_names(inspect.unwrap(view).__code__) & SENT)


def _names(code: CodeType) -> set[str]:
    """Every name in this code, and in the functions inside it."""
    inner = (_names(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def refuse_page(request: HttpRequest, permission: Permission) -> NoReturn:
    """Record that a page was refused, and refuse it (PermissionDenied carries the reason)."""
    reason = not_permitted(permission)
    view = request.resolver_match.view_name if request.resolver_match else ""
    with trail.act():
        trail.record(
            Event.ACCESS_REFUSED,
            who=acting(request),
            at=timezone.now(),
            record="page",
            reference=view,
            details={"reasons": [reason.code], "permission": permission.name},
        )
    raise PermissionDenied(reason.sentence)


def somebody(request: HttpRequest) -> User:
    """Whoever is signed in, as the database had them when this request began. Raises PermissionDenied for nobody."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user


def acting(request: HttpRequest) -> Who:
    """Who acts through this request, and from where."""
    return somebody(request).who(address_of(request))


def address_of(request: HttpRequest) -> str | None:
    """The address the connection came from. Forwarded-for headers are not believed: anyone can write one.

    From a proxy of ours (CF_PROXIES) it is believed, read from its end: what our proxies wrote, and nothing before it.
    """
    here = request.META.get("REMOTE_ADDR") or None
    if not settings.CF_PROXIES or not _ours(here):
        return here
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        try:
            address = str(ip_address(hop.strip()))
        except ValueError:
            return here
        if not _ours(address):
            return address
        here = address
    return here


def _ours(address: str | None) -> bool:
    """Whether a proxy of ours speaks: from one of its addresses, or through a socket of this machine (none)."""
    return address is None or any(ip_address(address) in network for network in settings.CF_PROXIES)


def person_at_the_prompt(username: str, permission: Permission, at: datetime) -> Who:
    """Who gave a command, by user name; with the permission that it needs.

    Raises NotPermitted (recorded) for an unknown or inactive user name and for a wrong role.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        with trail.act(duty("prompt"), at):
            unknown = Why("UNKNOWN_USER", f"There is no member of staff with the user name {username!r}.")
            raise NotPermitted([unknown], record="command", reference=permission.name)
    who = user.who()
    if not user.may(permission):
        reason = (
            not_permitted(permission)
            if user.is_active
            else Why("NOT_ACTIVE", "This account is closed. Ask an administrator.")
        )
        with trail.act(who, at):
            raise NotPermitted([reason], record="command", reference=permission.name)
    return who
