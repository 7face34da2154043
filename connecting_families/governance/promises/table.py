"""The promises of the privacy notice, in our own plain words: one table, by which page, check and sign-off go.

A control is what keeps a promise; `where` names the modules in which it lives.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import (
    access,
    datasets,
    details,
    ends,
    inbound,
    law,
    objections,
    questions,
    recipients,
    service,
)
from connecting_families.governance.promises.shown import Shown

Check = Callable[[datetime], list[Why]]
Evidence = Callable[[datetime], list[Shown]]


class Promise(NamedTuple):
    """A promise: its number, what families were told, and how it is kept.

    `check` recomputes from the records whether it is kept as at an instant: reasons why not, or nothing. `evidence` is
    what a page shows of it at that instant.
    """

    number: int
    title: str
    promise: str
    control: str
    where: tuple[str, ...]
    check: Check
    evidence: Evidence


PROMISES = (
    Promise(
        1, "Only what we named",
        "We send only details that say who people of eligible families are, and only the details that we named.",
        "A list in the program names every column that may leave. Beside the core ones an agreement must list it, and"
        " only people whom the rules include are in it.",
        ("transfers.rules.extract", "cohorts.rules.inclusion"), details.check, details.evidence,
    ),
    Promise(
        2, "Only ONS receives it",
        "We send the details to the Office for National Statistics, and to nobody else.",
        "Packages are encrypted for certificates that two people compared and accepted, are read again before they"
        " leave, and go to one host whose key is pinned.",
        ("transfers.certificates", "transfers.outbox", "transfers.channels"), recipients.check, recipients.evidence,
    ),
    Promise(
        3, "Only the listed datasets",
        "Details are matched only with datasets of the departments that we listed.",
        "A round names datasets that are in the register and in its agreement, and only people who were told of all of"
        " them in time are included.",
        ("cohorts.round_settings", "cohorts.rules.notice", "transfers.rules.gates"), datasets.check, datasets.evidence,
    ),
    Promise(
        4, "Nothing comes back",
        "Nothing that was found by matching is ever given back to the council.",
        "One thing alone can come in: a receipt, of a fixed form that has no room for anything about a family. What"
        " else arrives is refused and not kept.",
        ("transfers.rules.receipts", "transfers.inbox"), inbound.check, inbound.evidence,
    ),
    Promise(
        5, "It changes nobody's service",
        "Being in the study, or not, decides nothing about the help, services or benefits that anybody gets.",
        "No role that supports families may learn who is in a cohort, and no page of theirs reads it.",
        ("connecting_families.staff.roles", "cohorts.views"), service.check_service, service.service_evidence,
    ),
    Promise(
        6, "Results are of groups alone",
        "Results speak of groups of people, and never so that somebody could be known by them.",
        "Exact counts open to the data team and governance alone. Others are told no count of a cohort, and of anything"
        " else no count below ten, and those above rounded to five.",
        ("connecting_families.staff.roles", "connecting_families.kit.small_counts"), service.check_groups,
        service.groups_evidence,
    ),
    Promise(
        7, "For research only",
        "The details are used for research, and for nothing else.",
        "Every agreement says what it is for. Nothing is put forward, sealed or sent under one for anything else.",
        ("cohorts.agreements", "transfers.rules.gates"), law.check_purpose, law.purpose_evidence,
    ),
    Promise(
        8, "By the law",
        "The details are handled by data protection law, as it is in force.",
        "Every version of the notice and every agreement is reviewed: on which law it rests, and when it is looked at"
        " again.",
        ("cohorts.reviewing", "cohorts.agreements"), law.check_law, law.law_evidence,
    ),
    Promise(
        9, "Everybody is bound",
        "Whoever handles the details is bound by an agreement.",
        "Nothing is put forward, sealed or sent on a day on which its agreement is not in force.",
        ("transfers.doors", "transfers.rules.gates"), law.check_agreed, law.agreed_evidence,
    ),
    Promise(
        10, "Nobody uses it who may not",
        "Nobody sees or uses the details who has no right to.",
        "What somebody may do follows from a role. Everybody signs in with a second factor. A refusal is recorded, and"
        " looking where one has no business asks for a reason.",
        ("connecting_families.staff.roles", "connecting_families.staff.guards", "connecting_families.staff.middleware"),
        access.check, access.evidence,
    ),
    Promise(
        11, "Destroyed in the end",
        "The details are destroyed once the research is done.",
        "Our copy of what was sent is under a key of its own, which two people have destroyed by the end of agreement"
        " and study; recipients certify that they did the same. A legal hold stops it.",
        ("transfers.rules.retention", "transfers.destruction", "transfers.archive"), ends.check, ends.evidence,
    ),
    Promise(
        12, "Questions are answered",
        "Whoever has a question about this gets an answer.",
        "Every version of the notice has a contact. A clock of one month runs for every question, request and"
        " objection.",
        ("cohorts.reviewing", "cohorts.rights", "cohorts.rules.answer"), questions.check, questions.evidence,
    ),
    Promise(
        13, "An objection is kept",
        "Whoever objects is not sent from then on; whoever objects later is taken out of what was sent.",
        "Objections are asked again in the act itself whenever something is put forward, approved, sealed or sent. A"
        " later one makes a withdrawal by itself.",
        ("transfers.doors", "cohorts.rules.objection", "transfers.withdrawal"), objections.check, objections.evidence,
    ),
)  # fmt: skip

BY_NUMBER = {each.number: each for each in PROMISES}
