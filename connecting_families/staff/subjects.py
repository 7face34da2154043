"""Whom the council's sign-on means by an account: the one person for whom it named that account first.

A user name or an e-mail address can be given to somebody else one day; what the sign-on calls a person (`sub`) never
is (OpenID Connect Core 2). So the first sign-in by it keeps that, and whoever comes later under the same name is not
let in before an administrator says that it is the same person.
"""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff import sessions
from connecting_families.staff.models import User

ANOTHER = Why(
    "OTHER_PERSON",
    "The council's sign-on does not know you as the person whom it named here before. If it is you, ask an"
    " administrator to link it anew.",
)


class NotMeant(Refused):
    """The council's sign-on names this account for somebody else than before."""

    event = Event.SIGN_IN_FAILED


class NotForgotten(Refused):
    """Forgetting whom the council's sign-on means was refused."""

    event = Event.STAFF_CHANGE_REFUSED


def against(user: User, subject: str) -> list[Why]:
    """Why whom the sign-on calls `subject` may not sign in to this account; nothing where they may.

    What another sign-on (CF_OIDC_ISSUER) called somebody says nothing about what this one calls them.
    """
    issuer = settings.CF_OIDC_ISSUER
    kept = user.sign_on_subject if user.sign_on_issuer == issuer else ""
    if kept:
        return [] if kept == subject else [ANOTHER]
    others = User.objects.filter(sign_on_issuer=issuer, sign_on_subject=subject).exclude(pk=user.pk)
    return [ANOTHER] if others.exists() else []


@trail.stage
def keep(*, user: User, subject: str, by: Who, at: datetime) -> None:
    """Keep whom the sign-on means, at the first sign-in by it. Raises NotMeant where it is somebody else.

    Two who come first at the same moment are not both first.
    """
    row = User.objects.select_for_update().get(pk=user.pk)
    if reasons := against(row, subject):
        raise NotMeant(reasons, record="staff.user", reference=str(row))
    if (row.sign_on_issuer, row.sign_on_subject) == (settings.CF_OIDC_ISSUER, subject):
        return
    row.sign_on_issuer, row.sign_on_subject = settings.CF_OIDC_ISSUER, subject
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        # Somebody came under another account in this moment, and the database holds one for each.
        raise NotMeant([ANOTHER], record="staff.user", reference=str(row)) from None
    trail.record(Event.SIGN_ON_KEPT, who=by, at=at, about=row)


@trail.stage
def forget(*, user: User, reason: str, by: Who, at: datetime) -> None:
    """Forget whom the sign-on means, and end the sign-ins of this account: the next one by it says it anew.

    Raises NotForgotten: one's own, nobody kept, no reason.
    """
    row = User.objects.select_for_update().get(pk=user.pk)
    reasons = []
    if row.pk == by.user_id:
        reasons.append(Why("ONESELF", "You cannot do this for your own account. Ask another administrator."))
    if not row.sign_on_subject:
        reasons.append(Why("NOBODY_KEPT", "The council's sign-on was not used for this account yet."))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Say why. Write no names."))
    if reasons:
        raise NotForgotten(reasons, record="staff.user", reference=str(row))
    row.sign_on_issuer = row.sign_on_subject = ""
    row.save()
    ended = sessions.away(row)
    trail.record(Event.SIGN_ON_FORGOTTEN, who=by, at=at, about=row, reason=reason, details={"sign_ins_ended": ended})
