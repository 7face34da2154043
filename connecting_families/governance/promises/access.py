"""Promise 10: no unauthorised use: roles, signing in, what was refused, and who looked without a reason."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import F
from django.urls import reverse

from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Why
from connecting_families.governance import sifting
from connecting_families.governance.promises import routes
from connecting_families.governance.promises.shown import Shown, counted, refused
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES, Permission
from transfers.models import Submission

P = Permission
BEFORE_EVERY_PAGE = (
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "connecting_families.staff.middleware.signed_in_for_a_time",
    "connecting_families.staff.middleware.wholly_signed_in",
)
"""The last asks everybody for an own password and a second factor before any other page answers."""
OF_EVERYBODY = frozenset({
    "account_login", "account_logout", "account_inactive", "mfa_authenticate", "openid_connect_login",
    "openid_connect_callback", "healthz", "readyz",
})  # fmt: skip
"""Pages of signing in and out, which open before anybody is known; and what machines ask, who are told of nobody."""
WITH_A_REASON = (
    Event.OTHER_TEAMS_FAMILY_OPENED, Event.PROTECTED_ADDRESS_OPENED, Event.LOOKS_AT_PERSON_VIEWED,
    Event.SEARCHES_FOR_NAME_VIEWED, Event.SUBJECT_ACCESS_VIEWED, Event.SUBJECT_ACCESS_EXPORTED,
)  # fmt: skip
APART = (
    (P.PREPARE_SUBMISSIONS, P.APPROVE_SUBMISSIONS),
    (P.PROPOSE_RULES, P.DECIDE_RULES),
    (P.ADD_CERTIFICATES, P.SEE_TRAIL),
)
"""What nobody may do who may do the other."""
SHARED_WITH_ACCOUNTS = frozenset({P.MANAGE_STAFF, P.MAKE_BACKUPS})
"""What shows nobody any record: a backup lies encrypted, and whoever makes it is not shown what is in it."""


def check(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """Pages without a guard, roles and accounts that may too much, approvals by own hands, looks without a reason."""
    return [*_gates(), *_roles(), *_accounts(), *_hands(), *_looks()]


def _gates() -> list[Why]:
    reasons = [
        Why("GATE_GONE", f"The gate {name.rpartition('.')[2]} does not stand before the pages.")
        for name in BEFORE_EVERY_PAGE
        if name not in settings.MIDDLEWARE
    ]
    return reasons + [
        Why("PAGE_WITHOUT_GUARD", f"The page {route.name} opens without asking who may.")
        for route in routes.routes()
        if route.permissions is None and route.name not in OF_EVERYBODY
    ]


def _roles() -> list[Why]:
    reasons = []
    for role in ROLES.values():
        if P.MANAGE_STAFF in role.permits and role.permits - SHARED_WITH_ACCOUNTS:
            more = ", ".join(sorted(each.name for each in role.permits - SHARED_WITH_ACCOUNTS))
            sentence = f"The role {role.title} looks after accounts and may also see records: {more}."
            reasons.append(Why("ACCOUNTS_AND_RECORDS", sentence))
        reasons += [
            Why("BOTH_HANDS", f"The role {role.title} may both {one.value} and {other.value}.")
            for one, other in APART
            if {one, other} <= role.permits
        ]
    return reasons


def _accounts() -> list[Why]:
    reasons = []
    if odd := User.objects.filter(is_active=True).exclude(role__in=["", *ROLES]).count():
        reasons.append(Why("UNKNOWN_ROLE", f"{counted(odd, 'account')} open with a role that there is not."))
    if above := User.objects.filter(is_superuser=True).count() + User.objects.filter(is_staff=True).count():
        reasons.append(Why("ABOVE_ROLES", f"{counted(above, 'account')} may more than a role permits."))
    return reasons


def _hands() -> list[Why]:
    own = Submission.objects.filter(shaped_by__contains=[F("approved_by_id")]).order_by("pk")
    return [Why("APPROVED_BY_ITS_HAND", f"{row} was approved by somebody who shaped it.") for row in own]


def _looks() -> list[Why]:
    without = Entry.objects.filter(event__in=[event.name for event in WITH_A_REASON], reason="").count()
    if not without:
        return []
    sentence = f"Somebody looked {counted(without, 'time')} at what asks for a reason, and gave none."
    return [Why("LOOKED_WITHOUT_REASON", sentence)]


def evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """How many accounts with how many second factors, and what was refused."""
    active = User.objects.filter(is_active=True)
    factors = Authenticator.objects.filter(type=Authenticator.Type.TOTP, user__is_active=True).count()
    asked = Entry.objects.filter(event__in=[event.name for event in WITH_A_REASON])
    guarded = [route for route in routes.routes() if route.permissions is not None]
    return [
        Shown("Accounts that are open", f"{active.count():,}, of which {factors:,} have set a second factor; the others"
              " are asked for it when they sign in"),
        Shown("Pages that ask who may", f"{len(guarded)} of {len(routes.routes())}; the others are of signing in",
              reverse("who_may")),
        refused("Sign-ins that were refused", "SIGN_IN_FAILED"),
        refused("Second factors that were refused", "SECOND_FACTOR_REFUSED"),
        refused("Pages that were refused", "ACCESS_REFUSED"),
        Shown("Looks that somebody should explain", f"{sifting.to_check().count():,} are to be looked into",
              reverse("looks_to_check")),
        Shown("Looks that ask for a reason", f"{asked.count():,}, of which {asked.filter(reason='').count():,} without",
              reverse("trail")),
    ]  # fmt: skip
