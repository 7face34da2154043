"""What stands around the program fails while it works: the database, the broker, the room on a disk, connections.

Each test says what people see, and what is lost: nothing. All go on one pair of servers of their own, with a real site,
a real worker and a real beat, and hold what came out against a run that nobody disturbed.
"""

import contextlib
import copy
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from cohorts import assembly, loading, rounds, tasks
from cohorts.models import Cohort, Decision, Family, Objection, Round
from connecting_families import invented
from connecting_families.audit import seal
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.governance import backups
from connecting_families.staff import accounts
from tests.audit.conftest import given
from tests.deployment.by_http import Answer, Visitor
from tests.faults.own_servers import Apart, apart, wait_until
from tests.faults.test_workers import LOADER, now
from tests.signing_in import code_of, enrol

pytestmark = pytest.mark.xdist_group("around")

FAMILIES = 1_500
DRAWN = re.compile(r'name="drawn"\s+value="([^"]+)"')
PASSWORD = "marl and osier in a creel"
SORRY = "The records could not be reached. Nothing half done was kept."


class Site:
    """The servers, the pages, and what a run comes to that nobody disturbs."""

    def __init__(self, here: Apart, visitor: Visitor, round_: Round, expected: Cohort) -> None:
        self.here, self.visitor, self.round, self.expected = here, visitor, round_, expected
        family = Family.objects.order_by("reference").values_list("reference", flat=True)[0]
        self.page, self.drawn = f"/families/{family}/objections/record/", ""

    def look(self, path: str) -> Answer:
        """Another page, in another tab."""
        return copy.copy(self.visitor).ask("GET", path)

    def asked_by_a_machine(self, path: str) -> Answer:
        """What watches over the program, without a sign-in."""
        machine = copy.copy(self.visitor)
        machine.cookies = SimpleCookie()
        return machine.ask("GET", path)

    def ask_for_a_run(self) -> Cohort:
        """As a page does it: asked for, then handed to the workers."""
        at = now()
        cohort = assembly.request(round_=self.round, run_at=self.expected.run_at, by=LOADER, at=at)
        with contextlib.suppress(Exception):
            tasks.assemble.delay(cohort.pk)
        return cohort

    def came_out_as_ever(self, cohort: Cohort) -> None:
        """Once, and the same as undisturbed."""
        wait_until(lambda: _state(cohort) == Cohort.FINISHED)
        cohort.refresh_from_db()
        assert cohort.digest == self.expected.digest
        assert Decision.objects.filter(cohort=cohort).count() == self.expected.candidates
        assert Entry.objects.filter(event="COHORT_ASSEMBLED", reference=str(cohort)).count() == 1

    def open_the_form(self) -> Answer:
        """Somebody objects for a whole family: filled in, and the answers are there to be checked."""
        opened = self.visitor.ask("GET", self.page)
        assert opened.status == 200, opened.text
        found = DRAWN.search(self.visitor.send(self.page, person="family", covers="all").text)
        assert found is not None
        self.drawn = found[1]
        return opened

    def object(self) -> Answer:
        """The answers are confirmed; pressed again, it is the same objection."""
        return self.visitor.send(self.page, person="family", covers="all", drawn=self.drawn, confirmed="1")

    def the_trail_is_whole(self) -> None:
        """What was done is sealed, and verifies."""
        seal.seal(at=now())
        end, said, beside = given("verify_trail")
        assert (end, said["faults"]) == (0, []), beside


def _state(cohort: Cohort) -> str:
    with contextlib.suppress(Exception):
        return str(Cohort.objects.values_list("state", flat=True).get(pk=cohort.pk))
    connection.close()
    return ""


@pytest.fixture(scope="module")
def site(django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """Everything up, somebody of governance signed in, and families on file."""
    with django_db_blocker.unblock(), apart() as here:
        accounts.add(username="govern", role="early_help_manager", password=PASSWORD, by=LOADER, at=now())
        enrol("govern")
        invented.write(here.folder / "cases", FAMILIES)
        loading.load_directory(here.folder / "cases", by=LOADER, at=now())
        round_ = rounds.open_round(
            code="AROUND", cut_off=invented.CUT_OFF, framework="TF", datasets=["PNC", "NPD"], agreement="DSA-2026",
            by=LOADER, at=now(),
        )  # fmt: skip
        at = now()
        asked = assembly.request(round_=round_, run_at=at, by=LOADER, at=at)
        expected = assembly.assemble(asked.pk, by=duty("assemble"), at=now())
        assert expected is not None
        with here.web(PGOPTIONS="-c lock_timeout=1s -c statement_timeout=5s") as visitor, here.worker(), here.beat():
            visitor.ask("GET", "/account/login/")
            assert visitor.send("/account/login/", login="govern", password=PASSWORD).status == 302
            visitor.ask("GET", "/account/login/code/")
            assert visitor.send("/account/login/code/", code=code_of("govern")).status == 302
            yield Site(here, visitor, round_, expected)


@contextlib.contextmanager
def away(site: Site, server: str) -> Iterator[None]:
    """Inside, a server is gone as after a power cut, and does not come back before the end of the block."""
    keeper = site.here.user.keeper()
    keeper.suspend()
    try:
        site.here.kill(server)
        yield
    finally:
        keeper.resume()
        wait_until(lambda: not _refuses(site))


def _refuses(site: Site) -> bool:
    try:
        with site.here.owner() as asked:
            asked.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def test_the_database_is_killed_while_a_run_goes_on_and_a_page_is_open(site: Site) -> None:
    """Whoever has a page open is told to wait a minute, and to send the form again; nobody has to sign in again.

    The run is taken up by the next sweep, from its beginning. Nothing is lost.
    """
    before = Objection.objects.count()
    assert site.open_the_form().status == 200
    cohort = site.ask_for_a_run()
    wait_until(lambda: _begun(cohort))
    with away(site, "postgres"):
        connection.close()
        sent = site.object()
        for answer in (sent, site.look("/find/")):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
            assert SORRY in answer.text
        assert "your browser then sends once more what you typed" in sent.text
        assert site.asked_by_a_machine("/healthz").status == 200
        ready = site.asked_by_a_machine("/readyz")
        assert (ready.status, '"database": {"state": "failed"' in ready.text) == (503, True)
    connection.close()
    assert Objection.objects.count() == before
    # The next sweep is within a quarter of a minute.
    tasks.assemble_what_is_due.delay()
    assert [site.object().status for _ in range(2)] == [302, 302]
    assert Objection.objects.count() == before + 1
    site.came_out_as_ever(cohort)
    site.the_trail_is_whole()


def _begun(cohort: Cohort) -> bool:
    return bool(connection.cursor() and Cohort.objects.filter(pk=cohort.pk, run__isnull=False).exists())


def test_the_broker_is_killed_and_comes_back_empty(site: Site) -> None:
    """Whoever asks for a run meanwhile sees that it is asked for, and that it waits; everything else goes on. What was
    in the queue is found again by the next sweep. Nothing is lost.
    """
    waiting = site.ask_for_a_run()
    before = Objection.objects.count()
    with away(site, "valkey-server"):
        assert site.open_the_form().status == 200
        assert site.object().status == 302
        assert Objection.objects.count() == before + 1
        ready = site.asked_by_a_machine("/readyz")
        assert (ready.status, '"broker": {"state": "failed"' in ready.text) == (200, True)
        asked = site.ask_for_a_run()
    for cohort in (waiting, asked):
        site.came_out_as_ever(cohort)
    site.the_trail_is_whole()


def test_every_connection_of_the_database_is_taken(site: Site) -> None:
    """Whoever opens a page reads that the records could not be reached, and a minute later has it. Nothing is lost."""
    assert site.open_the_form().status == 200
    before = Objection.objects.count()
    connection.close()
    with contextlib.ExitStack() as taken:
        with site.here.owner() as owner:
            row = owner.execute("SELECT setting::int FROM pg_settings WHERE name = 'max_connections'").fetchone()
        assert row is not None

        def take_all() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                for _ in range(row[0]):
                    taken.enter_context(psycopg.connect(site.here.user.site))

        first = taken.enter_context(psycopg.connect(site.here.user.site))
        take_all()
        # Those of the site itself are taken, too.
        _end_those_of_the_site(first)
        take_all()
        answer = site.object()
        assert (answer.status, SORRY in answer.text) == (503, True)
    wait_until(lambda: site.open_the_form().status == 200)
    assert Objection.objects.count() == before
    assert site.object().status == 302
    assert Objection.objects.count() == before + 1


def _end_those_of_the_site(asked: "psycopg.Connection[Any]") -> None:
    """The connections of the pages, the worker and the beat: they have to ask for new ones."""
    asked.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = current_user AND pid <> pg_backend_pid()"
        " AND backend_start < (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"
    )


def test_the_database_is_slow_because_somebody_holds_a_lock(site: Site) -> None:
    """Whoever sends a form waits some seconds, and reads that it was not saved; it is sent again. Nothing is lost."""
    assert site.open_the_form().status == 200
    before = Objection.objects.count()
    with site.here.owner() as owner, owner.transaction():
        owner.execute("LOCK TABLE cohorts_objection IN ACCESS EXCLUSIVE MODE")
        answer = site.object()
        assert (answer.status, SORRY in answer.text) == (503, True)
    assert Objection.objects.count() == before
    assert site.object().status == 302
    assert Objection.objects.count() == before + 1
    site.the_trail_is_whole()


@contextlib.contextmanager
def no_room(site: Site) -> Iterator[None]:
    """Inside, the file into which every act writes what it owes is as large as any may be, to the last row."""
    with site.here.owner() as owner:
        owner.execute("ALTER TABLE audit_owed DISABLE TRIGGER USER")
        owner.execute("TRUNCATE audit_owed")
        try:
            for first, many in ((10**12, 100_000), (10**13, 1)):
                with pytest.raises(psycopg.Error, match="could not extend file"):
                    _fill(owner, first, many)
            owner.execute("ALTER TABLE audit_owed ENABLE TRIGGER USER")
            yield
        finally:
            owner.execute("TRUNCATE audit_owed")


def _fill(owner: "psycopg.Connection[Any]", first: int, many: int) -> None:
    filling = "INSERT INTO audit_owed SELECT n::text::xid8 FROM generate_series(%s::bigint, %s::bigint) n"
    for number in range(first, first + 1_000 * many, many):
        owner.execute(filling, [number, number + many - 1])


def test_no_room_is_left_where_the_database_lies(site: Site) -> None:
    """Whoever saves something reads that it could not be; with room again it is saved. Nothing is lost."""
    assert site.open_the_form().status == 200
    before, entries = Objection.objects.count(), Entry.objects.count()
    with no_room(site):
        answer = site.object()
        assert answer.status in (500, 503), answer.text
        assert "Nothing half done was kept" in answer.text
        assert Entry.objects.count() == entries
    assert Objection.objects.count() == before
    assert site.object().status == 302
    assert Objection.objects.count() == before + 1
    site.the_trail_is_whole()


DIED = 9
DIES_AT_THE_RECORD = f"""
import os, django
django.setup()
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
record = MigrationRecorder.record_applied
def recorded(self, app, name):
    if name == "0009_flag_review":
        os._exit({DIED})
    record(self, app, name)
MigrationRecorder.record_applied = recorded
call_command("migrate", verbosity=0)
"""
"""One of whose migration all is made, its last indexes as well, and nothing is recorded yet."""


def test_a_migration_is_killed_half_way_and_the_next_one_ends_well(site: Site) -> None:
    """While tables are brought nobody sees a page: `/readyz` says 503. Each migration is there whole or not at all, and
    `migrate` once more ends as it does undisturbed. Nothing is lost.
    """
    name, draw = "half_way", random.Random()
    with site.here.owner() as owner:
        owner.execute(f"CREATE DATABASE {name}")
    addresses = {
        setting: address.replace("/connecting_families", f"/{name}")
        for setting, address in (("DATABASE_URL", site.here.user.site), ("DATABASE_OWNER_URL", site.here.user.owner))
    }
    words = [sys.executable, "manage.py", "migrate", "--no-input"]
    with site.here.process([sys.executable, "-c", DIES_AT_THE_RECORD], **addresses) as process:
        assert process.wait(120) == DIED, site.here.log.read_text()[-2000:]
    for _ in range(2):
        with site.here.process(words, **addresses) as process, contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(1, 4))
    with site.here.process(words, **addresses) as process:
        assert process.wait(120) == 0, site.here.log.read_text()[-2000:]

    def tables(database: str) -> str:
        told = backups.environment(settings.DATABASE_OWNER | {"NAME": database})
        dump = [str(backups.program("pg_dump")), "--schema-only", "--restrict-key=none"]
        return subprocess.run(dump, env=told, capture_output=True, text=True, check=True).stdout

    assert tables(name) == tables(connection.settings_dict["NAME"])
