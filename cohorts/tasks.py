"""What the workers do for cohorts: fetch, make one call, end."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from celery import shared_task
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone
from kombu.exceptions import OperationalError as NoBroker

from cohorts import assembly, findable, proposing, trying, uploads
from cohorts import replay as replays
from cohorts.models import Cohort, DryRun, Replay, Upload
from cohorts.shards import Joined
from connecting_families.alone import Work, alone
from connecting_families.audit import trail
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import duty

HELPERS = 16
"""Workers that are asked for help with a run; those that come later find it by themselves."""
NIGHTLY = timedelta(hours=6)
"""Within which the search of a night is not made again, however many beats ask for it."""

logger = logging.getLogger(__name__)


@shared_task
def assemble(cohort_id: int) -> None:
    """Assemble a cohort that was asked for. A lost database or a killed process is no answer: the sweep tries again."""
    try:
        assembly.assemble(cohort_id, by=duty("assemble"), at=timezone.now(), helpers=_other_workers)
    except (DatabaseError, InterfaceError):
        logger.warning("The run for cohort %s was interrupted; it is taken up again.", cohort_id)
    except Exception as error:  # noqa: BLE001 - whatever else it is would happen again: a person is told
        # The kind of error and the place, never its message: it may quote a record.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error(
            "The run for cohort %s failed: %s at %s:%s.", cohort_id, type(error).__name__, place.name, place.lineno
        )
        cohort = Cohort.objects.get(pk=cohort_id)
        assembly.give_up(cohort=cohort, why=type(error).__name__, by=duty("assemble"), at=timezone.now())


@shared_task
def help_assemble(cohort_id: int) -> None:
    """Take shards of a run that another worker coordinates; what stops us, that worker meets too and says."""
    try:
        assembly.lend_a_hand(cohort_id)
    except Exception as error:  # noqa: BLE001 - a helper is no loss to the run
        logger.warning("Help for the run for cohort %s ended early: %s.", cohort_id, type(error).__name__)


@contextmanager
def _other_workers(joined: Joined) -> Iterator[None]:
    """Ask for help once for each further shard, at most so often as workers may be there: whoever is free comes."""
    try:
        for _ in range(min(joined.shards - 1, HELPERS)):
            help_assemble.delay(joined.cohort_id)
    except NoBroker:
        logger.warning("Nobody could be asked for help with the run for cohort %s.", joined.cohort_id)
    yield


@shared_task
def assemble_what_is_due() -> None:
    """Find the runs that were asked for and are not finished: whoever is still at one keeps it, and is helped."""
    due = Cohort.objects.filter(state=Cohort.REQUESTED)
    for cohort_id, correlation, begun in due.values_list("pk", "correlation", "run"):
        with trail.correlated(correlation):
            assemble.delay(cohort_id)
            if begun:
                help_assemble.delay(cohort_id)


@shared_task
def try_out(dry_run_id: int) -> None:
    """Make a dry run that was asked for. A lost database is no answer: the sweep tries again."""
    try:
        trying.try_out(dry_run_id, by=duty("try"), at=timezone.now())
    except (OperationalError, InterfaceError):
        logger.warning("The dry run %s was interrupted; it is taken up again.", dry_run_id)
    except Exception as error:  # noqa: BLE001 - whatever else it is would happen again: a person is told
        # The kind of error and the place, never its message: it may quote a record.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error("The dry run %s failed: %s at %s:%s.", dry_run_id, type(error).__name__, place.name, place.lineno)
        run = DryRun.objects.get(pk=dry_run_id)
        trying.give_up(run=run, why=type(error).__name__, by=duty("try"), at=timezone.now())


@shared_task
def try_out_what_is_due() -> None:
    """Find the dry runs that were asked for and are not made: whoever is still at one keeps it."""
    for dry_run_id, correlation in DryRun.objects.filter(state=DryRun.REQUESTED).values_list("pk", "correlation"):
        with trail.correlated(correlation):
            try_out.delay(dry_run_id)


@shared_task
def replay(replay_id: int) -> None:
    """Run the rules again for a cohort. A lost database is no answer: the sweep tries again."""
    try:
        replays.run(replay_id, by=duty("replay"), at=timezone.now())
    except (DatabaseError, InterfaceError):
        logger.warning("The replay %s was interrupted; it is taken up again.", replay_id)
    except Exception as error:  # noqa: BLE001 - whatever else it is would happen again: a person is told
        # The kind of error and the place, never its message: it may quote a record.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error("The replay %s failed: %s at %s:%s.", replay_id, type(error).__name__, place.name, place.lineno)
        asked = Replay.objects.select_related("cohort").get(pk=replay_id)
        replays.give_up(asked=asked, why=type(error).__name__, by=duty("replay"), at=timezone.now())


@shared_task
def replay_what_is_due() -> None:
    """Find the replays that were asked for and are not finished: whoever is still at one keeps it."""
    for replay_id, correlation in Replay.objects.filter(state=Replay.REQUESTED).values_list("pk", "correlation"):
        with trail.correlated(correlation):
            replay.delay(replay_id)


@shared_task
def check_upload(upload_id: int) -> None:
    """Check an upload. A lost database is no answer: the sweep tries again."""
    _work_on_upload(upload_id, lambda: uploads.check(upload_id, by=duty("check"), at=timezone.now()))


@shared_task
def load_upload(upload_id: int) -> None:
    """Load an upload that was confirmed; one that is refused for now waits for a person again."""
    _work_on_upload(upload_id, lambda: uploads.load(upload_id, at=timezone.now()))


def _work_on_upload(upload_id: int, work: Callable[[], object]) -> None:
    try:
        work()
    except (OperationalError, InterfaceError) as error:
        logger.warning("Upload %s was interrupted (%s); it is taken up again.", upload_id, type(error).__name__)
    except Refused as refusal:
        reasons = [Why(reason.code, reason.sentence) for reason in refusal.reasons]
        row = Upload.objects.get(pk=upload_id)
        uploads.put_back(upload=row, reasons=reasons, by=duty("load"), at=timezone.now())
    except Exception as error:  # noqa: BLE001 - whatever else it is would happen again: a person is told
        # The kind of error and the place, never its message: it may quote a record.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error("Upload %s failed: %s at %s:%s.", upload_id, type(error).__name__, place.name, place.lineno)
        row = Upload.objects.get(pk=upload_id)
        uploads.fail(upload=row, why=type(error).__name__, by=duty("load"), at=timezone.now())


@shared_task
def look_after_uploads() -> None:
    """Find the uploads to be checked, loaded or destroyed: whoever is still at one keeps it."""
    at = timezone.now()
    due = uploads.due(at)
    for task, name in ((check_upload, "check"), (load_upload, "load")):
        for upload_id, correlation in due[name]:
            with trail.correlated(correlation):
                task.delay(upload_id)
    for upload_id, correlation in due["expire"]:
        with trail.correlated(correlation):
            uploads.expire(upload=Upload.objects.get(pk=upload_id), by=duty("expire"), at=at)
    uploads.tidy(at)


@shared_task
def take_into_the_search() -> None:
    """Take into the search whomever bulk files wrote."""
    findable.take_in_what_is_written()


@shared_task
def search_for_duplicates() -> None:
    """Look for records that may be of one person, once a night however many ask for it."""
    _search(_none_tonight)


def _none_tonight() -> bool:
    last = proposing.last()
    return last is None or timezone.now() - last.at > NIGHTLY


def _search(is_due: Callable[[], bool]) -> None:
    try:
        # Whoever searched meanwhile has recorded it by the time that nobody else is at it.
        with alone(Work.PROPOSING, proposing.EVERYBODY) as nobody_else:
            if nobody_else and is_due():
                proposing.propose(by=duty("propose"), at=timezone.now())
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The search for duplicates was interrupted (%s); it is done again.", type(error).__name__)


@shared_task
def search_if_asked() -> None:
    """Look for records that may be of one person where somebody asked for it and it was not done yet."""
    _search(proposing.is_asked_for)


@shared_task
def forget_words() -> None:
    """Forget the words of names that nobody on file has any more."""
    findable.forget_words()
