"""Households: who belongs to a family on a day, where somebody lives, and whose address may stand on no letter."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from cohorts.models import Address, Family, Membership, Objection, Person

# From a few records along their merges, by keys: cohorts_survivor, the view, follows those of everybody. A circle of
# merges (files refuse them) has no end: who is on one is left out of the first, and each is there once in the second.
SURVIVORS = """
    WITH RECURSIVE chain (record, id) AS (
        SELECT id, id FROM unnest(%s::bigint[]) AS asked (id)
        UNION
        SELECT chain.record, p.merged_into_id FROM chain JOIN cohorts_person p ON p.id = chain.id
        WHERE p.merged_into_id IS NOT NULL
    )
    SELECT chain.record, chain.id FROM chain JOIN cohorts_person p ON p.id = chain.id WHERE p.merged_into_id IS NULL
"""
RECORDS = """
    WITH RECURSIVE own (id) AS (
        SELECT id FROM unnest(%s::bigint[]) AS asked (id)
        UNION
        SELECT p.id FROM own JOIN cohorts_person p ON p.merged_into_id = own.id
    )
    SELECT id FROM own
"""

# A mark that begins tomorrow keeps an address off the letter that is printed today.
MARKED = """
    WITH survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
    marked AS (
        SELECT coalesce(s.survivor_id, p.person_id) AS id
        FROM cohorts_protection p LEFT JOIN survivor s ON s.person_id = p.person_id
        WHERE p.to_on IS NULL OR p.to_on > %(day)s
    ),
    at_home AS (
        SELECT m.family_id, coalesce(s.survivor_id, m.person_id) AS id
        FROM cohorts_membership m LEFT JOIN survivor s ON s.person_id = m.person_id
        WHERE m.lives_in_household AND (m.left_on IS NULL OR m.left_on > %(day)s)
        AND m.family_id IN (
            SELECT family_id FROM cohorts_membership
            WHERE person_id = %(person)s OR person_id IN (SELECT person_id FROM survivor WHERE survivor_id = %(person)s)
        )
    ),
    records AS (
        SELECT id AS person_id FROM marked UNION SELECT s.person_id FROM survivor s JOIN marked ON id = s.survivor_id
    ),
    kept AS (
        SELECT uprn, regexp_replace(upper(line_1 || postcode), '[^A-Z0-9]', '', 'g') AS written
        FROM cohorts_address JOIN records USING (person_id) WHERE to_on IS NULL OR to_on > %(day)s
    ),
    here AS (
        SELECT uprn, regexp_replace(upper(line_1 || postcode), '[^A-Z0-9]', '', 'g') AS written
        FROM cohorts_address WHERE person_id = %(person)s AND (%(ever)s OR to_on IS NULL OR to_on > %(day)s)
    )
    SELECT EXISTS (SELECT FROM marked WHERE id = %(person)s)
        OR EXISTS (
            SELECT FROM at_home here JOIN at_home other USING (family_id) JOIN marked ON marked.id = other.id
            WHERE here.id = %(person)s
        )
        OR EXISTS (
            SELECT FROM here JOIN kept ON (here.uprn <> '' AND kept.uprn = here.uprn)
                OR (here.written <> '' AND kept.written = here.written)
        )
"""

# The same for many people at once, whatever address they ever had.
MARKED_AMONG = """
    WITH survivor AS MATERIALIZED (SELECT person_id, survivor_id FROM cohorts_survivor),
    asked AS (
        SELECT id AS person_id FROM unnest(%(people)s::bigint[]) AS given (id)
        UNION SELECT person_id FROM survivor WHERE survivor_id = ANY (%(people)s::bigint[])
    ),
    marked AS (
        SELECT coalesce(s.survivor_id, p.person_id) AS id
        FROM cohorts_protection p LEFT JOIN survivor s ON s.person_id = p.person_id
        WHERE p.to_on IS NULL OR p.to_on > %(day)s
    ),
    at_home AS (
        SELECT m.family_id, coalesce(s.survivor_id, m.person_id) AS id
        FROM cohorts_membership m LEFT JOIN survivor s ON s.person_id = m.person_id
        WHERE m.lives_in_household AND (m.left_on IS NULL OR m.left_on > %(day)s)
        AND m.family_id IN (SELECT family_id FROM cohorts_membership JOIN asked USING (person_id))
    ),
    records AS (
        SELECT id AS person_id FROM marked UNION SELECT s.person_id FROM survivor s JOIN marked ON id = s.survivor_id
    ),
    kept AS MATERIALIZED (
        SELECT uprn, regexp_replace(upper(line_1 || postcode), '[^A-Z0-9]', '', 'g') AS written
        FROM cohorts_address JOIN records USING (person_id) WHERE to_on IS NULL OR to_on > %(day)s
    ),
    here AS MATERIALIZED (
        SELECT person_id, uprn, regexp_replace(upper(line_1 || postcode), '[^A-Z0-9]', '', 'g') AS written
        FROM cohorts_address WHERE person_id = ANY (%(people)s::bigint[])
    )
    SELECT id FROM (
        SELECT id FROM marked
        UNION SELECT here.id FROM at_home here JOIN at_home other USING (family_id) JOIN marked ON marked.id = other.id
        UNION SELECT here.person_id FROM here JOIN kept USING (uprn) WHERE here.uprn <> ''
        UNION SELECT here.person_id FROM here JOIN kept USING (written) WHERE here.written <> ''
    ) withheld WHERE id = ANY (%(people)s::bigint[])
"""


def members(family: Family, day: date | None = None) -> list[Person]:
    """Who is a member of the family on a day (None: who ever was one), as surviving records, by reference."""
    standing = Q() if day is None else Q(joined_on__lte=day) & (Q(left_on=None) | Q(left_on__gt=day))
    keys = family.memberships.filter(standing).values_list("person_id", flat=True)
    return list(Person.objects.filter(pk__in=survivors(keys).values()).order_by("reference"))


def survivors(keys: Iterable[int]) -> dict[int, int]:
    """The keys of records, each with the key of the record that it counts as: its own, unless it is merged."""
    with connection.cursor() as cursor:
        cursor.execute(SURVIVORS, [list(keys)])
        return dict(cursor.fetchall())


def survivor(person: Person) -> Person:
    """The record that a merged one counts as; a record that is not merged is its own."""
    if person.merged_into_id is None:
        return person
    key = survivors([person.pk]).get(person.pk)
    return Person.objects.get(pk=key) if key else person


def records_of(people: Iterable[Person]) -> list[int]:
    """The keys of surviving records and of every record merged into them."""
    with connection.cursor() as cursor:
        cursor.execute(RECORDS, [[person.pk for person in people]])
        return [key for (key,) in cursor.fetchall()]


def covered(objection: Objection, day: date | None = None) -> list[Person]:
    """Whom an objection is about, as surviving records: a person, those to whom it was narrowed, or a whole family.

    Of a family, who is a member on a day (None: who ever was one).
    """
    narrowed = [person.pk for person in objection.narrowed_to.all()]
    row = Covering(objection.pk, objection.person_id, objection.family_id, narrowed)
    keys = covered_by_each([row], day)[objection.pk]
    people = Person.objects.in_bulk(keys)
    return [people[key] for key in keys]


class Covering(NamedTuple):
    """An objection by keys: for a person, for a family, or (for a family) narrowed to some of it."""

    key: int
    person_id: int | None
    family_id: int | None
    narrowed: list[int]


def covered_by_each(objections: Sequence[Covering], day: date | None = None) -> dict[int, list[int]]:
    """The keys of those whom each of many objections is about: three questions, however many they are."""
    named = {row.key: [row.person_id] if row.person_id is not None else row.narrowed for row in objections}
    families = {row.key: row.family_id for row in objections if row.family_id is not None and not named[row.key]}
    joined = Q() if day is None else Q(joined_on__lte=day) & (Q(left_on=None) | Q(left_on__gt=day))
    members_of = defaultdict(list)
    found = Membership.objects.filter(joined, family__in=set(families.values())).order_by("person__reference")
    for family, person in found.values_list("family_id", "person_id"):
        members_of[family].append(person)
    keys = named | {key: members_of[family] for key, family in families.items()}
    one = survivors({each for listed in keys.values() for each in listed})
    return {key: list(dict.fromkeys(one[record] for record in listed if record in one)) for key, listed in keys.items()}


def address_on(person: Person, day: date) -> Address | None:
    """Where a person lives on a day: of several addresses the one that began last, then the one entered last."""
    standing = person.addresses.filter(from_on__lte=day).exclude(to_on__lte=day)
    return standing.order_by("from_on", "pk").last()


def address_withheld(person: Person, day: date, *, ever: bool = False) -> bool:
    """Whether a person's address may stand on no letter; with `ever`, whether any that they ever had may not.

    A mark protects the address of whoever bears it, of everyone in the household with them, and the place itself,
    whoever else is recorded there. A mark of any kind does, also one that has not begun: in doubt the letter is handed
    over.
    """
    with connection.cursor() as cursor:
        cursor.execute(MARKED, {"person": person.pk, "day": day, "ever": ever})
        (withheld,) = cursor.fetchone()
    return bool(withheld)


def addresses_withheld(people: Iterable[int], day: date) -> set[int]:
    """The keys of those of these people of whom no address that they ever had may be shown (`address_withheld`)."""
    with connection.cursor() as cursor:
        cursor.execute(MARKED_AMONG, {"people": list(people), "day": day})
        return {key for (key,) in cursor.fetchall()}
