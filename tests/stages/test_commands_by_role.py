"""Every command, given by every role, by nobody, by a name that nobody has and under an account that is closed."""

import io
import json
import os
import pwd
import sys
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, ManagementUtility, call_command, get_commands
from django.utils import timezone

import manage
from cohorts import proposing
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import duty
from connecting_families.commands import Act, accounts
from connecting_families.governance import backups, restoring
from connecting_families.staff import accounts as staff
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES
from tests.stages.commands import ACTS, OF_THE_MACHINE, OURS
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

NOT_PERMITTED, USAGE = "NOT_PERMITTED", "USAGE"
DONE = ""


class Try(NamedTuple):
    """The words of a command, and how it ends for whoever may give it: with this code, or done."""

    words: tuple[str, ...]
    ends: str


FOLDER, FILE = "FOLDER", "FILE"
REASON = ("--reason", "It was agreed.")
SUBMISSION_STAGES = {
    "draft": ("draft", "NONE"), "explain": ("explain", "NONE", "DQ201", "So."), "put-forward": ("put-forward", "NONE"),
    "take-up-again": ("take-up-again", "NONE"), "sample": ("sample", "NONE"), "approve": ("approve", "NONE"),
    "send-back": ("send-back", "NONE", *REASON), "seal": ("seal", "NONE"), "deliver": ("deliver", "NONE"),
    "void": ("void", "NONE", *REASON),
    "receipt": ("receipt", "NONE", "--file", FILE), "withdraw": ("withdraw", "NONE"), "destroy": ("destroy", "NONE"),
}  # fmt: skip
TRIES = {
    ("add_staff", ""): Try(("new", "--role", "administrator"), "WEAK_PASSWORD"),
    ("backup", ""): Try((FOLDER,), "STOPPED"),
    ("restore", ""): Try(("--other-means", "--made-at", "2026-09-30T00:00:00+00:00", *REASON), "STOPPED"),
    ("assemble", ""): Try(("NONE",), "UNKNOWN_ROUND"),
    ("certificate", "accept"): Try(("accept", "00", "--purpose", "linkage"), "FINGERPRINT_DIFFERS"),
    ("certificate", "add"): Try(("add", FILE, "--recipient", "ONS", "--purpose", "linkage"), "NOT_A_CERTIFICATE"),
    ("certificate", "revoke"): Try(("revoke", "00", "--purpose", "linkage", *REASON), USAGE),
    ("check_promises", ""): Try((), DONE),
    ("export_trail", ""): Try((FOLDER,), "NEVER_SEALED"),
    ("load_cases", ""): Try((FOLDER,), USAGE),
    ("open_round", ""): Try(
        ("2026", "--cut-off", "2026-09-30", "--framework", "TF", "--datasets", "PNC", "--agreement", "DSA"),
        "ROUND_EXISTS",
    ),
    ("propose_duplicates", ""): Try((), "SOMEBODY_IS_AT_IT"),
    ("replay", ""): Try(("999",), "UNKNOWN_COHORT"),
    ("rule_change", "propose"): Try(("propose", "NONE", *REASON), "UNKNOWN_ROUND"),
    ("rule_change", "propose-framework"): Try(("propose-framework", "XX", "1", *REASON), "UNKNOWN_VERSION"),
    ("verify_trail", ""): Try((), DONE),
} | {
    ("rule_change", act): Try((act, "999", *(REASON if act in ("refuse", "withdraw") else ())), "UNKNOWN_CHANGE")
    for act in ("try", "show", "activate", "refuse", "withdraw")
} | {
    ("after_restore", act): Try((act, *more), "NO_RESTORE")
    for act, more in (("list", ()), ("repeat", ()), ("answer", ("7", "It was told again.")), ("end", ()))
} | {
    ("submission", stage): Try(words, "UNKNOWN_COHORT" if stage == "draft" else "UNKNOWN_SUBMISSION")
    for stage, words in SUBMISSION_STAGES.items()
}  # fmt: skip


def test_every_command_is_an_act_that_asks_who_gives_it_or_says_why_not() -> None:
    assert OF_THE_MACHINE.keys() <= OURS.keys()
    assert all(issubclass(command, Act) and command.permissions for command in ACTS.values())
    assert TRIES.keys() == {(name, act) for name, command in ACTS.items() for act in command.permissions}


def test_what_the_machine_may_do_without_a_name_is_what_is_said_of_it(settings: Any) -> None:
    nameless = {name for name, command in ACTS.items() if name in settings.CF_COMMANDS_WITHOUT_A_NAME}
    assert nameless == {"load_cases", "open_round", "assemble", "replay", "verify_trail", "export_trail", "backup"}
    assert all(ACTS[name].duty for name in nameless)


class Given(NamedTuple):
    """How a command ended, and what the trail got by it."""

    code: str
    entries: list[Entry]


def stopped(**_: Any) -> None:
    """What would take long, or shut the program: whoever comes here was let in."""
    raise Refused([Why("STOPPED", "That is tried elsewhere.")])


@pytest.fixture
def council(walk_to: WalkTo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody of every role, somebody whose account is closed, and a folder with a file that is nothing."""
    walk = walk_to("assemble")
    monkeypatch.setattr(timezone, "now", Walk(Path(), minutes=600).now)
    monkeypatch.setattr(proposing, "propose", lambda **_: None)
    for module, act in ((backups, "make"), (restoring, "say")):
        monkeypatch.setattr(module, act, stopped)
    configured.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for role in (*ROLES, "closed"):
        as_what = "administrator" if role == "closed" else role
        staff.add(username=role, role=as_what, password=PASSWORD, by=duty("test"), at=walk.now())
    by = User.objects.get(username="administrator").who()
    staff.close(user=User.objects.get(username="closed"), reason="Left.", by=by, at=walk.now())
    folder = walk.folder / "given"
    folder.mkdir()
    (folder / "nothing").write_bytes(b"nothing")
    return folder


def give(folder: Path, name: str, words: tuple[str, ...], by: str) -> Given:
    """Give a command. None of those above changes anything."""
    real = {FOLDER: str(folder), FILE: str(folder / "nothing")}
    newest, code = Entry.objects.latest("pk").pk, DONE
    out = StringIO()
    sys.stdin = io.StringIO("short\n")
    try:
        given = (*(real.get(word, word) for word in words), *(("--by", by) if by else ()))
        call_command(name, *given, stdout=out, stderr=StringIO())
    except CommandError as error:
        code = USAGE if error.returncode == 2 else str(error.returncode)
    except SystemExit:
        said = json.loads(out.getvalue().splitlines()[-1])
        code = said["refused"][0]["code"] if "refused" in said else DONE
    finally:
        sys.stdin = sys.__stdin__
    entries = list(Entry.objects.filter(pk__gt=newest).order_by("pk"))
    return Given(code, entries)


def test_every_command_lets_in_whom_the_table_of_roles_lets_in_and_nobody_else(council: Path) -> None:
    wrong = []
    for (name, act), (words, ends) in TRIES.items():
        needed = ACTS[name].permissions[act]
        for role in ROLES:
            given = give(council, name, words, role)
            if given.code != (ends if needed in ROLES[role].permits else NOT_PERMITTED):
                wrong.append((name, act, role, given.code))
            first = given.entries[0]
            assert (first.event, first.who, first.reference) == ("COMMAND_GIVEN", "system:prompt", name)
            assert first.additional_data == ({"act": act} if act else {}) | {"as": role, **accounts()}
            if given.code == NOT_PERMITTED:
                (refused,) = given.entries[1:]
                assert (refused.event, refused.who, refused.role) == ("ACCESS_REFUSED", role, role)
            if given.code not in (DONE, USAGE):
                assert given.entries[-1].event.endswith("_REFUSED"), (name, act, role)
                assert given.entries[-1].additional_data == {"reasons": [given.code]}
        assert give(council, name, words, "closed").code == "NOT_ACTIVE"
        unknown = give(council, name, words, "Zebulonia Quillfeather")
        assert unknown.code == "UNKNOWN_USER"
        assert "Zebulonia" not in str([entry.__dict__ for entry in unknown.entries])
    assert wrong == []


def test_without_a_name_a_command_is_usage_and_leaves_nothing_or_is_the_machines_duty(
    council: Path, settings: Any
) -> None:
    for (name, _act), (words, ends) in TRIES.items():
        given = give(council, name, words, "")
        if name in settings.CF_COMMANDS_WITHOUT_A_NAME:
            assert given.code == ends, name
            assert (given.entries[0].event, (given.entries[0].additional_data or {})["as"]) == ("COMMAND_GIVEN", "")
            assert {entry.who for entry in given.entries[1:]} <= {f"system:{ACTS[name].duty}"}
        else:
            assert (given.code, given.entries) == (USAGE, []), name
    settings.CF_COMMANDS_WITHOUT_A_NAME = []
    for (name, _act), (words, _ends) in TRIES.items():
        assert give(council, name, words, "")[:2] == (USAGE, []), name


def test_the_first_administrator_needs_nobody_and_the_second_one_somebody(walk_to: WalkTo) -> None:
    walk, words = walk_to("assemble"), ("first", "--role", "administrator")
    given = give(walk.folder, "add_staff", words, "")
    assert given.code == "WEAK_PASSWORD"
    assert [entry.who for entry in given.entries] == ["system:prompt", "system:add-staff"]
    staff.add(username="first", role="administrator", password=PASSWORD, by=duty("test"), at=walk.now())
    words = ("second", "--role", "administrator")
    assert give(walk.folder, "add_staff", words, "").code == USAGE
    assert give(walk.folder, "add_staff", words, "first").code == "WEAK_PASSWORD"


def test_the_account_of_the_machine_is_said_as_the_kernel_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("SUDO_USER", "somebody-else")
    assert accounts()["account"] == pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "0\n")
    assert accounts() == {"account": "4000000000", "signed_in": "root"}


def test_in_production_no_command_of_others_shows_or_changes_records(settings: Any, capsys: Any) -> None:
    settings.PRODUCTION = True
    utility = manage.closed(ManagementUtility)(["manage.py"])
    shut = []
    for name, app in get_commands().items():
        if str(app).startswith(manage.OURS) or name in manage.OTHERS_IN_PRODUCTION:
            utility.fetch_command(name)
            continue
        with pytest.raises(SystemExit, match="2"):
            utility.fetch_command(name)
        assert f"no command {name}" in capsys.readouterr().err
        shut.append(name)
    assert {"shell", "dbshell", "dumpdata", "loaddata", "createsuperuser", "changepassword", "flush"} <= set(shut)
    assert {"auditlogflush", "diffsettings", "runserver", "sendtestemail"} <= set(shut)
