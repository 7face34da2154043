"""The facts that the rules read of a person, with the verdict of the rule on each."""

from datetime import date

from cohorts.rules.facts import FamilyFacts, PersonFacts, Protection
from cohorts.rules.grounds import QUESTIONS, asked_of
from cohorts.rules.inclusion import decide
from cohorts.rules.reasons import Reason
from tests.rules.invented import (
    CUT_OFF,
    DAY,
    RUN,
    SECOND,
    adult,
    child,
    consent,
    engagement,
    evidence,
    family,
    membership,
    notice,
    objection,
    question,
)


def read(people: FamilyFacts, person_ref: str = "P1") -> dict[str, list[tuple[str, str]]]:
    """The facts of each question about a person, by the last word of its title's first line."""
    decided = {it.person_ref: it.reasons for it in decide(people, question())}
    person = next(it for it in people.people if it.person_ref == person_ref)
    found = asked_of(person, people, question(), decided[person_ref])
    assert {reason.code for it in found for reason in it.reasons} == set(decided[person_ref])
    return {it.title: [(ground.label, ground.value) for ground in it.grounds] for it in found}


def of(people: FamilyFacts, word: str, person_ref: str = "P1") -> list[tuple[str, str]]:
    (found,) = [grounds for title, grounds in read(people, person_ref).items() if word in title]
    return found


def test_every_reason_belongs_to_one_question() -> None:
    assert sorted(r.code for _, reasons, _ in QUESTIONS for r in reasons) == sorted(r.code for r in Reason)


def test_when_somebody_was_told_is_said_beside_the_last_day_for_it() -> None:
    late, narrow = notice(issued_on=CUT_OFF - 27 * DAY, number=2), notice("PN4", number=3)
    told = of(family()._replace(notices=(notice(issued_on=CUT_OFF - 28 * DAY), late, narrow)), "told in time")
    assert told == [
        ("Last day to be told", "2 September 2026, 28 days before"),
        ("Privacy notice", "PN1 on 2 September 2026: counts"),
        ("Privacy notice", "PN1 on 3 September 2026: too late"),
        ("Privacy notice", "PN4 on 5 January 2026: does not tell of every dataset and recipient of the round"),
    ]


def test_objections_say_what_they_are_about_and_what_ended_them() -> None:
    lifted = objection(lifted_at=RUN)
    refused = objection("PNC", refused_at=RUN - SECOND)
    later = objection(received_at=RUN + SECOND)
    other = objection(narrowed_to=frozenset({"P2"}))
    people = family(adult(objections=(lifted, refused, later, objection("NPD"))), child())._replace(objections=(other,))
    said = [value.split(": ")[1] for _, value in of(people, "object")]
    assert said == [
        "lifted on 20 October 2026 at 10:00",
        "refused on 20 October 2026 at 09:59",
        "received after the moment of the run",
        "stands",
        "does not reach this person",
    ]
    assert ("Taken away by objections", "NPD") in of(people, "left to link")
    assert ("Left", "PNC, HES") in of(people, "left to link")


def test_consents_count_for_the_version_told_last() -> None:
    people = family(adult(consents=(consent(), consent(withdrawn_at=RUN))), child())._replace(notices=(notice("PN2"),))
    verdicts = [value.rpartition(": ")[2] for _, value in of(people, "consent")]
    assert verdicts == ["it asks for consent", "counts", "does not count for the version told last"]


def test_evidence_says_from_when_it_counts_and_why_not() -> None:
    people = family()._replace(
        evidence=(
            evidence("A.1", "P2", observed_on=date(2025, 10, 1)),
            evidence("A.1", observed_on=date(2025, 9, 30)),
            evidence("B.1", observed_on=CUT_OFF + DAY),
            evidence("D.1", "P9"),
            evidence("Z.1"),
        )
    )
    assert of(people, "evidenced") == [
        ("Counted", "1, and the framework asks for 2"),
        (
            "A.1: seen within a year",
            "Of P2, on 1 October 2025; counts from 30 September 2025, that day not included: counts",
        ),
        (
            "A.1: seen within a year",
            (
                "Of the family, on 30 September 2025; counts from 30 September 2025, that day not included: does not"
                " count (longer ago than 12 months)"
            ),
        ),
        (
            "B.1: seen ever",
            "Of the family, on 1 October 2026; counts for ever: does not count (observed later than the cut-off)",
        ),
        (
            "D.1: seen ever",
            (
                "Of P9, on 20 September 2026; counts for ever: does not count (of somebody who is not in the family"
                " on the cut-off)"
            ),
        ),
        ("Of another framework", "1, not counted"),
    ]


def test_ages_and_the_household_are_said_of_each_candidate() -> None:
    young = child(date_of_birth=date(2009, 1, 1), in_education="education")
    elsewhere = child("P3", memberships=(membership(lives_in_household=False),))
    assert of(family(adult(), young, elsewhere), "dependent") == [
        ("P1", "36, lives in the household: no dependent child"),
        ("P2", "17, in education, lives in the household: a dependent child"),
        ("P3", "10, lives elsewhere: no dependent child"),
    ]


def test_work_with_the_family_says_its_group() -> None:
    people = family()._replace(engagements=(engagement(CUT_OFF, None), engagement(CUT_OFF + DAY)))
    assert of(people, "group") == [
        ("Work with the family", "From 30 September 2026: counts"),
        ("Work with the family", "From 1 October 2026: began after the cut-off"),
        ("Group", "Programme"),
        ("Programme dates", "30 September 2026 to no end by the cut-off"),
    ]


def protected() -> PersonFacts:
    return child(protections=(Protection("refuge", date(2027, 1, 1), None),))


def test_of_somebody_protected_nothing_is_said_of_where_they_are_or_what_was_observed() -> None:
    people = family(adult(), protected())._replace(evidence=(evidence("A.2", "P2"), evidence("B.1")))
    for person in ("P1", "P2"):
        said = str(read(people, person))
        assert "refuge" not in said
        assert "A.2" not in said
        assert "Not shown: of somebody who is protected" in said
        assert dict(of(people, "dependent", person))["P2"] == "10: a dependent child"
    assert of(people, "protected", "P2") == [
        ("Mark on the address", "From 1 January 2027: does not stand on 20 October 2026")
    ]


def test_who_is_not_born_or_has_died_is_told_by_the_day() -> None:
    unborn = child("P2", date_of_birth=CUT_OFF + DAY)
    assert of(family(adult(), unborn), "born", "P2")[0] == (
        "Age on the cut-off", "born on 1 October 2026, after the cut-off"
    )  # fmt: skip
    dead = adult(date_of_death=CUT_OFF)
    assert of(family(dead, child()), "born")[1] == ("Date of death", "30 September 2026")
    critical = of(family(adult(given_name=""), child()), "ONS needs")
    assert [label for label, _ in critical] == ["DQ101"]
