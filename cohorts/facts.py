"""Families as facts: some at a time in the order of their references for a run, one by one for a page.

Records are read as they lie, by the keys of the families and people at hand, and put together here: no query sorts or
joins more than these families have. A day is read as its text, which is what the digest is taken over.
"""

import hashlib
import marshal
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg
from django.db import connection

from cohorts import frameworks, shared_numbers
from cohorts.merges import AtHand, Merges
from cohorts.models import Cohort, Round, Settings
from cohorts.rules import facts
from cohorts.rules.clocks import moment
from cohorts.rules.facts import Address, Engagement, Evidence, Membership
from cohorts.shared_numbers import SharedNumbers

Row = tuple[Any, ...]
Rows = list[Row]

# Makes a fact from the values of its fields in order: without the detour over the fields' names.
make: Any = tuple.__new__

FLAGGED = "AND f.flagged_on IS NOT NULL"
TOGETHER = 1_000  # families that are read at once

# The keys are few, whatever the planner guesses of an array: it is to use the indexes, and to plan each query once.
SETTINGS = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true),
           set_config('datestyle', 'ISO', true), set_config('jit', 'off', true)
"""

FAMILIES = """
    SELECT f.id, f.reference, f.flagged_on::text, f.lifted_on::text FROM cohorts_family f
    WHERE f.reference > %s {only} ORDER BY f.reference LIMIT %s
"""
MEMBERS = "SELECT DISTINCT person_id FROM cohorts_membership WHERE family_id = ANY (%s::bigint[])"

# What is read of the people and families at hand, in the order of entry; the first column says whose it is, and the
# last is the row's own number.
MEMBERSHIPS = """
    SELECT person_id, family_id, joined_on::text, left_on::text, relationship, lives_in_household,
           parental_responsibility
    FROM cohorts_membership WHERE person_id = ANY (%s::bigint[]) ORDER BY id
"""
PEOPLE = """
    SELECT id, reference, given_name, middle_names, family_name, previous_family_names, date_of_birth::text, sex,
           date_of_death::text, nino, nhs_number, upn, uln, in_education
    FROM cohorts_person WHERE id = ANY (%s::bigint[])
"""
ADDRESSES = """
    SELECT person_id, line_1, line_2, line_3, line_4, line_5, postcode, from_on::text, to_on::text, id
    FROM cohorts_address WHERE person_id = ANY (%s::bigint[]) ORDER BY id
"""
NOTICE, NOTICES = "version_id, issued_on::text, id", "FROM cohorts_notice WHERE {} = ANY (%s::bigint[]) ORDER BY id"
PERSONAL_NOTICES = f"SELECT person_id, {NOTICE} {NOTICES.format('person_id')}"
FAMILY_NOTICES = f"SELECT family_id, {NOTICE} {NOTICES.format('family_id')}"
CONSENTS = """
    SELECT person_id, version_id, purpose, given_on::text, withdrawn_at::text, array_to_string(datasets, ';'), id
    FROM cohorts_consent WHERE person_id = ANY (%s::bigint[]) ORDER BY id
"""
OBJECTION = "received_at::text, lifted_at::text, refused_at::text, array_to_string(datasets, ';'), id"
OBJECTIONS = "FROM cohorts_objection WHERE {} = ANY (%s::bigint[]) ORDER BY id"
PERSONAL_OBJECTIONS = f"SELECT person_id, {OBJECTION} {OBJECTIONS.format('person_id')}"
FAMILY_OBJECTIONS = f"SELECT family_id, {OBJECTION} {OBJECTIONS.format('family_id')}"
NARROWED = "SELECT objection_id, person_id FROM cohorts_objection_narrowed_to WHERE objection_id = ANY (%s::bigint[])"
PROTECTIONS = """
    SELECT person_id, kind, from_on::text, to_on::text, id
    FROM cohorts_protection WHERE person_id = ANY (%s::bigint[]) ORDER BY id
"""
EVIDENCE = """
    SELECT family_id, person_id, indicator, observed_on::text, in_error_at::text
    FROM cohorts_evidence WHERE family_id = ANY (%s::bigint[]) ORDER BY id
"""
ENGAGEMENTS = """
    SELECT family_id, started_on::text, ended_on::text
    FROM cohorts_engagement WHERE family_id = ANY (%s::bigint[]) ORDER BY id
"""


class Known(NamedTuple):
    """What is looked up once for all families.

    Who counts as whom; the names of notice versions; the numbers that people share, and who may be on file twice (none
    where nobody asks: it takes a look at everybody).
    """

    merges: Merges
    versions: Mapping[int, str]
    shared: SharedNumbers
    doubtful: Set[int] = frozenset()


class Streamed(NamedTuple):
    """One family as the run reads it: its facts, the keys of its rows, and a digest over all that was read."""

    family: facts.FamilyFacts
    family_id: int
    person_ids: dict[str, int]
    digest: str


def question(round_: Round, run_at: datetime, settings: Settings | None = None) -> facts.Question:
    """What this round asks by now, or with other settings, as at this instant."""
    asks = settings or round_.settings
    return facts.Question(
        moment(round_.cut_off, run_at),
        frameworks.load(round_.framework, asks.framework_version),
        asks.datasets,
        frozenset(round_.recipients),
        asks.notice_days,
        asks.scope == "honoured",
        notice_versions(),
    )


def question_of(cohort: Cohort, run_at: datetime | None = None) -> facts.Question:
    """What was asked for a cohort, whatever its round asks by now; as at another instant than its own if given."""
    return question(cohort.round, run_at or cohort.run_at, cohort.settings)


def notice_versions() -> dict[str, facts.NoticeVersion]:
    """Every version of the notice, by its name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version, published_on, basis, datasets, recipients FROM cohorts_noticeversion")
        rows: Rows = cursor.fetchall()
    return {row[0]: facts.NoticeVersion(row[0], row[1], row[2], *map(frozenset, row[3:])) for row in rows}


def look_up(*, shared: bool = True) -> Known:
    """Look up what every family needs, in the transaction that is open."""
    numbers, doubtful = SharedNumbers(), set[int]()
    with connection.cursor() as cursor:
        if shared:
            with cursor.copy(shared_numbers.WHO_SHARES) as rows:
                numbers = SharedNumbers((int(person), int(marks)) for person, marks in rows.rows())
            cursor.execute("SELECT person_id FROM cohorts_doubtful")
            doubtful.update(person for (person,) in cursor)
        merges = Merges(cursor)
    return at_hand()._replace(merges=merges, shared=numbers, doubtful=doubtful)


def at_hand() -> Known:
    """What some families need: who counts as whom is looked up with them (no numbers, and nobody who is doubtful)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, version FROM cohorts_noticeversion")
        return Known(AtHand(), dict(cursor.fetchall()), SharedNumbers())


def stream(
    *,
    only: str = FLAGGED,
    parameters: Sequence[Any] = (),
    known: Known | None = None,
    people: Collection[int] | None = None,
) -> Iterator[Streamed]:
    """The families in the order of references, with everyone who ever was a member, as the surviving record.

    `only` narrows the families (all that ever were flagged) by a condition on `f`, with its `parameters`. With `people`
    they have these alone, and no addresses, evidence or engagements: no rule of permission reads those, or the others.
    The caller has opened a transaction; one snapshot for all needs REPEATABLE READ.
    """
    known = known or look_up()
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)
    last = ""
    with psycopg.Cursor(connection.connection) as raw:
        connection.connection.prepare_threshold = 1
        while True:
            raw.execute(FAMILIES.format(only=only), [last, *parameters, TOGETHER], binary=True)
            families = raw.fetchall()
            if families:
                yield from _Together(raw, families, known, people).put_together()
            if len(families) < TOGETHER:
                return
            last = families[-1][1]


def of_family(reference: str) -> facts.FamilyFacts | None:
    """The facts of one family, flagged or not, for a page; None where there is none.

    Whether its people share a number with anybody, or are on file twice, is not among them.
    """
    for streamed in stream(only="AND f.reference = %s", parameters=[reference], known=at_hand()):
        return streamed.family
    return None


@lru_cache(1 << 16)
def _day(text: str | None) -> Any:
    """The day of a text; None for none."""
    return text and date.fromisoformat(text)


@lru_cache(1 << 12)
def _instant(text: str | None) -> Any:
    """The instant of a text; None for none."""
    return text and datetime.fromisoformat(text)


@lru_cache(1 << 12)
def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split(";")) if text else ()


class _Together:
    """Some families, and all that is on file about them and their people, by whose it is."""

    def __init__(
        self, raw: "psycopg.Cursor[Row]", families: Rows, known: Known, people: Collection[int] | None
    ) -> None:
        self._raw, self._families, self._known, self._merges = raw, families, known, known.merges
        here, whole = _keys([row[0] for row in families]), people is None
        members = [row[0] for row in self._read(MEMBERS, here)] if people is None else people
        self._records = _keys(self._merges.all_of(raw, members))
        self._roles, others = self._memberships()
        self._evidence, self._engagements = (self._by(sql, here) if whole else {} for sql in (EVIDENCE, ENGAGEMENTS))
        everywhere = _keys(others.union([row[0] for row in families]))
        self._family_notices = self._by(FAMILY_NOTICES, everywhere)
        self._family_objections = self._by(FAMILY_OBJECTIONS, everywhere)
        self._narrowed = self._by_narrowed()
        self._people = {row[0]: row for row in self._read(PEOPLE, _keys(self._who_is_named()))}
        self._addresses = self._by(ADDRESSES, _keys(self._roles)) if whole else {}
        self._notices, self._consents, self._objections, self._protections = (
            self._by_survivor(query) for query in (PERSONAL_NOTICES, CONSENTS, PERSONAL_OBJECTIONS, PROTECTIONS)
        )

    def put_together(self) -> Iterator[Streamed]:
        """The families, one after the other."""
        members: dict[int, list[int]] = {row[0]: [] for row in self._families}
        for person, roles in self._roles.items():
            for family in roles:
                if family in members:
                    members[family].append(person)
        for row in self._families:
            yield self._family(row, members[row[0]])

    def _read(self, query: str, keys: str) -> Rows:
        self._raw.execute(query, [keys], binary=True)
        return self._raw.fetchall()

    def _by(self, query: str, keys: str) -> dict[int, Rows]:
        found: dict[int, Rows] = {}
        for row in self._read(query, keys):
            if row[0] in found:
                found[row[0]].append(row)
            else:
                found[row[0]] = [row]
        return found

    def _by_survivor(self, query: str) -> dict[int, Rows]:
        found = self._by(query, self._records)
        survivors = self._merges.survivors
        for record in found.keys() & survivors.keys():
            rows = [*found.pop(record), *found.get(survivors[record], ())]
            found[survivors[record]] = sorted(rows, key=_entered)
        return found

    def _survivor(self, record: int) -> int:
        return self._merges.survivors.get(record, record)

    def _memberships(self) -> tuple[dict[int, dict[int, Rows]], set[int]]:
        """The memberships of each person by family; and all those families."""
        roles: dict[int, dict[int, Rows]] = {}
        families = set()
        survivors = self._merges.survivors
        for row in self._read(MEMBERSHIPS, self._records):
            families.add(row[1])
            person = survivors[row[0]] if row[0] in survivors else row[0]
            if person not in roles:
                roles[person] = {row[1]: [row]}
            else:
                roles[person].setdefault(row[1], []).append(row)
        return roles, families

    def _by_narrowed(self) -> dict[int, set[int]]:
        """The persons (surviving records) to whom an objection was narrowed, by the number of the objection."""
        found: dict[int, set[int]] = {}
        objections = _keys([row[-1] for rows in self._family_objections.values() for row in rows])
        narrowed = self._read(NARROWED, objections)
        self._merges.reach(self._raw, [person for _, person in narrowed])
        for objection, person in narrowed:
            found.setdefault(objection, set()).add(self._survivor(person))
        return found

    def _who_is_named(self) -> set[int]:
        """Members, and whoever is named by evidence or a narrowed objection without being one."""
        evidence = {row[1] for rows in self._evidence.values() for row in rows if row[1] is not None}
        return self._merges.reach(self._raw, evidence).union(self._roles, *self._narrowed.values())

    def _family(self, row: Row, members: list[int]) -> Streamed:
        family_id, reference, flagged_on, lifted_on = row
        evidence, engagements = self._evidence.get(family_id, ()), self._engagements.get(family_id, ())
        notices, objections = self._family_notices.get(family_id, ()), self._family_objections.get(family_id, ())
        said = [self._objection_of_family(objection) for objection in objections]
        about = [self._people[self._survivor(row[1])][1] if row[1] is not None else None for row in evidence]
        read: list[Any] = [row, evidence, engagements, notices, objections, about]
        read += [sorted(objection.narrowed_to or ()) for objection in said]
        people = sorted([self._people[person] for person in members], key=_by_reference)
        persons = tuple([self._person(person, family_id, read) for person in people])
        family = facts.FamilyFacts(
            reference,
            _day(flagged_on),
            _day(lifted_on),
            persons,
            tuple(
                [make(Evidence, (a, r[2], _day(r[3]), _instant(r[4]))) for a, r in zip(about, evidence, strict=True)]
            ),
            tuple([make(Engagement, (_day(r[1]), _day(r[2]))) for r in engagements]),
            self._told(notices),
            tuple(said),
        )
        digest = hashlib.sha256(marshal.dumps(read, 2)).hexdigest()[:32]
        return Streamed(family, family_id, {person[1]: person[0] for person in people}, digest)

    def _person(self, own: Row, family_id: int, read: list[Any]) -> facts.PersonFacts:
        """A person of a family; the rows read are added to `read`."""
        key = own[0]
        roles = self._roles[key]
        memberships, addresses = roles[family_id], self._addresses.get(key, ())
        notices, consents = self._notices.get(key, ()), self._consents.get(key, ())
        objections, protections = self._objections.get(key, ()), self._protections.get(key, ())
        shared, doubtful = self._known.shared.of(key), key in self._known.doubtful
        read += (own, memberships, addresses, notices, consents, objections, protections, shared)
        read += ("doubtful",) if doubtful else ()
        elsewhere = () if len(roles) == 1 else self._elsewhere(roles, family_id, read)
        person: facts.PersonFacts = make(
            facts.PersonFacts,
            (
                *own[1:6],
                _day(own[6]),
                own[7],
                own[8] and _day(own[8]),
                *own[9:],
                tuple([make(Membership, (_day(r[2]), r[3] and _day(r[3]), *r[4:])) for r in memberships]),
                tuple([make(Address, (*r[1:7], _day(r[7]), r[8] and _day(r[8]), r[9])) for r in addresses]),
                self._told(notices) if notices else (),
                tuple([self._consent(r) for r in consents]) if consents else (),
                tuple([_objection(r) for r in objections]) if objections else (),
                tuple([facts.Protection(r[1], _day(r[2]), _day(r[3])) for r in protections]) if protections else (),
                elsewhere,
                shared,
                doubtful,
            ),
        )
        return person

    def _told(self, notices: Sequence[Row]) -> tuple[facts.Notice, ...]:
        versions = self._known.versions
        return tuple([make(facts.Notice, (versions[row[1]], _day(row[2]), row[3])) for row in notices])

    def _consent(self, row: Row) -> facts.Consent:
        _, version, purpose, given_on, withdrawn_at, datasets, _ = row
        given = self._known.versions[version], purpose, _day(given_on), withdrawn_at and _instant(withdrawn_at)
        return facts.Consent(*given, _codes(datasets))

    def _objection_of_family(self, row: Row) -> facts.Objection:
        narrowed = self._narrowed.get(row[-1])
        persons = frozenset([self._people[person][1] for person in narrowed]) if narrowed is not None else None
        return _objection(row)._replace(narrowed_to=persons)

    def _elsewhere(self, roles: Mapping[int, Rows], family_id: int, read: list[Any]) -> tuple[facts.OtherFamily, ...]:
        """What the other families of a person were told and said."""
        others = []
        for other in sorted(roles.keys() - {family_id}):
            memberships, notices = roles[other], self._family_notices.get(other, ())
            objections = self._family_objections.get(other, ())
            said = tuple([self._objection_of_family(row) for row in objections])
            read += (memberships, notices, objections, [sorted(objection.narrowed_to or ()) for objection in said])
            others.append(
                facts.OtherFamily(
                    tuple([Membership(_day(r[2]), _day(r[3]), *r[4:]) for r in memberships]),
                    self._told(notices),
                    said,
                )
            )
        return tuple(others)


_by_reference = itemgetter(1)
_entered = itemgetter(-1)


def _keys(keys: Iterable[int]) -> str:
    """Keys as PostgreSQL writes an array: made once for several queries."""
    return f"{{{','.join(map(str, keys))}}}"


def _objection(row: Row) -> facts.Objection:
    _, received_at, lifted_at, refused_at, datasets, *_ = row
    return facts.Objection(_instant(received_at), _instant(lifted_at), _instant(refused_at), _codes(datasets))
