"""The records of cohorts: families, permissions, what a round is judged by, and what a run froze."""

from cohorts.models.cohort import Cohort, Decision, Finding, Round
from cohorts.models.duplicate import Merge, Pair
from cohorts.models.family import Address, Engagement, Evidence, Family, FlagReview, Membership, Person
from cohorts.models.permission import Consent, Notice, NoticeVersion, Objection, Protection, Recheck
from cohorts.models.reference import Agreement, Dataset
from cohorts.models.replay import Replay
from cohorts.models.upload import Upload

__all__ = [
    "Address", "Agreement", "Cohort", "Consent", "Dataset", "Decision", "Engagement", "Evidence", "Family", "Finding",
    "FlagReview", "Membership", "Merge", "Notice", "NoticeVersion", "Objection", "Pair", "Person", "Protection",
    "Recheck", "Replay", "Round", "Upload",
]  # fmt: skip
