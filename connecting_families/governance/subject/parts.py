"""What a report is made of: parts with rows, the same for the page, the paper and the file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Q

from cohorts import households
from cohorts.models import Family, Person, Protection
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES

NOT_WRITTEN = "Held, and not written here"
"""In place of what could tell somebody else where, or that, a person is protected (docs/decisions/0046)."""
ABUSE = frozenset({"TF5", "SF06", "SF08"})
"""Headline problems of which no paper tells: whoever lives with the person may read it, and be the one who did it."""


class Part(NamedTuple):
    """One kind of what is held: `columns` are the names of its values in the file, each with its heading on paper.

    A value is a text, a number, a day, an instant, a yes or no, or a list of texts.
    """

    code: str
    title: str
    columns: dict[str, str]
    rows: list[dict[str, Any]]
    empty: str
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the file holds it: instants and days in ISO 8601."""
        return {"title": self.title, "note": self.note, "rows": [_plain(row) for row in self.rows]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def part(
    code: str, title: str, columns: dict[str, str], rows: Iterable[Iterable[Any]], *, empty: str, note: str = ""
) -> Part:
    """A part whose rows are given in the order of its columns."""
    return Part(code, title, columns, [dict(zip(columns, row, strict=True)) for row in rows], empty, note)


@dataclass
class Hands:
    """Members of staff as a report names them: by role, with a number that tells two of one role apart.

    Whose data a report is about has a right to who looked by role and purpose; a colleague's name is another person's
    (docs/decisions/0046). Information governance finds it in the trail.
    """

    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _roles: dict[str, str] | None = None

    def of(self, who: str, role: str) -> str:
        """Somebody who acted, as the trail has them: a user name with the role at the time, or a duty."""
        if who.startswith("system:"):
            return "The program, by itself"
        title = ROLES[role].title if role in ROLES else "A member of staff"
        number = self._numbers.setdefault((title, who), 1 + sum(1 for other, _ in self._numbers if other == title))
        return f"{title} {number}"

    def named(self, username: str) -> str:
        """Somebody whom a record names; whoever has no account here (a file named them) is a member of staff."""
        if self._roles is None:
            self._roles = dict(User.objects.values_list("username", "role"))
        if not username:
            return ""
        return self.of(username, self._roles[username]) if username in self._roles else "A member of staff"


@dataclass(frozen=True)
class Subject:
    """Whom a report is about: the surviving record and all that count as it; whether where they live is kept back."""

    person: Person
    records: tuple[Person, ...]
    today: date
    withheld: bool
    hands: Hands

    @property
    def keys(self) -> list[int]:
        """The keys of all records."""
        return [record.pk for record in self.records]

    @property
    def references(self) -> dict[int, str]:
        """The reference of each record by its key."""
        return {record.pk: record.reference for record in self.records}

    @property
    def families(self) -> list[Family]:
        """The families that they are or were in, under whichever record."""
        rows = Family.objects.filter(memberships__person__in=self.keys)
        return list(rows.distinct().order_by("reference"))

    def was_in(self) -> Callable[[int, date], bool]:
        """Whether they were in a family (by its key) on a day: nothing from before or after is about them."""
        spans: dict[int, list[tuple[date, date | None]]] = {}
        for record in self.records:
            for membership in record.memberships.all():
                spans.setdefault(membership.family_id, []).append((membership.joined_on, membership.left_on))

        def stood(family: int, day: date) -> bool:
            return any(begins <= day and (ends is None or ends > day) for begins, ends in spans.get(family, []))

        return stood


def subject_of(person: Person, today: date) -> Subject:
    """The person of a record, whichever of theirs it is."""
    survivor = households.survivor(person)
    keys = households.records_of([survivor])
    records = sorted(Person.objects.filter(pk__in=keys), key=lambda row: (row.pk != survivor.pk, row.reference))
    return Subject(survivor, tuple(records), today, _kept_back(survivor, keys, today), Hands())


def _kept_back(survivor: Person, keys: list[int], today: date) -> bool:
    """Whether no address may stand on paper: of whoever is or was marked, and of all who shared a family with them.

    More than what keeps an address off a letter: of a place in which somebody was hidden once, others may be hidden.
    """
    if households.addresses_withheld({survivor.pk, *keys}, today):
        return True
    shared = Q(memberships__family__memberships__person__in=keys)
    kin = Person.objects.filter(shared | Q(pk__in=keys)).distinct()
    related = set(households.survivors(kin.values_list("pk", flat=True)).values())
    records = households.records_of(Person.objects.filter(pk__in=related))
    return Protection.objects.filter(person__in=records).exists()


def of_records(subject: Subject, rows: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Rows that name a person, each with the reference of the record that it is of."""
    for row in rows:
        yield subject.references.get(row.person_id, ""), row
