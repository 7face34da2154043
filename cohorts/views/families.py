"""The page of a family: who is in it, what is evidenced and what is missing, what is to be done, and what happened.

It never says whether the family was in a cohort: nothing here may affect the service that it gets.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import households, queries, untold
from cohorts.flags import waiting_review
from cohorts.forms.families import ReasonForm
from cohorts.forms.wishes import name_of
from cohorts.models import Consent, Family, Membership, Notice, Objection, Person, Protection
from cohorts.rules.clocks import stands
from cohorts.rules.evidence import Sign, signs
from cohorts.rules.facts import FamilyFacts, Question
from cohorts.rules.inclusion import problems_of
from cohorts.views.family_pages import (
    about_records,
    day,
    flag_in_words,
    is_open,
    is_own,
    of_family,
    open_with_reason,
    parts,
    protected,
    records,
    records_of,
    refuse,
    today,
)
from cohorts.views.mended_at import anchor
from cohorts.views.problems import known_today, tally
from connecting_families.audit import trail
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, place, tag
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import in_role, in_words

PEOPLE = [Column("Name"), Column("Reference"), Column("In the family as"), Column("Born"), Column("Lives here")]
SIGNS = [Column("Headline problem"), Column("What was observed"), Column("When"), Column("Of whom"), Column("Counts")]
CHANGES = [Column("When"), Column("What"), Column("Which fields"), Column("Who")]
WHO = (Permission.SEE_OWN_FAMILIES, Permission.SEE_ALL_FAMILIES, Permission.READ_FAMILIES)
SHOWN = 20
"""Rows of what happened and of what was changed; the newest."""


class Happened(NamedTuple):
    """Something that happened to a family, on a day."""

    on: date
    title: str
    by: str = ""


@lambda view: of_family(view, *WHO)
def family(request: HttpRequest, row: Family) -> HttpResponse:
    """The family as it is today; to who reads alone, without the ways on to what is recorded."""
    at, may_record = timezone.now(), records(request)
    known, asked = known_today(row, at)
    joined = list(row.memberships.order_by("id"))
    counts_as = households.survivors(it.person_id for it in joined)
    ever = list(Person.objects.filter(pk__in=counts_as.values()).order_by("reference"))
    standing = [it for it in joined if stands(it.joined_on, it.left_on, today())]
    here = {counts_as.get(it.person_id) for it in standing}
    members = [person for person in ever if person.pk in here]
    context = {
        "title": f"Family {row.reference}",
        "parts": parts(row, "family") if may_record else [],
        "identity": " · ".join(filter(None, [f"Family {row.reference}", row.team, flag_in_words(row)])),
        "tasks": [task if may_record else task | {"href": ""} for task in _tasks(row, known, asked, members, at)],
        **tally(known, asked),
        "people": _people(row, members, standing, counts_as, links=may_record),
        "add_person": reverse("add_person", args=[row.reference]) if may_record else "",
        "signs": _signs(known, asked),
        "timeline": [
            {"title": it.title, "by": it.by, "at": it.on}
            for it in sorted(_happened(row, joined, ever), reverse=True)[:SHOWN]
        ],
        "changes": _changes(row, members),
    }
    return render(request, "cohorts/family.html", context)


@opened_by(Permission.SEE_OWN_FAMILIES, Permission.READ_FAMILIES)
def open_family(request: HttpRequest, family: str) -> HttpResponse:
    """Ask why somebody opens a family that is not their team's, before anything of it is shown."""
    row = get_object_or_404(Family, reference=family)
    if is_own(request, row) or is_open(request, row):
        return redirect("family", row.reference)
    if protected(row):
        refuse(request, row, "open_family")
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        open_with_reason(request, row, form.cleaned_data["reason"])
        return redirect("family", row.reference)
    title = "Open a family of another team" if records(request) else "Open a family"
    context = {"title": title, "may_record": records(request), "caption": f"Family {row.reference}", "form": form}
    return render(request, "cohorts/open_family.html", context | {"back_href": reverse("find")})


def _tasks(
    row: Family, known: FamilyFacts, asked: Question, members: list[Person], at: datetime
) -> Iterator[dict[str, Any]]:
    """What is to be looked after, each with where it stands."""
    shown, records = problems_of(known, asked), records_of(members)
    counted = f"{shown.counted} of the {shown.minimum} that are needed"
    yield _task("Problems", reverse("problems", args=[row.reference]), counted, "green" if shown.enough else "yellow")
    goes_on = any(stands(it.started_on, it.ended_on, today()) for it in known.engagements)
    work = ("Goes on", "green") if goes_on else ("Ended" if known.engagements else "None recorded", "")
    yield _task("Work with the family", reverse("engagements", args=[row.reference]), *work)
    waits = ", waits for a manager" if waiting_review(row) else ""
    yield _task("Flag", reverse("flag", args=[row.reference]), f"{flag_in_words(row)}{waits}")
    late = len(list(untold.missing(known, asked)))
    told = ("Everybody in time", "green") if not late else (f"{late} not told in time", "yellow")
    yield _task("Privacy notices", reverse("notices", args=[row.reference]), *told)
    agreed = Consent.objects.filter(person__in=records, withdrawn_at=None).count()
    yield _task("Consent", reverse("consents", args=[row.reference]), f"{agreed} recorded")
    objections = queries.standing_objections(at).filter(about_records(row, records)).count()
    stand = (f"{objections} stand" if objections > 1 else "1 stands", "red") if objections else ("None stands", "")
    yield _task("Objections", reverse("objections", args=[row.reference]), *stand)
    marks = Protection.objects.filter(person__in=records)
    marked = sum(stands(mark.from_on, mark.to_on, today()) for mark in marks)
    protection = ("Somebody is protected", "red") if marked else ("Nobody is protected", "")
    yield _task("Protection", reverse("protections", args=[row.reference]), *protection)


def _task(title: str, href: str, status: str, colour: str = "") -> dict[str, Any]:
    return {"title": title, "href": href, "status": status, "colour": colour}


def _people(
    row: Family, members: list[Person], standing: list[Membership], counts_as: dict[int, int], *, links: bool
) -> Table:
    """Members of today, by the memberships that stand and the record that each counts as."""
    rows = []
    for person in members:
        own = [it for it in standing if counts_as.get(it.person_id) == person.pk]
        roles = dict.fromkeys(it.get_relationship_display() for it in own if it.relationship)
        lives = "Yes" if any(it.lives_in_household for it in own) else "No"
        name = name_of(person)
        where = reverse("person", args=[row.reference, person.reference])
        spot = place(person.reference, anchor(person.reference))
        rows.append([link(name, where) if links else name, spot, ", ".join(roles) or "Not known",
                     day(person.date_of_birth) or "Not known", lives])  # fmt: skip
    return Table("People in the family today", PEOPLE, rows, empty="Nobody is in this family today.")


def _signs(known: FamilyFacts, asked: Question) -> Table:
    names = {person.person_ref: f"{person.given_name} {person.family_name}".strip() for person in known.people}
    rows = [
        [
            asked.framework.headlines[sign.indicator.headline],
            sign.indicator.text,
            day(sign.evidence.observed_on),
            "The family" if (whom := sign.evidence.person_ref) is None else names.get(whom) or whom,
            _counts(sign),
        ]
        for sign in signs(known, asked)
    ]
    return Table("Headline problems", SIGNS, rows, empty="No headline problem was recorded of this family yet.")


def _counts(sign: Sign) -> object:
    return tag("Counts", "green") if sign.counts else sign.why_not


def _happened(row: Family, joined: list[Membership], people: list[Person]) -> Iterator[Happened]:
    """What was recorded of the family and whoever ever was in it, by the days on which it happened."""
    records = records_of(people)
    if row.flagged_on:
        yield Happened(row.flagged_on, "The family was flagged", row.flagged_by)
    if row.lifted_on:
        yield Happened(row.lifted_on, "The flag was lifted")
    for engagement in row.engagements.all():
        yield Happened(engagement.started_on, f"Work with the family began {_of(engagement.intervention)}".strip())
        if engagement.ended_on:
            yield Happened(engagement.ended_on, "Work with the family ended")
    for notice in Notice.objects.filter(about_records(row, records)).select_related("version"):
        yield Happened(notice.issued_on, f"Privacy notice {notice.version.version} was given", notice.issued_by)
    for consent in Consent.objects.filter(person__in=records):
        yield Happened(consent.given_on, "Consent was given")
        if consent.withdrawn_at:
            yield Happened(timezone.localdate(consent.withdrawn_at), "Consent was withdrawn")
    for objection in Objection.objects.filter(about_records(row, records)):
        yield Happened(timezone.localdate(objection.received_at), "An objection was received")
        if objection.lifted_at:
            yield Happened(timezone.localdate(objection.lifted_at), "An objection was lifted")
    for membership in joined:
        yield Happened(membership.joined_on, "Somebody joined the family")
        if membership.left_on:
            yield Happened(membership.left_on, "Somebody left the family")


def _of(intervention: str) -> str:
    return f"({intervention})" if intervention else ""


def _changes(row: Family, members: list[Person]) -> Table:
    """Who changed which fields of the family and its people, from the trail: of identifiers only that they changed."""
    references = {("cohorts.family", row.reference), *(("cohorts.person", person.reference) for person in members)}
    found = trail.entries_about(references).exclude(changes=None)[:SHOWN]
    rows = [
        [
            f"{timezone.localtime(entry.timestamp):%-d %B %Y at %H:%M}",
            entry.sentence,
            ", ".join(sorted({in_words(name) for change in entry.changes for name in change["fields"]})),
            in_role(entry.who, entry.role),
        ]
        for entry in found
    ]
    return Table("Changes to these records", CHANGES, rows, empty="Nobody changed these records yet.")
