"""An older database put back by other means, of which nobody says so: the next minute's sealing closes the program."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.utils import IntegrityError, InternalError, NotSupportedError, OperationalError, ProgrammingError

from connecting_families.audit import owed, restored, seal, tasks
from connecting_families.audit.models import Checkpoint, Entry, Leaf, Restore
from connecting_families.audit.trail import duty
from tests.audit.conftest import Trail, given
from tests.beside import NAMES
from tests.stages.conftest import WalkTo

REFUSED = (IntegrityError, InternalError, NotSupportedError, OperationalError, ProgrammingError)


@pytest.fixture
def put_back(whole: Trail, settings: Any) -> Trail:
    """As a snapshot of the machine would leave it: the last four of nine entries are gone, with their checkpoint."""
    settings.CF_JOURNAL = whole.folder / "journal"
    settings.CF_JOURNAL.mkdir()
    tasks.seal_the_trail()
    assert len(list(settings.CF_CHECKPOINTS.iterdir())) == 3
    last = Leaf.objects.filter(position__gte=5)
    entries = ", ".join(str(number) for number in last.values_list("entry_id", flat=True))
    whole.attack(
        "DELETE FROM audit_handover WHERE checkpoint_id IN (SELECT id FROM audit_checkpoint WHERE size = 9)",
        "DELETE FROM audit_checkpoint WHERE size = 9",
        "DELETE FROM audit_leaf WHERE position >= 5",
        f"DELETE FROM audit_entry WHERE id IN ({entries})",
    )
    return whole


def test_the_next_sealing_notices_closes_the_program_and_says_so(put_back: Trail) -> None:
    assert restored.against() == []
    Session.objects.create(session_key="somebody", session_data="", expire_date="2036-01-01T00:00:00Z")
    put_back.write(1)
    for _ in range(2):
        tasks.seal_the_trail()
    row = Restore.objects.get()
    assert (row.restored_by, row.sealed, [size for size, _ in row.lost]) == ("system:seal", 5, [9])
    assert [why.code for why in restored.against()] == ["RESTORE_UNDER_WAY"]
    assert not Session.objects.exists()
    entry = Entry.objects.get(event="DATABASE_RESTORED")
    assert (entry.who, entry.additional_data["lost_entries"]) == (duty("seal").reference, 4)
    end, said, beside = put_back.verify()
    assert (end, said["faults"], len(said["restores"])) == (0, [], 1), beside
    assert "4 sealed entries that came after it are missing, as 1 checkpoints held outside show" in beside
    # The tree goes on from where it was, past what was lost.
    put_back.sealed(7)
    seal.hand_over(at=row.restored_at)
    assert Checkpoint.objects.latest("size").size > 9
    tasks.seal_the_trail()
    assert Restore.objects.count() == 1
    assert put_back.verify()[1]["faults"] == []


def test_a_tail_that_is_cut_off_later_is_not_explained_by_it(put_back: Trail) -> None:
    tasks.seal_the_trail()
    put_back.sealed(9)
    held = put_back.hold(Checkpoint.objects.latest("size").size)
    put_back.attack(
        "DELETE FROM audit_handover WHERE checkpoint_id = (SELECT max(id) FROM audit_checkpoint)",
        "DELETE FROM audit_checkpoint WHERE id = (SELECT max(id) FROM audit_checkpoint)",
        "DELETE FROM audit_leaf WHERE position > 6",
        "DELETE FROM audit_entry WHERE id NOT IN (SELECT entry_id FROM audit_leaf)",
    )
    end, said, _ = given("verify_trail", "--checkpoint", held)
    assert (end, {fault["code"] for fault in said["faults"]} & {"CUT_OFF", "UNSIGNED"} != set()) == (1, True)


def test_an_entry_of_another_cluster_with_the_same_number_does_not_let_a_change_through(walk_to: WalkTo) -> None:
    """A new cluster counts its transactions anew: an entry that was restored may have the number of one of today."""
    walk_to("assemble")

    def change(back: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE cohorts_family SET team = 'South' WHERE reference = 'F1'")
            cursor.execute(
                f"INSERT INTO audit_entry ({NAMES}, recorded_at) VALUES ('TRAIL_VIEWED', 3, 'system:test', '', '', '',"
                " '', '', '', '', now(), now() - %s::interval)",
                [back],
            )

    with pytest.raises(REFUSED, match="the trail has no entry of it"):
        change("1 day")
    change("0")
    assert owed.as_they_are()
