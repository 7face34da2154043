"""The records of transfers: recipients, submissions, and what was done to each on its way."""

from transfers.models.certificate import RecipientCertificate
from transfers.models.submission import (
    DeliveryAttempt,
    Explanation,
    FamilyReference,
    PersonReference,
    SampleOpening,
    Submission,
)

__all__ = [
    "DeliveryAttempt", "Explanation", "FamilyReference", "PersonReference", "RecipientCertificate", "SampleOpening",
    "Submission",
]  # fmt: skip
