"""The records of transfers: recipients, submissions, and what was done to each on its way."""

from transfers.models.certificate import RecipientCertificate
from transfers.models.submission import (
    DeliveryAttempt,
    Explanation,
    FamilyReference,
    PersonReference,
    Receipt,
    Rejection,
    SampleOpening,
    Submission,
)

__all__ = [
    "DeliveryAttempt", "Explanation", "FamilyReference", "PersonReference", "Receipt", "RecipientCertificate",
    "Rejection", "SampleOpening", "Submission",
]  # fmt: skip
