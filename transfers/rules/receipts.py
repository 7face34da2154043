"""The one door by which anything comes in: what a receipt is, exactly, and why anything else is refused whole.

A receipt is JSON of a fixed form (spec/submission.md). It counts, and names references and codes; nothing else can be
said in it, so that nothing about a family can come back (promise 4). No reason quotes a value.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

from cohorts.rules.findings import KINDS
from connecting_families.audit.refusals import Why

LARGEST: Final = 16 << 20
"""Bytes of a receipt that are read; it has room for some two hundred thousand rejections."""
LEEWAY: Final = timedelta(minutes=5)
"""A recipient's clock may be so much ahead of ours."""

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NAMES": "names",
        "DATE_OF_BIRTH": "dates of birth",
        "SEX": "sex",
        "ADDRESS": "addresses",
        "POSTCODE": "postcodes",
        "NINO": "National Insurance numbers",
        "NHS_NUMBER": "NHS numbers",
        "UPN": "unique pupil numbers",
        "ULN": "unique learner numbers",
        "DUPLICATE": "records that may be of one person",
        "FORMAT": "the form of the row",
    }
    | {kind.code: kind.sentence for kind in KINDS.values()}
)
"""Why a recipient may reject a row, and what it means: these codes and those of the findings, and no other words."""

TO_LOOK_AT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NAMES": "names",
        "DATE_OF_BIRTH": "date_of_birth",
        "SEX": "sex",
        "ADDRESS": "address",
        "POSTCODE": "postcode",
        "NINO": "nino",
        "NHS_NUMBER": "nhs_number",
        "UPN": "upn",
        "ULN": "uln",
    }
    | dict.fromkeys(("DQ101", "DQ102", "DQ107", "DQ214"), "names")
    | dict.fromkeys(("DQ103", "DQ104", "DQ207", "DQ211"), "date_of_birth")
    | dict.fromkeys(("DQ105", "DQ212"), "sex")
    | dict.fromkeys(("DQ201", "DQ202"), "postcode")
    | dict.fromkeys(("DQ204", "DQ206"), "nino")
    | {"DQ106": "address", "DQ203": "nhs_number", "DQ205": "upn"}
)
"""Which detail of a person each code speaks of; the others are for the data team, and no team can mend them."""

KEYS: Final = frozenset({"submission", "transmittal_sha256", "received_at", "files", "rejected"})
FILE_KEYS: Final = frozenset({"name", "sha256", "rows_loaded", "rows_rejected"})
REJECTED_KEYS: Final = frozenset({"submission_person_ref", "code"})
SHA256: Final = re.compile(r"[0-9a-f]{64}")
REFERENCE: Final = re.compile(r"[A-Z2-7]{26}")
INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
MOST_ROWS: Final = 10**9


class FileReceived(NamedTuple):
    """A sealed file as the recipient has it: its digest in hex, and its rows that were loaded and rejected."""

    name: str
    sha256: str
    rows_loaded: int
    rows_rejected: int


class Rejected(NamedTuple):
    """A row that the recipient could not load: the reference of the study, and one of CODES."""

    submission_person_ref: str
    code: str


class Receipt(NamedTuple):
    """What a recipient says of a submission; `received_at` carries an offset."""

    submission: str
    transmittal_sha256: str
    received_at: datetime
    files: tuple[FileReceived, ...]
    rejected: tuple[Rejected, ...]


class Delivered(NamedTuple):
    """What was delivered: the packages with the digest and rows of each, the digest of the note beside them, when."""

    packages: Mapping[str, tuple[str, int]]
    transmittal_sha256: str
    sealed_at: datetime


class NotAReceipt(ValueError):
    """The bytes are no receipt: `why` says what would be, and quotes nothing of them."""

    def __init__(self, code: str, sentence: str) -> None:
        self.why = Why(code, sentence)
        super().__init__(sentence)


def read(data: bytes) -> Receipt:
    """The receipt in these bytes. Raises NotAReceipt where they are anything else, or more."""
    if len(data) > LARGEST:
        raise NotAReceipt("RECEIPT_TOO_LARGE", f"A receipt has at most {LARGEST >> 20} MB.")
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_wrong,
            parse_float=_wrong,
            parse_int=_whole,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise NotAReceipt("NOT_JSON", "A receipt is one JSON object in UTF-8.") from None
    return _receipt(found)


def against(receipt: Receipt, delivered: Delivered, *, known: Collection[str], at: datetime) -> list[Why]:
    """Why this receipt is none of this delivery; nothing where it is.

    `known` are the references of everyone in the submission; `at` is now.
    """
    reasons = []
    if receipt.transmittal_sha256 != delivered.transmittal_sha256:
        reasons.append(Why("OTHER_TRANSMITTAL", "The receipt is of another transmittal than the one that was sent."))
    if not delivered.sealed_at <= receipt.received_at <= at + LEEWAY:
        reasons.append(Why("RECEIVED_AT", "The receipt gives a time before the sealing, or after now."))
    if {file.name: file.sha256 for file in receipt.files} != {
        name: sha256 for name, (sha256, _) in delivered.packages.items()
    } or len(receipt.files) != len(delivered.packages):
        reasons.append(Why("OTHER_FILES", "The receipt must name each package once, with its SHA-256, and no other."))
    elif any(file.rows_loaded + file.rows_rejected != delivered.packages[file.name][1] for file in receipt.files):
        reasons.append(
            Why("ROWS_DO_NOT_ADD_UP", "Rows loaded and rows rejected must together be the rows of each package.")
        )
    if any(each.submission_person_ref not in known for each in receipt.rejected):
        reasons.append(Why("UNKNOWN_REFERENCE", "The receipt names somebody who is not in the submission."))
    if len(set(receipt.rejected)) != len(receipt.rejected):
        reasons.append(Why("REJECTED_TWICE", "The receipt rejects somebody twice for the same reason."))
    rejected = sum(file.rows_rejected for file in receipt.files)
    if bool(rejected) != bool(receipt.rejected) or len({r.submission_person_ref for r in receipt.rejected}) > rejected:
        reasons.append(Why("REJECTIONS_DO_NOT_ADD_UP", "Rows rejected and the list of who was rejected do not agree."))
    return reasons


def _receipt(found: Any) -> Receipt:
    given = _object(found, KEYS)
    received_at = _text(given["received_at"], INSTANT)
    try:
        instant = datetime.fromisoformat(received_at)
    except ValueError:
        _wrong()
    return Receipt(
        _text(given["submission"], re.compile(r"CF-[0-9A-Za-z][0-9A-Za-z._-]{0,116}")),
        _text(given["transmittal_sha256"], SHA256),
        instant,
        tuple([_file(each) for each in _list(given["files"])]),
        tuple([_rejected(each) for each in _list(given["rejected"])]),
    )


def _file(found: Any) -> FileReceived:
    given = _object(found, FILE_KEYS)
    name = _text(given["name"], re.compile(r"CF-[0-9A-Za-z._-]{1,150}"))
    return FileReceived(
        name, _text(given["sha256"], SHA256), _count(given["rows_loaded"]), _count(given["rows_rejected"])
    )


def _rejected(found: Any) -> Rejected:
    given = _object(found, REJECTED_KEYS)
    code = given["code"]
    if not isinstance(code, str) or code not in CODES:
        raise NotAReceipt("UNKNOWN_CODE", "A row is rejected for one of the codes that were agreed.")
    return Rejected(_text(given["submission_person_ref"], REFERENCE), code)


def _object(found: Any, keys: frozenset[str]) -> dict[str, Any]:
    if not isinstance(found, dict) or found.keys() != keys:
        raise NotAReceipt("WRONG_KEYS", f"An object must have exactly these keys: {', '.join(sorted(keys))}.")
    return found


def _list(found: Any) -> Sequence[Any]:
    return found if isinstance(found, list) else _wrong()


def _text(found: Any, form: re.Pattern[str]) -> str:
    return found if isinstance(found, str) and form.fullmatch(found) else _wrong()


def _count(found: Any) -> int:
    return found if type(found) is int and 0 <= found <= MOST_ROWS else _wrong()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise NotAReceipt("KEY_TWICE", "An object has each key once.")
    return found


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= len(str(MOST_ROWS)) else _wrong()


def _wrong(_: object = None) -> NoReturn:
    raise NotAReceipt("WRONG_VALUE", "A value is not of the form that a receipt has there.")
