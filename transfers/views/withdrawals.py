"""Pages of withdrawals: how many are taken out of what was sent, how far that is, and what the recipient says of it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, hand_over, in_words, moment, refused_form, role_reasons
from transfers import tasks
from transfers import withdrawal as stage
from transfers.models import Withdrawal
from transfers.rules import delivering, withdrawing
from transfers.rules.withdrawing import State
from transfers.views.receipts import take_in_page
from transfers.views.shown import FILES, history_of

COLUMNS = [Column("Withdrawal"), Column("People", numeric=True), Column("Since"), Column("State"), Column("Clock")]
ATTEMPTS = [Column("Attempted"), Column("How it ended"), Column("What stood in the way")]
REASONS = [Column("What stands against it now"), Column("Code"), Column("People", numeric=True)]


@opened_by(Permission.SEE_SUBMISSIONS)
def withdrawals(request: HttpRequest) -> HttpResponse:
    """Every withdrawal, the newest first."""
    page = Paginator(Withdrawal.objects.order_by("-id"), 25).get_page(request.GET.get("page"))
    context = {
        "title": "Withdrawals", "page": page, "back_href": reverse("submissions"),
        "table": withdrawals_table(list(page), "Withdrawals", "Nobody objected after they were sent."),
    }  # fmt: skip
    return render(request, "transfers/withdrawals.html", context)


@opened_by(Permission.SEE_SUBMISSIONS)
def withdrawal(request: HttpRequest, name: str) -> HttpResponse:
    """One withdrawal: how many people, how far it is, and what stands in its way."""
    row = _row(name)
    with trail.act():
        trail.record(Event.WITHDRAWAL_VIEWED, who=acting(request), at=timezone.now(), about=row)
    return _show(request, row)


@require_POST
@opened_by(Permission.SEND_SUBMISSIONS)
def try_again(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the workers to try again now."""
    row = _row(name)
    try:
        stage.request(withdrawal=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _show(request, _row(name), refusal.reasons)
    hand_over(tasks.withdraw.delay, row.pk)
    messages.success(request, "The workers were asked to try again.")
    return redirect("withdrawal", row.name)


@opened_by(Permission.SEND_SUBMISSIONS, takes=True)
def acknowledge(request: HttpRequest, name: str) -> HttpResponse:
    """Take in the receipt in which the recipient says that it was carried out."""
    row = _row(name)
    return take_in_page(request, row.name, reverse("withdrawal", args=[row.name]))


def withdrawals_table(rows: list[Withdrawal], caption: str, empty: str) -> Table:
    """Withdrawals, each with how far it is and whether it is late."""
    at = timezone.now()
    shown = []
    for row in rows:
        late = withdrawing.overdue(row.made_at, row.sent_at, row.acknowledged_at, at)
        shown.append(
            [link(row.name, reverse("withdrawal", args=[row.name])), f"{row.counts['withdrawn']:,}",
             moment(row.made_at), _state(row), tag(late, "red") if late else ""]
        )  # fmt: skip
    return Table(caption, COLUMNS, shown, empty=empty)


def _row(name: str) -> Withdrawal:
    return get_object_or_404(Withdrawal.objects.select_related("submission__round"), name=name)


def _state(row: Withdrawal) -> object:
    now = withdrawing.state(row.sealed_at, row.sent_at, row.acknowledged_at)
    return tag(now.value, "green" if now is State.ACKNOWLEDGED else "blue")


def _show(request: HttpRequest, row: Withdrawal, refused: tuple[Reasoned, ...] = ()) -> HttpResponse:
    attempts = row.delivery_attempts.order_by("-id")
    context = {
        "title": row.name, "caption": "Withdrawal", "back_href": reverse("withdrawals"), "withdrawal": row,
        "forms": [refused_form(refused)] if refused else [],
        "late": withdrawing.overdue(row.made_at, row.sent_at, row.acknowledged_at, timezone.now()),
        "state": withdrawing.state(row.sealed_at, row.sent_at, row.acknowledged_at).name,
        "stopped": delivering.TROUBLES.get(row.delivery_stopped, ""),
        "send": role_reasons(request, Permission.SEND_SUBMISSIONS),
        "facts": facts(
            ("State", _state(row)),
            ("From", link(row.submission.name, reverse("submission", args=[row.submission.name]))),
            ("Recipients", ", ".join(row.submission.round.recipients)),
            ("People", f"{row.counts['withdrawn']:,} of {row.submission.counts['persons']:,} who were sent"),
            ("Made", moment(row.made_at)),
            ("Sealed", moment(row.sealed_at)),
            ("To be tried again", moment(row.next_attempt_at)),
            ("Delivered", moment(row.sent_at)),
            ("Acknowledged", f"{moment(row.acknowledged_at)}, as the recipient says" if row.acknowledged_at else ""),
        ),
        "reasons": Table(
            "Why they are withdrawn", REASONS, [[in_words(code), code, f"{n:,}"] for code, n in row.reasons.items()]
        ),
        "attempts": Table(
            "Attempts to deliver it", ATTEMPTS,
            [[moment(each.attempted_at), each.get_outcome_display(), delivering.TROUBLES.get(each.reason, "")]
             for each in attempts],
            empty="None was made yet.",
        ),
        "files": Table(
            "Sealed files", FILES, [[file["name"], file["bytes"], file["sha256"]] for file in row.sealed_files],
            empty="Nothing is sealed yet.",
        ),
        "history": history_of("transfers.withdrawal", row.name, {Event.WITHDRAWAL_VIEWED.name}),
    }  # fmt: skip
    return render(request, "transfers/withdrawal.html", context, status=409 if refused else 200)
