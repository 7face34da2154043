"""Families as facts: streamed in family order for a run, one by one for a page.

Every kind of record is read by one query in the order of families and people, and the queries are walked side by
side: a family's facts are put together from whatever rows carry its number, and forgotten again.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.db import connection

from cohorts import frameworks
from cohorts.models import NoticeVersion, Round
from cohorts.rules import facts
from cohorts.rules.clocks import moment

Row = tuple[Any, ...]
Fact = TypeVar("Fact", bound=Row)

# Flagged families and everyone who ever was a member, as the surviving record; numbered in the order of references.
MEMBERS = """
    SELECT dense_rank() OVER (ORDER BY family_ref) AS family, row_number() OVER (ORDER BY family_ref, person_ref) AS n,
           family_ref, person_ref, family_id, person_id
    FROM (
        SELECT DISTINCT f.reference AS family_ref, p.reference AS person_ref, f.id AS family_id, p.id AS person_id
        FROM cohorts_family f
        JOIN cohorts_membership m ON m.family_id = f.id
        LEFT JOIN cohorts_survivor s ON s.person_id = m.person_id
        JOIN cohorts_person p ON p.id = coalesce(s.survivor_id, m.person_id)
        WHERE f.flagged_on IS NOT NULL {which}
    ) everyone
"""

# Where the columns of a member row are no longer the person's own, but those of a membership.
OWN = 16

# The other families of the same people.
ELSEWHERE = """
    SELECT here.n, m.family_id, m.joined_on, m.left_on, m.relationship, m.lives_in_household, m.parental_responsibility,
           m.id
    FROM cohorts_membership m
    LEFT JOIN cohorts_survivor s ON s.person_id = m.person_id
    JOIN run_member here ON here.person_id = coalesce(s.survivor_id, m.person_id) AND here.family_id <> m.family_id
"""

# The last column of an objection: the references of the persons to whom it was narrowed.
NARROWED = """
    (SELECT array_agg(named.reference ORDER BY named.reference)
     FROM cohorts_objection_narrowed_to n
     LEFT JOIN cohorts_survivor s ON s.person_id = n.person_id
     JOIN cohorts_person named ON named.id = coalesce(s.survivor_id, n.person_id)
     WHERE n.objection_id = o.id)
"""
OBJECTION = "o.received_at, o.lifted_at, o.refused_at, o.datasets"

# name of a stream -> what to read; the first column numbers the family or the member, and the rows come in its order.
FAMILY_STREAMS = {
    "family": """
        SELECT DISTINCT m.family, f.reference, f.id, f.flagged_on, f.lifted_on
        FROM run_member m JOIN cohorts_family f ON f.id = m.family_id ORDER BY 1
    """,
    "evidence": """
        SELECT here.family, p.reference, e.indicator, e.observed_on, e.in_error_at
        FROM run_family here
        JOIN cohorts_evidence e ON e.family_id = here.family_id
        LEFT JOIN cohorts_survivor s ON s.person_id = e.person_id
        LEFT JOIN cohorts_person p ON p.id = coalesce(s.survivor_id, e.person_id)
        ORDER BY 1, e.id
    """,
    "engagement": """
        SELECT here.family, e.started_on, e.ended_on
        FROM run_family here JOIN cohorts_engagement e ON e.family_id = here.family_id ORDER BY 1, e.id
    """,
    "family notice": """
        SELECT here.family, v.version, o.issued_on, o.id
        FROM run_family here JOIN cohorts_notice o ON o.family_id = here.family_id
        JOIN cohorts_noticeversion v ON v.id = o.version_id ORDER BY 1, o.id
    """,
    "family objection": f"""
        SELECT here.family, {OBJECTION}, {NARROWED}
        FROM run_family here JOIN cohorts_objection o ON o.family_id = here.family_id ORDER BY 1, o.id
    """,
}
PERSON_STREAMS = {
    "member": """
        SELECT here.n, here.family, p.id, p.reference, p.given_name, p.middle_names, p.family_name,
               p.previous_family_names, p.date_of_birth, p.sex, p.date_of_death, p.nino, p.nhs_number, p.upn, p.uln,
               p.in_education,
               m.joined_on, m.left_on, m.relationship, m.lives_in_household, m.parental_responsibility
        FROM cohorts_membership m
        LEFT JOIN cohorts_survivor s ON s.person_id = m.person_id
        JOIN run_member here ON here.person_id = coalesce(s.survivor_id, m.person_id) AND here.family_id = m.family_id
        JOIN cohorts_person p ON p.id = here.person_id
        ORDER BY 1, m.id
    """,
    "address": """
        SELECT here.n, a.line_1, a.line_2, a.line_3, a.line_4, a.line_5, a.postcode, a.from_on, a.to_on, a.id
        FROM run_member here JOIN cohorts_address a ON a.person_id = here.person_id ORDER BY 1, a.id
    """,
    "notice": """
        SELECT here.n, v.version, o.issued_on, o.id
        FROM cohorts_notice o
        LEFT JOIN cohorts_survivor s ON s.person_id = o.person_id
        JOIN run_member here ON here.person_id = coalesce(s.survivor_id, o.person_id)
        JOIN cohorts_noticeversion v ON v.id = o.version_id
        ORDER BY 1, o.id
    """,
    "consent": """
        SELECT here.n, v.version, c.purpose, c.given_on, c.withdrawn_at, c.datasets
        FROM cohorts_consent c
        LEFT JOIN cohorts_survivor s ON s.person_id = c.person_id
        JOIN run_member here ON here.person_id = coalesce(s.survivor_id, c.person_id)
        JOIN cohorts_noticeversion v ON v.id = c.version_id
        ORDER BY 1, c.id
    """,
    "objection": f"""
        SELECT here.n, {OBJECTION}
        FROM cohorts_objection o
        LEFT JOIN cohorts_survivor s ON s.person_id = o.person_id
        JOIN run_member here ON here.person_id = coalesce(s.survivor_id, o.person_id)
        ORDER BY 1, o.id
    """,
    "protection": """
        SELECT here.n, o.kind, o.from_on, o.to_on
        FROM cohorts_protection o
        LEFT JOIN cohorts_survivor s ON s.person_id = o.person_id
        JOIN run_member here ON here.person_id = coalesce(s.survivor_id, o.person_id)
        ORDER BY 1, o.id
    """,
    "elsewhere": """
        SELECT n, family_id, joined_on, left_on, relationship, lives_in_household, parental_responsibility
        FROM run_elsewhere ORDER BY 1, 2, id
    """,
    "elsewhere notice": """
        SELECT here.n, here.family_id, v.version, o.issued_on, o.id
        FROM (SELECT DISTINCT n, family_id FROM run_elsewhere) here
        JOIN cohorts_notice o ON o.family_id = here.family_id
        JOIN cohorts_noticeversion v ON v.id = o.version_id
        ORDER BY 1, 2, o.id
    """,
    "elsewhere objection": f"""
        SELECT here.n, here.family_id, {OBJECTION}, {NARROWED}
        FROM (SELECT DISTINCT n, family_id FROM run_elsewhere) here
        JOIN cohorts_objection o ON o.family_id = here.family_id
        ORDER BY 1, 2, o.id
    """,
    "shared": """
        SELECT here.n, field
        FROM run_shared JOIN run_member here USING (person_id) ORDER BY 1, 2
    """,
}

# Numbers that stand on two people who are not merged, in their normal form (DQ208).
SHARED = " UNION ALL ".join(
    f"""
    SELECT unnest(array_agg(id)) AS person_id, '{field}' AS field
    FROM cohorts_person WHERE {field} <> '' AND merged_into_id IS NULL
    GROUP BY upper(replace({field}, ' ', '')) HAVING count(*) > 1
    """
    for field in ("nhs_number", "nino", "upn")
)


# After the last row of a stream: no number is as high.
END: Row = (sys.maxsize,)


class Streamed(NamedTuple):
    """One family as the run reads it: its facts, the keys of its rows, and a digest over all that was read."""

    family: facts.FamilyFacts
    family_id: int
    person_ids: dict[str, int]
    digest: str


class _Rows:
    """The rows of one stream, handed out by the number in their first column, which only ever grows."""

    def __init__(self, name: str, sql: str, chunk: int) -> None:
        self.cursor = connection.connection.cursor(name=f"facts_{name.replace(' ', '_')}")
        self.cursor.execute(sql, binary=True)
        self.chunk = chunk
        self.next = partial(next, self._walk(), END)
        self.row = self.next()

    def _walk(self) -> Iterator[Row]:
        while rows := self.cursor.fetchmany(self.chunk):
            yield from rows

    def of(self, number: int) -> tuple[Row, ...]:
        """The rows of this number, without it."""
        row = self.row
        if row[0] > number:
            return ()
        found = []
        while row[0] <= number:
            if row[0] == number:
                found.append(row[1:])
            row = self.next()
        self.row = row
        return tuple(found)


def question(round_: Round, run_at: datetime) -> facts.Question:
    """What this round asks, as at this instant."""
    versions = NoticeVersion.objects.all()
    return facts.Question(
        moment(round_.cut_off, run_at),
        frameworks.load(round_.framework, round_.framework_version),
        tuple(round_.datasets),
        frozenset(round_.recipients),
        round_.notice_days,
        round_.scope == "honoured",
        {
            v.version: facts.NoticeVersion(
                v.version, v.published_on, v.basis, frozenset(v.datasets), frozenset(v.recipients)
            )
            for v in versions
        },
    )


def stream(*, only: str = "", parameters: Sequence[Any] = (), chunk: int = 2_000) -> Iterator[Streamed]:
    """Every flagged family in the order of references, by server-side cursors of the transaction that is open.

    `only` narrows the families by a condition on `f` (the family), with its `parameters`. The caller has opened a
    transaction; one snapshot for all needs REPEATABLE READ.
    """
    _prepare(only, parameters)
    streams = {name: _Rows(name, sql, chunk) for name, sql in (FAMILY_STREAMS | PERSON_STREAMS).items()}
    yield from _families(streams)
    with connection.cursor() as cursor:
        for name in streams:
            cursor.execute(f"CLOSE facts_{name.replace(' ', '_')}")
        cursor.execute("DROP TABLE run_shared, run_elsewhere, run_family, run_member")


def of_family(reference: str) -> facts.FamilyFacts | None:
    """The facts of one family, for a page; None where there is none, or it has neither flag nor members."""
    for streamed in stream(only="AND f.reference = %s", parameters=[reference], chunk=100):
        return streamed.family
    return None


def _prepare(only: str, parameters: Sequence[Any]) -> None:
    """Number the members once; the streams join to that."""
    with connection.cursor() as cursor:
        # A cursor is planned for its first tenth unless told; sorts of one council fit in memory.
        cursor.execute("SET LOCAL cursor_tuple_fraction = 1.0; SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        cursor.execute(
            f"CREATE TEMP TABLE run_member ON COMMIT DROP AS {MEMBERS.format(which=only)}", parameters or None
        )
        cursor.execute("ANALYZE run_member")
        cursor.execute(
            "CREATE TEMP TABLE run_family ON COMMIT DROP AS SELECT DISTINCT family, family_id FROM run_member"
        )
        cursor.execute(f"CREATE TEMP TABLE run_elsewhere ON COMMIT DROP AS {ELSEWHERE}")
        cursor.execute(f"CREATE TEMP TABLE run_shared ON COMMIT DROP AS {SHARED}")
        cursor.execute("ANALYZE run_family, run_elsewhere, run_shared")


def _families(streams: dict[str, _Rows]) -> Iterator[Streamed]:
    member, of = streams["member"], {name: streams[name].of for name in FAMILY_STREAMS}
    person = _People(streams)
    families = streams["family"]
    while families.row is not END:
        number, *family_row = families.row
        families.row = families.next()
        read: list[Any] = [family_row]
        people, person_ids = [], {}
        row = member.row
        while row is not END and row[1] == number:
            n, own, memberships = row[0], row[3:OWN], [row[OWN:]]
            person_ids[row[3]] = row[2]
            while (row := member.next())[0] == n:
                memberships.append(row[OWN:])
            people.append(person.of(n, own, memberships, read))
        member.row = row
        evidence, engagements = of["evidence"](number), of["engagement"](number)
        notices, objections = of["family notice"](number), of["family objection"](number)
        read += (evidence, engagements, notices, objections)
        reference, family_id, flagged_on, lifted_on = family_row
        family = facts.FamilyFacts(
            reference,
            flagged_on,
            lifted_on,
            tuple(people),
            _each(facts.Evidence, evidence),
            _each(facts.Engagement, engagements),
            _each(facts.Notice, notices),
            tuple([_family_objection(row) for row in objections]),
        )
        yield Streamed(family, family_id, person_ids, hashlib.sha256(repr(read).encode()).hexdigest()[:32])


def _each(kind: type[Fact], rows: Sequence[Row]) -> tuple[Fact, ...]:
    """Rows as facts of a kind, whose fields they are: made without the detour over the fields' names."""
    return tuple([tuple.__new__(kind, row) for row in rows]) if rows else ()


class _People:
    """Puts a person together from the streams of people; what few people have is looked for only where it comes."""

    RARE = ("notice", "objection", "protection", "elsewhere", "elsewhere notice", "elsewhere objection", "shared")

    def __init__(self, streams: Mapping[str, _Rows]) -> None:
        self.addresses, self.consents = streams["address"].of, streams["consent"].of
        self.rare = [streams[name] for name in self.RARE]
        self._look()

    def _look(self) -> None:
        self.next_rare = min(rows.row[0] for rows in self.rare)

    def of(self, n: int, own: Row, memberships: Sequence[Row], read: list[Any]) -> facts.PersonFacts:
        """The person of this number; the rows read are added to `read`."""
        addresses, consents = self.addresses(n), self.consents(n)
        read += (own, memberships, addresses, consents)
        agreed = [(*row[:4], tuple(row[4])) for row in consents] if consents else ()
        common = (*own, _each(facts.Membership, memberships), _each(facts.Address, addresses))
        if n < self.next_rare:
            return facts.PersonFacts._make((*common, (), _each(facts.Consent, agreed), (), (), (), ()))
        notices, objections, protections, other, told, said, shared = rows = [each.of(n) for each in self.rare]
        read += rows
        self._look()
        return facts.PersonFacts._make(
            (
                *common,
                _each(facts.Notice, notices),
                _each(facts.Consent, agreed),
                tuple([facts.Objection(row[0], row[1], row[2], tuple(row[3])) for row in objections]),
                _each(facts.Protection, protections),
                _elsewhere(other, told, said),
                tuple([row[0] for row in shared]),
            )
        )


def _family_objection(row: Row) -> facts.Objection:
    received_at, lifted_at, refused_at, datasets, narrowed = row
    persons = frozenset(narrowed) if narrowed is not None else None
    return facts.Objection(received_at, lifted_at, refused_at, tuple(datasets), persons)


def _elsewhere(
    memberships: Sequence[Row], notices: Sequence[Row], objections: Sequence[Row]
) -> tuple[facts.OtherFamily, ...]:
    return tuple(
        facts.OtherFamily(
            tuple(facts.Membership(*row[1:]) for row in memberships if row[0] == family_id),
            tuple(facts.Notice(*row[1:]) for row in notices if row[0] == family_id),
            tuple(_family_objection(row[1:]) for row in objections if row[0] == family_id),
        )
        for family_id in dict.fromkeys(row[0] for row in memberships)
    )
