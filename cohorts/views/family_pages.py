"""What the pages on a family's wishes share: who may open them, where they are, and what is said of records."""

import functools
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from cohorts import households
from cohorts.forms.wishes import name_of
from cohorts.models import Family, Person
from cohorts.other_teams import somebody_protected
from cohorts.rules.clocks import LONDON
from cohorts.rules.facts import FamilyFacts, Notice, PersonFacts
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.kit.pieces import tag
from connecting_families.staff.guards import acting, opened_by, somebody
from connecting_families.staff.roles import Permission

PARTS = {
    "family": "Family", "problems": "Problems", "engagements": "Work", "flag": "Flag", "notices": "Privacy notices",
    "consents": "Consent", "objections": "Objections", "family_requests": "Requests", "protections": "Protection",
}  # fmt: skip
OTHER_TEAM = "This is a family of another team. Ask that team, or an Early Help manager."
PROTECTED = (
    "This is a family of another team, and somebody in it is protected. Ask that team, or an Early Help manager."
)
OPENED, OPEN_FOR = "families_of_others", timedelta(hours=1)
"""The families of other teams that were opened in a session, each with the moment when it closes again."""
Page = Callable[..., HttpResponse]


def of_family(view: Page, *permissions: Permission, takes: bool = False) -> Any:
    """A page of a family of the own team, or (for who sees all) of any; opening it is recorded, and so is a refusal.

    `permissions` are those that it needs, if seeing families is not enough. A family of another team is opened with a
    reason first (`families.open_family`). `takes`: as of `opened_by`.
    """

    def opened(request: HttpRequest, /, family: str, **named: Any) -> HttpResponse:
        row = get_object_or_404(Family, reference=family)
        if not is_own(request, row) and not is_open(request, row):
            if request.method == "GET" and not protected(row):
                return redirect("open_family", row.reference)
            refuse(request, row, view.__name__)
        if request.method == "GET":
            _record(request, Event.WISHES_VIEWED, row, {"page": view.__name__})
        return view(request, row, **named)

    functools.update_wrapper(opened, view)
    who = permissions or (Permission.SEE_OWN_FAMILIES, Permission.SEE_ALL_FAMILIES)
    return opened_by(*who, takes=takes)(opened)


def is_own(request: HttpRequest, row: Family) -> bool:
    """Whether a family is this person's to open without a reason."""
    user = somebody(request)
    own = bool(user.team and user.team == row.team)
    return user.may(Permission.SEE_ALL_FAMILIES) or (own and user.may(Permission.SEE_OWN_FAMILIES))


def records(request: HttpRequest) -> bool:
    """Whether whoever opens a family may record about it, and does not read alone."""
    user = somebody(request)
    return user.may(Permission.SEE_OWN_FAMILIES) or user.may(Permission.SEE_ALL_FAMILIES)


def is_open(request: HttpRequest, row: Family) -> bool:
    """Whether a family of another team was opened with a reason, in this session and not long ago."""
    until = request.session.get(OPENED, {}).get(row.reference, 0)
    return timezone.now().timestamp() < until and not protected(row)


def open_with_reason(request: HttpRequest, row: Family, reason: str) -> None:
    """Open a family of another team for an hour of this session. The reason is recorded, and governance reads it."""
    at = timezone.now()
    with trail.act():
        trail.record(Event.OTHER_TEAMS_FAMILY_OPENED, who=acting(request), at=at, about=row, reason=reason)
        known = request.session.get(OPENED, {})
        request.session[OPENED] = known | {row.reference: (at + OPEN_FOR).timestamp()}


def protected(row: Family) -> bool:
    """Whether a mark of any kind stands, or will, on somebody who is or was in the family: then no other team looks."""
    return somebody_protected(households.members(row), today())


def refuse(request: HttpRequest, row: Family, page: str) -> NoReturn:
    """Record that a page of another team's family was refused, and refuse it (PermissionDenied says why)."""
    _record(request, Event.ACCESS_REFUSED, row, {"reasons": ["OTHER_TEAM"], "page": page})
    raise PermissionDenied(PROTECTED if protected(row) else OTHER_TEAM)


def _record(request: HttpRequest, event: Event, about: Family, details: dict[str, Any]) -> None:
    with trail.act():
        trail.record(event, who=acting(request), at=timezone.now(), about=about, details=details)


def today() -> date:
    """The day in London."""
    return timezone.now().astimezone(LONDON).date()


def parts(family: Family, here: str) -> list[dict[str, object]]:
    """The pages on a family's wishes, for the sub-navigation."""
    return [
        {"text": text, "href": reverse(name, args=[family.reference]), "active": name == here}
        for name, text in PARTS.items()
    ]


def records_of(people: Sequence[Person]) -> list[int]:
    """The keys of these people's records, merged ones too."""
    return households.records_of(people)


def about_these(family: Family, people: Sequence[Person]) -> Q:
    """Whatever is about the family, or about one of these people."""
    return Q(family=family) | Q(person__in=records_of(people))


def whom(row: Any) -> str:
    """Whom a record is about, in words."""
    if row.person_id:
        return name_of(households.survivor(row.person))
    return "The whole family" if row.family_id else "Nobody found yet"


def named(person: PersonFacts) -> str:
    """A person's name as people say it, from their facts; the reference where no name is known."""
    return " ".join(filter(None, (person.given_name, person.family_name))) or person.person_ref


def notices_of(known: FamilyFacts) -> list[Notice]:
    """The notices that a family was given, or somebody who ever was in it."""
    return [*known.notices, *(notice for person in known.people for notice in person.notices)]


def day(value: date | None) -> str:
    """A day in words; empty for none."""
    return f"{value:%-d %B %Y}" if value else ""


def flag_in_words(row: Family) -> str:
    """Whether a family is flagged."""
    if row.flagged_on is None:
        return "Not flagged"
    if row.lifted_on is not None and row.lifted_on <= today():
        return f"Flag lifted on {day(row.lifted_on)}"
    return f"Flagged since {day(row.flagged_on)}"


def datasets_in_words(codes: Sequence[str]) -> str:
    """Which datasets something is about."""
    return ", ".join(codes) or "All datasets"


def objection_tag(row: Any) -> object:
    """Whether an objection stands."""
    if row.lifted_at is not None:
        return tag("Lifted", "grey")
    if row.refused_at is not None:
        return tag("Refused", "grey")
    if row.person_id is None and row.family_id is None:
        return tag("Stands, unmatched", "red")
    return tag("Stands, upheld" if row.decided_at else "Stands, being looked at", "green")
