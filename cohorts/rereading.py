"""Rereading: a decision of a cohort beside the facts by which it would be made again.

A cohort keeps no facts, only a digest over those of each family: what is shown is today's records, asked as at the
cohort's cut-off and moment, with a word on whether they are what the run read.
"""

from typing import NamedTuple

from django.db import transaction

from cohorts import facts, households, some_families
from cohorts.models import Cohort, Decision, Person
from cohorts.rules import inclusion
from cohorts.rules.facts import FamilyFacts, PersonFacts, Question
from cohorts.rules.reasons import RULE_SET

FAMILY = "AND f.id = %s"


class Reread(NamedTuple):
    """What the rules say of a decision's person today; None where the family or the person in it is not on file.

    `same_facts`: what was read is what the run read. `same_rules`: the version of the rules is that of the run.
    """

    question: Question
    family: FamilyFacts | None
    person: PersonFacts | None
    decision: inclusion.Decision | None
    same_facts: bool
    same_rules: bool


def reread(cohort: Cohort, row: Decision) -> Reread:
    """Read the family of a decision again, as the run did, and ask the rules as at the cohort's moment."""
    with transaction.atomic():
        known = some_families.look_up(FAMILY, [row.family_id])
        question = facts.question_of(cohort)
        found = list(facts.stream(only=FAMILY, parameters=[row.family_id], known=known))
        # The record may be merged into another since: the facts are of the one that it counts as.
        survivor = households.survivors([row.person_id]).get(row.person_id, row.person_id)
        reference = Person.objects.filter(pk=survivor).values_list("reference", flat=True).first()
    same_rules = cohort.rule_set == RULE_SET and cohort.framework_version == question.framework.version
    if not found:
        return Reread(question, None, None, None, same_facts=False, same_rules=same_rules)
    (streamed,) = found
    people = {person.person_ref: person for person in streamed.family.people}
    decided = {it.person_ref: it for it in inclusion.decide(streamed.family, question)}
    return Reread(
        question,
        streamed.family,
        people.get(reference or ""),
        decided.get(reference or ""),
        same_facts=streamed.digest == row.facts_digest,
        same_rules=same_rules,
    )
