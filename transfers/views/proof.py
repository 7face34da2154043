"""The proof of a submission: a page to print, and a download that an auditor checks without this program."""

import io
import zipfile

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import exact
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, in_role, moment
from transfers import proof as stage
from transfers.rules import delivering
from transfers.views.shown import FILES, row_of, show

CERTIFICATES = [Column("Recipient"), Column("For"), Column("Format"), Column("Fingerprint")]
ATTEMPTS = [Column("Attempted"), Column("Way"), Column("How it ended"), Column("Settled")]
ENTRIES = [Column("Entry"), Column("When"), Column("What"), Column("Who"), Column("In the sealed trail")]
WITHDRAWN = [Column("Withdrawal"), Column("People", numeric=True), Column("Delivered"), Column("Acknowledged")]


@opened_by(Permission.SEE_SUBMISSIONS)
def proof(request: HttpRequest, name: str) -> HttpResponse:
    """What left, when, to whom and by whose hands, to print."""
    row = row_of(name)
    at = timezone.now()
    try:
        found, entries = stage.view(submission=row, by=acting(request), at=at)
    except Refused as refusal:
        return show(request, row, refusal.reasons)
    places = {each["entry"]: each["position"] for each in found["trail"]["entries"]}
    context = {
        "title": "Proof of submission", "caption": row.name, "back_href": reverse("submission", args=[row.name]),
        "submission": row, "made_at": moment(at), "checkpoint": found["trail"]["checkpoint"],
        "keys": found["trail"]["verifier_keys"], "waiting": len(found["trail"]["not_sealed_yet"]),
        "facts": facts(
            ("Stage", row.at_stage.value),
            ("Collection round", f"{row.round.code}, cut-off {row.round.cut_off:%-d %B %Y}"),
            ("Agreement", row.round.agreement.reference),
            ("Rules", f"{found['framework']}, rule set {found['rule_set']}"),
            ("Datasets", ", ".join(found["datasets"])),
            ("People and families", f"{row.counts['persons']:,} people of {row.counts['families']:,} families"),
            ("Cohort (SHA-256)", row.cohort.digest),
            ("Content (SHA-256)", row.content_sha256),
            ("Sealed", moment(row.sealed_at)),
            ("Delivered", moment(row.sent_at) or "Not known to have arrived"),
            ("Receipt (SHA-256)", found["receipt"]["sha256"] if found["receipt"] else "None was taken in"),
        ),
        "tables": [
            Table("Sealed files", FILES, [[f["name"], f["bytes"], exact(f["sha256"])] for f in row.sealed_files]),
            Table("Sealed for", CERTIFICATES,
                  [[c["recipient"], c["purpose"], c["format"], exact(c["fingerprint"])] for c in found["certificates"]],
                  empty="For nobody whose certificate is on file."),
            Table("Attempts to deliver it", ATTEMPTS,
                  [[moment(each.attempted_at), " ".join(filter(None, (each.channel, each.host))),
                    f"{each.get_outcome_display()}. {delivering.TROUBLES.get(each.reason, '')}",
                    moment(each.settled_at)]
                   for each in row.delivery_attempts.order_by("id")],
                  empty="None was made."),
            Table("Withdrawals", WITHDRAWN,
                  [[each.name, f"{each.counts['withdrawn']:,}", moment(each.sent_at), moment(each.acknowledged_at)]
                   for each in row.withdrawals.order_by("number")],
                  empty="Nobody was withdrawn."),
            Table("What the trail tells of it", ENTRIES,
                  [[entry.pk, moment(entry.timestamp), entry.sentence, in_role(entry.who, entry.role),
                    f"At place {places[entry.pk]:,}" if entry.pk in places else "Not sealed yet"]
                   for entry in entries]),
        ],
    }  # fmt: skip
    return render(request, "transfers/proof.html", context)


@opened_by(Permission.SEE_SUBMISSIONS)
def proof_file(request: HttpRequest, name: str) -> HttpResponse:
    """proof.json and the council's signature over it, as they were made together."""
    row = row_of(name)
    try:
        data, signature = stage.prove(submission=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return show(request, row, refusal.reasons)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("proof.json", data)
        files.writestr("proof.json.p7s", signature)
    return HttpResponse(
        packed.getvalue(), content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{row.name}-proof.zip"'},
    )  # fmt: skip
