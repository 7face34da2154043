"""The second factor: an app on a phone that shows codes, and recovery codes for the day when the phone is lost."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff import sessions
from connecting_families.staff.models import User


class NotReset(Refused):
    """Taking away a second factor, or drawing recovery codes, was refused."""

    event = Event.STAFF_CHANGE_REFUSED


def has_one(user: User) -> bool:
    """Whether this person has set a second factor."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def codes_of(user: User) -> list[str]:
    """The recovery codes that are not used yet. Whoever asks shows them once, to this person alone."""
    found = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return list(RecoveryCodes(found).get_unused_codes()) if found else []


@trail.stage
def set_up(*, user: User, secret: str, by: Who, at: datetime) -> None:
    """Set the factor whose secret the app has, with new recovery codes; one that was there before is gone."""
    _lock(user)
    replaced, _ = Authenticator.objects.filter(user=user).delete()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    trail.record(Event.SECOND_FACTOR_SET, who=by, at=at, about=user, details={"another_before": bool(replaced)})


@trail.stage
def draw_codes(*, user: User, by: Who, at: datetime) -> None:
    """New recovery codes: those from before are good for nothing. Raises NotReset where there is no factor."""
    _lock(user)
    if not has_one(user):
        raise NotReset([Why("NO_FACTOR", "Set a second factor first.")], record="staff.user", reference=str(user))
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    RecoveryCodes.activate(user)
    trail.record(Event.RECOVERY_CODES_DRAWN, who=by, at=at, about=user)


@trail.stage
def reset(*, user: User, reason: str, by: Who, at: datetime) -> None:
    """Take away a colleague's factor, who lost phone and codes, and end their sign-ins: the next one sets another.

    Raises NotReset: one's own, none there, no reason.
    """
    row = _lock(user)
    reasons = []
    if row.pk == by.user_id:
        reasons.append(Why("ONESELF", "You cannot take away your own second factor. Ask another administrator."))
    if not has_one(row):
        reasons.append(Why("NO_FACTOR", "This person has not set a second factor."))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Say why. Write no names."))
    if reasons:
        raise NotReset(reasons, record="staff.user", reference=str(row))
    Authenticator.objects.filter(user=row).delete()
    ended = sessions.away(row)
    trail.record(Event.SECOND_FACTOR_RESET, who=by, at=at, about=row, reason=reason, details={"sign_ins_ended": ended})


def _lock(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)
