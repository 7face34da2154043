"""Details seen: what a detail of a person is today, as a keyed digest, and which looks at one are still asked for."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from django.db.models import Q

from cohorts import households
from cohorts.models import Address, Look, Person
from cohorts.rules.look_again import DETAILS, OF_ADDRESS
from connecting_families.audit.keyed import keyed

NAMES = ("given_name", "middle_names", "family_name", "previous_family_names")
LINES = ("line_1", "line_2", "line_3", "line_4", "line_5")

Seen = Mapping[tuple[int, str], str]
"""Of people, by the keys of their surviving records, and of details: the keyed digest of each."""


def seen(people: Iterable[int], today: date, details: Collection[str] = tuple(DETAILS)) -> Seen:
    """The details of these people as they are today, each as a digest that only the council can compare."""
    keys = list(people)
    homes = dict[int, Address]()
    if OF_ADDRESS & set(details):
        standing = Address.objects.filter(Q(to_on=None) | Q(to_on__gt=today), person__in=keys, from_on__lte=today)
        homes = {home.person_id: home for home in standing.order_by("person_id", "from_on", "pk")}
    return {
        (row.pk, detail): keyed(f"{detail}:{_value(row, homes.get(row.pk), detail)}")
        for row in Person.objects.filter(pk__in=keys)
        for detail in details
    }


def _value(row: Person, home: Address | None, detail: str) -> str:
    if detail == "names":
        return "|".join(getattr(row, name) for name in NAMES)
    if detail == "address":
        return "|".join(getattr(home, line) for line in LINES) if home else ""
    if detail == "postcode":
        return home.postcode if home else ""
    return str(getattr(row, detail) or "")


def waiting(people: Collection[int] | None = None) -> list[Look]:
    """The looks that are still to be taken, of these people (keys of surviving records; None: of all), by key."""
    asked = Look.objects.filter(outcome=Look.WAITING).select_related("person").order_by("pk")
    if people is not None:
        merged = Person.objects.filter(merged_into__isnull=False).values("pk")
        asked = asked.filter(Q(person__in=people) | Q(person__in=merged))
    return list(asked)


def still_to_take(looks: Iterable[Look], today: date) -> Iterator[tuple[int, Look]]:
    """Of these looks those whose detail is as it was, each with the key of the record that it is about today."""
    found = list(looks)
    now = households.survivors({look.person_id for look in found})
    as_it_is = seen(set(now.values()), today, {look.detail for look in found})
    for look in found:
        key = now.get(look.person_id, look.person_id)
        if as_it_is.get((key, look.detail)) == look.seen_as:
            yield key, look
