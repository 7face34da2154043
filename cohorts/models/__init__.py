"""The records of cohorts: families, permissions, what a round is judged by, and what a run froze."""

from cohorts.models.cohort import Cohort, Decision, Finding, Round, Run, Settings, Shard
from cohorts.models.duplicate import Merge, Pair
from cohorts.models.erasure import ErasedIdentity, Erasure, Remembered
from cohorts.models.family import Address, Engagement, Evidence, Family, FlagReview, Membership, Person
from cohorts.models.forgotten import Forgotten
from cohorts.models.look import Look
from cohorts.models.permission import Consent, Notice, NoticeVersion, Objection, Protection, Recheck
from cohorts.models.reference import Agreement, Dataset
from cohorts.models.replay import Replay
from cohorts.models.review import Review
from cohorts.models.rights import RightsRequest
from cohorts.models.rule_change import DryRun, FrameworkInUse, RuleChange
from cohorts.models.upload import Upload

__all__ = [
    "Address", "Agreement", "Cohort", "Consent", "Dataset", "Decision", "DryRun", "Engagement", "ErasedIdentity",
    "Erasure", "Evidence", "Family", "Finding", "FlagReview", "Forgotten", "FrameworkInUse", "Look", "Membership",
    "Merge", "Notice", "NoticeVersion", "Objection", "Pair", "Person", "Protection", "Recheck", "Remembered", "Replay",
    "Review", "RightsRequest", "Round", "RuleChange", "Run", "Settings", "Shard", "Upload",
]  # fmt: skip
