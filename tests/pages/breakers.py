"""What breaks each promise on purpose, and the codes by which its check says so; each can be mended again."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.test.utils import override_settings

from cohorts import rights
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.staff.models import User
from tests.pages import breakers_of_code as code
from tests.pages.keeping import DAY, Council, added, changed
from tests.stages.walk import RUN
from transfers import archive, retaining

Breaker = Callable[[Council], AbstractContextManager[object]]
OBJECTION = {"datasets": [], "made_by": "self", "channel": "phone", "refusal_reason": "", "refusal_reference": ""}
AGREEMENT = "reference = 'DSA'"


def in_table(table: str, where: str = "TRUE", *, key: str = "id", **to: str) -> Breaker:
    """The owner of the database changes rows of a table."""
    return lambda council: changed(council, table, where, key=key, **to)


def of_agreement(**to: str) -> Breaker:
    """The agreement that the round is under says something else."""
    return in_table("cohorts_agreement", AGREEMENT, **to)


def of_submission(**to: str) -> Breaker:
    """The submission that was sent says something else of itself."""
    return in_table("transfers_submission", **to)


def column_sent(name: str) -> Breaker:
    """Another column was in what was sealed."""
    return of_submission(
        content=f"""jsonb_set(content, '{{identifiers,columns}}',
                                     content #> '{{identifiers,columns}}' || '["{name}"]')"""
    )


# Files ------------------------------------------------------------------------------------------------------------


@contextmanager
def in_place(path: Path, data: bytes | None = None, *, link: str = "") -> Iterator[None]:
    """Other bytes where a file was, or a link to elsewhere, or nothing."""
    was = path.read_bytes()
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    if link:
        path.symlink_to(link)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(was)


def package(council: Council) -> Path:
    """A sealed package in the outbox."""
    return Path(settings.CF_OUTBOX) / f"{council.walk.submission}-identifiers.zip.p7m"


def copy(council: Council) -> Path:
    """Our own copy of what is in it."""
    return Path(settings.CF_ARCHIVE) / f"{council.walk.submission}-identifiers.archive"


#: Reading it fails, as on a broken disk, whoever reads.
BROKEN_DISK = "/proc/self/mem"


@contextmanager
def inbox_kept(_: Council) -> Iterator[None]:
    """What came in was neither taken in nor refused."""
    with tempfile.TemporaryDirectory() as folder, override_settings(CF_RECEIPT_FOLDER=Path(folder)):
        file = Path(folder) / "results.csv"
        file.write_text("person,benefit\n")
        os.utime(file, times=(0, (RUN - DAY).timestamp()))
        yield


# Acts that no stage lets through ----------------------------------------------------------------------------------


@contextmanager
def approved_by_its_hand(council: Council) -> Iterator[None]:
    """Who approved it had shaped it: without the constraint that refuses that."""
    name, table = "approved_by_other_hands", "transfers_submission"
    ((definition,),) = council.owner.asks(
        f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{name}'"
    )
    with ExitStack() as undone:
        council.owner.does(table, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        undone.callback(council.owner.does, table, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        undone.enter_context(changed(council, table, shaped_by="shaped_by || approved_by_id"))
        yield


@contextmanager
def looked_without_reason(council: Council) -> Iterator[None]:
    """A protected address was opened, and nobody said why."""
    with trail.act():
        entry = trail.record(
            Event.PROTECTED_ADDRESS_OPENED, who=council.walk.who("worker"), at=council.walk.now(),
            about=council.walk.person("P1"),
        )  # fmt: skip
    try:
        yield
    finally:
        council.owner.does("audit_entry", f"DELETE FROM audit_entry WHERE id = {entry.pk}")


@contextmanager
def destroyed_under_hold(council: Council) -> Iterator[None]:
    """The key was destroyed while a court had it kept."""
    walk, by = council.walk, council.walk.who("govern")
    hold = retaining.place_hold(submission=walk.submission, reason="A court asked for it.", by=by, at=walk.now())
    people = {name: User.objects.get(username=name).pk for name in ("prepare", "govern")}
    with added(
        council, "transfers_destruction", submission_id=walk.submission.pk, reason="", asked_by_id=people["prepare"],
        asked_at=walk.now(), confirmed_by_id=people["govern"], confirmed_at=walk.now(), key_destroyed_at=walk.now(),
        stopped="[]", forgotten="{}", removed="[]", certificate="", certificate_sha256="", signature="", correlation="",
    ):  # fmt: skip
        yield
    retaining.lift_hold(hold=hold, reason="The case is over.", by=by, at=walk.now())


@contextmanager
def request_forgotten(council: Council) -> Iterator[None]:
    """Nobody answered a request within its month."""
    walk = council.walk
    row = rights.receive(
        kind="access", person=walk.person("P5"), channel="letter", received_at=RUN - 60 * DAY, by=walk.who("worker"),
        at=walk.now(),
    )  # fmt: skip
    yield
    given = rights.Answer("done", "All of it, by post.", "", RUN.date(), "letter")
    rights.answer(request=row, given=given, by=walk.who("govern"), at=walk.now())


def objection(days: int, **about: str) -> Breaker:
    """An objection that came so many days before anything was sent, and that no door saw."""

    def received(council: Council) -> AbstractContextManager[object]:
        named = {f"{what}_id": council.walk.person(reference).pk for what, reference in about.items()}
        decided = {"decided_at": RUN - DAY, "decided_by": "govern"} if days == 1 else {"decided_by": ""}
        return added(council, "cohorts_objection", reference="LATE", received_at=RUN - days * DAY, **named,
                     **OBJECTION, **decided)  # fmt: skip

    return received


@contextmanager
def column_added(council: Council) -> Iterator[None]:
    """A column in which something found by matching could be kept."""
    council.owner.connection.execute("ALTER TABLE cohorts_person ADD COLUMN benefits text")
    try:
        yield
    finally:
        council.owner.connection.execute("ALTER TABLE cohorts_person DROP COLUMN benefits")


@dataclass(frozen=True)
class Breaks:
    """Of a promise, what breaks its control, and the codes by which its check says so."""

    promise: int
    breaker: Breaker
    codes: tuple[str, ...]


def breaks(promise: int, breaker: Breaker, *codes: str) -> Breaks:
    return Breaks(promise, breaker, codes)


#: The first of each promise is the one that is tried in a night, with its page.
BREAKERS = (
    breaks(1, code.another_column, "COLUMN_NOT_IN_NOTICE"),
    breaks(1, of_agreement(fields="'{ethnicity}'"), "AGREEMENT_LISTS_UNKNOWN_FIELD"),
    breaks(1, column_sent("upn"), "COLUMN_NOT_AGREED"),
    breaks(1, column_sent("ethnicity"), "SENT_COLUMN_NOT_IN_NOTICE"),
    breaks(1, in_table("cohorts_decision", "person_ref = 'P1'", key="person_ref", reasons="'OBJECTION_PERSON'"),
           "EXCLUDED_WAS_SENT"),
    breaks(1, in_table("cohorts_decision", "person_ref = 'P8'", key="person_ref", included="TRUE"),
           "NOT_WHO_WAS_INCLUDED"),
    # One of the two people never accepted the certificate.
    breaks(2, in_table("transfers_recipientcertificate", second_accepted_at="second_accepted_at + interval '1 year'"),
           "PACKAGE_FOR_OTHERS"),
    breaks(2, lambda council: in_place(package(council)), "PACKAGE_MISSING"),
    breaks(2, lambda council: in_place(package(council), b"Sealed."), "PACKAGE_DAMAGED", "PACKAGE_CHANGED"),
    breaks(2, lambda council: in_place(package(council), link=BROKEN_DISK), "PACKAGE_UNREADABLE"),
    breaks(2, lambda council: in_place(copy(council)), "COPY_MISSING"),
    breaks(2, lambda council: in_place(archive.key_file(str(council.walk.submission))), "COPY_MISSING"),
    breaks(2, lambda council: in_place(copy(council), b"Kept."), "COPY_CHANGED"),
    breaks(2, lambda council: in_place(copy(council), link=BROKEN_DISK), "COPY_UNREADABLE"),
    breaks(2, in_table("transfers_deliveryattempt", channel="'sftp'", host_key="'SHA256:another'"), "HOST_NOT_PINNED"),
    breaks(2, of_agreement(recipients="'{}'"), "RECIPIENT_NOT_AGREED"),
    breaks(2, in_table("cohorts_noticeversion", recipients="'{}'"), "RECIPIENT_NOT_IN_A_NOTICE"),
    breaks(3, of_agreement(datasets="'{PNC}'"), "DATASET_NOT_AGREED", "ROUND_DATASET_NOT_AGREED"),
    breaks(3, in_table("cohorts_dataset", "code = 'NPD'", in_register_to="in_register_from + 1"),
           "DATASET_NOT_IN_REGISTER"),
    breaks(3, in_table("cohorts_decision", "person_ref = 'P1'", key="person_ref", linkage_scope="'PNC;NPD;HES'"),
           "SCOPE_BEYOND_COHORT"),
    breaks(3, in_table("cohorts_notice", issued_on="'2026-12-01'"), "NOT_TOLD"),
    breaks(4, code.results_come_back, "ANOTHER_DOOR", "UNKNOWN_TABLE"),
    breaks(4, code.page_reads_what_is_sent, "ANOTHER_DOOR"),
    breaks(4, column_added, "UNKNOWN_COLUMN"),
    breaks(4, in_table("transfers_receipt", rejections="""rejections || '{"BENEFITS": 1}'"""), "RECEIPT_SAYS_MORE"),
    breaks(4, of_submission(sent_at="NULL"), "RECEIPT_OF_NOTHING"),
    breaks(4, in_table("transfers_rejection", code="'BENEFITS'"), "REJECTION_SAYS_MORE"),
    breaks(4, inbox_kept, "INBOX_KEEPS_FILES"),
    breaks(5, code.worker_sees_cohorts, "ROLE_LEARNS_OF_COHORTS"),
    breaks(5, code.page_reads_cohorts, "PAGE_READS_COHORTS"),
    breaks(5, code.template_tells, "TEMPLATE_READS_COHORTS"),
    breaks(6, code.administrator_sees_counts, "ROLE_SEES_EXACT_COUNTS"),
    breaks(6, code.counts_as_they_are, "SMALL_COUNT_SAID", "COUNT_NOT_ROUNDED"),
    breaks(6, code.totals_as_they_are, "TOTAL_GIVES_AWAY"),
    breaks(6, code.counts_without_asking, "COUNTS_UNROUNDED"),
    breaks(7, of_agreement(purpose="'fraud'"), "SEALED_OUTSIDE_RESEARCH", "NOT_FOR_RESEARCH"),
    breaks(7, of_agreement(purpose="' '"), "NO_PURPOSE"),
    # The day by which everything was to be looked at again passed by.
    breaks(8, in_table("cohorts_review", reviewed_on="'2025-01-01'", next_on="'2025-02-01'"), "REVIEW_OVERDUE"),
    breaks(8, in_table("cohorts_review", "agreement_id IS NOT NULL",
                       agreement_id="(SELECT id FROM cohorts_agreement WHERE reference = 'DSA-MORE')"),
           "NEVER_REVIEWED"),
    breaks(8, of_agreement(legal_reference="''"), "NO_LEGAL_REFERENCE"),
    # It began after what was sent under it.
    breaks(9, of_agreement(in_force_from="'2026-12-01'"), "NO_AGREEMENT_IN_FORCE"),
    breaks(10, code.gate_gone, "GATE_GONE"),
    breaks(10, code.page_without_guard, "PAGE_WITHOUT_GUARD"),
    breaks(10, code.administrator_reads_the_trail, "ACCOUNTS_AND_RECORDS"),
    breaks(10, code.preparer_approves, "BOTH_HANDS"),
    breaks(10, in_table("staff_user", "username = 'worker'", role="'mayor'"), "UNKNOWN_ROLE"),
    breaks(10, in_table("staff_user", "username = 'worker'", is_superuser="TRUE"), "ABOVE_ROLES"),
    breaks(10, approved_by_its_hand, "APPROVED_BY_ITS_HAND"),
    breaks(10, looked_without_reason, "LOOKED_WITHOUT_REASON"),
    # The agreement was over on the day after sending, and copies are kept all the same.
    breaks(11, of_agreement(in_force_to="'2026-11-03'"), "COPY_OVERDUE"),
    breaks(11, of_submission(stage="'DESTROYED'"), "NO_CERTIFICATE_OF_DESTRUCTION", "DESTROYED_AND_THERE",
           "DESTROYED_AND_KNOWN"),
    breaks(11, destroyed_under_hold, "DESTROYED_UNDER_HOLD"),
    breaks(11, of_submission(stage="'VOID'"), "VOID_PACKAGE_KEPT"),
    breaks(12, code.nobody_to_ask, "NO_CONTACT_ON_LETTERS"),
    breaks(12, in_table("cohorts_review", "version_id IS NOT NULL", contact="' '"), "NO_CONTACT"),
    breaks(12, objection(60, person="P5"), "ANSWER_OVERDUE"),
    breaks(12, request_forgotten, "REQUEST_OVERDUE"),
    breaks(13, objection(1, person="P1"), "OBJECTION_NOT_KEPT"),
    breaks(13, objection(2), "UNMATCHED_WHEN_SENT"),
)  # fmt: skip
IN_A_NIGHT = {each.promise: each for each in reversed(BREAKERS)}
