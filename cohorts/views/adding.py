"""Adding a family, and a person to it: who is on file already is looked for first, and nobody is added twice.

What was answered travels from page to page in the form itself, never in an address.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import details, households, remembered, search
from cohorts import families as stage
from cohorts.families import Belonging
from cohorts.forms.people import NOBODY, UNSURE, DetailsForm, JoinForm, NameForm, SameForm, TeamForm
from cohorts.forms.wishes import name_of
from cohorts.models import Family, Membership, Person
from cohorts.other_teams import sees_every_team, team_of
from cohorts.search import Duplicates, Found
from cohorts.views.asked import told
from cohorts.views.drawn import draw, kept_already, once, reference
from cohorts.views.family_pages import day, of_family, today
from cohorts.views.people import described, of_the_family
from connecting_families.audit.refusals import Refused
from connecting_families.staff import limits
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts

NAME, SAME, DETAILS = "name", "same", "details"
CONTROLS = frozenset({"csrfmiddlewaretoken", "drawn", "step", "change", "confirmed"})
BELONGING = ("relationship", "lives_in_household", "parental_responsibility", "joined_on")
WAIT = "You looked for people too often in the last minute. Wait a minute, then continue: nothing you typed is lost."
NO_TEAM = "Your account has no team, so nobody could find the family again. Ask an administrator to give you one."


# A family --------------------------------------------------------------------------------------------------------


@opened_by(Permission.SEE_OWN_FAMILIES, Permission.SEE_ALL_FAMILIES)
@once(Family)
def add_family(request: HttpRequest) -> HttpResponse:
    """Add a family: of the own team, or of one that a manager chooses. Its people are asked for next."""
    kept = kept_already(request, Family)
    if kept:
        return redirect("add_person", kept.reference)
    by, at = acting(request), timezone.now()
    form = _team_form(request) if sees_every_team(by) else forms.Form(request.POST or None)
    team = team_of(by)
    if request.method == "POST" and form.is_valid():
        team = form.cleaned_data.get("team", team)
        try:
            row = stage.add_family(reference=reference(request, Family), team=team, by=by, at=at)
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, f"The family {row.reference} is added. Add the lead person next.")
            return redirect("add_person", row.reference)
    context = {
        "title": "Add a family", "form": form, "drawn": draw(request, Family, "CF"), "submit": "Add the family",
        "team": "" if sees_every_team(by) else team, "back_href": reverse("find"),
        "reasons": [] if team or sees_every_team(by) else [NO_TEAM],
    }  # fmt: skip
    return render(request, "cohorts/people/add_family.html", context)


def _team_form(request: HttpRequest) -> TeamForm:
    of_staff = User.objects.exclude(team="").values_list("team", flat=True).distinct()
    return TeamForm(request.POST or None, teams=sorted({*of_staff, *search.teams()}))


# A person --------------------------------------------------------------------------------------------------------


@lambda view: of_family(view, takes=True)
@once(Person)
def add_person(request: HttpRequest, family: Family) -> HttpResponse:
    """Add a person: the name, who on file may be the same, the rest, the answers to check, and then the act."""
    kept = kept_already(request, Person)
    if kept:
        return redirect("person_added", family.reference, kept.reference)
    return Adding(request, family).answer()


class Adding:
    """One of the pages on the way to a person who belongs to the family."""

    def __init__(self, request: HttpRequest, family: Family) -> None:
        self.request, self.family, self.given = request, family, request.POST
        self.by, self.at = acting(request), timezone.now()
        self.step = self.given.get("step", "")
        self.name = NameForm(request.POST or None)

    def answer(self) -> HttpResponse:
        """The page that comes next."""
        if not self._is_named() or "change" in self.given:
            return self._ask_the_name()
        if self.step == NAME and limits.too_often(self.request):
            self.name.add_error(None, WAIT)
            return self._ask_the_name(status=429)
        known = self.name.cleaned_data
        same, asks = self._same(known)
        if asks:
            return self._ask_who(same)
        chosen = same.cleaned_data["same"] if same.is_valid() else NOBODY
        if chosen == UNSURE:
            messages.success(self.request, "Nobody was added. Ask an Early Help manager whether it is the same person.")
            return redirect("family", self.family.reference)
        if isinstance(chosen, Person):
            return self._join(chosen)
        return self._add(known)

    # The name, and who may be the same

    def _is_named(self) -> bool:
        if self.request.method != "POST" or not self.name.is_valid():
            return False
        found = details.against(self.name.cleaned_data, today())
        if reasons := [reason for reason in found if reason.field in self.name.fields]:
            told(self.name, Refused(reasons))
        return not reasons

    def _ask_the_name(self, status: int = 200) -> HttpResponse:
        nobody = not households.members(self.family)
        note = "Begin with the lead person, whom the work with the family begins with." if nobody else ""
        first = f"{note} The next page shows who on file may be the same person.".strip()
        title = "Add the lead person" if nobody else "Add a person"
        return self._page(self.name, NAME, title, status=status, note=first)

    def _same(self, known: dict[str, Any]) -> tuple[SameForm, bool]:
        """Who may be the same, and whether to ask: whoever is shown to somebody is recorded as shown."""
        found = self._shown(known) if self.step == NAME else search.duplicates(**known, by=self.by, at=self.at)
        self.closed = found.closed
        form = self._same_form(found, bound=self.step != NAME)
        asks = bool(found.found or found.closed) and (self.step == NAME or not form.is_valid())
        if asks and self.step != NAME:
            self._shown(known)
        return form, asks

    def _shown(self, known: dict[str, Any]) -> Duplicates:
        return search.look_for_duplicates(family=self.family, **known, by=self.by, at=self.at)

    def _same_form(self, found: Duplicates, *, bound: bool) -> SameForm:
        people = [(row, self._hint(row)) for row in found.found]
        initial = {"same": self.given.get("same")}
        return SameForm(self.given if bound else None, found=people, initial=initial)

    def _hint(self, row: Found) -> str:
        """What tells people of one name apart; of another team's, only what finding them tells."""
        born, typed = row.person.date_of_birth, self.name.cleaned_data["date_of_birth"]
        own = sees_every_team(self.by) or any(each.team == team_of(self.by) for each in row.families if each.team)
        when = f"born {day(born)}" if born and (own or born == typed) else f"born in {born:%Y}" if born else ""
        where = ", ".join(dict.fromkeys(f"{each.reference} ({each.team or 'no team'})" for each in row.families))
        here = "in this family already" if self._is_here(row.person) else ""
        return ", ".join(filter(None, [when or "date of birth not known", row.person.reference, where, here]))

    def _is_here(self, person: Person) -> bool:
        return person in households.members(self.family, today())

    def _ask_who(self, form: SameForm) -> HttpResponse:
        return self._page(form, SAME, "Is this person on file already?", closed=self.closed)

    # Somebody on file

    def _join(self, person: Person) -> HttpResponse:
        if self._is_here(person):
            messages.success(self.request, "This person is in the family already.")
            return redirect("person", self.family.reference, person.reference)
        asks_why = stage.needs_reason(person, self.family, self.by)
        form = JoinForm(self._details(), reason=asks_why, initial=self._initial())
        title = "Add this person to the family"
        if self.step != DETAILS or not form.is_valid():
            return self._page(form, DETAILS, title, note=f"{name_of(person)}, {person.reference}, is on file.")
        given = form.cleaned_data
        belonging, reason = _belonging(given), given.get("reason", "")
        reasons = stage.against_joining(person, self.family, belonging, reason, self.by, today())
        if not reasons and "confirmed" in self.given:
            try:
                stage.join_family(
                    family=self.family, person=person, belonging=belonging, reason=reason, by=self.by, at=self.at
                )
            except Refused as refusal:
                reasons = list(refusal.reasons)
            else:
                return self._added(person)
        if reasons:
            told(form, Refused(reasons))
            return self._page(form, DETAILS, title)
        rows = facts(("Person", name_of(person)), ("Reference", person.reference), *_belongs(given), ("Why", reason))
        return self._check(rows)

    # Somebody new

    def _add(self, known: dict[str, Any]) -> HttpResponse:
        form = DetailsForm(self._details(), born=known["date_of_birth"], initial=self._initial())
        title = "About this person"
        if self.step != DETAILS or not form.is_valid():
            return self._page(form, DETAILS, title)
        given = {"dob_missing_reason": ""} | known | form.cleaned_data
        reasons: list[Any] = list(stage.against_adding(given, _belonging(given), today()))
        if not reasons and "confirmed" in self.given:
            try:
                row = stage.add_person(
                    family=self.family, reference=reference(self.request, Person), given=given,
                    belonging=_belonging(given), by=self.by, at=self.at,
                )  # fmt: skip
            except Refused as refusal:
                reasons = list(refusal.reasons)
            else:
                return self._added(row)
        if reasons:
            told(form, Refused(reasons))
            return self._page(form, DETAILS, title)
        doubts = [*remembered.warnings(given), *details.doubts(given, today())]
        return self._check(facts(*described(given), *_belongs(given)), doubts=doubts)

    # What these have in common

    def _details(self) -> Any:
        return self.given if self.step == DETAILS or "relationship" in self.given else None

    def _initial(self) -> dict[str, Any]:
        first = {} if households.members(self.family) else {"relationship": "lead", "lives_in_household": "yes"}
        return {"joined_on": today()} | first

    def _added(self, person: Person) -> HttpResponse:
        messages.success(self.request, f"The person {person.reference} is in the family.")
        return redirect("person_added", self.family.reference, person.reference)

    def _page(self, form: forms.Form, step: str, title: str, status: int = 200, **context: Any) -> HttpResponse:
        page = self._frame(form) | {"form": form, "step": step, "title": title, "submit": "Continue"}
        return render(self.request, "cohorts/people/step.html", page | context, status=status)

    def _check(self, rows: list[dict[str, Any]], **context: Any) -> HttpResponse:
        page = self._frame(forms.Form()) | {"title": "Add a person", "sections": [{"rows": rows}], **context}
        page["hidden"].append(("step", DETAILS))
        return render(self.request, "cohorts/people/check.html", page | {"submit": "Add this person"})

    def _frame(self, form: forms.Form) -> dict[str, Any]:
        here = {name for name in self.given if {name, name.rpartition("_")[0]} & form.fields.keys()}
        hidden = [(name, self.given[name]) for name in self.given if name not in CONTROLS | here]
        return {
            "caption": f"Family {self.family.reference}", "hidden": hidden,
            "drawn": draw(self.request, Person, "CP"), "back_href": reverse("family", args=[self.family.reference]),
        }  # fmt: skip


def _belonging(given: dict[str, Any]) -> Belonging:
    return Belonging(**{name: given[name] for name in BELONGING})


def _belongs(given: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("In the family as", Membership.RELATIONSHIPS[given["relationship"]]),
        ("Lives in the household", "Yes" if given["lives_in_household"] else "No"),
        ("Parental responsibility", "Yes" if given["parental_responsibility"] else "No"),
        ("Belongs to the family since", day(given["joined_on"])),
    ]


@of_family
def person_added(request: HttpRequest, family: Family, person: str) -> HttpResponse:
    """What may come next, once somebody is in the family."""
    row = of_the_family(family, person)
    context = {
        "title": "Add another person?", "caption": f"Family {family.reference}",
        "links": [
            ("Where they live", reverse("addresses", args=[family.reference, row.reference])),
            (f"The page of the person {row.reference}", reverse("person", args=[family.reference, row.reference])),
            (f"The page of the family {family.reference}", reverse("family", args=[family.reference])),
        ],
        "add_href": reverse("add_person", args=[family.reference]),
    }  # fmt: skip
    return render(request, "cohorts/people/added.html", context)
