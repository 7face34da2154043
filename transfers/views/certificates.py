"""Pages of recipients' certificates: which there are; adding one, accepting one by its fingerprint, revoking one."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts.forms.registers import ReasonForm
from cohorts.views.register_pages import ask
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import moment, role_reasons
from transfers import certificates as stage
from transfers.addressees import FORMATS, expires_soon
from transfers.forms import AcceptCertificateForm, AddCertificateForm
from transfers.models import RecipientCertificate

COLUMNS = [
    Column("Recipient"),
    Column("Packages that it opens"),
    Column("Format"),
    Column("In date"),
    Column("Added"),
    Column("Accepted"),
    Column("Act"),
]


@opened_by(Permission.ACCEPT_CERTIFICATES)
def certificates(request: HttpRequest) -> HttpResponse:
    """Every certificate; its fingerprint is not shown, because who accepts it has it from the recipient."""
    at = timezone.now()
    rows = [
        [
            row.recipient,
            RecipientCertificate.PURPOSES[row.purpose],
            FORMATS[row.format],
            _in_date(row, at),
            f"{moment(row.added_at)} by {row.added_by}",
            _accepted(row),
            _may_be_revoked(row),
        ]
        for row in RecipientCertificate.objects.order_by("-id")
    ]
    context = {
        "title": "Recipients' certificates",
        "table": Table("Certificates", COLUMNS, rows, empty="No certificate was added yet."),
        "add": role_reasons(request, Permission.ADD_CERTIFICATES),
    }
    return render(request, "transfers/certificates.html", context)


@opened_by(Permission.ADD_CERTIFICATES)
def add(request: HttpRequest) -> HttpResponse:
    """Add a certificate."""
    form = AddCertificateForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("pem", "recipient", "purpose")}
        try:
            stage.add(**given, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("file" if request.FILES else "pasted", reason.sentence)
        else:
            messages.success(request, "The certificate is added. Two people must accept it before it is used.")
            return redirect("certificates")
    context = {"form": form, "title": "Add a recipient's certificate", "back_href": reverse("certificates")}
    return render(request, "kit/form_page.html", context | {"submit": "Add the certificate"})


@opened_by(Permission.ACCEPT_CERTIFICATES)
def accept(request: HttpRequest) -> HttpResponse:
    """Accept a certificate, by its fingerprint."""
    form = AcceptCertificateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stage.accept(**form.cleaned_data, by=acting(request), at=timezone.now())
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("fingerprint", reason.sentence)
        else:
            messages.success(request, "You have accepted the certificate.")
            return redirect("certificates")
    context = {"form": form, "title": "Accept a recipient's certificate", "back_href": reverse("certificates")}
    return render(request, "kit/form_page.html", context | {"submit": "Accept the certificate"})


@opened_by(Permission.REVOKE_CERTIFICATES)
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Revoke a certificate; one person is enough, and it cannot be taken back."""
    row = get_object_or_404(RecipientCertificate, pk=number)
    words = RecipientCertificate.PURPOSES[row.purpose]
    return ask(
        request,
        ReasonForm(request.POST or None),
        lambda given: stage.revoke(certificate=row, reason=given["reason"], by=acting(request), at=timezone.now()),
        done=f"The certificate of {row.recipient} is revoked. Nothing is encrypted for it any more.",
        to=reverse("certificates"),
        page={
            "title": "Revoke a certificate", "caption": f"{row.recipient}, {words}, added {moment(row.added_at)}",
            "back_href": reverse("certificates"), "submit": "Revoke it for good",
        },
    )  # fmt: skip


def _in_date(row: RecipientCertificate, at: datetime) -> object:
    if row.revoked_at is not None:
        return tag("Revoked", "red")
    if row.valid_to < at:
        return tag(f"Expired {row.valid_to:%-d %B %Y}", "red")
    soon = expires_soon(row.valid_to, at)
    return tag(f"Expires {row.valid_to:%-d %B %Y}", "orange") if soon else f"Until {row.valid_to:%-d %B %Y}"


def _accepted(row: RecipientCertificate) -> object:
    if row.second_accepted_by_id is not None:
        return tag("By two people", "green")
    return tag("By one person", "yellow") if row.first_accepted_by_id is not None else tag("Not yet", "grey")


def _may_be_revoked(row: RecipientCertificate) -> object:
    if row.revoked_at is not None:
        return f"Revoked {moment(row.revoked_at)} by {row.revoked_by}" if row.revoked_by else ""
    hidden = f"the certificate of {row.recipient} for {RecipientCertificate.PURPOSES[row.purpose].lower()}"
    return link("Revoke", reverse("revoke_certificate", args=[row.pk]), hidden)
