"""Accounts: added by an administrator; nobody signs up."""

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES


class NotAdded(Refused):
    """Adding a member of staff was refused."""

    event = Event.STAFF_REFUSED


@trail.stage
def add(*, username: str, role: str, password: str, team: str = "", by: Who, at: datetime) -> User:
    """Add a member of staff. Raises NotAdded with every reason: a name in use, an unknown role, a weak password."""
    reasons = []
    if not username or User.objects.filter(username=username).exists():
        reasons.append(Why("NAME_IN_USE", f"The user name {username!r} is in use, or empty. Choose another."))
    if role not in ROLES:
        reasons.append(Why("UNKNOWN_ROLE", f"There is no role {role!r}. Choose {', '.join(ROLES)}."))
    try:
        validate_password(password, User(username=username))
    except ValidationError as error:
        reasons += [Why("WEAK_PASSWORD", str(message)) for message in error.messages]
    if reasons:
        raise NotAdded(reasons, record="staff.user", reference=username[:150])
    user = User(username=username, role=role, team=team)
    user.set_password(password)
    user.save()
    trail.record(Event.STAFF_ADDED, who=by, at=at, about=user, details={"role": role})
    return user
