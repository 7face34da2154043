"""Datasets taken away by objections and by consents that name datasets."""

from datetime import date
from typing import Any

import pytest

from cohorts.rules.facts import OtherFamily, PersonFacts
from cohorts.rules.inclusion import decide
from cohorts.rules.scope import linkage_scope
from tests.rules.invented import (
    DATASETS,
    RUN,
    adult,
    child,
    consent,
    family,
    membership,
    notice,
    objection,
    question,
    reasons_of,
)

ALL_OR_NOTHING = question(honours_scope=False)


def scope(person: PersonFacts, **changes: Any) -> tuple[str, ...]:
    """The linkage scope of a person who is included."""
    first = decide(family(person, child("P9"), **changes), question())[0]
    assert first.included
    assert first.linkage_scope == linkage_scope(person, family(person, **changes), question())
    return first.linkage_scope


def test_nothing_taken_away_leaves_the_datasets_of_the_round() -> None:
    assert scope(adult()) == DATASETS


def test_datasets_objected_to_are_taken_away_in_the_order_of_the_round() -> None:
    assert scope(adult(objections=(objection("NPD", "UNKNOWN"),))) == ("PNC", "HES")


def test_objections_about_the_person_and_for_their_families_add_up() -> None:
    elsewhere = OtherFamily((membership(),), (), (objection("HES"),))
    person = adult(objections=(objection("PNC"),), elsewhere=(elsewhere,))
    assert scope(person) == ("NPD",)
    assert reasons_of(person, objections=(objection("NPD"),)) == ("OBJECTION_SCOPE",)


def test_an_objection_that_no_longer_stands_takes_nothing_away() -> None:
    assert scope(adult(objections=(objection("NPD", lifted_at=RUN),))) == DATASETS


def test_every_dataset_named_leaves_none_but_is_no_objection_to_all() -> None:
    assert reasons_of(adult(objections=(objection(*DATASETS),))) == ("OBJECTION_SCOPE",)


def test_an_objection_to_all_datasets_has_its_own_code_alone() -> None:
    assert reasons_of(adult(objections=(objection(),)), ALL_OR_NOTHING) == ("OBJECTION_PERSON",)


@pytest.mark.parametrize(
    ("dataset", "found"), [("NPD", ("OBJECTION_SCOPE",)), ("IAPT", ())], ids=["of the round", "of another round"]
)
def test_where_scope_cannot_be_honoured_one_dataset_taken_away_is_enough(dataset: str, found: tuple[str, ...]) -> None:
    assert reasons_of(adult(objections=(objection(dataset),)), ALL_OR_NOTHING) == found
    assert reasons_of(adult(), ALL_OR_NOTHING, objections=(objection(dataset),)) == found


ASKED = (notice("PN2", date(2026, 1, 6), 2),)


def test_datasets_not_consented_to_are_taken_away() -> None:
    assert scope(adult(notices=ASKED, consents=(consent(datasets=("HES", "PNC")),))) == ("PNC", "HES")


def test_several_consents_add_up() -> None:
    both = (consent(datasets=("HES",)), consent(datasets=("NPD",)))
    assert scope(adult(notices=ASKED, consents=both)) == ("NPD", "HES")


def test_one_consent_to_all_is_enough_beside_a_narrower_one() -> None:
    assert scope(adult(notices=ASKED, consents=(consent(datasets=("HES",)), consent()))) == DATASETS


def test_a_consent_that_no_longer_stands_adds_nothing() -> None:
    both = (consent(datasets=("HES",)), consent(withdrawn_at=RUN))
    assert scope(adult(notices=ASKED, consents=both)) == ("HES",)


def test_a_consent_to_other_datasets_leaves_none() -> None:
    assert reasons_of(adult(notices=ASKED, consents=(consent(datasets=("IAPT",)),))) == ("OBJECTION_SCOPE",)


def test_a_narrow_consent_is_a_dataset_taken_away_where_scope_cannot_be_honoured() -> None:
    person = adult(notices=ASKED, consents=(consent(datasets=("HES", "PNC")),))
    assert reasons_of(person, ALL_OR_NOTHING) == ("OBJECTION_SCOPE",)


def test_without_a_standing_consent_nothing_is_taken_away_but_consent_is_missing() -> None:
    person = adult(notices=ASKED, consents=(consent(datasets=("HES",), withdrawn_at=RUN),))
    assert reasons_of(person, ALL_OR_NOTHING) == ("CONSENT_MISSING",)


def test_a_narrow_consent_takes_nothing_away_where_the_latest_notice_does_not_ask_for_consent() -> None:
    assert scope(adult(consents=(consent(datasets=("HES",)),))) == DATASETS


def test_objection_and_narrow_consent_add_up() -> None:
    person = adult(notices=ASKED, consents=(consent(datasets=("HES", "PNC")),), objections=(objection("PNC"),))
    assert scope(person) == ("HES",)
