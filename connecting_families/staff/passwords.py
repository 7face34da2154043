"""Words that whoever guesses a password of this program tries first: the program's, the council's, what it is about."""

import re

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

OURS = ("connecting", "families", "troubled", "early help", "council", "objection", "cohort", "password")
SHORTEST = 4
"""Letters of a word of the council's name that is worth trying."""


def words() -> list[str]:
    """The words, in small letters; docs/security.md names them."""
    council = re.findall(rf"\w{{{SHORTEST},}}", settings.CF_COUNCIL_NAME.lower())
    return sorted({*(word.replace(" ", "") for word in OURS), *council})


class OurWords:
    """A password may hold such a word, and must be long enough without it."""

    def __init__(self, min_length: int = 12) -> None:
        self.min_length = min_length

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:  # noqa: ARG002 - Django's signature
        """Raises ValidationError where little is left of the password without them."""
        rest = re.sub(r"[\W_]", "", password.lower())
        for word in words():
            rest = rest.replace(word, "")
        letters = len(re.sub(r"[\W_]", "", password))
        if len(rest) < min(self.min_length, letters):
            raise ValidationError(self.get_help_text(), code="our_words")

    def get_help_text(self) -> str:
        """What to do."""
        return "Choose words that have nothing to do with this program, its work or the council."
