"""Other teams: whose families a person is in, and whose record opens to no other team."""

from collections.abc import Collection, Iterable
from datetime import date

from django.db.models import Q

from cohorts import households
from cohorts.models import Family, Membership, Person, Protection
from connecting_families.audit.trail import Who
from connecting_families.staff.models import User
from connecting_families.staff.roles import Permission, permits


def team_of(by: Who) -> str:
    """The Early Help team of whoever acts; empty for none."""
    return User.objects.get(pk=by.person).team


def sees_every_team(by: Who) -> bool:
    """Whether every team's families are theirs to see."""
    return permits(by.role, Permission.SEE_ALL_FAMILIES)


def families_of(person: Person) -> list[Family]:
    """The families that a person is or was in, under whichever record."""
    families = Family.objects.filter(memberships__person__in=households.records_of([person]))
    return list(families.distinct().order_by("reference"))


def only_of_others(person: Person, teams: Iterable[str]) -> bool:
    """Whether a person is or was in families, and in none of these teams."""
    known = {family.team for family in families_of(person)}
    return bool(known) and known.isdisjoint(filter(None, teams))


def somebody_protected(people: Iterable[Person], today: date) -> bool:
    """Whether a mark of any kind stands, or will, on one of these people."""
    marks = Protection.objects.filter(person__in=households.records_of(people))
    return marks.filter(Q(to_on=None) | Q(to_on__gt=today)).exists()


def with_somebody_protected(references: Collection[str], today: date) -> set[str]:
    """Which of these families have a member, today or ever, on whom a mark of any kind stands, or will."""
    members = list(
        Membership.objects.filter(family__reference__in=references).values_list("family__reference", "person_id")
    )
    counts_as = households.survivors(person for _, person in members)
    records = households.records_of(Person.objects.filter(pk__in=set(counts_as.values())).only("pk"))
    marks = Protection.objects.filter(Q(to_on=None) | Q(to_on__gt=today), person__in=records)
    marked = set(households.survivors(marks.values_list("person_id", flat=True)).values())
    return {reference for reference, person in members if counts_as.get(person) in marked}


def is_closed(person: Person, by: Who, today: date) -> bool:
    """Whether nothing of a person may be shown to whoever acts: they, or somebody of their families, are protected, and
    no family of theirs is of the own team. In a family with a protected person each of its people gives that one away.
    """
    if sees_every_team(by):
        return False
    families, team = families_of(person), team_of(by)
    if team and any(family.team == team for family in families):
        return False
    related = [other for family in families for other in households.members(family)]
    return somebody_protected([person, *related], today)
