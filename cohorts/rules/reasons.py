"""Why somebody stays out of a cohort: every reason, in order of precedence, and the version of the rules."""

from enum import Enum
from typing import Final

RULE_SET: Final = "2026-11"
"""The version of the rules; kept with every cohort, so that a replay can say whether the rules changed."""


class Reason(Enum):
    """A reason to stay out: its name is the code, its value the sentence that people read.

    They stand in order of precedence (spec/rules.md): the first that holds is the primary reason.
    """

    PROTECTED_IDENTITY = "This person's identity is protected."
    PROTECTED_ADDRESS = "This person's address is protected."
    OBJECTION_PERSON = "This person objects, or someone objects for them."
    OBJECTION_FAMILY = "An objection for the whole family stands."
    OBJECTION_SCOPE = "Objections leave no dataset to link to."
    CONSENT_MISSING = "This person was told that we ask consent, and there is none."
    NOTICE_MISSING = "No privacy notice was issued in time."
    DECEASED = "This person had died by the cut-off."
    NOT_YET_BORN = "This person was not born by the cut-off."
    IDENTITY_INCOMPLETE = "What ONS needs to link this person is missing or impossible."
    NO_DEPENDENT_CHILD = "No dependent child lived in the family on the cut-off."
    TOO_FEW_PROBLEMS = "Fewer headline problems are evidenced than the framework asks for."

    @property
    def code(self) -> str:
        """The code under which the reason is kept in decisions and in the trail."""
        return self._name_

    @property
    def sentence(self) -> str:
        """What the user reads."""
        return self.value


PERMISSION: Final = frozenset(
    reason.code
    for reason in (
        Reason.PROTECTED_IDENTITY,
        Reason.PROTECTED_ADDRESS,
        Reason.OBJECTION_PERSON,
        Reason.OBJECTION_FAMILY,
        Reason.OBJECTION_SCOPE,
        Reason.CONSENT_MISSING,
    )
)
"""The codes that are asked again at every door before a submission leaves."""

SILENCING: Final = PERMISSION | {Reason.NOTICE_MISSING.code}
"""The codes which keep evidence about a person from counting for their family."""
