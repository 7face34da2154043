"""Erasing: what was sent of somebody who is to be erased, and what is kept of it until it is destroyed.

The council takes nothing from a family by calling the study research (docs/decisions/0051): whoever asks to be erased
is first taken out by the recipients, for which their record is needed, and then erased here.
"""

from collections.abc import Collection
from typing import Any

from cohorts.models import Decision
from connecting_families.audit.refusals import Why
from transfers import sent
from transfers.models import Explanation, LegalHold, Submission
from transfers.rules import withdrawing

GONE = "Erased."


def against(person_ids: Collection[int]) -> list[Why]:
    """Why the records of somebody are still needed: they lie in something sent, and are not taken out of it yet."""
    reasons = _held(person_ids)
    for each in sent.about(person_ids):
        if each.withdrawn is None:
            sentence = (
                f"Their details were sent in {each.submission}, and are not taken out of it. Record an objection about"
                " them: the recipients are then told by themselves. Erased first, nobody could tell whom to take out."
            )
            reasons.append(Why("SENT", sentence))
        elif each.withdrawn.acknowledged_at is None:
            state = withdrawing.state(
                each.withdrawn.sealed_at, each.withdrawn.sent_at, each.withdrawn.acknowledged_at
            ).value.lower()
            sentence = f"Taking them out of {each.submission} is not done: {state}. Wait for the recipient's receipt."
            reasons.append(Why("WITHDRAWAL_OPEN", sentence))
    return reasons


def _held(person_ids: Collection[int]) -> list[Why]:
    """A legal hold keeps what may be needed for a legal claim (Article 17(3)(e) UK GDPR)."""
    holds = LegalHold.objects.filter(submission__cohort__in=_cohorts(person_ids), lifted_at=None)
    names = sorted(set(holds.values_list("submission__name", flat=True)))
    if not names:
        return []
    sentence = f"A legal hold stands on what they are in: {', '.join(names)}. It is lifted before they are erased."
    return [Why("LEGAL_HOLD", sentence)]


def kept_sealed(person_ids: Collection[int]) -> list[str]:
    """The submissions in whose sealed files somebody is: encrypted, and kept until they are destroyed."""
    sealed = Submission.objects.filter(cohort__in=_cohorts(person_ids)).exclude(sealed_at=None)
    return list(sealed.order_by("name").values_list("name", flat=True))


def _cohorts(person_ids: Collection[int]) -> Any:
    """The cohorts in which somebody was included; not those that are forgotten, of which nobody knows."""
    return Decision.objects.filter(person_id__in=list(person_ids), included=True).values("cohort")


def empty_explanations(references: Collection[str]) -> int:
    """Empty what was written to explain single queries of these people; how many. Inside the act of erasing."""
    found = list(Explanation.objects.filter(person_ref__in=list(references)).exclude(text=GONE))
    for row in found:
        row.text = GONE
        row.save(update_fields=["text"])
    return len(found)
