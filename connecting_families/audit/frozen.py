"""Tables whose rows are added and read, and never changed: the database refuses the rest, the owner included."""

from typing import Any

import pgtrigger
from django.db import models

FUNCTION_BODY = """
BEGIN
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
"""
"""Of refuse_change, as audit's first migration makes it."""


class Refusal(pgtrigger.Trigger):
    """A trigger that runs the function refuse_change (audit's first migration) and nothing else.

    pgtrigger's own function bodies begin by asking a session setting whether to be ignored: not these.
    """

    when = pgtrigger.Before
    func = "RETURN NULL;"
    body = FUNCTION_BODY
    """Of the function that refuses, as a migration made it."""

    def __init__(self, what: str, **options: Any) -> None:
        self.what = what
        super().__init__(**options)

    def render_execute(self, model: models.Model) -> str:  # noqa: ARG002 - pgtrigger's signature
        """The call of the function, with what it says is never changed."""
        return f"refuse_change('{self.what}')"


def frozen(what: str, *, condition: pgtrigger.Condition | None = None) -> list[pgtrigger.Trigger]:
    """Triggers that refuse to change or delete a row (where `condition` holds) and to empty the table.

    `what` completes the sentence that the database says: "… is never changed."
    """
    return [
        Refusal(what, name="frozen", operation=pgtrigger.Update | pgtrigger.Delete, condition=condition),
        Refusal(what, name="never_emptied", operation=pgtrigger.Truncate, level=pgtrigger.Statement),
    ]
