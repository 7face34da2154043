"""Signing in: by user name and password, never by signing up; each sign-in and each refusal is recorded."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User


class Adapter(DefaultAccountAdapter):
    """What allauth asks of us."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Accounts are made by an administrator."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, and record it in the same transaction."""
        with trail.act():
            super().login(request, user)
            trail.record(Event.SIGNED_IN, who=user.who(address_of(request)), at=timezone.now(), about=user)

    def logout(self, request: HttpRequest) -> None:
        """Sign out, and record it."""
        user = request.user
        with trail.act():
            if isinstance(user, User):
                trail.record(Event.SIGNED_OUT, who=user.who(address_of(request)), at=timezone.now(), about=user)
            super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record that a sign-in was refused, for which account if there is such a one, and never what was typed."""
        user = User.objects.filter(username=credentials.get("username", "")).first()
        who = duty("sign-in").at_address(address_of(request))
        with trail.act():
            trail.record(Event.SIGN_IN_FAILED, who=who, at=timezone.now(), about=user, record="staff.user")
        super().authentication_failed(request, **credentials)
