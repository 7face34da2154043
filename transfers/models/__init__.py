"""The records of transfers: recipients, submissions, and what was done to each on its way."""

from transfers.models.certificate import RecipientCertificate
from transfers.models.destruction import Destruction, LegalHold, RecipientDestruction, StudyEnd
from transfers.models.submission import (
    Attempt,
    DeliveryAttempt,
    Explanation,
    FamilyReference,
    PersonReference,
    Receipt,
    Rejection,
    SampleOpening,
    Submission,
)
from transfers.models.withdrawal import Withdrawal, WithdrawalAttempt, Withdrawn

__all__ = [
    "Attempt", "DeliveryAttempt", "Destruction", "Explanation", "FamilyReference", "LegalHold", "PersonReference",
    "Receipt", "RecipientCertificate", "RecipientDestruction", "Rejection", "SampleOpening", "StudyEnd", "Submission",
    "Withdrawal", "WithdrawalAttempt", "Withdrawn",
]  # fmt: skip
