"""Accounts: added, changed, closed and opened again by an administrator; nobody signs up."""

import secrets
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff import sessions
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES

LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""What can be read out without being mistaken for something else."""


class NotAdded(Refused):
    """Adding a member of staff was refused."""

    event = Event.STAFF_REFUSED


class NotChanged(Refused):
    """Changing an account was refused."""

    event = Event.STAFF_CHANGE_REFUSED


def one_time_password() -> str:
    """A password to be read out once and changed at the next sign-in: 77 bits."""
    return "-".join("".join(secrets.choice(LEGIBLE) for _ in range(4)) for _ in range(4))


@trail.stage
def add(
    *, username: str, role: str, password: str, team: str = "", email: str = "", family_name: str = "",
    one_time: bool = False, by: Who, at: datetime,
) -> User:  # fmt: skip
    """Add a member of staff. Raises NotAdded with every reason: a name in use, an unknown role, a weak password.

    `one_time`: the password is to be changed at the first sign-in, because somebody else knows it.
    """
    reasons = []
    if not username or User.objects.filter(username=username).exists():
        reasons.append(Why("NAME_IN_USE", f"The user name {username!r} is in use, or empty. Choose another."))
    if role not in ROLES:
        reasons.append(Why("UNKNOWN_ROLE", f"There is no role {role!r}. Choose {', '.join(ROLES)}."))
    reasons += _weak(password, User(username=username))
    if reasons:
        raise NotAdded(reasons, record="staff.user", reference=username[:150])
    user = User(username=username, role=role, team=team, email=email, last_name=family_name)
    user.password_to_change = one_time
    user.set_password(password)
    user.save()
    trail.record(Event.STAFF_ADDED, who=by, at=at, about=user, details={"role": role})
    return user


@trail.stage
def change(
    *, user: User, role: str, team: str, email: str = "", family_name: str | None = None, by: Who, at: datetime
) -> User:
    """Give somebody another role or team; their sign-ins end, so that nothing of the old role stays open.

    `family_name`: None leaves it as it is.
    Raises NotChanged: an unknown role, one's own role, nobody left who administers.
    """
    administrators, row = _locked(user)
    reasons = []
    if role not in ROLES:
        reasons.append(Why("UNKNOWN_ROLE", f"There is no role {role!r}. Choose {', '.join(ROLES)}."))
    elif role != row.role:
        reasons += _against_leaving(row, administrators, by, "give yourself another role")
    named = row.last_name if family_name is None else family_name
    if (role, team, email, named) == (row.role, row.team, row.email, row.last_name):
        reasons.append(Why("NOTHING_CHANGED", "Nothing was changed."))
    _refuse(reasons, row)
    ended = sessions.away(row) if role != row.role else 0
    row.role, row.team, row.email, row.last_name = role, team, email, named
    row.save()
    trail.record(Event.STAFF_CHANGED, who=by, at=at, about=row, details={"sign_ins_ended": ended})
    return row


@trail.stage
def close(*, user: User, reason: str, by: Who, at: datetime) -> User:
    """Close an account and end its sign-ins. Raises NotChanged: closed already, one's own, the last administrator."""
    administrators, row = _locked(user)
    reasons = []
    if not row.is_active:
        reasons.append(Why("CLOSED_ALREADY", "This account is closed already."))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Say why. Write no names."))
    _refuse(reasons + _against_leaving(row, administrators, by, "close your own account"), row)
    row.is_active = False
    row.save()
    ended = sessions.away(row)
    details = {"sign_ins_ended": ended}
    trail.record(Event.STAFF_CLOSED, who=by, at=at, about=row, reason=reason, details=details, outside={})
    return row


@trail.stage
def reopen(*, user: User, reason: str, by: Who, at: datetime) -> User:
    """Open a closed account again. Raises NotChanged where it is not closed, or no reason is given."""
    _, row = _locked(user)
    reasons = []
    if row.is_active:
        reasons.append(Why("NOT_CLOSED", "This account is not closed."))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Say why. Write no names."))
    _refuse(reasons, row)
    row.is_active = True
    row.save()
    trail.record(Event.STAFF_REOPENED, who=by, at=at, about=row, reason=reason)
    return row


@trail.stage
def give_password(*, user: User, password: str, by: Who, at: datetime) -> User:
    """Give somebody who forgot theirs a one-time password; their sign-ins end. Raises NotChanged for one's own."""
    _, row = _locked(user)
    reasons = _weak(password, row)
    if row.pk == by.user_id:
        reasons.append(Why("ONESELF", "Change your own password on your own account's page."))
    _refuse(reasons, row)
    row.set_password(password)
    row.password_to_change = True
    row.save()
    ended = sessions.away(row)
    trail.record(Event.PASSWORD_REPLACED, who=by, at=at, about=row, details={"sign_ins_ended": ended})
    return row


@trail.stage
def change_password(*, user: User, password: str, by: Who, at: datetime) -> User:
    """Give oneself another password; every sign-in ends (whoever asks begins theirs anew). Raises NotChanged."""
    _, row = _locked(user)
    reasons = _weak(password, row)
    if row.check_password(password):
        reasons.append(Why("SAME_PASSWORD", "Choose another password than the one you have."))
    _refuse(reasons, row)
    row.set_password(password)
    row.password_to_change = False
    row.save()
    ended = sessions.away(row, [each.key for each in sessions.of(row)])
    trail.record(Event.PASSWORD_CHANGED, who=by, at=at, about=row, details={"sign_ins_ended": ended})
    return row


def _weak(password: str, user: User) -> list[Why]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return [Why("WEAK_PASSWORD", str(message)) for message in error.messages]
    return []


def _locked(user: User) -> tuple[set[int], User]:
    """The administrators whose accounts are open, and this account: locked together, so that one always stays."""
    rows = User.objects.select_for_update().filter(role="administrator", is_active=True).order_by("pk")
    administrators = {row.pk for row in rows}
    return administrators, User.objects.select_for_update().get(pk=user.pk)


def _against_leaving(row: User, administrators: set[int], by: Who, act: str) -> list[Why]:
    """Why this person may not stop being what they are."""
    reasons = []
    if row.pk == by.user_id:
        reasons.append(Why("ONESELF", f"You cannot {act}. Ask another administrator."))
    if administrators == {row.pk}:
        reasons.append(Why("LAST_ADMINISTRATOR", "This is the last administrator. Make somebody else one first."))
    return reasons


def _refuse(reasons: list[Why], row: User) -> None:
    if reasons:
        raise NotChanged(reasons, record="staff.user", reference=str(row))
