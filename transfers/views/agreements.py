"""Pages of agreements, here where it is known which fields may leave: what each covers, and which rounds rely on it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from cohorts import agreements as stage
from cohorts import frameworks, register_checks
from cohorts.column_words import MEANS
from cohorts.forms.registers import AgreementForm, LastDayForm
from cohorts.models import Agreement
from cohorts.register_checks import ENDED, ENDS_SOON, IN_FORCE, NOT_YET
from cohorts.rules.clocks import LONDON
from cohorts.views.register_pages import ask, history, parts, span
from cohorts.views.reviews import as_facts
from connecting_families.kit.forms import Choice
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, role_reasons
from transfers.rules import extract

COLUMNS = [Column("Agreement"), Column("In force"), Column("State"), Column("Recipients"), Column("Datasets")]
COLOURS = {NOT_YET: "blue", IN_FORCE: "green", ENDS_SOON: "orange", ENDED: "grey"}
FILES = (extract.IDENTIFIERS, extract.PROGRAMME)
MAY_ADD = {column.name: file.name for file in FILES for column in file.may_add}


@opened_by(Permission.SEE_REGISTERS)
def agreements(request: HttpRequest) -> HttpResponse:
    """Every agreement, with whether it is in force."""
    rows = [
        [
            link(row.reference, reverse("agreement", args=[row.pk])),
            span(row.in_force_from, row.in_force_to),
            agreement_tag(row),
            ", ".join(row.recipients),
            ", ".join(row.datasets),
        ]
        for row in Agreement.objects.order_by("-in_force_from", "reference")
    ]
    context = {
        "title": "Agreements", "caption": "Registers", "parts": parts("agreements"),
        "table": Table("Agreements", COLUMNS, rows, empty="No agreement was entered yet."),
        "add_href": reverse("add_agreement"), "add": "Add an agreement",
        "reasons": role_reasons(request, Permission.EDIT_REGISTERS), "cannot": "add an agreement",
    }  # fmt: skip
    return render(request, "cohorts/register.html", context)


@opened_by(Permission.EDIT_REGISTERS)
def add_agreement(request: HttpRequest) -> HttpResponse:
    """Enter an agreement."""
    choices = [(name, Choice(name, hint=f"{_meaning(name)}, in {file}")) for name, file in MAY_ADD.items()]
    return ask(
        request,
        AgreementForm(request.POST or None, fields=choices),
        lambda given: stage.enter(**given, known_fields=MAY_ADD, by=acting(request), at=timezone.now()),
        done="The agreement is in the register. Rounds can be opened under it.",
        to=reverse("agreements"),
        page={"title": "Add an agreement", "back_href": reverse("agreements"), "submit": "Add the agreement"},
    )


@opened_by(Permission.SEE_REGISTERS)
def agreement(request: HttpRequest, number: int) -> HttpResponse:
    """One agreement: what it covers in words, which rounds use it, and its history."""
    row = get_object_or_404(Agreement, pk=number)
    rounds = row.rounds.order_by("-id").values_list("code", flat=True)
    core = "; ".join(f"{file.name}: {', '.join(column.name for column in file.core)}" for file in FILES)
    context = {
        "title": row.reference, "caption": "Agreement", "back_href": reverse("agreements"),
        "facts": facts(
            ("In force", span(row.in_force_from, row.in_force_to)),
            ("State", agreement_tag(row)),
            ("Parties", ", ".join(row.parties)),
            ("What it is for", _purpose(row)),
            ("Who receives data", ", ".join(row.recipients) or "Nobody"),
            ("What it may be matched with", ", ".join(row.datasets) or "Nothing"),
            ("Fields that are always sent", core),
            ("Fields that may be sent beside them", ", ".join(row.fields) or "None"),
            ("Law on which it rests", row.legal_reference),
            ("Rounds under it", ", ".join(rounds) or "None"),
            *as_facts(row),
        ),
        "history": history(row),
        "review_href": reverse("review_agreement", args=[row.pk]),
        "review": role_reasons(request, Permission.ANSWER_FOR_PROMISES),
        "change_href": reverse("end_agreement", args=[row.pk]), "change": "End this agreement early",
        "reasons": role_reasons(request, Permission.EDIT_REGISTERS) or stage.against_ending(row, timezone.now()),
        "cannot": "end this agreement early",
        "note": "What an agreement says is never edited, because rounds rely on it. Enter another one instead.",
    }  # fmt: skip
    return render(request, "cohorts/record.html", context)


@opened_by(Permission.EDIT_REGISTERS)
def end_agreement(request: HttpRequest, number: int) -> HttpResponse:
    """End an agreement earlier than it says."""
    row = get_object_or_404(Agreement, pk=number)
    here = reverse("agreement", args=[row.pk])
    return ask(
        request,
        LastDayForm(request.POST or None),
        lambda given: stage.end(agreement=row, **given, by=acting(request), at=timezone.now()),
        done=f"The end of {row.reference} is set. After that day nothing is sent under it.",
        to=here,
        page={"title": "End an agreement early", "caption": row.reference, "back_href": here, "submit": "End it"},
    )


def _meaning(name: str) -> str:
    """A field in words: as the bulk files explain it, or the headline problem that it tells of."""
    headlines = {code: title for each in frameworks.codes() for code, title in frameworks.load(each).headlines.items()}
    if name in headlines:
        return f"Whether the family has: {headlines[name]}"
    return MEANS.get(f"people.{name}") or MEANS.get(f"memberships.{name}") or "The datasets that may be matched with"


def agreement_tag(row: Agreement) -> object:
    """Whether an agreement is in force today, and whether it will be for long."""
    state = register_checks.standing(row, timezone.now().astimezone(LONDON).date())
    return tag(state, COLOURS[state])


def _purpose(row: Agreement) -> object:
    if row.purpose == stage.RESEARCH:
        return "Research"
    return tag(f"{row.purpose}: nothing is sent under it, because families were promised research only", "red")
