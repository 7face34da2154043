"""Ten thousand receipts that are nearly right: those are taken in that a second, plain reading of the form takes."""

import json
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.rules.test_receipts import ADA, BEN, DELIVERED, NOW, SEALED_AT, file, said
from transfers.rules import receipts
from transfers.rules.receipts import CODES, NotAReceipt

MANY = 10_000
SEED = 20261124
PLANTED = "Zebulonia Quillfeather"
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 7, 1.0, 10**12, "", "0", " ", PLANTED, "\x00", "DATE_OF_BIRTH", ADA, BEN, "C" * 26,
    "ab" * 32, "AB" * 32, [], {}, [[]], {"name": PLANTED}, "2026-11-02T14:00:00Z", "2026-11-02", "2026-13-01T00:00:00Z",
    "2026-11-02T12:59:59Z", "2026-11-03T13:04:59Z", "2026-11-03T13:05:01Z", "2026-11-02T14:00:00", "CF-1",
]  # fmt: skip


def taken(data: bytes) -> bool:
    """Whether the product takes it in; to quote of it what may describe a person is as bad."""
    try:
        receipt = receipts.read(data)
    except NotAReceipt as error:
        return PLANTED in f"{error} {error.why}"
    reasons = receipts.against(receipt, DELIVERED, known=(ADA, BEN), at=NOW)
    # Of another submission it is none of this delivery; that is asked before.
    return PLANTED in str(reasons) or (not reasons and receipt.submission == said()["submission"])


def right(data: bytes) -> bool:
    """The form of spec/submission.md, read once more and plainly."""
    keys: list[int] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys.append(len(found) - len(dict(found)))
        return dict(found)

    try:
        it = json.loads(data.decode(), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return False
    try:
        files = {each["name"]: each for each in it["files"]}
        people = {each["submission_person_ref"] for each in it["rejected"]}
        pairs_of = [(each["submission_person_ref"], each["code"]) for each in it["rejected"]]
        at = datetime.fromisoformat(it["received_at"])
        counts = [each[name] for each in it["files"] for name in ("rows_loaded", "rows_rejected")]
        lost = sum(each["rows_rejected"] for each in it["files"])
        return all((
            not any(keys),
            isinstance(it["files"], list),
            isinstance(it["rejected"], list),
            set(it) == {"submission", "transmittal_sha256", "received_at", "files", "rejected"},
            all(set(each) == {"name", "sha256", "rows_loaded", "rows_rejected"} for each in it["files"]),
            all(set(each) == {"submission_person_ref", "code"} for each in it["rejected"]),
            it["submission"] == said()["submission"],
            it["transmittal_sha256"] == DELIVERED.transmittal_sha256,
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", it["received_at"]),
            SEALED_AT <= at <= NOW + timedelta(minutes=5),
            len(it["files"]) == len(files),
            {name: each["sha256"] for name, each in files.items()}
            == {name: sha256 for name, (sha256, _) in DELIVERED.packages.items()},
            all(type(count) is int and count >= 0 for count in counts),
            all(each["rows_loaded"] + each["rows_rejected"] == DELIVERED.packages[name][1]
                for name, each in files.items()),
            people <= {ADA, BEN},
            all(code in CODES for _, code in pairs_of),
            len(pairs_of) == len(set(pairs_of)),
            bool(lost) == bool(people),
            len(people) <= lost,
        ))  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def valid(draw: random.Random) -> dict[str, Any]:
    """A receipt that is right, each time another."""
    people = draw.sample([ADA, BEN], draw.randint(0, 2))
    rejected = [
        {"submission_person_ref": who, "code": code}
        for who in people
        for code in draw.sample(sorted(CODES), draw.randint(1, 3))
    ]
    lost = len(people)
    at = SEALED_AT + timedelta(seconds=draw.randint(0, 86_400))
    return said(files=file(rows_loaded=6 - lost, rows_rejected=lost), rejected=rejected, received_at=at.isoformat())


def spots(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every place of a document: its container and its key."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        found.append((value, key))
        spots(each, found)
    return found


def other_value(draw: random.Random, container: Any, key: Any) -> None:
    container[key] = draw.choice(ODD)


def gone(_: random.Random, container: Any, key: Any) -> None:
    del container[key]


def more(draw: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, list):
        container.append(container[key])
    else:
        container[draw.choice(["note", "family_ref", "Name", f"{key} "])] = draw.choice(ODD)


def nearly(draw: random.Random, container: Any, key: Any) -> None:
    value = container[key]
    if isinstance(value, str) and value:
        place = draw.randrange(len(value))
        container[key] = value[:place] + draw.choice("A0z -\u00e9") + value[place + 1 :]
    elif isinstance(value, int):
        container[key] = value + draw.choice([-1, 1])


def otherwise_named(draw: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[draw.choice([str(key).upper(), f"{key}s", PLANTED])] = container.pop(key)


def nothing(_: random.Random, container: Any, key: Any) -> None:
    """As it is."""


CHANGES: list[Callable[[random.Random, Any, Any], None]] = [other_value, gone, more, nearly, otherwise_named, nothing]


def written(draw: random.Random, document: Any) -> bytes:
    """As JSON, in one of the ways of writing it, some of which are none."""
    text = json.dumps(document, indent=draw.choice([None, 1]), ensure_ascii=draw.random() < 0.5)
    kind = draw.random()
    if kind < 0.03:
        place = draw.randrange(len(text))
        return (text[:place] + text[place + 1 :]).encode()
    if kind < 0.05:
        return text.encode("utf-16")
    if kind < 0.07:
        return text.encode() + draw.choice([b"\n", b" {}", b"\x00", PLANTED.encode()])
    if kind < 0.09:
        return text.replace('"rejected":', '"rejected": [], "rejected":', 1).encode()
    return text.encode()


def test_nothing_but_a_right_receipt_is_taken_in() -> None:
    draw = random.Random(SEED)
    outcomes = {True: 0, False: 0}
    for number in range(MANY):
        document = valid(draw)
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            places = spots(document, [])
            if places:
                draw.choice(CHANGES)(draw, *draw.choice(places))
        data = written(draw, document)
        outcome = taken(data)
        assert outcome == right(data), (SEED, number, data)
        outcomes[outcome] += 1
    assert outcomes[True] > MANY // 10
    assert outcomes[False] > MANY // 2
