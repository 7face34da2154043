"""Grounds: the facts that each question of the rules read of a person, in words, and whether they count.

Every verdict is asked of the rule itself, never found a second time. Of whoever is protected nothing is said of where
they are, with whom, or of what was observed of them.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from cohorts.rules.checks import Subject
from cohorts.rules.clocks import LONDON, age_on, months_before
from cohorts.rules.consent import BASIS, datasets_withheld, standing_consents
from cohorts.rules.eligibility import is_dependent_child
from cohorts.rules.evidence import Sign, signs
from cohorts.rules.facts import FamilyFacts, Objection, PersonFacts, Question
from cohorts.rules.identity import CRITICAL_CHECKS, address_on, died_by
from cohorts.rules.inclusion import problems_of
from cohorts.rules.membership import candidates, lives_in_household, standing
from cohorts.rules.notice import covers, issued_to, last_day_to_tell, latest_version, notice_missing
from cohorts.rules.objection import datasets_objected, family_objections, stands_at
from cohorts.rules.programme import PROGRAMME, programme_of
from cohorts.rules.protection import OF_ADDRESS, OF_IDENTITY, is_or_will_be_protected, mark_stands
from cohorts.rules.reasons import Reason
from cohorts.rules.scope import linkage_scope

NOT_SHOWN: Final = "Not shown: of somebody who is protected"
NONE: Final = "None on file"
CUT_OFF: Final = "the cut-off"
AT_16_TO_18: Final = {"education": "in education", "unemployed": "unemployed"}
R = Reason


class Ground(NamedTuple):
    """A fact that was read: what it is, and what it says."""

    label: str
    value: str


class Asked(NamedTuple):
    """One question about a person: its title, the reasons that it gave, and the facts that were read for it."""

    title: str
    reasons: tuple[Reason, ...]
    grounds: tuple[Ground, ...]


def asked_of(person: PersonFacts, family: FamilyFacts, question: Question, held: Collection[str]) -> list[Asked]:
    """Every question about a candidate, in the order of the rules; `held` are the codes that the rules gave."""
    found = []
    for title, reasons, read in QUESTIONS:
        given = tuple(reason for reason in reasons if reason.code in held)
        found.append(Asked(title, given, tuple(read(person, family, question))))
    return found


def _considered(person: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    cut_off = question.moment.cut_off
    yield Ground("Cut-off", _day(cut_off))
    if family.flagged_on is not None:
        yield Ground("Family flagged", _from_until(family.flagged_on, family.lifted_on))
    for it in person.memberships:
        stood = "stood on the cut-off" if standing([it], cut_off) else "did not stand on the cut-off"
        yield Ground("In the family", f"{_from_until(it.joined_on, it.left_on)}: {stood}")


def _protection(person: PersonFacts, _: FamilyFacts, question: Question) -> Iterator[Ground]:
    for mark in person.protections:
        of = "identity" if mark.kind in OF_IDENTITY else "address" if mark.kind in OF_ADDRESS else "person"
        stands = "stands" if mark_stands(mark, question.moment) else "does not stand"
        yield Ground(
            f"Mark on the {of}",
            f"{_from_until(mark.from_on, mark.to_on)}: {stands} on {_day(question.moment.today)}",
        )
    if not person.protections:
        yield Ground("Protection marks", NONE)


def _objections(person: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    at, reaching = question.moment, family_objections(person, family, question.moment)
    for it in person.objections:
        yield Ground("About this person", f"{_said(it)}: {_stands(it, at.run)}")
    whole = [("For this family", it) for it in family.objections]
    whole += [("For another family of theirs", it) for other in person.elsewhere for it in other.objections]
    for label, it in whole:
        stands = _stands(it, at.run) if it in reaching or not stands_at(it, at.run) else "does not reach this person"
        yield Ground(label, f"{_said(it)}: {stands}")
    if not person.objections and not whole:
        yield Ground("Objections", NONE)


def _scope(person: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    latest = latest_version(issued_to(person, family, question.moment), question)
    left = linkage_scope(person, family, question)
    yield Ground("Datasets of the round", ", ".join(question.datasets))
    objected = datasets_objected(person, family, question.moment)
    for label, taken in (
        ("Taken away by objections", objected),
        ("Left out by consents", datasets_withheld(person, latest, question)),
    ):
        yield Ground(label, ", ".join(code for code in question.datasets if code in taken) or "None")
    yield Ground("Left", ", ".join(left) or "None")
    honours = "The recipient honours it" if question.honours_scope else "All datasets of the round, or nothing is sent"
    yield Ground("Where one is taken away", honours)


def _consent(person: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    latest = latest_version(issued_to(person, family, question.moment), question)
    if latest is None:
        yield Ground("Version told last", "None: nobody told them anything")
    else:
        asks = "it asks for consent" if latest.basis == BASIS else "it does not ask for consent"
        yield Ground("Version told last", f"{latest.version}: {asks}")
    counting = standing_consents(person, latest, question) if latest else []
    for it in person.consents:
        about = ", ".join(it.datasets) or "all datasets"
        withdrawn = f", withdrawn on {_moment(it.withdrawn_at)}" if it.withdrawn_at else ""
        counts = "counts" if it in counting else "does not count for the version told last"
        yield Ground("Consent", f"To {it.version}, {it.purpose}, {about}, on {_day(it.given_on)}{withdrawn}: {counts}")
    if not person.consents:
        yield Ground("Consents", NONE)


def _notice(person: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    yield Ground("Last day to be told", f"{_day(last_day_to_tell(question))}, {question.notice_days} days before")
    issued = issued_to(person, family, question.moment)
    for it in issued:
        if not notice_missing([it], question):
            counts = "counts"
        elif covers(question.notice_versions[it.version], question):
            counts = "too late"
        else:
            counts = "does not tell of every dataset and recipient of the round"
        yield Ground("Privacy notice", f"{it.version} on {_day(it.issued_on)}: {counts}")
    if not issued:
        yield Ground("Privacy notices", "None was given to them by the moment of the run")


def _life(person: PersonFacts, _: FamilyFacts, question: Question) -> Iterator[Ground]:
    yield Ground("Age on the cut-off", _age(person, question.moment.cut_off))
    yield Ground("Date of death", _day(person.date_of_death) if person.date_of_death else NONE)


def _identity(person: PersonFacts, _: FamilyFacts, question: Question) -> Iterator[Ground]:
    cut_off = question.moment.cut_off
    subject = Subject(person, address_on(person, cut_off), cut_off)
    wrong = [check.kind for check in CRITICAL_CHECKS if check.find(subject)]
    for kind in wrong:
        yield Ground(kind.code, kind.sentence)
    if not wrong:
        yield Ground("Names, date of birth, sex and address", "Nothing critical is wrong")


def _dependent_children(_: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    cut_off = question.moment.cut_off
    for it in candidates(family, cut_off):
        read = [_age(it, cut_off)]
        if it.in_education in AT_16_TO_18:
            read.append(AT_16_TO_18[it.in_education])
        if died_by(it, cut_off):
            read.append("had died")
        if not _hidden(it, question):
            read.append("lives in the household" if lives_in_household(it, cut_off) else "lives elsewhere")
        is_one = "a dependent child" if is_dependent_child(it, cut_off) else "no dependent child"
        yield Ground(it.person_ref, f"{', '.join(read)}: {is_one}")


def _problems(_: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    shown = problems_of(family, question)
    yield Ground("Counted", f"{shown.counted}, and the framework asks for {shown.minimum}")
    hidden = {it.person_ref for it in family.people if _hidden(it, question)}
    for sign in signs(family, question, on=CUT_OFF):
        if sign.evidence.person_ref in hidden:
            yield Ground("Evidence", f"{NOT_SHOWN}: {'counts' if sign.counts else 'does not count'}")
        else:
            yield Ground(f"{sign.indicator.code}: {sign.indicator.text}", _observed(sign, question.moment.cut_off))
    foreign = sum(it.indicator not in question.framework.indicators for it in family.evidence)
    if foreign:
        yield Ground("Of another framework", f"{foreign}, not counted")


def _observed(sign: Sign, cut_off: date) -> str:
    months = sign.indicator.look_back_months
    edge = f"counts from {_day(months_before(cut_off, months))}, that day not included" if months else "counts for ever"
    whom = sign.evidence.person_ref or "the family"
    verdict = "counts" if sign.counts else f"does not count ({sign.why_not[0].lower()}{sign.why_not[1:]})"
    return f"Of {whom}, on {_day(sign.evidence.observed_on)}; {edge}: {verdict}"


def _programme(_: PersonFacts, family: FamilyFacts, question: Question) -> Iterator[Ground]:
    cut_off = question.moment.cut_off
    for it in family.engagements:
        begun = programme_of(family._replace(engagements=(it,)), cut_off).group == PROGRAMME
        counts = "counts" if begun else "began after the cut-off"
        yield Ground("Work with the family", f"{_from_until(it.started_on, it.ended_on)}: {counts}")
    if not family.engagements:
        yield Ground("Work with the family", NONE)
    group, start, end = programme_of(family, cut_off)
    yield Ground("Group", "Programme" if group == PROGRAMME else "Comparison")
    if start is not None:
        yield Ground("Programme dates", f"{_day(start)} to {_day(end) if end else 'no end by the cut-off'}")


QUESTIONS: Final = (
    ("Was this person considered?", (), _considered),
    ("Is who or where they are protected?", (R.PROTECTED_IDENTITY, R.PROTECTED_ADDRESS), _protection),
    ("Does anybody object?", (R.OBJECTION_PERSON, R.OBJECTION_FAMILY), _objections),
    ("Which datasets are left to link to?", (R.OBJECTION_SCOPE,), _scope),
    ("Is consent asked, and given?", (R.CONSENT_MISSING,), _consent),
    ("Were they told in time?", (R.NOTICE_MISSING,), _notice),
    ("Were they born, and alive?", (R.DECEASED, R.NOT_YET_BORN), _life),
    ("Is what ONS needs there?", (R.IDENTITY_INCOMPLETE,), _identity),
    ("Does a dependent child live in the family?", (R.NO_DEPENDENT_CHILD,), _dependent_children),
    ("Are problems enough evidenced?", (R.TOO_FEW_PROBLEMS,), _problems),
    ("To which group does the family belong?", (), _programme),
)


def _hidden(person: PersonFacts, question: Question) -> bool:
    """Whoever was protected at the run, or is or will be since: the day of the run is the earlier one."""
    return is_or_will_be_protected(person, question.moment.today)


def _age(person: PersonFacts, cut_off: date) -> str:
    if person.date_of_birth is None:
        return "age not known"
    age = age_on(cut_off, person.date_of_birth)
    return f"{age}" if person.date_of_birth <= cut_off else f"born on {_day(person.date_of_birth)}, after the cut-off"


def _said(objection: Objection) -> str:
    about = ", ".join(objection.datasets) or "everything"
    narrowed = ", narrowed to persons" if objection.narrowed_to is not None else ""
    return f"Received on {_moment(objection.received_at)}, about {about}{narrowed}"


def _stands(objection: Objection, run: datetime) -> str:
    """Whether an objection stands at the run; of one that does not, what ended it."""
    if stands_at(objection, run):
        return "stands"
    if not stands_at(objection._replace(lifted_at=None, refused_at=None), run):
        return "received after the moment of the run"
    if objection.lifted_at is not None and not stands_at(objection._replace(refused_at=None), run):
        return f"lifted on {_moment(objection.lifted_at)}"
    return f"refused on {_moment(objection.refused_at)}" if objection.refused_at else "does not stand"


def _day(day: date) -> str:
    return f"{day:%-d %B %Y}"


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(LONDON):%-d %B %Y at %H:%M}"


def _from_until(first: date, after: date | None) -> str:
    return f"From {_day(first)}" + (f" until the day before {_day(after)}" if after else "")
