"""Details of a person: what cannot be right and is refused, and what looks wrong and is kept as it was given."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from cohorts.rules.checks import Subject
from cohorts.rules.facts import PersonFacts
from cohorts.rules.identity import CRITICAL_CHECKS
from cohorts.rules.queries import QUERIES
from cohorts.seen import At

FIELDS: Final = (
    "given_name", "middle_names", "family_name", "previous_family_names", "date_of_birth", "dob_missing_reason", "sex",
    "date_of_death", "nhs_number", "nino", "upn", "uln", "in_education",
)  # fmt: skip
_LOOKED_AT: Final = tuple(field for field in FIELDS if field != "dob_missing_reason")


def against(given: Mapping[str, Any], today: date) -> list[At]:
    """What speaks against details of a person, each reason at its field."""
    reasons = []
    born, died = given.get("date_of_birth"), given.get("date_of_death")
    if not (given.get("given_name", "").strip() or given.get("family_name", "").strip()):
        sentence = "Enter a given name or a family name. If nobody knows either, write Not known."
        reasons.append(At("NAME_MISSING", sentence, "given_name"))
    if born is not None and born > today:
        reasons.append(At("BORN_LATER", "The date of birth must be today or in the past.", "date_of_birth"))
    if born is None and not given.get("dob_missing_reason"):
        sentence = "Enter the date of birth, or choose why it is missing."
        reasons.append(At("BIRTH_UNEXPLAINED", sentence, "dob_missing_reason"))
    if died is not None and died > today:
        reasons.append(At("DIED_LATER", "The date of death must be today or in the past.", "date_of_death"))
    if died is not None and born is not None and died < born:
        sentence = "The date of death must be on the date of birth or after it. Correct one of the two."
        reasons.append(At("DIED_BEFORE_BIRTH", sentence, "date_of_death"))
    return reasons


def doubts(given: Mapping[str, Any], today: date) -> list[At]:
    """What looks wrong in details, by the checks that a cohort makes of them too: it is kept, and is to be mended."""
    known = {field: given.get(field, "") for field in _LOOKED_AT}
    known |= {field: given.get(field) or None for field in ("date_of_birth", "date_of_death")}
    subject = Subject(PersonFacts(person_ref="", memberships=(), **known), None, today)
    return [
        At(check.kind.code, check.kind.sentence, field)
        for check in (*CRITICAL_CHECKS, *QUERIES)
        for field, _ in check.find(subject)
        if field in FIELDS
    ]
