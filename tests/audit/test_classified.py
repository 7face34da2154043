"""Every field of every record is one that the trail may quote, or one that it may only name."""

import pytest
from django.apps import apps
from django.db import models

from cohorts.models import Address, Person
from connecting_families.audit.classified import CLASSIFIED
from tests.stages.conftest import WalkTo
from tests.stages.walk import Walk

# Kept out of the change capture, and why.
APART = {
    "staff.keptform": "Encrypted, for an hour: what it holds may be anything that somebody typed.",
    "cohorts.decision": "Set-based: a run is one entry with counts and digest, and the rows are frozen.",
    "cohorts.finding": "Set-based, and its value may be an identifier: a run is one entry, and the rows are frozen.",
    "cohorts.look": "Its digest is of an identifier: entries of asking and of looking say what is told of it.",
    "cohorts.run": "Working notes of a run while it goes on: its outcome is one entry.",
    "cohorts.shard": "Working notes of a run while it goes on: counts, and references at which shards begin.",
    "transfers.personreference": "Ties a person to the study: kept apart from the case record and from the trail.",
    "transfers.familyreference": "Ties a family to the study, as for a person.",
    "transfers.withdrawn": "Written with its withdrawal, whose entry counts it: it ties a person to a submission.",
    "transfers.rejection": "Written with its receipt, whose entry counts it: it ties a person to a submission.",
}
MODELS = [
    model for app in ("cohorts", "transfers", "staff", "governance") for model in apps.get_app_config(app).get_models()
]
IDENTIFIERS: dict[type[models.Model], str] = {
    Person: "given_name middle_names family_name previous_family_names date_of_birth sex date_of_death nino"
    " nhs_number upn uln",
    Address: "line_1 line_2 line_3 line_4 line_5 postcode uprn",
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model._meta.label))
def test_every_field_is_recordable_or_masked(model: type[models.Model]) -> None:
    label = model._meta.label_lower
    assert (label in CLASSIFIED) != (label in APART)
    if label in CLASSIFIED:
        recordable, masked = CLASSIFIED[label]
        assert not recordable & masked
        concrete = {field.name for field in model._meta.concrete_fields}
        relations = {field.name for field in model._meta.many_to_many if field.name in recordable}
        assert recordable | masked == concrete | relations


def test_what_is_kept_apart_exists() -> None:
    assert APART.keys() <= {model._meta.label_lower for model in MODELS}


@pytest.mark.parametrize(("model", "names"), IDENTIFIERS.items(), ids=str)
def test_identifiers_of_families_are_masked(model: type[models.Model], names: str) -> None:
    recordable, masked = CLASSIFIED[model._meta.label_lower]
    assert masked == set(names.split())
    references = {field.name for field in model._meta.concrete_fields if field.is_relation}
    others = {"id", "reference", "dob_missing_reason", "in_education", "from_on", "to_on", "ordinal"}
    assert recordable <= references | others


def test_no_other_record_has_a_name_a_birthday_or_an_address() -> None:
    suspicious = ("given_name", "surname", "birth", "line_", "postcode", "nino", "nhs", "upn", "uln", "phone")
    for model in MODELS:
        if model not in IDENTIFIERS:
            names = [field.name for field in model._meta.concrete_fields]
            assert not [name for name in names for part in suspicious if part in name], model


def test_of_a_masked_field_the_trail_says_only_that_it_changed(walk_to: WalkTo) -> None:
    from connecting_families.audit import trail
    from connecting_families.audit.events import Event
    from connecting_families.audit.models import Entry

    walk: Walk = walk_to("assemble")
    person = walk.person("P1")
    with trail.act():
        person.given_name, person.date_of_birth, person.in_education = "Zenobia", None, "neither"
        person.save()
        trail.record(Event.RECORD_CHANGED_BY_FILE, who=walk.who("prepare"), at=walk.now(), about=person)
    by_program = Entry.objects.latest("id").changes
    walk.change("people", "person_ref", "P1", given_name="Zora", date_of_birth="1990-09-09", in_education="education")
    by_file = Entry.objects.filter(event="RECORD_CHANGED_BY_FILE").latest("id").changes
    for changes, in_education in ((by_program, ["", "neither"]), (by_file, ["neither", "education"])):
        (change,) = changes
        assert change["fields"] == {
            "given_name": ["changed", "changed"],
            "date_of_birth": ["changed", "changed"],
            "in_education": in_education,
        }
