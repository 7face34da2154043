"""Matching: who may be meant by what was typed, the likeliest first; and who may already be on file."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from cohorts import lookup
from cohorts.lookup import Candidate, Conditions, Spellings
from cohorts.rules.names import likeness
from cohorts.rules.terms import Terms, near_dates

MOST_WORDS = 12
"""So many words of a name are looked for at most."""
ENOUGH = 200
"""So many are listed at most: who has more to read has to say more."""
FITS = 0.5
"""Beside a date of birth, a postcode or a number, a name that fits so well is taken for the one that was typed."""
# Where more people have words near those typed than can be ranked: who has nearer ones, and who has the very words.
STEPS = (0.0, 0.74, 1.0)
SAME_BIRTH, NEAR_BIRTH = 0.74, 0.87
"""How well a name must fit for a possible duplicate: born on the same day, or on one that is nearly the same."""


class Match(NamedTuple):
    """A record, and how well it fits (about 1: as typed)."""

    person_id: int
    score: float


class Matched(NamedTuple):
    """Who was found, the likeliest first; whether there are more; the words of the name; whether records are still
    being taken in, of which only names as they are spelt are found."""

    matches: list[Match]
    more: bool
    words: tuple[str, ...]
    beside: bool


def matched(terms: Terms, text: str, today: date) -> Matched:
    """Who fits all of these terms. `text` is what was typed: it may as a whole be a reference.

    Both this and `possible_duplicates` are asked inside `lookup.by_index()`.
    """
    ready = lookup.read_name(terms.name)
    words, found = ready.words, list[Match]()
    text = text.strip()
    references = lookup.by_reference({text, terms.reference, terms.reference.lower()} - {""})
    if own := references.pop(text, []):
        return Matched([Match(person_id, 1.0) for person_id in own], len(own) > ENOUGH, words, ready.beside)
    of_reference = [person_id for people in references.values() for person_id in people]
    conditions = _conditions(terms, near=bool(words), first_half=not of_reference)
    if of_reference:
        conditions.add("person_id = ANY (%s)", of_reference)
    elif terms.reference and not terms.first_half:
        return Matched([], more=False, words=words, beside=ready.beside)
    narrow = bool(terms.births or terms.postcode or terms.nhs_number or of_reference)
    near = lookup.spellings(words) if words else {}
    if words and not narrow:
        people = _of_name(words, near, conditions, beside=ready.beside)
    else:
        if words:
            conditions.a_word_of({word for spelt in near.values() for word in spelt})
        people = lookup.candidates(conditions, beside=ready.beside)
    for person in people.values():
        fits = likeness(words, person.names, near) if words else 1.0
        if fits >= FITS:
            off = 0.1 if terms.births and person.born not in terms.births else 0.0
            found.append(Match(person.person_id, fits - off))
    found.sort(key=lambda match: (-round(match.score, 4), _alphabetical(people[match.person_id])))
    if terms.postcode or (terms.first_half and not of_reference):
        found = found[: 2 * ENOUGH]
        hidden = lookup.hidden([match.person_id for match in found], today)
        found = [match for match in found if match.person_id not in hidden]
    return Matched(found[:ENOUGH], len(found) > ENOUGH, words, ready.beside)


def _alphabetical(person: Candidate) -> tuple[object, ...]:
    """By family name, then given name; who lacks one comes last."""
    names = person.names
    return (not names.family, names.family, not names.given, names.given, person.person_id)


def _conditions(terms: Terms, *, near: bool, first_half: bool) -> Conditions:
    """Everything but the name. `near`: a name is there too, so that a date may be nearly right."""
    conditions = Conditions()
    if terms.births:
        births = [each for born in terms.births for each in near_dates(born)] if near else list(terms.births)
        conditions.add("born = ANY (%s)", births)
    if terms.year:
        conditions.add("born >= %s", date(terms.year, 1, 1)).add("born <= %s", date(terms.year, 12, 31))
    if terms.postcode or (terms.first_half and first_half):
        conditions.add("postcodes @> %s::text[]", [terms.postcode or terms.first_half])
    if terms.nhs_number:
        conditions.add("nhs_number = %s", terms.nhs_number)
    return conditions


def _of_name(words: Sequence[str], near: Spellings, others: Conditions, *, beside: bool) -> dict[int, Candidate]:
    """Who has all of these words in their names, or spelt nearly so; failing that, of three or more all but one.

    Of people who are not yet taken in, those with the very words.
    """
    people: dict[int, Candidate] = {}
    if beside:
        people |= lookup.candidates(_with(words, near, 1.0, others), beside=True)
    for step in STEPS:
        found = lookup.candidates(_with(words, near, step, others), beside=False)
        people |= found
        if len(found) < lookup.MOST:
            break
    if not people and len(words) > 2:
        for left_out in range(len(words)):
            rest = [word for place, word in enumerate(words) if place != left_out]
            people |= lookup.candidates(_with(rest, near, STEPS[1], others), beside=False)
    return people


def _with(words: Sequence[str], near: Spellings, step: float, others: Conditions) -> Conditions:
    """Everything asked for, and of each word a spelling that is so near."""
    conditions = others.copy()
    for word in words:
        conditions.a_word_of(spelt for spelt, nearness in near[word].items() if nearness >= step)
    return conditions


def possible_duplicates(*, given_name: str, family_name: str, date_of_birth: date | None) -> list[Match]:
    """Who may be the same person as somebody about to be added: the same or nearly the same name, and the same or
    nearly the same date of birth. Where a date is not known, the name must fit better. The likeliest first.
    """
    ready = lookup.read_name(f"{given_name} {family_name}")
    ready = ready._replace(words=ready.words[:MOST_WORDS])
    if not ready.words:
        return []
    near = lookup.spellings(ready.words)
    people: dict[int, Candidate] = {}
    unknown = Conditions()
    if date_of_birth:
        of_the_day = Conditions().add("born = ANY (%s)", list(near_dates(date_of_birth)))
        of_the_day.a_word_of({word for spelt in near.values() for word in spelt})
        people = lookup.candidates(of_the_day, beside=ready.beside)
        unknown.add("born IS NULL")
    people |= _of_name(ready.words, near, unknown, beside=ready.beside)
    found = []
    for person in people.values():
        fits = likeness(ready.words, person.names, near)
        if fits >= (SAME_BIRTH if date_of_birth and person.born == date_of_birth else NEAR_BIRTH):
            found.append(Match(person.person_id, fits))
    return sorted(found, key=lambda match: (-match.score, match.person_id))
