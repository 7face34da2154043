"""The objection desk: what information governance decides, whom it looks for, and whom it asks again.

It stands where cohorts and transfers may both be asked: here alone a page says what was sent about whom.
"""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.views.decorators.http import require_POST

from cohorts import answers, households, queries
from cohorts.forms.wishes import NarrowForm, RecheckForm, RefusalForm, born, name_of
from cohorts.models import Objection, Person, Recheck
from cohorts.rules.answer import Clock, answer_due, clock
from cohorts.rules.clocks import LONDON
from cohorts.views.family_pages import today
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused
from connecting_families.governance.act_views import Desk
from connecting_families.kit.forms import Choice
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, listed, moment, refused_form
from transfers import sent
from transfers.models import Withdrawal
from transfers.rules import withdrawing

COLOURS = {Clock.RUNNING: "green", Clock.SOON: "yellow", Clock.TODAY: "orange", Clock.OVERDUE: "red"}
UNDECIDED = [Column("Objection"), Column("Received"), Column("For"), Column("To"), Column("Answer by"), Column("Clock")]
UNMATCHED = [Column("Objection"), Column("Received"), Column("How it came"), Column("Clock")]
RECHECKS = [
    Column("Objection"),
    Column("Person"),
    Column("Birthday"),
    Column("Turned", numeric=True),
    Column("Made by"),
]
SENT = [
    Column("Submission"), Column("Person"), Column("To"), Column("For datasets"), Column("Sent"), Column("Arrived"),
    Column("Withdrawn"),
]  # fmt: skip
SHOWN = 100
DESK = Desk("objection", Event.OBJECTION_VIEWED)


@opened_by(Permission.DECIDE_OBJECTIONS)
def objection_desk(request: HttpRequest) -> HttpResponse:
    """What waits: to decide, to match, to look at again."""
    at = timezone.now()
    waiting, lost = queries.undecided_objections(at), queries.unmatched_objections(at)
    again = queries.rechecks_due(at)
    known = waiting.exclude(person=None, family=None)
    matched = list(known.select_related("person", "family")[:SHOWN])
    people = [row.person for row in matched if row.person] + [due.person for due in again[:SHOWN]]
    families = [row.family.reference for row in matched if row.family]
    listed(request, "objection_desk", people=[person.reference for person in people], families=families)
    context = {
        "title": "Objections",
        "counts": facts(
            ("To decide", known.count()), ("Unmatched", lost.count()), ("To look at again", len(again)),
            ("Overdue", sum(1 for row in waiting if clock(row.received_at, today()) is Clock.OVERDUE)),
        ),
        "tables": [
            Table(
                "Unmatched: each may be about anyone, and stops every approval", UNMATCHED,
                [[_to(row), moment(row.received_at), _channel(row), _clock(row)]
                 for row in lost[:SHOWN]],
                empty="Every objection is matched.",
            ),
            Table(
                "To decide", UNDECIDED,
                [[_to(row), moment(row.received_at), _about(row), ", ".join(row.datasets) or "All datasets",
                  _day(answer_due(row.received_at)), _clock(row)]
                 for row in matched],
                empty="Nothing waits for a decision.",
            ),
            Table(
                "To look at again at 16 and at 18: they stand all the while", RECHECKS,
                [[link(due.objection.reference, reverse("recheck_objection", args=[due.objection.pk]),
                       f"ask {due.person.reference} again"),
                  due.person.reference, _day(due.since), due.age,
                  due.objection.get_made_by_display() or "Not known"] for due in again[:SHOWN]],
                empty="Nobody had such a birthday.",
            ),
        ],
    }  # fmt: skip
    return render(request, "governance/desk.html", context)


@opened_by(Permission.DECIDE_OBJECTIONS)
def objection(request: HttpRequest, number: int) -> HttpResponse:
    """One objection: whom it protects, what was sent about them, and what may be decided. Opening it is recorded."""
    row = get_object_or_404(Objection.objects.select_related("person", "family"), pk=number)
    DESK.viewed(request, row)
    return _page(request, row)


def _page(request: HttpRequest, row: Objection, refused: Refused | None = None) -> HttpResponse:
    covered = households.covered(row, today())
    left = [
        [each.submission, each.person_ref, ", ".join(each.recipients), ", ".join(each.datasets),
         moment(each.attempted_at), moment(each.arrived) or "Not known yet",
         f"{each.withdrawn.name}, {_words_of(each.withdrawn)}" if each.withdrawn else "Not yet"]
        for each in sent.about(households.records_of(covered))
    ]  # fmt: skip
    deciding = answers.against_deciding(row)
    standing = [why for why in deciding if why.code != "DECIDED_ALREADY"]
    context: dict[str, Any] = {
        "title": row.reference, "caption": "Objection", "back_href": reverse("objection_desk"), "objection": row,
        "facts": facts(
            ("For", _about(row)),
            ("Whom it covers", format_html_join("", "<p class=\"govuk-body\">{}, {}. {}</p>",
                                                ((name_of(person), born(person), _letter(row, person))
                                                 for person in covered))),
            ("Who is meant, as told", row.about),
            ("Who objects", row.get_made_by_display() or "Not known"),
            ("How it came", _channel(row)),
            ("To what", ", ".join(row.datasets) or "All datasets"),
            ("Received", moment(row.received_at)),
            ("Answer by", f"{_day(answer_due(row.received_at))}" if not deciding else ""),
            ("Clock", _clock(row) if not deciding else ""),
            ("State", _state(row)),
            ("Decided", f"{moment(row.decided_at)} by {row.decided_by}" if row.decided_at else ""),
            ("Refused, because", row.refusal_reason),
            ("By which law", row.refusal_reference),
            ("Told on", _day(row.told_on)),
            ("Lifted", moment(row.lifted_at)),
            ("Copied from", f"{row.copied_from}, when a merge of two records was undone" if row.copied_from else ""),
        ),
        "uphold": deciding or answers.against_upholding(row),
        "refuse": deciding,
        "narrow": standing or answers.against_narrowing(row),
        "match": standing or answers.against_matching(row),
        "sent": Table("Submissions with them in it", SENT, left, empty="Nothing was sent about whom it covers."),
        "rechecks": [
            f"{_day(each.checked_at.astimezone(LONDON).date())}, {each.person.reference}, at {each.age}:"
            f" {each.get_outcome_display()} ({each.checked_by})"
            for each in Recheck.objects.filter(objection=row).select_related("person").order_by("id")
        ],
    }  # fmt: skip
    if refused:
        context["form"] = refused_form(refused.reasons)
    return render(request, "governance/objection.html", context)


def _letter(row: Objection, person: Person) -> object:
    return link("Letter to print", reverse("told", args=[row.pk, person.reference]), f"to {name_of(person)}")


def _words_of(withdrawn: Withdrawal) -> str:
    return withdrawing.state(withdrawn.sealed_at, withdrawn.sent_at, withdrawn.acknowledged_at).value.lower()


@require_POST
@opened_by(Permission.DECIDE_OBJECTIONS)
def uphold(request: HttpRequest, number: int) -> HttpResponse:
    """The objection is right."""
    row = get_object_or_404(Objection, pk=number)
    try:
        answers.uphold(objection=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return _page(request, row, refused=refusal)
    messages.success(request, f"{row.reference} is upheld: it stands until it is lifted.")
    return redirect("objection", row.pk)


@opened_by(Permission.DECIDE_OBJECTIONS)
def refuse(request: HttpRequest, number: int) -> HttpResponse:
    """The objection is refused, with reasons of which the person was told."""
    row = get_object_or_404(Objection, pk=number)
    page = {"title": "Refuse an objection", "submit": "Refuse the objection",
            "note": "It stands no more once it is refused: the person's details can be sent again."}  # fmt: skip
    return DESK.ask(request, row, RefusalForm(request.POST or None), page, lambda given: _refuse(request, row, given))


def _refuse(request: HttpRequest, row: Objection, given: dict[str, Any]) -> str:
    answers.refuse(objection=row, **given, by=acting(request), at=timezone.now())
    return f"{row.reference} is refused."


@opened_by(Permission.DECIDE_OBJECTIONS)
def narrow(request: HttpRequest, number: int) -> HttpResponse:
    """An objection for a family goes on protecting those who are named alone."""
    row = get_object_or_404(Objection.objects.select_related("family"), pk=number)
    people = households.members(row.family) if row.family else []
    page = {"title": "Narrow an objection to persons", "submit": "Narrow the objection",
            "note": "It covers everyone in the family until you narrow it."}  # fmt: skip
    form = NarrowForm(request.POST or None, people=people)
    return DESK.ask(request, row, form, page, lambda given: _narrow(request, row, given))


def _narrow(request: HttpRequest, row: Objection, given: dict[str, Any]) -> str:
    answers.narrow(objection=row, **given, by=acting(request), at=timezone.now())
    return f"{row.reference} covers {len(given['persons'])} of the family."


@opened_by(Permission.DECIDE_OBJECTIONS, takes=True)
def match(request: HttpRequest, number: int) -> HttpResponse:
    """Say whom an unmatched objection is about: the name is shown before anything is kept."""
    row = get_object_or_404(Objection, pk=number)
    page = {"title": "Match an objection", "submit": "Look up", "confirm": "Match it", "told": row.about}
    try:
        return DESK.ask_whom(request, row, "match_objection", page, lambda found: _match(request, row, found))
    except Refused as refusal:
        return _page(request, row, refused=refusal)


def _match(request: HttpRequest, row: Objection, found: dict[str, Any]) -> str:
    answers.match(objection=row, **found, by=acting(request), at=timezone.now())
    return f"{row.reference} is matched to {next(iter(found.values())).reference}. It waits for a decision."


@opened_by(Permission.DECIDE_OBJECTIONS)
def recheck(request: HttpRequest, number: int) -> HttpResponse:
    """Record what came of asking somebody again, after a birthday of theirs."""
    row = get_object_or_404(Objection, pk=number)
    due = [each for each in queries.rechecks_due(timezone.now()) if each.objection.pk == row.pk]
    choices = [
        (f"{each.age} {each.person.reference}",
         Choice(name_of(each.person), hint=f"Turned {each.age} on {_day(each.since)}, {each.person.reference}"))
        for each in due
    ]  # fmt: skip
    page = {"title": "Look at an objection again", "submit": "Record it",
            "note": "Ask the person, now that they are old enough. The objection stands unless they lift it."
            if due else "Nobody whom this objection covers is to be asked again."}  # fmt: skip
    form = RecheckForm(request.POST or None, due=choices)
    return DESK.ask(request, row, form, page, lambda given: _recheck(request, row, given))


def _recheck(request: HttpRequest, row: Objection, given: dict[str, Any]) -> str:
    age, _, reference = given["due"].partition(" ")
    person = Person.objects.get(reference=reference)
    outcome = given["outcome"]
    answers.recheck(objection=row, person=person, age=int(age), outcome=outcome, by=acting(request), at=timezone.now())
    return f"It is recorded of {row.reference}: {Recheck.OUTCOMES[outcome].lower()}."


def _day(value: date | None) -> str:
    return f"{value:%-d %B %Y}" if value else ""


def _to(row: Objection) -> object:
    return link(row.reference, reverse("objection", args=[row.pk]))


def _about(row: Objection) -> str:
    if row.person is not None:
        return f"Person {row.person.reference}"
    return f"Family {row.family.reference}" if row.family is not None else "Nobody found yet"


def _channel(row: Objection) -> str:
    return Objection.CHANNELS.get(row.channel, row.channel) or "Not known"


def _clock(row: Objection) -> object:
    stands = clock(row.received_at, today())
    return tag(stands.value, COLOURS[stands])


def _state(row: Objection) -> object:
    if row.lifted_at is not None:
        return tag("Lifted", "grey")
    if row.refused_at is not None:
        return tag("Refused", "grey")
    return tag("Stands, decided" if row.decided_at else "Stands, not decided yet", "green")
