"""Steps of the walk that concern what people wish, and who counts as whom."""

from datetime import timedelta

from cohorts import answers, compared, consent, duplicates, families, objections, people, queries
from cohorts.models import Consent, Merge, Objection, Pair, Protection
from tests.gates.asked import Acts, Asked, Standing
from tests.gates.believed import HOUSEHOLDS, Believed, Mark, Objects

STANDING = "SELECT id FROM cohorts_objection WHERE lifted_at IS NULL AND refused_at IS NULL ORDER BY id"
MARKED = "SELECT id FROM cohorts_protection WHERE to_on IS NULL ORDER BY id"
MERGED = "SELECT id FROM cohorts_merge WHERE undone_at IS NULL ORDER BY id"
KINDS = ("refuge", "sensitive_address", "refuge", "adoption")


def object_person(now: Standing) -> Asked:
    """Somebody objects."""
    ref, person, scope = now.fresh("W"), now.random.choice(sorted(now.people)), _scope(now)
    by, at = now.staff["worker"], now.at
    return Asked(
        f"{person} objects to {','.join(scope) or 'all'} as {ref}",
        lambda: objections.receive(
            reference=ref, person=now.people[person], received_at=at, datasets=scope, by=by, at=at
        ),
        "OBJECTION_RECEIVED",
        lambda b: b.objections.append(Objects(ref, person=person, datasets=frozenset(scope))),
        ref,
    )


def object_family(now: Standing) -> Asked:
    """A family objects."""
    ref, family, scope = now.fresh("W"), now.random.choice(sorted(now.families)), _scope(now)
    by, at = now.staff["worker"], now.at
    return Asked(
        f"{family} objects to {','.join(scope) or 'all'} as {ref}",
        lambda: objections.receive(
            reference=ref, family=now.families[family], received_at=at, datasets=scope, by=by, at=at
        ),
        "OBJECTION_RECEIVED",
        lambda b: b.objections.append(Objects(ref, family=family, datasets=frozenset(scope))),
        ref,
    )


def object_nobody(now: Standing) -> Asked:
    """Somebody objects who is not found on file."""
    ref, by, at = now.fresh("W"), now.staff["worker"], now.at
    return Asked(
        f"somebody unknown objects as {ref}",
        lambda: objections.receive(reference=ref, about="A caller", received_at=at, by=by, at=at),
        "OBJECTION_RECEIVED",
        lambda b: b.objections.append(Objects(ref)),
        ref,
    )


def _scope(now: Standing) -> tuple[str, ...]:
    return now.random.choice(((), (), (), ("NPD",), ("PNC", "NPD")))


def _standing(now: Standing) -> Objection | None:
    rows = Objection.objects.select_related("person", "copied_from", "family")
    return now.some_row(STANDING, rows)


def _named(row: Objection) -> tuple[str, str]:
    return (row.copied_from or row).reference, row.person.reference if row.person else ""


def lift(now: Standing) -> Asked | None:
    """An objection is lifted."""
    row = _standing(now)
    if row is None:
        return None
    (origin, person), by, at = _named(row), now.staff["worker"], now.at
    return Asked(
        f"{row.reference} is lifted",
        lambda: objections.lift(objection=row, lifted_at=at, asked_by="self", channel="phone", by=by, at=at),
        "OBJECTION_LIFTED",
        lambda b: b.lifted(origin, person),
        row.reference,
    )


def turn_down(now: Standing) -> Asked | None:
    """An objection is refused."""
    row = _standing(now)
    if row is None:
        return None
    (origin, person), by, at = _named(row), now.staff["govern"], now.at
    return Asked(
        f"{row.reference} is refused",
        lambda: answers.refuse(
            objection=row, reason="As told.", legal_reference="Art 21", told_on=now.today, by=by, at=at
        ),
        "OBJECTION_TURNED_DOWN",
        lambda b: b.lifted(origin, person),
        row.reference,
    )


def narrow(now: Standing) -> Asked | None:
    """A family's objection is narrowed to one of them, or somebody unknown is found."""
    row = _standing(now)
    if row is None or row.person_id:
        return None
    by, at = now.staff["govern"], now.at
    who = HOUSEHOLDS[row.family.reference] & now.people.keys() if row.family else now.people
    person = now.some(sorted(who))
    if person is None:
        return None

    def concerns(believed: Believed) -> None:
        for each in believed.objections:
            if each.origin == row.reference:
                if each.family:
                    each.narrowed_to = {person}
                else:
                    each.person = person

    if row.family is None:
        return Asked(
            f"{row.reference} is of {person}",
            lambda: answers.match(objection=row, person=now.people[person], by=by, at=at),
            "OBJECTION_MATCHED",
            concerns,
            row.reference,
        )
    return Asked(
        f"{row.reference} is narrowed to {person}",
        lambda: answers.narrow(objection=row, persons=[now.people[person]], reason="As they said.", by=by, at=at),
        "OBJECTION_NARROWED",
        concerns,
        row.reference,
    )


def take_consent_back(now: Standing) -> Asked | None:
    """A consent is withdrawn."""
    row = Consent.objects.filter(withdrawn_at=None).order_by("pk").last()
    if row is None:
        return None
    by, at = now.staff["worker"], now.at

    def withdrawn(believed: Believed) -> None:
        believed.consents.pop(row.reference, None)

    return Asked(
        f"consent {row.reference} is withdrawn",
        lambda: consent.withdraw(consent=row, withdrawn_at=at, by=by, at=at),
        "CONSENT_WITHDRAWN",
        withdrawn,
        row.reference,
    )


def consents(now: Standing) -> Asked | None:
    """Somebody who was asked consents (again)."""
    person = now.believed.one("P3")
    if now.believed.consents or person in now.believed.gone:
        return None
    ref, by, at = now.fresh("C"), now.staff["worker"], now.at
    return Asked(
        f"{person} consents as {ref}",
        lambda: consent.give(
            reference=ref, person=now.people[person], version=now.consented, given_on=now.today, given_by="self", by=by,
            at=at,
        ),
        "CONSENT_GIVEN",
        lambda b: b.consents.__setitem__(ref, person),
        ref,
    )  # fmt: skip


def protect(now: Standing) -> Asked:
    """Somebody is protected."""
    person, kind, key = now.random.choice(sorted(now.people)), now.random.choice(KINDS), now.fresh("M")
    by, at = now.staff["worker"], now.at
    since = now.today - timedelta(days=now.random.choice((0, 0, 3)))
    return Asked(
        f"{person} is protected: {kind}",
        lambda: people.protect(person=now.people[person], kind=kind, from_on=since, by=by, at=at),
        "PROTECTION_MARKED",
        lambda b: b.marks.__setitem__(key, Mark(person, kind)),
        person,
    )


def end_protection(now: Standing) -> Asked | None:
    """A protection ends, yesterday or in some days."""
    row = now.some_row(MARKED, Protection.objects.select_related("person"))
    if row is None:
        return None
    last = max(row.from_on, now.today + timedelta(days=now.random.choice((-1, -1, -1, 0, 2))))
    by, at = now.staff["manage"], now.at
    return Asked(
        f"{row.person}'s {row.kind} ends on {last}",
        lambda: people.end_protection(mark=row, last_day=last, reason="No longer needed.", by=by, at=at),
        "PROTECTION_ENDED",
        lambda b: b.ended(None, row.person.reference, row.kind, last + timedelta(days=1)),
        row.person.reference,
    )


def merge(now: Standing) -> Asked | None:
    """Two records are found to be of one person."""
    roots = [ref for ref in sorted(now.people) if ref not in now.believed.merged]
    if len(roots) < 6:
        return undo(now)
    keep, other = now.random.sample(roots, 2)
    by, at = now.staff["prepare"], now.at

    def decided() -> None:
        pair = duplicates.bring_together(first=keep, second=other, by=by, at=at)
        seen = compared.fingerprint(pair, compared.two_of(pair))
        why = "Their school says so."
        duplicates.decide(pair=pair, outcome=Pair.SAME, keep=now.people[keep], reason=why, seen=seen, by=by, at=at)

    return Asked(
        f"{other} is merged into {keep}",
        decided,
        "RECORDS_MERGED",
        lambda b: b.merged.__setitem__(other, keep),
        other,
    )


def undo(now: Standing) -> Asked | None:
    """A merge is undone."""
    row = now.some_row(MERGED, Merge.objects.select_related("merged"))
    if row is None:
        return None
    by, at, today, merged = now.staff["prepare"], now.at, now.today, row.merged.reference
    return Asked(
        f"the merge of {merged} is undone",
        lambda: duplicates.undo(merge=row, reason="They are two.", by=by, at=at),
        "MERGE_UNDONE",
        lambda b: b.parted(merged, today),
        merged,
    )


def tell_apart(now: Standing) -> Asked | None:
    """Two records are found to be of two people."""
    pair = queries.pairs_to_decide().first()
    if pair is None:
        return None
    by, at, why = now.staff["prepare"], now.at, "Their school says so."

    def decided() -> None:
        seen = compared.fingerprint(pair, compared.two_of(pair))
        duplicates.decide(pair=pair, outcome=Pair.DIFFERENT, keep=None, reason=why, seen=seen, by=by, at=at)

    return Asked(f"{pair} are two people", decided, "DUPLICATE_DECIDED")


def edit(now: Standing) -> Asked:
    """A detail of somebody is changed, so other bytes would be sent."""
    person = now.random.choice(sorted(now.people))
    by, at, name = now.staff["worker"], now.at, f"Zebul{now.random.choice('abcdefgh')}"
    row = now.people[person]

    def change() -> None:
        row.refresh_from_db(fields=["given_name"])
        seen = {"given_name": row.given_name}
        families.change_person(person=row, wanted={"given_name": name}, seen=seen, by=by, at=at)

    return Asked(f"{person} is called {name}", change, "PERSON_CHANGED", None, person, quiet=True)


WISHES: Acts = {
    "object_person": object_person, "object_family": object_family, "object_nobody": object_nobody, "lift": lift,
    "turn_down": turn_down, "narrow": narrow, "take_consent_back": take_consent_back, "consents": consents,
    "protect": protect, "end_protection": end_protection, "merge": merge, "undo": undo, "edit": edit,
    "tell_apart": tell_apart,
}  # fmt: skip
