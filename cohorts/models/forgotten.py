"""Forgotten: the decisions of a cohort were destroyed, because what was sent of it was; counts and digest remain."""

from typing import Any

import pgtrigger
from django.db import models

from cohorts.models.cohort import Cohort
from connecting_families.audit.classified import audited
from connecting_families.audit.frozen import Refusal, frozen

FUNCTION_BODY = """
DECLARE
    becomes jsonb := to_jsonb(OLD);
BEGIN
    -- The references of whom it tells may go, once the cohort is forgotten; nothing else of it, and nothing comes in
    -- their place. The schema is named: no other table may stand in.
    IF TG_OP = 'UPDATE' THEN
        IF becomes ? 'differences' THEN
            IF EXISTS (
                SELECT FROM public.cohorts_forgotten f WHERE f.cohort_id = (becomes ->> 'cohort_id')::bigint
            ) THEN
                becomes := becomes || '{"differences": []}';
            END IF;
        ELSE
            becomes := becomes || jsonb_build_object('outcome', (
                SELECT coalesce(jsonb_agg(
                    CASE WHEN EXISTS (
                        SELECT FROM public.cohorts_forgotten f WHERE f.cohort_id = (o.one ->> 'cohort')::bigint
                    ) THEN o.one || '{"people": []}' ELSE o.one END ORDER BY o.place
                ), '[]')
                FROM jsonb_array_elements(becomes -> 'outcome') WITH ORDINALITY AS o (one, place)
            ));
        END IF;
        IF to_jsonb(NEW) = becomes AND becomes <> to_jsonb(OLD) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is never changed.', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
"""
"""Of what tells of a cohort beside its decisions: the differences of a replay, the outcome of a dry run."""


class RefusalUnlessForgotten(Refusal):
    """Refuses every change but one: that it tells of nobody any more in a cohort which is forgotten."""

    body = FUNCTION_BODY

    def render_execute(self, model: models.Model) -> str:  # noqa: ARG002 - pgtrigger's signature
        """The call of the function (cohorts migration 0018)."""
        return f"cohorts_refuse_unless_forgotten('{self.what}')"


def frozen_unless_forgotten(what: str, *, condition: Any) -> list[pgtrigger.Trigger]:
    """Triggers as of `frozen`, which let the references of people go where their cohort is forgotten."""
    return [
        RefusalUnlessForgotten(what, name="frozen", operation=pgtrigger.Update | pgtrigger.Delete, condition=condition),
        *frozen(what)[1:],
    ]


@audited(recordable="id cohort at because decisions findings")
class Forgotten(models.Model):
    """From this moment on nobody can say who was in a cohort. The one door through which decisions go.

    The database lets a row in only where the destruction that it names was confirmed by two people (transfers).
    """

    cohort = models.OneToOneField(Cohort, on_delete=models.PROTECT, related_name="forgotten")
    at = models.DateTimeField()
    because = models.CharField(max_length=150, help_text="The reference of what was destroyed.")
    decisions = models.PositiveIntegerField(help_text="How many there were.")
    findings = models.PositiveIntegerField(help_text="How many there were.")

    class Meta:
        triggers = frozen("That a cohort is forgotten")

    def __str__(self) -> str:
        return f"{self.cohort_id}"
