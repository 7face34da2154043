"""Pages of recipients' certificates: which there are, adding one, and accepting one whose fingerprint was compared."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from transfers import certificates as stage
from transfers.forms import AcceptCertificateForm, AddCertificateForm
from transfers.models import RecipientCertificate

COLUMNS = [Column("Recipient"), Column("Packages"), Column("In date until"), Column("Accepted")]


@opened_by(Permission.ACCEPT_CERTIFICATES)
def certificates(request: HttpRequest) -> HttpResponse:
    """Every certificate; its fingerprint is not shown before two people have typed it in."""
    rows = [
        [
            row.recipient,
            RecipientCertificate.PURPOSES[row.purpose],
            f"{row.valid_to:%-d %B %Y}",
            _accepted(row),
        ]
        for row in RecipientCertificate.objects.order_by("-id")
    ]
    context = {"title": "Recipients' certificates", "table": Table("Certificates", COLUMNS, rows)}
    return render(request, "transfers/certificates.html", context)


@opened_by(Permission.ADD_CERTIFICATES)
def add(request: HttpRequest) -> HttpResponse:
    """Add a certificate."""
    form = AddCertificateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            stage.add(
                pem=given["pem"].encode(), recipient=given["recipient"], purpose=given["purpose"],
                by=acting(request), at=timezone.now(),
            )  # fmt: skip
        except Refused as refusal:
            for reason in refusal.reasons:
                form.add_error("pem", reason.sentence)
        else:
            messages.success(request, "The certificate is added. Two people must accept it.")
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


def _accepted(row: RecipientCertificate) -> object:
    if row.second_accepted_by_id is not None:
        return tag("By two people", "green")
    return tag("By one person", "yellow") if row.first_accepted_by_id is not None else tag("Not yet", "grey")
