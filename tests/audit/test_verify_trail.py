"""Whoever owns the database changes the trail, and is named for it; so is whoever changes an export."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connecting_families.audit import canonical, defences, merkle, notes, seal, signing, verify, verify_trail_offline
from connecting_families.audit.models import Checkpoint, Entry, Leaf
from tests.audit.conftest import AT, Trail, given
from tests.stages.conftest import WalkTo

OFFLINE = Path(verify_trail_offline.__file__)
UNLINK = "ALTER TABLE audit_leaf DROP CONSTRAINT {}"
LINKED = """
SELECT conname FROM pg_constraint WHERE conrelid = 'audit_leaf'::regclass AND contype = 'f'
"""


def id_at(position: int) -> str:
    return f"(SELECT entry_id FROM audit_leaf WHERE position = {position})"


def hashed(position: int) -> str:
    """A seal that was made to fit its data."""
    return f"UPDATE audit_leaf SET hash = sha256('\\x00'::bytea || data) WHERE position = {position}"


EDITED = f"UPDATE audit_entry SET who = 'system:who' WHERE id = {id_at(3)}"
DATA = (
    "UPDATE audit_leaf SET data = convert_to(replace(convert_from(data, 'UTF8'), 'system:test', 'system:who'), 'UTF8')"
    " WHERE position = 3"
)
MOVED = "UPDATE audit_leaf SET position = {} WHERE position = {}"
CUT = ["DELETE FROM audit_handover", "DELETE FROM audit_leaf WHERE position >= 5",
       "DELETE FROM audit_entry e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.entry_id = e.id)"]  # fmt: skip
COPIED = """
INSERT INTO audit_entry (object_pk, object_repr, action, changes_text, event, record, reference, who, role, reason,
    timestamp, tx) SELECT object_pk, object_repr, action, changes_text, event, record, reference, who, role, reason,
    timestamp, {tx} FROM audit_entry ORDER BY id LIMIT 1
"""


class Attack(NamedTuple):
    """What is done to a trail whose nine entries were sealed by three, two and four, and what is said of it."""

    code: str
    position: int | None
    statements: list[str]


NONSENSE = "UPDATE audit_entry SET {} WHERE id = " + id_at(1)
REMOVED = f"DELETE FROM audit_entry WHERE id = {id_at(4)}"
UNSEALED = "DELETE FROM audit_leaf WHERE position = 4"
CLOSED = [MOVED.format(place - 1, place) for place in range(5, 9)]
SWAPPED = [f"UPDATE audit_entry SET id = {to} WHERE id = {of}" for to, of in ((-1, id_at(6)), (id_at(6), id_at(7)))]
ATTACKS = {
    "edit": Attack("EDITED", 3, [EDITED]),
    "edit a microsecond": Attack("EDITED", 1, [NONSENSE.format("timestamp = timestamp + '1 microsecond'")]),
    "edit a detail": Attack("EDITED", 1, [NONSENSE.format("additional_data = additional_data || '{\"x\": 1}'")]),
    "edit the year to one before Christ": Attack(
        "EDITED", 1, [NONSENSE.format("timestamp = '2026-11-02 12:00:00.123456+00 BC'")]
    ),
    "edit it to nonsense": Attack("EDITED", 1, [NONSENSE.format("recorded_at = 'infinity'")]),
    "edit entry and seal": Attack("SEAL_EDITED", 3, [EDITED, DATA]),
    "edit entry, seal and hash": Attack("SEALED_ANEW", 3, [EDITED, DATA, hashed(3)]),
    "remove": Attack("REMOVED", 4, [REMOVED]),
    "remove with its seal": Attack("SEAL_REMOVED", 4, [REMOVED, UNSEALED]),
    "remove, and close the gap": Attack("SEALED_ANEW", 3, [REMOVED, UNSEALED, *CLOSED]),
    "insert into the past": Attack("INSERTED", None, [COPIED.format(tx="tx")]),
    "insert for a time to come": Attack("INSERTED", None, [COPIED.format(tx="'999999999999'")]),
    "reorder entries": Attack("EDITED", 6, [*SWAPPED, f"UPDATE audit_entry SET id = {id_at(7)} WHERE id = -1"]),
    "reorder seals": Attack("REORDERED", 7, [MOVED.format(100, 6), MOVED.format(6, 7), MOVED.format(7, 100)]),
    "cut the tail": Attack("CUT_OFF", 5, CUT),
    "take a checkpoint away": Attack("UNSIGNED", 5, ["DELETE FROM audit_checkpoint WHERE size = 9"]),
    "edit a checkpoint": Attack("CHECKPOINT_EDITED", None, ["UPDATE audit_checkpoint SET root = edge WHERE size = 3"]),
    "forge a checkpoint": Attack(
        "CHECKPOINT_FORGED", None, ["UPDATE audit_checkpoint SET note = replace(note, E'\\n5\\n', E'\\n6\\n')"]
    ),
}
DEFENCES = {
    "TRIGGER_DISABLED": "ALTER TABLE audit_entry DISABLE TRIGGER USER",
    "TRIGGER_GONE": "DROP TRIGGER pgtrigger_frozen_aaa6a ON audit_leaf",
    "TRIGGER_CHANGED": "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RETURN NEW; END'",
    "TRIGGER_UNKNOWN": "CREATE TRIGGER x BEFORE INSERT ON audit_entry EXECUTE FUNCTION refuse_change('x')",
    "TABLE_DIVERTED": "CREATE RULE x AS ON INSERT TO audit_entry DO INSTEAD NOTHING",
    "RIGHTS": "GRANT UPDATE ON audit_entry TO PUBLIC",
}


@pytest.fixture
def unlinked(whole: Trail) -> Trail:
    """The foreign key that ties an entry to its seal is in the way first."""
    ((name,),) = whole.owner.execute(LINKED).fetchall()
    whole.attack(UNLINK.format(name))
    return whole


@pytest.mark.parametrize("name", ATTACKS)
def test_the_owner_of_the_database_is_found_out(unlinked: Trail, name: str) -> None:
    assert unlinked.verify()[0] == 0
    attack, order = ATTACKS[name], unlinked.order()
    unlinked.attack(*attack.statements)
    end, said, beside = unlinked.verify()
    first = said["faults"][0]
    assert (end, said["whole"]) == (1, False)
    assert (first["code"], first["position"]) == (attack.code, attack.position), beside
    assert beside.startswith(f"{attack.code}: {first['sentence']}\n")
    if first["entry"] is not None and attack.code not in ("INSERTED", "REORDERED"):
        assert first["entry"] == order[attack.position or 0]
    if attack.code == "INSERTED":
        assert first["entry"] == Entry.objects.filter(leaf=None, who="system:test").latest("id").pk
    recorded = Entry.objects.latest("id")
    assert recorded.event == "TRAIL_BROKEN"
    assert attack.code in recorded.additional_data["faults"]


@pytest.mark.parametrize("code", DEFENCES)
def test_defences_that_are_down_are_named(whole: Trail, code: str) -> None:
    assert defences.faults() == []
    whole.owner.execute(DEFENCES[code])
    assert code in {why.code for why in defences.faults()}
    # Where entries are kept away, that it was verified cannot be recorded: it is not said that it was.
    if code not in ("TRIGGER_UNKNOWN", "TABLE_DIVERTED"):
        end, said, _ = whole.verify()
        assert (end, code in {fault["code"] for fault in said["faults"]}) == (1, True)


def test_a_trigger_that_never_fires_is_named(whole: Trail) -> None:
    whole.owner.execute("DROP TRIGGER pgtrigger_frozen_44b6a ON audit_entry")
    whole.owner.execute(
        "CREATE TRIGGER pgtrigger_frozen_44b6a BEFORE DELETE OR UPDATE ON audit_entry FOR EACH ROW WHEN (false)"
        " EXECUTE FUNCTION refuse_change('An entry of the trail')"
    )
    assert [why.code for why in defences.faults()] == ["TRIGGER_CHANGED"]


def test_a_whole_trail_is_verified_and_that_is_recorded(whole: Trail) -> None:
    whole.write(1)
    end, said, beside = whole.verify("--checkpoint", whole.hold(3), whole.hold(9))
    assert (end, beside) == (0, "")
    assert said == {"whole": True, "sealed": 9, "checkpoints": 3, "held": 2, "waiting": 2, "faults": [],
                    "restores": []}  # fmt: skip
    recorded = Entry.objects.latest("id")
    assert (recorded.event, recorded.who) == ("TRAIL_VERIFIED", "system:verify")
    assert recorded.additional_data == {"sealed": 9, "held": 2, "faults": []}


def test_a_trail_is_verified_in_parts_that_fit_memory(whole: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "AT_ONCE", 2)
    assert whole.verify("--checkpoint", whole.hold(5))[0] == 0
    whole.attack(DATA, hashed(3))
    assert whole.verify()[1]["faults"][0]["code"] == "EDITED"


def test_a_trail_that_was_never_sealed_is_not_whole(empty: Trail) -> None:
    empty.write(2)
    assert [fault["code"] for fault in empty.verify()[1]["faults"]] == ["NEVER_SEALED"]


def test_a_tail_cut_with_its_checkpoints_is_caught_by_one_held_outside_alone(unlinked: Trail, settings: Any) -> None:
    # An old backup that was put back looks the same.
    held = unlinked.hold(9)
    seal.hand_over(at=AT)
    unlinked.attack(*CUT, "DELETE FROM audit_checkpoint WHERE size > 5")
    # What was written outside is looked at of itself, while it is there.
    assert [fault["code"] for fault in unlinked.verify()[1]["faults"]] == ["CUT_OFF"]
    for file in settings.CF_CHECKPOINTS.iterdir():
        file.unlink()
    assert unlinked.verify()[0] == 0
    end, said, _ = unlinked.verify("--checkpoint", held)
    (fault,) = said["faults"]
    assert (end, fault["code"], fault["position"]) == (1, "CUT_OFF", 5)
    # Grown anew past it, it is another trail.
    unlinked.sealed(6)
    (fault,) = unlinked.verify("--checkpoint", held, unlinked.hold(5))[1]["faults"]
    assert (fault["code"], fault["position"]) == ("SEALED_ANEW", 5)


def test_a_trail_that_is_replaced_as_a_whole_is_signed_by_another_key(unlinked: Trail, settings: Any) -> None:
    own, held = settings.CF_CHECKPOINT_KEY, unlinked.hold(9)
    unlinked.attack(*(f"DELETE FROM {table}" for table in ("audit_leaf", "audit_checkpoint")), f"{EDITED} OR TRUE")
    settings.CF_CHECKPOINT_KEY = own.with_name("theirs.pem")
    assert seal.seal(at=AT) is not None
    export(unlinked, "theirs")
    settings.CF_CHECKPOINT_KEY = own
    assert [fault["code"] for fault in unlinked.verify()[1]["faults"]] == ["CHECKPOINT_FORGED"]
    assert offline(unlinked.folder / "theirs")[0] == 0
    assert offline(unlinked.folder / "theirs", "--checkpoint", held)[1]["code"] == "CHECKPOINT_FORGED"


def test_a_key_that_was_changed_is_trusted_by_name(whole: Trail, settings: Any) -> None:
    former = str(signing.verifier_keys()[0])
    settings.CF_CHECKPOINT_KEY = settings.CF_CHECKPOINT_KEY.with_name("new.pem")
    settings.PRODUCTION = False
    assert "NO_CHECKPOINT_KEY" in str(whole.verify())
    make_key(settings.CF_CHECKPOINT_KEY)
    assert whole.verify()[1]["faults"][0]["code"] == "CHECKPOINT_FORGED"
    settings.CF_CHECKPOINT_FORMER_KEYS = [former]
    whole.write(1)
    assert seal.seal(at=AT) is not None
    assert whole.verify()[0] == 0
    assert offline(export(whole, "out"))[0] == 0
    settings.CF_CHECKPOINT_FORMER_KEYS = ["rubbish"]
    assert "BAD_VERIFIER_KEY" in str(whole.verify())


def make_key(path: Path) -> None:
    signing._make(path)


def test_who_may_not_see_the_trail_may_not_verify_or_export_it(walk_to: WalkTo, tmp_path: Path) -> None:
    walk_to("assemble")
    for words in (["verify_trail"], ["export_trail", tmp_path / "out"]):
        end, said, _ = given(*words, "--by", "prepare")
        assert (end, said["refused"][0]["code"]) == (1, "NOT_PERMITTED")
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_added_later_breaks_no_seal() -> None:
    sealed = b'{"id":1,"who":"x"}'
    assert canonical.differences(sealed, b'{"id":1,"new":"y","who":"x"}') == []
    assert canonical.differences(sealed, b'{"id":true,"who":"x"}') == ["id"]
    assert canonical.differences(sealed, b'{"id":1}') == ["who"]
    for odd in (b'{"who":"x","id":1}', b"[]", b"rubbish"):
        assert canonical.differences(odd, sealed) == ["everything"]


def export(of: Trail, name: str) -> Path:
    folder = of.folder / name
    end, said, _ = given("export_trail", folder)
    assert (end, said["directory"]) == (0, str(folder))
    return folder


def offline(folder: Path, *words: Any) -> tuple[int, dict[str, Any], str]:
    """The one file, in an interpreter that finds nothing of this program."""
    command = [sys.executable, "-I", OFFLINE, folder, *words]
    done = subprocess.run(list(map(str, command)), cwd="/", capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_an_export_is_what_was_hashed_and_verifies_elsewhere(whole: Trail) -> None:
    folder = export(whole, "out")
    assert (Entry.objects.latest("id").event, Entry.objects.latest("id").additional_data) == (
        "TRAIL_EXPORTED", {"entries": 9, "checkpoints": 3}
    )  # fmt: skip
    lines = (folder / "entries.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert lines == [bytes(leaf.data) for leaf in Leaf.objects.order_by("position")]
    notes = (folder / "checkpoints.txt").read_text(encoding="utf-8")
    assert notes == "\n".join(Checkpoint.objects.order_by("size").values_list("note", flat=True))
    assert merkle.root_of(list(map(merkle.leaf_hash, lines))) == bytes(Checkpoint.objects.get(size=9).root)
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    end, said, _ = offline(folder, "--checkpoint", whole.hold(5), "--vkey", folder / "vkey.txt")
    assert (end, said) == (0, {"whole": True, "sealed": 9, "checkpoints": 3, "held": 1})
    manifest = whole.folder / "manifest.json"
    seal.hand_over(at=AT)
    manifest.write_text(json.dumps({"trail_checkpoint": Checkpoint.objects.get(size=3).note}))
    assert offline(folder, "--checkpoint", manifest)[0] == whole.verify("--checkpoint", manifest)[0] == 0
    assert given("export_trail", folder)[1]["refused"][0]["code"] == "NOT_EMPTY"


def _lines(change: Callable[[list[bytes]], object]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        file = folder / "entries.jsonl"
        lines = file.read_bytes().splitlines(keepends=True)
        change(lines)
        file.write_bytes(b"".join(lines))

    return changed


def _cut_all(folder: Path) -> None:
    _lines(lambda lines: lines.__delitem__(slice(5, None)))(folder)
    notes = (folder / "checkpoints.txt").read_text(encoding="utf-8").split("\n\n")
    (folder / "checkpoints.txt").write_text("\n\n".join(notes[:4]) + "\n", encoding="utf-8")


def _swapped(lines: list[bytes]) -> None:
    lines[6], lines[7] = lines[7], lines[6]


def _edited(lines: list[bytes]) -> None:
    lines[3] = lines[3].replace(b"system:test", b"system:who")


def _other_key(folder: Path) -> None:
    make_key(folder / "key")
    (folder / "vkey.txt").write_text(str(notes.vkey_of(signing.origin(), signing.signing_key())).replace("E0", "E1"))


ON_THE_WAY: dict[str, tuple[str, int | None, Callable[[Path], object]]] = {
    "edit": ("EDITED", 3, _lines(_edited)),
    "remove": ("EDITED", 3, _lines(lambda lines: lines.__delitem__(3))),
    "insert": ("REORDERED", 8, _lines(lambda lines: lines.insert(8, lines[0]))),
    "reorder": ("REORDERED", 7, _lines(_swapped)),
    "rubbish": ("EDITED", 6, _lines(lambda lines: lines.__setitem__(6, b"rubbish\n"))),
    "cut": ("CUT_OFF", 8, _lines(lambda lines: lines.__delitem__(slice(8, None)))),
    "add": ("UNSIGNED", 9, _lines(lambda lines: lines.append(lines[0]))),
    "cut with checkpoints": ("CUT_OFF", 5, _cut_all),
    "name another key": ("BAD_KEY", None, _other_key),
    "lose a file": ("UNREADABLE", None, lambda folder: (folder / "checkpoints.txt").unlink()),
    "empty the checkpoints": ("CHECKPOINT_FORGED", None, lambda folder: (folder / "checkpoints.txt").write_text("")),
}


def test_an_export_that_was_changed_on_the_way_is_found_out_offline(whole: Trail) -> None:
    held = whole.hold(9)
    for name, (code, position, change) in ON_THE_WAY.items():
        folder = export(whole, name)
        change(folder)
        if name == "cut with checkpoints":
            assert offline(folder)[0] == 0
        end, said, beside = offline(folder, "--checkpoint", held)
        assert (name, end, said["whole"], said["code"], said.get("position")) == (name, 1, False, code, position), (
            beside
        )
