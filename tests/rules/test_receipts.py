"""Receipts: exactly the agreed form comes in, and no reason quotes what did not."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfers.rules import receipts
from transfers.rules.receipts import Delivered, NotAReceipt

SEALED_AT = datetime(2026, 11, 2, 13, tzinfo=UTC)
NOW = SEALED_AT + timedelta(days=1)
ADA, BEN = "A" * 26, "B" * 25 + "7"
SUM, OTHER = "ab" * 32, "cd" * 32
NAME = "CF-E06999999-2026-0001"
DELIVERED = Delivered(
    {f"{NAME}-identifiers.zip.p7m": (SUM, 6), f"{NAME}-programme.zip.p7m": (OTHER, 7)}, "ef" * 32, SEALED_AT
)


def said(**other: Any) -> dict[str, Any]:
    """What a recipient says who could not load one of six rows."""
    files = [
        {"name": f"{NAME}-identifiers.zip.p7m", "sha256": SUM, "rows_loaded": 5, "rows_rejected": 1},
        {"name": f"{NAME}-programme.zip.p7m", "sha256": OTHER, "rows_loaded": 7, "rows_rejected": 0},
    ]
    return {
        "submission": NAME,
        "transmittal_sha256": "ef" * 32,
        "received_at": "2026-11-02T14:00:00Z",
        "files": files,
        "rejected": [{"submission_person_ref": ADA, "code": "DATE_OF_BIRTH"}],
    } | other


def file(**other: Any) -> list[dict[str, Any]]:
    """The files, the first with something else."""
    files: list[dict[str, Any]] = said()["files"]
    return [files[0] | other, files[1]]


def why(value: Any, known: tuple[str, ...] = (ADA, BEN)) -> list[str]:
    """The codes of what is wrong with it."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        receipt = receipts.read(data)
    except NotAReceipt as error:
        return [error.why.code]
    return [reason.code for reason in receipts.against(receipt, DELIVERED, known=known, at=NOW)]


def test_a_receipt_of_what_was_sent_is_taken() -> None:
    assert why(said()) == []
    nobody = file(rows_loaded=6, rows_rejected=0)
    assert why(said(files=nobody, rejected=[])) == []
    assert why(said(received_at="2026-11-02T15:00:00.123456+01:00")) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "NOT_JSON"),
        (b"\xff", "NOT_JSON"),
        (b"\xef\xbb\xbf{}", "NOT_JSON"),
        (b"[" * 100_000, "NOT_JSON"),
        (b"{" * 10, "NOT_JSON"),
        (b"[]", "WRONG_KEYS"),
        (b"NaN", "WRONG_VALUE"),
        (b" " * (receipts.LARGEST + 1), "RECEIPT_TOO_LARGE"),
        (json.dumps(said()).encode().replace(b'"files"', b'"submission": "x", "files"'), "KEY_TWICE"),
        (said(note="Ada Quill was in prison."), "WRONG_KEYS"),
        ({key: value for key, value in said().items() if key != "rejected"}, "WRONG_KEYS"),
        (said(files=file(note="x")), "WRONG_KEYS"),
        (said(submission=f"{NAME} Ada"), "WRONG_VALUE"),
        (said(submission=7), "WRONG_VALUE"),
        (said(transmittal_sha256="EF" * 32), "WRONG_VALUE"),
        (said(transmittal_sha256=SUM), "OTHER_TRANSMITTAL"),
        (said(received_at="2026-11-02T14:00:00"), "WRONG_VALUE"),
        (said(received_at="2026-13-02T14:00:00Z"), "WRONG_VALUE"),
        (said(received_at="2026-11-02T12:59:59Z"), "RECEIVED_AT"),
        (said(received_at="2026-11-04T14:00:00Z"), "RECEIVED_AT"),
        (said(files=file(rows_loaded=True)), "WRONG_VALUE"),
        (said(files=file(rows_loaded=5.0)), "WRONG_VALUE"),
        (said(files=file(rows_loaded=-1)), "WRONG_VALUE"),
        (said(files=file(rows_loaded=10**4000)), "WRONG_VALUE"),
        (said(files=file(rows_loaded=4)), "ROWS_DO_NOT_ADD_UP"),
        (said(files=file(sha256=OTHER)), "OTHER_FILES"),
        (said(files=[*said()["files"], said()["files"][0]]), "OTHER_FILES"),
        (said(files=said()["files"][:1]), "OTHER_FILES"),
        (said(files={}), "WRONG_VALUE"),
        (said(rejected=[]), "REJECTIONS_DO_NOT_ADD_UP"),
        (said(rejected=[{"submission_person_ref": r, "code": "SEX"} for r in (ADA, BEN)]), "REJECTIONS_DO_NOT_ADD_UP"),
        (said(rejected=said()["rejected"] * 2), "REJECTED_TWICE"),
        (said(rejected=[{"submission_person_ref": "C" * 26, "code": "SEX"}]), "UNKNOWN_REFERENCE"),
        (said(rejected=[{"submission_person_ref": "P1", "code": "SEX"}]), "WRONG_VALUE"),
        (said(rejected=[{"submission_person_ref": ADA, "code": "IN_PRISON"}]), "UNKNOWN_CODE"),
        (said(rejected=[{"submission_person_ref": ADA, "code": ["SEX"]}]), "UNKNOWN_CODE"),
    ],
)
def test_whatever_else_comes_is_refused_whole(value: Any, code: str) -> None:
    assert why(value) == [code]


def test_somebody_may_be_rejected_for_two_reasons_and_for_a_finding() -> None:
    twice = [{"submission_person_ref": ADA, "code": code} for code in ("SEX", "DQ203")]
    assert why(said(rejected=twice)) == []


SENTENCES = {
    "A value is not of the form that a receipt has there.",
    "A row is rejected for one of the codes that were agreed.",
    "An object has each key once.",
    "A receipt is one JSON object in UTF-8.",
    *(f"An object must have exactly these keys: {', '.join(sorted(keys))}."
      for keys in (receipts.KEYS, receipts.FILE_KEYS, receipts.REJECTED_KEYS)),
}  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(receipts.KEYS)), value=VALUES)
def test_no_reason_quotes_a_value(key: str, value: Any) -> None:
    refused = why(said(**{key: value}))
    assert all(code.isupper() for code in refused)
    for each in (value, "Ada Quillfeather"):
        with contextlib.suppress(NotAReceipt):
            receipts.read(json.dumps(said(**{key: each})).encode())
            continue
        with pytest.raises(NotAReceipt) as error:
            receipts.read(json.dumps(said(**{key: each})).encode())
        assert str(error.value) in SENTENCES
