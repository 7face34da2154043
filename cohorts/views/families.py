"""The page of a family: who is in it, what is evidenced and what is missing, what is to be done, and what happened.

It never says whether the family was in a cohort: nothing here may affect the service that it gets.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import beside, untold
from cohorts.beside import Beside
from cohorts.forms.families import ReasonForm
from cohorts.models import Family, Membership
from cohorts.rules.clocks import stands
from cohorts.rules.evidence import Sign, signs
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.inclusion import problems_of
from cohorts.rules.membership import lives_in_household, members, standing
from cohorts.rules.objection import stands_at
from cohorts.rules.protection import mark_stands
from cohorts.views.family_pages import (
    day,
    flag_in_words,
    is_open,
    is_own,
    named,
    notices_of,
    of_family,
    open_with_reason,
    parts,
    protected,
    records,
    refuse,
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
    here = members(known, asked.moment.today)
    told = beside.of(row, [notice.number for notice in notices_of(known)])
    context = {
        "title": f"Family {row.reference}",
        "parts": parts(row, "family") if may_record else [],
        "identity": " · ".join(filter(None, [f"Family {row.reference}", row.team, flag_in_words(row)])),
        "tasks": [task if may_record else task | {"href": ""} for task in _tasks(row, known, asked, here, told)],
        **tally(known, asked),
        "said_below": False,
        "people": _people(row, here, asked.moment.today, links=may_record),
        "add_person": reverse("add_person", args=[row.reference]) if may_record else "",
        "signs": _signs(known, asked),
        "timeline": [
            {"title": it.title, "by": it.by, "at": it.on}
            for it in sorted(_happened(row, known, told), reverse=True)[:SHOWN]
        ],
        "changes": _changes(row, here),
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
    row: Family, known: FamilyFacts, asked: Question, here: list[PersonFacts], told: Beside
) -> Iterator[dict[str, Any]]:
    """What is to be looked after, each with where it stands."""
    shown, at = problems_of(known, asked), asked.moment
    counted = f"{shown.counted} of the {shown.minimum} that are needed"
    yield _task("Problems", reverse("problems", args=[row.reference]), counted, "green" if shown.enough else "yellow")
    goes_on = any(stands(it.started_on, it.ended_on, at.today) for it in known.engagements)
    work = ("Goes on", "green") if goes_on else ("Ended" if known.engagements else "None recorded", "")
    yield _task("Work with the family", reverse("engagements", args=[row.reference]), *work)
    waits = ", waits for a manager" if told.flag_waits else ""
    yield _task("Flag", reverse("flag", args=[row.reference]), f"{flag_in_words(row)}{waits}")
    late = len(list(untold.missing(known, asked)))
    in_time = ("Everybody in time", "green") if not late else (f"{late} not told in time", "yellow")
    yield _task("Privacy notices", reverse("notices", args=[row.reference]), *in_time)
    agreed = sum(consent.withdrawn_at is None for person in here for consent in person.consents)
    yield _task("Consent", reverse("consents", args=[row.reference]), f"{agreed} recorded")
    said = [*known.objections, *(objection for person in here for objection in person.objections)]
    objections = sum(stands_at(objection, at.run) for objection in said)
    stand = (f"{objections} stand" if objections > 1 else "1 stands", "red") if objections else ("None stands", "")
    yield _task("Objections", reverse("objections", args=[row.reference]), *stand)
    marked = any(mark_stands(mark, at) for person in here for mark in person.protections)
    protection = ("Somebody is protected", "red") if marked else ("Nobody is protected", "")
    yield _task("Protection", reverse("protections", args=[row.reference]), *protection)


def _task(title: str, href: str, status: str, colour: str = "") -> dict[str, Any]:
    return {"title": title, "href": href, "status": status, "colour": colour}


def _people(row: Family, here: list[PersonFacts], on: date, *, links: bool) -> Table:
    """Members of today, by the memberships that stand and the record that each counts as."""
    rows = []
    for person in here:
        own = [it.relationship for it in standing(person.memberships, on) if it.relationship]
        roles = dict.fromkeys(Membership.RELATIONSHIPS.get(it, it) for it in own)
        where = reverse("person", args=[row.reference, person.person_ref])
        spot = place(person.person_ref, anchor(person.person_ref))
        rows.append([
            link(named(person), where) if links else named(person), spot, ", ".join(roles) or "Not known",
            day(person.date_of_birth) or "Not known", "Yes" if lives_in_household(person, on) else "No",
        ])  # fmt: skip
    return Table("People in the family today", PEOPLE, rows, empty="Nobody is in this family today.")


def _signs(known: FamilyFacts, asked: Question) -> Table:
    names = {person.person_ref: named(person) for person in known.people}
    rows = [
        [
            asked.framework.headlines[sign.indicator.headline],
            sign.indicator.text,
            day(sign.evidence.observed_on),
            "The family" if (whom := sign.evidence.person_ref) is None else names.get(whom, whom),
            _counts(sign),
        ]
        for sign in signs(known, asked)
    ]
    return Table("Headline problems", SIGNS, rows, empty="No headline problem was recorded of this family yet.")


def _counts(sign: Sign) -> object:
    return tag("Counts", "green") if sign.counts else sign.why_not


def _happened(row: Family, known: FamilyFacts, told: Beside) -> Iterator[Happened]:
    """What was recorded of the family and whoever ever was in it, by the days on which it happened."""
    if row.flagged_on:
        yield Happened(row.flagged_on, "The family was flagged", row.flagged_by)
    if row.lifted_on:
        yield Happened(row.lifted_on, "The flag was lifted")
    for work in told.work:
        yield Happened(work.started_on, f"Work with the family began {_of(work.intervention)}".strip())
        if work.ended_on:
            yield Happened(work.ended_on, "Work with the family ended")
    for notice in notices_of(known):
        by = told.given_by.get(notice.number, "")
        yield Happened(notice.issued_on, f"Privacy notice {notice.version} was given", by)
    for consent in [consent for person in known.people for consent in person.consents]:
        yield Happened(consent.given_on, "Consent was given")
        if consent.withdrawn_at:
            yield Happened(timezone.localdate(consent.withdrawn_at), "Consent was withdrawn")
    for objection in [*known.objections, *(objection for person in known.people for objection in person.objections)]:
        yield Happened(timezone.localdate(objection.received_at), "An objection was received")
        if objection.lifted_at:
            yield Happened(timezone.localdate(objection.lifted_at), "An objection was lifted")
    for membership in [membership for person in known.people for membership in person.memberships]:
        yield Happened(membership.joined_on, "Somebody joined the family")
        if membership.left_on:
            yield Happened(membership.left_on, "Somebody left the family")


def _of(intervention: str) -> str:
    return f"({intervention})" if intervention else ""


def _changes(row: Family, here: list[PersonFacts]) -> Table:
    """Who changed which fields of the family and its people, from the trail: of identifiers only that they changed."""
    references = [("cohorts.family", row.reference), *(("cohorts.person", person.person_ref) for person in here)]
    rows = [
        [
            f"{timezone.localtime(entry.timestamp):%-d %B %Y at %H:%M}",
            entry.sentence,
            ", ".join(sorted({in_words(name) for change in entry.changes for name in change["fields"]})),
            in_role(entry.who, entry.role),
        ]
        for entry in trail.newest_changes(references, SHOWN)
    ]
    return Table("Changes to these records", CHANGES, rows, empty="Nobody changed these records yet.")
