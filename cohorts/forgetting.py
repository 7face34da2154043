"""Forgetting: nobody can say any more who was in the cohorts of a round. Counts and digests remain.

It is asked for when what was sent of them is destroyed, and is a part of that act: its entry tells of this too. The
database itself refuses it before two people have confirmed the destruction.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from cohorts.models import Cohort, DryRun, Finding, Forgotten, Replay, Round
from cohorts.models import Decision as Decisions
from connecting_families.audit.refusals import Why

REPLAYS = "UPDATE cohorts_replay SET differences = '[]' WHERE cohort_id = %s AND differences <> '[]'"
DRY_RUNS = """
    UPDATE cohorts_dryrun SET outcome = (
        SELECT jsonb_agg(CASE WHEN one ->> 'cohort' = %(cohort)s::text THEN one || '{"people": []}' ELSE one END
                         ORDER BY place)
        FROM jsonb_array_elements(outcome) WITH ORDINALITY AS o (one, place)
    )
    WHERE EXISTS (
        SELECT FROM jsonb_array_elements(outcome) AS o (one)
        WHERE one ->> 'cohort' = %(cohort)s::text AND one -> 'people' <> '[]'
    )
"""


def hold(round_: Round) -> None:
    """Until this transaction ends nobody asks for a cohort of this round, nor for a replay of one."""
    Round.objects.select_for_update().get(pk=round_.pk)
    list(Cohort.objects.select_for_update(of=("self",)).filter(round=round_).order_by("pk"))


def reasons_against(round_: Round) -> list[Why]:
    """Why the cohorts of a round cannot be forgotten now: something is still written of one."""
    cohorts = Cohort.objects.filter(round=round_)
    dry_runs = DryRun.objects.filter(
        state=DryRun.REQUESTED, cohorts__overlap=list(cohorts.values_list("pk", flat=True))
    )
    if (
        cohorts.filter(state=Cohort.REQUESTED).exists()
        or Replay.objects.filter(cohort__round=round_, state=Replay.REQUESTED).exists()
        or dry_runs.exists()
    ):
        sentence = "A run, a replay or a dry run of a cohort of this round goes on. Wait until it has ended."
        return [Why("RUN_GOES_ON", sentence)]
    return []


def forget(*, round_: Round, because: str, at: datetime) -> dict[str, int]:
    """Delete every decision and finding of a round's cohorts, and of whom replays and dry runs told; how many.

    Only inside the act that destroys what was sent, after `hold`. Nobody can ask for another cohort of the round
    afterwards.
    """
    gone = {"cohorts": 0, "decisions": 0, "findings": 0, "replays": 0, "dry_runs": 0}
    for cohort in Cohort.objects.filter(round=round_, forgotten=None).order_by("pk"):
        counts = {
            "decisions": Decisions.objects.filter(cohort=cohort).count(),
            "findings": Finding.objects.filter(cohort=cohort).count(),
        }
        Forgotten.objects.create(cohort=cohort, at=at, because=because, **counts)
        with connection.cursor() as cursor:
            cursor.execute("SELECT cohorts_forget(%s)", [cohort.pk])
            cursor.execute(REPLAYS, [cohort.pk])
            counts["replays"] = cursor.rowcount
            cursor.execute(DRY_RUNS, {"cohort": cohort.pk})
            counts["dry_runs"] = cursor.rowcount
        gone["cohorts"] += 1
        for what, number in counts.items():
            gone[what] += number
    return gone


def is_forgotten(cohort: Cohort) -> bool:
    """Whether nobody can say any more who was in it."""
    return Forgotten.objects.filter(cohort=cohort).exists()


def forgotten_of(cohorts: Collection[int]) -> set[int]:
    """Which of these cohorts nobody can tell of any more. Whoever has one forgotten at this moment is waited for."""
    list(Cohort.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=cohorts).order_by("pk"))
    return set(Forgotten.objects.filter(cohort__in=cohorts).values_list("cohort_id", flat=True))


def round_is_over(round_: Round) -> list[Why]:
    """Why no cohort of this round is asked for any more; nothing while what was sent of it is not destroyed."""
    if not Forgotten.objects.filter(cohort__round=round_).exists():
        return []
    sentence = f"What was sent of the round {round_.code} was destroyed. Open another round."
    return [Why("ROUND_IS_OVER", sentence)]
