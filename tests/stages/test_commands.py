"""At the prompt every stage refuses as it does elsewhere: exit 1, reasons, and one JSON object on the last line."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from cohorts import objections
from cohorts.models import Cohort
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.staff.models import User
from tests.stages.conftest import WalkTo
from tests.stages.walk import QUERIES, RUN, Walk
from transfers.models import RecipientCertificate


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that commands read is the walk's."""
    walk = Walk(Path(), minutes=600)
    monkeypatch.setattr(timezone, "now", walk.now)


def give(*words: str) -> tuple[int, dict[str, Any], str]:
    """A command: how it ends, its last line, and what it says beside."""
    out, beside, end = StringIO(), StringIO(), 0
    try:
        call_command(*words, stdout=out, stderr=beside)
    except SystemExit as stopped:
        end = int(str(stopped.code))
    return end, json.loads(out.getvalue().splitlines()[-1]), beside.getvalue()


def changed(name: str, **values: Any) -> None:
    """A member of staff who is something else from today: there is no stage for that yet."""
    user = User.objects.get(username=name)
    with trail.act():
        for field, value in values.items():
            setattr(user, field, value)
        user.save()
        trail.record(Event.STAFF_ADDED, who=trail.duty("test"), at=RUN, about=user)


@pytest.mark.parametrize("name", ["prepare", "assist"])
def test_who_shaped_it_may_not_approve_in_another_role_either(walk_to: WalkTo, name: str) -> None:
    row = walk_to("put forward").submission
    changed(name, role="data_approver")
    assert give("submission", "sample", row.name, "--by", name)[0] == 0
    end, said, beside = give("submission", "approve", row.name, "--by", name)
    assert end == 1
    (reason,) = said["refused"]
    assert reason["code"] == "FOUR_EYES"
    assert beside == f"FOUR_EYES: {reason['reason']}\n"
    row.refresh_from_db()
    assert row.stage == "PUT_FORWARD"


def test_the_process_itself_exits_with_1_and_says_why(walk_to: WalkTo) -> None:
    row = walk_to("put forward").submission
    changed("prepare", role="data_approver")
    command = [sys.executable, "manage.py", "submission", "approve", row.name, "--by", "prepare"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    codes = [reason["code"] for reason in json.loads(done.stdout.splitlines()[-1])["refused"]]
    assert "FOUR_EYES" in codes
    assert "FOUR_EYES: You prepared" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_role_that_may_not_is_refused_and_recorded(walk_to: WalkTo) -> None:
    row = walk_to("put forward").submission
    for stage, name in (("approve", "prepare"), ("sample", "worker"), ("put-forward", "approve"), ("seal", "govern")):
        end, said, _ = give("submission", stage, row.name, "--by", name)
        assert (end, said["refused"][0]["code"]) == (1, "NOT_PERMITTED")
        entry = Entry.objects.latest("id")
        assert (entry.event, entry.who) == ("ACCESS_REFUSED", name)


def test_nobody_acts_under_an_unknown_name_or_a_closed_account(walk_to: WalkTo) -> None:
    row = walk_to("open sample").submission
    assert give("submission", "approve", row.name, "--by", "nobody")[1]["refused"][0]["code"] == "UNKNOWN_USER"
    changed("approve", is_active=False)
    assert give("submission", "approve", row.name, "--by", "approve")[1]["refused"][0]["code"] == "NOT_ACTIVE"
    row.refresh_from_db()
    assert row.stage == "PUT_FORWARD"


def test_a_submission_goes_all_the_way_at_the_prompt(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    opened = give("open_round", "2026-B", "--cut-off", "2026-09-30", "--framework", "TF", "--datasets", "PNC;NPD",
                  "--agreement", "DSA", "--by", "prepare")  # fmt: skip
    assert (opened[0], opened[1]["recipients"]) == (0, ["ONS"])
    decisions = walk.folder / "decisions.csv"
    end, said, _ = give("assemble", "2026-B", "--decisions", str(decisions), "--by", "prepare")
    assert (end, said["candidates"], said["included"], said["families"]) == (0, 9, 7, 5)
    assert said.keys() == {"cohort", "digest", "candidates", "included", "families", "primary_reasons", "seconds"}
    assert decisions.read_bytes().startswith(b"family_ref,")
    end, replayed, _ = give("replay", str(said["cohort"]))
    assert (end, replayed["same"], replayed["digest"], replayed["who"]) == (0, True, said["digest"], [])
    explained = [word for code in QUERIES for word in ("--explain", f"{code}=Asked again: it is so.")]
    end, refused, _ = give("submission", "put-forward", str(said["cohort"]), "--by", "prepare")
    assert (end, refused["refused"][0]["code"]) == (1, "QUERIES_NOT_EXPLAINED")
    end, forward, _ = give("submission", "put-forward", str(said["cohort"]), "--by", "prepare", *explained)
    assert (end, forward["stage"]) == (0, "PUT_FORWARD")
    name = forward["submission"]
    assert len(give("submission", "sample", name, "--by", "approve")[1]["sample"]) == 7
    for stage, by, reached in (
        ("approve", "approve", "APPROVED"), ("seal", "prepare", "SEALED"), ("deliver", "prepare", "SENT"),
        ("deliver", "prepare", "SENT"),
    ):  # fmt: skip
        end, said, _ = give("submission", stage, name, "--by", by)
        assert (end, said["submission"], said["stage"]) == (0, name, reached)
    assert len(said["files"]) == 4


def test_whoever_objects_later_is_withdrawn_at_the_prompt(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")
    words = ("submission", "withdraw", walk.submission.name, "--by")
    end, said, _ = give(*words, "prepare")
    assert (end, said["refused"][0]["code"]) == (1, "NOBODY_TO_WITHDRAW")
    at = walk.now()
    objections.receive(person=walk.person("P1"), received_at=at, by=walk.who("worker"), at=at)
    assert give(*words, "govern")[0] == 1
    end, said, _ = give(*words, "prepare")
    assert (end, said["withdrawals"]) == (0, [f"{walk.submission.name}-withdrawal-1"])
    assert give(*words, "prepare")[0] == 1


def test_a_draft_is_made_void_at_the_prompt_for_a_reason(walk_to: WalkTo) -> None:
    row = walk_to("draft").submission
    words = ("submission", "void", row.name, "--by")
    assert give(*words, "worker", "--reason", "The round was called off.")[1]["refused"][0]["code"] == "NOT_PERMITTED"
    assert give(*words, "prepare", "--reason", "No.")[1]["refused"][0]["code"] == "NO_REASON"
    with pytest.raises(CommandError, match="--reason"):
        call_command(*words, "prepare", stdout=StringIO(), stderr=StringIO())
    end, said, _ = give(*words, "govern", "--reason", "The round was called off.")
    assert (end, said["stage"]) == (0, "VOID")


def test_one_command_is_one_correlation_to_the_last_entry(walk_to: WalkTo) -> None:
    walk_to("assemble")
    before = Entry.objects.latest("id").pk
    give("assemble", "2026")
    entries = Entry.objects.filter(pk__gt=before)
    events = ["COMMAND_GIVEN", "ASSEMBLY_REQUESTED", "COHORT_ASSEMBLED"]
    assert [entry.event for entry in entries.order_by("id")] == events
    assert {entry.cid for entry in entries} == {Cohort.objects.latest("pk").correlation}
    give("assemble", "2026")
    assert Entry.objects.latest("id").cid not in {entry.cid for entry in entries if entry.pk <= before + 3}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("assemble", "NONE"), "UNKNOWN_ROUND"),
        (("assemble", "2026", "--at", "2100-01-01T00:00:00+00:00"), "RUN_IN_THE_FUTURE"),
        (("replay", "999"), "UNKNOWN_COHORT"),
        (("submission", "draft", "999", "--by", "prepare"), "UNKNOWN_COHORT"),
        (("submission", "draft", "NAME", "--by", "prepare"), "UNKNOWN_COHORT"),
        (("submission", "seal", "CF-NONE", "--by", "prepare"), "UNKNOWN_SUBMISSION"),
        (("open_round", "2026", "--cut-off", "2026-09-30", "--framework", "TF", "--datasets", "PNC", "--agreement",
          "DSA"), "ROUND_EXISTS"),
        (("certificate", "accept", "00", "--purpose", "linkage", "--by", "govern"), "FINGERPRINT_DIFFERS"),
    ],
)  # fmt: skip
def test_a_refusal_exits_with_1(walk_to: WalkTo, words: tuple[str, ...], code: str) -> None:
    walk_to("assemble")
    end, said, beside = give(*words)
    assert (end, [reason["code"] for reason in said["refused"]]) == (1, [code])
    assert beside.startswith(f"{code}: ")


@pytest.mark.parametrize(
    "words",
    [
        ("assemble",),
        ("assemble", "2026", "--at", "yesterday"),
        ("assemble", "2026", "--at", "2026-11-01T12:00:00"),
        ("open_round", "X", "--cut-off", "30/09/2026", "--framework", "TF", "--datasets", "PNC", "--agreement", "DSA"),
        ("submission", "approve", "CF-1"),
        ("submission", "burn", "CF-1", "--by", "prepare"),
        ("certificate", "add", "no-such-file.pem", "--recipient", "ONS", "--purpose", "linkage", "--by", "prepare"),
        ("assemble", "2026", "--decisions", "no-such-folder/decisions.csv"),
    ],
)
def test_usage_that_is_wrong_does_nothing(walk_to: WalkTo, words: tuple[str, ...]) -> None:
    walk_to("assemble")
    entries = Entry.objects.count()
    with pytest.raises(CommandError):
        call_command(*words, stdout=StringIO(), stderr=StringIO())
    assert Entry.objects.count() == entries


def test_the_process_exits_with_2_where_the_usage_is_wrong(walk_to: WalkTo) -> None:
    walk_to("assemble")
    command = [sys.executable, "manage.py", "open_round", "X", "--cut-off", "30/09/2026"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Write it as 2026-09-30" in done.stderr


def test_one_person_revokes_a_certificate_at_the_prompt(walk_to: WalkTo) -> None:
    walk_to("assemble")
    fingerprint = RecipientCertificate.objects.latest("pk").fingerprint
    words = (
        "certificate",
        "revoke",
        fingerprint.upper(),
        "--purpose",
        "linkage",
        "--reason",
        "Lost.",
        "--by",
        "approve",
    )
    assert give(*words)[:2] == (
        0, {"fingerprint": fingerprint, "purpose": "linkage", "format": "cms", "accepted_by": 2, "revoked": True}
    )  # fmt: skip
    assert give(*words)[0] == 1
    with pytest.raises(CommandError, match="no certificate"):
        call_command(*words[:2], "00", *words[3:], stdout=StringIO(), stderr=StringIO())


def test_demonstration_keys_are_made_once_and_recorded(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    end, made, _ = give("demo_keys")
    assert end == 0
    kept = {path: Path(path).read_bytes() for path in made.values()}
    assert {Path(path).parent for path in kept} == {walk.folder / "demo-keys"}
    assert give("demo_keys")[1] == made
    assert kept == {path: Path(path).read_bytes() for path in made.values()}
    assert Entry.objects.filter(event="DEMONSTRATION_KEYS_MADE").count() == 2


def test_no_demonstration_runs_in_production(walk_to: WalkTo) -> None:
    walk_to("assemble")
    settings.PRODUCTION = True
    for command in ("demo_keys", "demo"):
        with pytest.raises(CommandError):
            call_command(command, stdout=StringIO())
    assert not (settings.CF_DATA_DIR / "demo-keys").exists()


def test_what_was_sent_is_destroyed_at_the_prompt_by_two(walk_to: WalkTo) -> None:
    walk = walk_to("deliver")

    def destroy(*words: str) -> tuple[int, Any]:
        end, said, _ = give("submission", "destroy", walk.submission.name, "--by", *words)
        return end, [it["code"] for it in said["refused"]] if end else said["destruction"]

    assert destroy("worker") == (1, ["NOT_PERMITTED"])
    assert destroy("approve", "--reason", "The study is over.")[1]["asked_by"] == "approve"
    assert destroy("approve") == (1, ["NOT_PERMITTED"])
    assert destroy("approve", "--take-back") == (0, None)
    assert destroy("govern")[1]["confirmed_by"] is None
    assert destroy("govern") == (1, ["FOUR_EYES"])
    assert destroy("govern", "--take-back") == (0, None)
    destroy("prepare")
    end, done = destroy("govern")
    assert (end, walk.submission.stage, len(done["certificate_sha256"])) == (0, "DESTROYED", 64)
    assert destroy("govern") == (0, done)
