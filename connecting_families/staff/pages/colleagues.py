"""Pages of the administrator about colleagues' accounts. Nothing of families is on them, or behind them."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from connecting_families.audit import trail
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table, asked_order
from connecting_families.kit.pieces import link, tag
from connecting_families.staff import accounts, factors, sessions, subjects
from connecting_families.staff.forms import AddForm, ReasonForm, StaffFilter, WorkForm
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.pages.signed_in import table as sign_ins_table
from connecting_families.staff.roles import ROLES, Permission
from connecting_families.staff.views import facts, in_role, in_words, moment

COLUMNS = [
    Column("User name", "username"), Column("Role", "role"), Column("Team", "team"), Column("State"),
    Column("Last signed in", "last_login"),
]  # fmt: skip
NEWEST = 25
"""Entries of the trail that an account's page shows."""


@opened_by(Permission.MANAGE_STAFF)
def staff(request: HttpRequest) -> HttpResponse:
    """Every account."""
    form = StaffFilter(request.GET or None)
    order = asked_order(COLUMNS, request.GET, "username")
    found = User.objects.order_by(str(order), "pk")
    if form.is_bound:
        found = _narrowed(found, form.cleaned_data) if form.is_valid() else found.none()
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    rows = [
        [
            link(each.username, reverse("colleague", args=[each.pk])),
            _role(each),
            each.team,
            _state(each),
            moment(each.last_login) or "Never",
        ]
        for each in page
    ]
    context = {
        "title": "Staff", "page": page, "form": form,
        "table": Table("Accounts", COLUMNS, rows, query=request.GET, order=order, empty="No account is like that."),
    }  # fmt: skip
    return render(request, "staff/staff.html", context)


def _narrowed(found: QuerySet[User], given: dict[str, Any]) -> QuerySet[User]:
    if given["name"]:
        found = found.filter(username__icontains=given["name"])
    if given["role"]:
        found = found.filter(role=given["role"])
    if given["team"]:
        found = found.filter(team__iexact=given["team"])
    return found.filter(is_active=given["state"] == "open") if given["state"] else found


@opened_by(Permission.MANAGE_STAFF)
def colleague(request: HttpRequest, number: int) -> HttpResponse:
    """One account: what it is, where it is signed in, and what was done to it."""
    row = get_object_or_404(User, pk=number)
    told = trail.entries_about([("staff.user", row.username)])[:NEWEST]
    context = {
        "title": row.username, "caption": "Account", "back_href": reverse("staff"), "colleague": row,
        "facts": facts(
            ("Role", _role(row)),
            ("Team", row.team),
            ("State", _state(row)),
            ("Family name", row.last_name),
            ("E-mail address at work", row.email),
            ("Second factor", "Set" if factors.has_one(row) else "Not set yet"),
            ("Council's sign-on", "Linked: it lets nobody else in under this name" if row.sign_on_subject else ""),
            ("Added", moment(row.date_joined)),
            ("Last signed in", moment(row.last_login) or "Never"),
        ),
        "has_factor": factors.has_one(row), "myself": row.pk == acting(request).user_id,
        "sign_ins": sign_ins_table(sessions.of(row), None),
        "history": [_told(entry) for entry in told],
    }  # fmt: skip
    return render(request, "staff/colleague.html", context)


@opened_by(Permission.MANAGE_STAFF)
@reauthentication_required(allow_get=True)
@never_cache
@sensitive_variables("password")
def add_colleague(request: HttpRequest) -> HttpResponse:
    """Add a member of staff; the one-time password is shown on the page that answers, and nowhere else."""
    form = AddForm(request.POST if request.method == "POST" else None, on=timezone.localdate())
    if form.is_bound and form.is_valid():
        password = accounts.one_time_password()
        try:
            row = accounts.add(
                **form.cleaned_data, password=password, one_time=True, by=acting(request), at=timezone.now()
            )
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("username" if reason.code == "NAME_IN_USE" else None, reason.sentence)
        else:
            return _show_password(request, row, password, "The account is added")
    context = {"form": form, "title": "Add a member of staff", "submit": "Add the account"}
    return render(request, "kit/form_page.html", context | {"back_href": reverse("staff")})


@opened_by(Permission.MANAGE_STAFF)
@reauthentication_required(allow_get=True)
def change_colleague(request: HttpRequest, number: int) -> HttpResponse:
    """Another role or team."""
    row = get_object_or_404(User, pk=number)
    was = {"role": row.role, "team": row.team, "email": row.email, "family_name": row.last_name}
    form = WorkForm(request.POST if request.method == "POST" else None, initial=was, on=timezone.localdate())
    return _ask(
        request, row, form,
        lambda given: accounts.change(user=row, **given, by=acting(request), at=timezone.now()),
        title="Change role and team", submit="Change it", done="The account is changed.",
    )  # fmt: skip


@opened_by(Permission.MANAGE_STAFF, takes=True)
@reauthentication_required(allow_get=True)
def close_account(request: HttpRequest, number: int) -> HttpResponse:
    """Close an account."""
    row = get_object_or_404(User, pk=number)
    return _ask(
        request, row, _reason(request),
        lambda given: accounts.close(user=row, **given, by=acting(request), at=timezone.now()),
        title="Close this account", submit="Close it and end its sign-ins", done="The account is closed.",
    )  # fmt: skip


@opened_by(Permission.MANAGE_STAFF, takes=True)
@reauthentication_required(allow_get=True)
def reopen_account(request: HttpRequest, number: int) -> HttpResponse:
    """Open a closed account again."""
    row = get_object_or_404(User, pk=number)
    return _ask(
        request, row, _reason(request),
        lambda given: accounts.reopen(user=row, **given, by=acting(request), at=timezone.now()),
        title="Open this account again", submit="Open it", done="The account is open again.",
    )  # fmt: skip


@opened_by(Permission.MANAGE_STAFF, takes=True)
@reauthentication_required(allow_get=True)
def reset_factor(request: HttpRequest, number: int) -> HttpResponse:
    """Take away the second factor of somebody who lost phone and recovery codes."""
    row = get_object_or_404(User, pk=number)
    return _ask(
        request, row, _reason(request),
        lambda given: factors.reset(user=row, **given, by=acting(request), at=timezone.now()),
        title="Take away the second factor", submit="Take it away and end the sign-ins",
        done="The second factor is taken away. The next sign-in sets another.",
        warning="Make sure that it is them who ask, by seeing them or calling them back on a number that you know.",
    )  # fmt: skip


@opened_by(Permission.MANAGE_STAFF, takes=True)
@reauthentication_required(allow_get=True)
def forget_sign_on(request: HttpRequest, number: int) -> HttpResponse:
    """Have somebody linked anew to the council's sign-on, which knows them otherwise than before."""
    row = get_object_or_404(User, pk=number)
    return _ask(
        request, row, _reason(request),
        lambda given: subjects.forget(user=row, **given, by=acting(request), at=timezone.now()),
        title="Link the council's sign-on anew", submit="Link it anew and end the sign-ins",
        done="It is linked at their next sign-in by the council's sign-on.",
        warning="Whoever signs in next by the council's sign-on under this name is let in. Make sure that the name was"
        " not given to somebody else.",
    )  # fmt: skip


@opened_by(Permission.MANAGE_STAFF)
@reauthentication_required(allow_get=True)
@never_cache
@sensitive_variables("password")
def new_password(request: HttpRequest, number: int) -> HttpResponse:
    """Give somebody who forgot their password a one-time one."""
    row = get_object_or_404(User, pk=number)
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        password = accounts.one_time_password()
        try:
            accounts.give_password(user=row, password=password, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            return _show_password(request, row, password, "A one-time password")
    return _form_page(request, row, form, title="Give a one-time password", submit="Draw one and end the sign-ins",
                      warning="Make sure that it is them who ask. Their second factor stays.")  # fmt: skip


@opened_by(Permission.MANAGE_STAFF)
@reauthentication_required(allow_get=True)
def end_sign_ins(request: HttpRequest, number: int) -> HttpResponse:
    """End every sign-in of a colleague. One's own are ended one by one, and never the one through which it is asked."""
    row = get_object_or_404(User, pk=number)
    if row.pk == acting(request).user_id:
        return redirect("my_sign_ins")

    def act(_: dict[str, Any]) -> None:
        keys = [each.key for each in sessions.of(row)]
        sessions.end(user=row, keys=keys, by=acting(request), at=timezone.now())

    return _ask(
        request, row, Form(request.POST if request.method == "POST" else None), act,
        title="End the sign-ins", submit="End them all", done="The sign-ins are ended.",
    )  # fmt: skip


def _reason(request: HttpRequest) -> ReasonForm:
    return ReasonForm(request.POST if request.method == "POST" else None)


def _ask(request: HttpRequest, row: User, form: Form, act: Any, *, done: str, **page: str) -> HttpResponse:
    """A form that asks for one act on an account; what speaks against it stands at the top."""
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data)
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason.sentence)
        else:
            messages.success(request, done)
            return redirect("colleague", row.pk)
    return _form_page(request, row, form, **page)


def _form_page(request: HttpRequest, row: User, form: Form, **page: str) -> HttpResponse:
    back = reverse("colleague", args=[row.pk])
    return render(request, "staff/ask.html", {**page, "form": form, "caption": row.username, "back_href": back})


def _show_password(request: HttpRequest, row: User, password: str, title: str) -> HttpResponse:
    context = {"title": title, "caption": row.username, "colleague": row, "password": password}
    return render(request, "staff/password.html", context)


def _role(row: User) -> str:
    return ROLES[row.role].title if row.role in ROLES else row.role


def _state(row: User) -> object:
    if not row.is_active:
        return tag("Closed", "grey")
    return tag("Password to change", "yellow") if row.password_to_change else tag("Open", "green")


def _told(entry: Entry) -> dict[str, Any]:
    """An entry about an account: who, when, why, and what became of role and team."""
    fields = [(name, value) for change in entry.changes or [] for name, value in change["fields"].items()]
    own = [
        (name, value)
        for name, value in fields
        if name in ("role", "team", "is_active") and entry.event != "STAFF_ADDED"
    ]
    said = [f"{in_words(name)}: from {was or 'nothing'} to {now or 'nothing'}." for name, (was, now) in own]
    reasons = [in_words(code) for code in (entry.additional_data or {}).get("reasons", [])]
    text = " ".join([*said, *([f"Because: {', '.join(reasons)}."] if reasons else []), entry.reason]).strip()
    return {"title": entry.sentence, "by": in_role(entry.who, entry.role), "at": entry.timestamp, "text": text}
