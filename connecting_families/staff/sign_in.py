"""Signing in: by user name and password, never by signing up; each sign-in and each refusal is recorded."""

import time
from datetime import datetime
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit import restored, trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import Who, duty
from connecting_families.staff import council_sign_on, factors, kept, lasting, subjects
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User

PASSWORD_WORDS = "Use your password instead"  # noqa: S105 - what a link says
CODE_WORDS = "Use a code from your phone, or a recovery code, instead"
FACTOR_WORDS = "Set up a second factor first"


class Adapter(DefaultAccountAdapter):
    """What allauth asks of us."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "There were too many tries. Wait five minutes, then try once more.",
        "username_password_mismatch": "The user name or the password is not right",
        "incorrect_password": "This password is not right",
    }
    asked_again = False

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Accounts are made by an administrator."""
        return False

    def get_login_stages(self) -> list[str]:
        """After the password comes the code, and nothing else."""
        return ["connecting_families.staff.second_factor.OurStage"]

    def get_client_ip(self, request: HttpRequest) -> str:
        """As in the trail: forwarded-for headers are not believed."""
        return address_of(request) or "0.0.0.0"  # noqa: S104 - no address that is listened on

    def pre_login(self, request: HttpRequest, user: User, **about: Any) -> HttpResponse | None:
        """Nobody gets in before what came after a backup is known again, by whatever way they say who they are."""
        if closed := restored.against():
            clear_login(request)
            self._refused(request, {"username": user.username}, closed[0].code)
            return render(request, "account/closed.html", {"sentence": closed[0].sentence}, status=503)
        answer: HttpResponse | None = super().pre_login(request, user, **about)
        return answer

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, and record it in the same transaction. What the one before left in this browser is destroyed."""
        vouched, subject = bool(getattr(request, "vouched", False)), council_sign_on.subject_of(request, user)
        who, at = user.who(address_of(request)), timezone.now()
        try:
            self._begin(request, user, vouched=vouched, subject=subject, who=who, at=at)
        except subjects.NotMeant as refusal:
            clear_login(request)
            (why,) = refusal.reasons
            answer = council_sign_on.refused(request, why.code, why.sentence, about=user)
            raise ImmediateHttpResponse(answer) from None

    def _begin(
        self, request: HttpRequest, user: User, *, vouched: bool, subject: str, who: Who, at: datetime
    ) -> None:  # fmt: skip
        with trail.act():
            if subject:
                subjects.keep(user=user, subject=subject, by=who, at=at)
            if lasting.locked_for(request.session) not in (None, user.pk):
                kept.destroy(request.session)
                request.session.flush()
            super().login(request, user)
            request.session.pop(lasting.ENDED, None)
            lasting.begin(request.session, time.time())
            if vouched or factors.has_one(user):
                request.session[lasting.SECOND] = "provider" if vouched else "own"
            if subject:
                request.session[lasting.BY_PROVIDER] = True
            request.session.save()
            how = {"by": "council's sign-on"} if subject else None
            trail.record(Event.SIGNED_IN, who=who, at=at, about=user, details=how)

    def logout(self, request: HttpRequest) -> None:
        """Sign out, and record it."""
        user = request.user
        with trail.act():
            if isinstance(user, User):
                trail.record(Event.SIGNED_OUT, who=user.who(address_of(request)), at=timezone.now(), about=user)
            kept.destroy(request.session)
            super().logout(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Too many tries: refused before anything is compared, and recorded."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self._refused(request, credentials, "TOO_MANY_TRIES")
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record that a sign-in was refused, for which account if there is such a one, and never what was typed."""
        self._refused(request, credentials, "")
        super().authentication_failed(request, **credentials)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Whoever knows the password of a closed account is told that it is closed."""
        self._refused(request, {"username": user.username}, "CLOSED")
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def reauthenticate(self, user: User, password: str) -> bool:
        """Whether this is the password; either is recorded."""
        self.asked_again = True
        right = bool(super().reauthenticate(user, password))
        if right:
            who = user.who(address_of(self.request))
            with trail.act():
                trail.record(Event.IDENTITY_CONFIRMED, who=who, at=timezone.now(), about=user)
        return right

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        """The own password, unless somebody else knows it; a code; without either, the page that sets one up."""
        if not isinstance(user, User):
            return []
        found = []
        if user.has_usable_password() and not user.password_to_change:
            found.append(("reauthenticate", PASSWORD_WORDS, "account_reauthenticate"))
        if factors.has_one(user):
            found.append(("mfa_reauthenticate", CODE_WORDS, "mfa_reauthenticate"))
        named = found or [("set_factor", FACTOR_WORDS, "set_factor")]
        return [{"id": code, "description": words, "url": reverse(route)} for code, words, route in named]

    def _refused(self, request: HttpRequest, credentials: dict[str, Any], reason: str) -> None:
        user = User.objects.filter(username=credentials.get("username", "")).first()
        event = Event.IDENTITY_REFUSED if self.asked_again else Event.SIGN_IN_FAILED
        who = duty("sign-in").at_address(address_of(request))
        details = {"reasons": [reason]} if reason else None
        with trail.act():
            trail.record(event, who=who, at=timezone.now(), about=user, record="staff.user", details=details)
