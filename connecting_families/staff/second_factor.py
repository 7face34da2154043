"""Codes at sign-in and before a grave act, as django-allauth checks them: each recorded, and good for one use."""

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.internal import auth
from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.staff import cipher, factors
from connecting_families.staff.guards import address_of
from connecting_families.staff.models import User

PURPOSE = "second factor"
USED = 180
"""Seconds for which a code of an app is remembered: longer than it is good for."""
WRONG = "This code is not right, or was used already. Wait for the next one in the app, then type that."


class Adapter(DefaultMFAAdapter):
    """What allauth asks of us about second factors."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": WRONG}

    def encrypt(self, text: str) -> str:
        """As it lies in the database."""
        return cipher.encrypt(PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        """As it was. Raises cipher.OtherKey."""
        return cipher.decrypt(PURPOSE, encrypted_text)


class OurStage(AuthenticateStage):
    """Asks for the code, but not where the council's own sign-on vouches for a second factor in this request."""

    def _should_handle(self, request: HttpRequest) -> bool:
        return not getattr(request, "vouched", False) and bool(super()._should_handle(request))


def code_field(hint: str) -> forms.CharField:
    """A box for a code."""
    box = forms.TextInput(
        attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "govuk-input--width-10"}
    )
    return forms.CharField(label="Code", help_text=hint, max_length=40, widget=box)


EITHER = "The 6 digits that the app on your phone shows now, or one of your recovery codes"


class Recorded:
    """Checking a code, and recording in the same transaction how it ended."""

    user: User
    given: Event
    refused: Event
    authenticator: Authenticator

    def clean_code(self) -> str:
        """The code, if it is right and was not used before."""
        request: HttpRequest = context.request
        refusal, code = None, ""
        with trail.act():
            try:
                code = super().clean_code()  # type: ignore[misc]
                self._once(code)
            except ValidationError as error:
                refusal = error
            self._record(request, refusal)
        if refusal:
            raise refusal
        return code

    def _once(self, code: str) -> None:
        """An app's code is good for a minute and a half, and for one use of it."""
        key = f"second-factor:{self.user.pk}:{auth.normalize_user_code(code)}"
        if self.authenticator.type == Authenticator.Type.TOTP and not cache.add(key, "used", USED):
            raise ValidationError(WRONG, code="incorrect_code")

    def _record(self, request: HttpRequest, refusal: ValidationError | None) -> None:
        event, details = self.given, dict[str, Any]()
        if refusal:
            event, details = self.refused, {"reasons": [(refusal.code or "incorrect_code").upper()]}
        elif self.authenticator.type == Authenticator.Type.RECOVERY_CODES:
            left = len(factors.codes_of(self.user))
            event, details = Event.RECOVERY_CODE_USED, {"left": left}
            many = "1 recovery code is" if left == 1 else f"{left} recovery codes are"
            messages.warning(request, f"You used a recovery code. {many} left.")
        who = self.user.who(address_of(request))
        trail.record(event, who=who, at=timezone.now(), about=self.user, details=details)


class SignInForm(Recorded, AuthenticateForm):
    """The code at sign-in."""

    given, refused = Event.SECOND_FACTOR_GIVEN, Event.SECOND_FACTOR_REFUSED
    code = code_field(EITHER)


class ConfirmForm(Recorded, ReauthenticateForm):
    """The code before a grave act."""

    given, refused = Event.IDENTITY_CONFIRMED, Event.IDENTITY_REFUSED
    code = code_field(EITHER)


class SetUpForm(forms.Form):
    """The first code of a new app: it proves that the app has the secret."""

    code = code_field("The 6 digits that the app shows now")

    def __init__(self, *args: Any, user: User, secret: str, **options: Any) -> None:
        self.user, self.secret = user, secret
        super().__init__(*args, **options)

    def clean_code(self) -> str:
        """The code, if it is the app's. A refusal is recorded."""
        code: str = self.cleaned_data["code"]
        try:
            clear = check_rate_limit(self.user)
            if not auth.validate_totp_code(self.secret, code):
                raise ValidationError(WRONG, code="incorrect_code")
        except ValidationError as error:
            who = self.user.who(address_of(context.request))
            with trail.act():
                trail.record(
                    Event.SECOND_FACTOR_REFUSED, who=who, at=timezone.now(), about=self.user,
                    details={"reasons": [(error.code or "incorrect_code").upper()], "new": True},
                )  # fmt: skip
            raise
        clear()
        return code
