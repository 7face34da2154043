"""The peers that use the ORM: the same rules asked about facts that are put together from its objects.

Object by object every question is a query and every row a save(); in bulk a thousand families come with
prefetch_related() and leave by bulk_create(). What is looked up once for all families is given to both.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from django.db import transaction

from cohorts import facts as streamed
from cohorts.models import Decision, Family, Finding, Person
from cohorts.rules import facts
from cohorts.rules.inclusion import examine

TOGETHER = 1_000
OF_FAMILY = ("memberships", "evidence", "engagements", "notices", "objections__narrowed_to")
OF_PERSON = (
    "addresses", "notices", "consents", "objections", "protections", "memberships__family__notices",
    "memberships__family__objections__narrowed_to",
)  # fmt: skip


class People(Protocol):
    """People by their keys."""

    def __getitem__(self, key: int) -> Person:
        """One person."""


class OneByOne:
    """A query for each."""

    def __getitem__(self, key: int) -> Person:
        return Person.objects.get(pk=key)


def object_by_object(cohort_id: int, asked: facts.Question, families: int) -> None:
    """Decide so many families and save each decision and finding."""
    known = streamed.look_up()
    with transaction.atomic():
        for family in _flagged()[:families]:
            for row in _decided(cohort_id, family, OneByOne(), asked, known):
                row.save(force_insert=True)


def in_bulk(cohort_id: int, asked: facts.Question, families: int) -> None:
    """Decide so many families, a thousand at a time."""
    known = streamed.look_up()
    with transaction.atomic():
        for first in range(0, families, TOGETHER):
            together = list(_flagged().prefetch_related(*OF_FAMILY)[first : min(first + TOGETHER, families)])
            named = {record.person_id for family in together for record in family.memberships.all()}
            named |= {row.person_id for family in together for row in family.evidence.all() if row.person_id}
            survivors = {known.merges.survivors.get(key, key) for key in named}
            records = survivors.union(*(known.merges.merged.get(key, ()) for key in survivors))
            people = Person.objects.prefetch_related(*OF_PERSON).in_bulk(records)
            rows = [row for family in together for row in _decided(cohort_id, family, people, asked, known)]
            for kind in (Decision, Finding):
                kind.objects.bulk_create([row for row in rows if isinstance(row, kind)], batch_size=TOGETHER)


def _flagged() -> Any:
    return Family.objects.filter(flagged_on__isnull=False).order_by("reference")


def _decided(
    cohort_id: int, family: Family, people: People, asked: facts.Question, known: streamed.Known
) -> Iterator[Decision | Finding]:
    found, keys = _family(family, people, known)
    decisions, findings = examine(found, asked)
    digest = hashlib.sha256(repr(found).encode()).hexdigest()[:32]
    for each in decisions:
        yield Decision(
            cohort_id=cohort_id, family_ref=each.family_ref, person_ref=each.person_ref, family_id=family.pk,
            person_id=keys[each.person_ref], included=each.included, reasons=";".join(each.reasons), group=each.group,
            programme_start=each.programme_start, programme_end=each.programme_end,
            linkage_scope=";".join(each.linkage_scope), address_id=each.address, relationship=each.relationship,
            problems=";".join(each.problems), facts_digest=digest,
        )  # fmt: skip
    for it in findings if decisions else ():
        yield Finding(
            cohort_id=cohort_id, code=it.code, severity=it.severity, family_ref=found.family_ref,
            person_ref=it.person_ref, field=it.field, value=it.value,
        )  # fmt: skip


def _entered(*related: Any) -> list[Any]:
    """The rows of these in the order of entry."""
    return sorted((row for each in related for row in each.all()), key=lambda row: row.pk)


def _family(family: Family, people: People, known: streamed.Known) -> tuple[facts.FamilyFacts, dict[str, int]]:
    """The facts of a family, and the keys of its people."""
    members = {known.merges.survivors.get(each.person_id, each.person_id) for each in family.memberships.all()}
    persons = sorted((people[key] for key in members), key=lambda person: person.reference)
    evidence = _entered(family.evidence)
    about = [
        people[known.merges.survivors.get(each.person_id, each.person_id)].reference if each.person_id else None
        for each in evidence
    ]
    found = facts.FamilyFacts(
        family.reference,
        family.flagged_on,
        family.lifted_on,
        tuple(_person(person, family.pk, people, known) for person in persons),
        tuple(
            facts.Evidence(whom, each.indicator, each.observed_on, each.in_error_at)
            for whom, each in zip(about, evidence, strict=True)
        ),
        tuple(facts.Engagement(each.started_on, each.ended_on) for each in _entered(family.engagements)),
        _told(_entered(family.notices), known),
        _of_family(_entered(family.objections), people, known),
    )
    return found, {person.reference: person.pk for person in persons}


def _person(person: Person, family_id: int, people: People, known: streamed.Known) -> facts.PersonFacts:
    records = [person, *(people[key] for key in known.merges.merged.get(person.pk, ()))]
    memberships = _entered(*(record.memberships for record in records))
    others = sorted({each.family_id for each in memberships} - {family_id})
    return facts.PersonFacts(
        person.reference, person.given_name, person.middle_names, person.family_name, person.previous_family_names,
        person.date_of_birth, person.sex, person.date_of_death, person.nino, person.nhs_number, person.upn, person.uln,
        person.in_education,
        _memberships(each for each in memberships if each.family_id == family_id),
        tuple(
            facts.Address(
                each.line_1, each.line_2, each.line_3, each.line_4, each.line_5, each.postcode, each.from_on,
                each.to_on, each.pk,
            )
            for each in _entered(person.addresses)
        ),
        _told(_entered(*(record.notices for record in records)), known),
        tuple(
            facts.Consent(
                known.versions[each.version_id], each.purpose, each.given_on, each.withdrawn_at, tuple(each.datasets)
            )
            for each in _entered(*(record.consents for record in records))
        ),
        tuple(_objection(each) for each in _entered(*(record.objections for record in records))),
        tuple(
            facts.Protection(each.kind, each.from_on, each.to_on)
            for each in _entered(*(record.protections for record in records))
        ),
        tuple(_elsewhere([each for each in memberships if each.family_id == other], people, known) for other in others),
        known.shared.of(person.pk),
    )  # fmt: skip


def _elsewhere(memberships: Sequence[Any], people: People, known: streamed.Known) -> facts.OtherFamily:
    family = memberships[0].family
    return facts.OtherFamily(
        _memberships(memberships),
        _told(_entered(family.notices), known),
        _of_family(_entered(family.objections), people, known),
    )


def _memberships(rows: Iterable[Any]) -> tuple[facts.Membership, ...]:
    return tuple(
        facts.Membership(
            each.joined_on, each.left_on, each.relationship, each.lives_in_household, each.parental_responsibility
        )
        for each in rows
    )


def _told(notices: Iterable[Any], known: streamed.Known) -> tuple[facts.Notice, ...]:
    return tuple(facts.Notice(known.versions[each.version_id], each.issued_on, each.pk) for each in notices)


def _of_family(objections: Iterable[Any], people: People, known: streamed.Known) -> tuple[facts.Objection, ...]:
    found = []
    for each in objections:
        named = [people[known.merges.survivors.get(one.pk, one.pk)].reference for one in each.narrowed_to.all()]
        found.append(_objection(each)._replace(narrowed_to=frozenset(named) if named else None))
    return tuple(found)


def _objection(each: Any) -> facts.Objection:
    return facts.Objection(each.received_at, each.lifted_at, each.refused_at, tuple(each.datasets))
