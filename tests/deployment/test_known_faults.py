"""make audit says what is known, and never that there is nothing where nothing is known."""

import json
import sys
from typing import Any

import pytest

from tests.known_faults import NONE, NOT_KNOWN, SOME, ask

FAULT = {"id": "PYSEC-0000-1", "fix_versions": ["2.0"], "aliases": [], "description": "Words."}
WHOLE = {"name": "whole", "version": "1.0", "vulns": []}
FAULTY = {"name": "faulty", "version": "1.0", "vulns": [FAULT]}
SKIPPED = {"name": "skipped", "skip_reason": "could not be found"}


def says(value: Any) -> list[str]:
    """A command that says this, as pip-audit does."""
    return [sys.executable, "-c", f"print({json.dumps({'dependencies': value, 'fixes': []})!r})"]


@pytest.mark.parametrize(
    ("libraries", "ends", "said"),
    [
        ([WHOLE], NONE, "Asked about 1 libraries; known faults: 0."),
        ([WHOLE, FAULTY], SOME, "faulty 1.0: PYSEC-0000-1; mended in 2.0"),
        ([WHOLE, SKIPPED], NOT_KNOWN, "nothing is known of skipped."),
        ([FAULTY, SKIPPED], SOME, "nothing is known of skipped."),
        ([SKIPPED], NOT_KNOWN, "nothing is known of any library."),
        ([], NOT_KNOWN, "nothing is known of any library."),
    ],
)
def test_what_is_known_is_said_and_what_is_not(libraries: Any, ends: int, said: str, capsys: Any) -> None:
    assert ask(says(libraries)) == ends
    told = capsys.readouterr()
    assert said in told.out + told.err


@pytest.mark.parametrize("code", ["import sys; sys.exit('no index')", "print('rubbish')", "print('[]')"])
def test_where_nothing_could_be_asked_nothing_is_known(code: str, capsys: Any) -> None:
    assert ask([sys.executable, "-c", code]) == NOT_KNOWN
    assert "could not be asked" in capsys.readouterr().err
