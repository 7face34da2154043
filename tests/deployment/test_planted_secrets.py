"""A secret that gets into the source stops make check."""

import base64
import secrets
from pathlib import Path

import pytest

looking = pytest.importorskip("tests.planted_secrets", reason="detect-secrets is not installed: run make.")


@pytest.mark.parametrize(
    "planted",
    [
        f"-----BEGIN {'PRIVATE'} KEY-----",
        f"key = '{secrets.token_urlsafe(50)}'",
        f"address = 'postgresql://site:{secrets.token_hex(6)}@db.example/families'",
        f"digest = '{secrets.token_hex(32)}'",
        f"token = '{base64.b64encode(secrets.token_bytes(40)).decode()}'",
    ],
    # They are made anew in each process of a run: what they are is no part of a test's name.
    ids=["private key", "url-safe", "password in an address", "hexadecimal", "base64"],
)
def test_what_looks_like_a_secret_is_found(planted: str, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(f"{planted}\n")
    _, new = looking.look(["settings.py"], tmp_path)
    assert [(name, line) for name, line, _ in new] == [("settings.py", 1)]


def test_what_is_none_and_known_is_not(tmp_path: Path) -> None:
    here = Path(__file__).parents[2]
    found, new = looking.look(["cohorts/rules/numbers.py"], here)
    assert (bool(found), bool(new)) == (True, False)
