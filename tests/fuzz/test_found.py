"""What fuzzing found once, and some cases near what is right, each time."""

import io
import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from cohorts import reading
from cohorts.bulk_errors import Errors
from tests.fuzz import loaded
from tests.fuzz.targets import TARGETS, certificates, packages, parts, workbook_with
from tests.stages.bulk import everything, load
from transfers import addressees, reopened
from transfers.envelope import NotAnEnvelopeError
from transfers.keys import CertificateError

FOUND = Path(__file__).parent / "found"
NEAR = 60
"""Cases of each target, by a seed: long searches are asked for (make fuzz)."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_door_answers_whatever_comes(name: str) -> None:
    target, draw = TARGETS[name], random.Random(20261130)
    examples = target.examples()
    for example in examples:
        target.take(example)
    for case in sorted((FOUND / name).glob("*")):
        target.take(case.read_bytes())
    for _ in range(NEAR):
        data = bytearray(draw.choice(examples))
        for _ in range(draw.randint(1, 3)):
            place, kind = draw.randrange(len(data)), draw.random()
            if kind < 0.5:
                data[place] = draw.randrange(256)
            elif kind < 0.75:
                del data[place : place + draw.randint(1, 8)]
            else:
                data[place:place] = draw.choice([*target.words, bytes([draw.randrange(256)])])
            if not data:
                break
        target.take(bytes(data))


def test_an_openpgp_certificate_whose_own_signatures_do_not_hold_is_refused_with_a_sentence() -> None:
    (whole,) = (each for each in certificates() if each[:1] >= b"\x80")
    answers = {said_of(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]) for place in range(0, 1200, 24)}
    assert "The signatures in this OpenPGP certificate, by its own key, do not hold." in answers


def said_of(certificate: bytes) -> str:
    """Why it is none; empty where it is one."""
    try:
        addressees.load(certificate)
    except CertificateError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("row", ["1048577", "99999999999999999999", "1e300"])
def test_a_row_beyond_any_sheet_is_an_error_and_makes_up_no_rows_before_it(row: str, tmp_path: Path) -> None:
    place, (_, sheet) = next((n, part) for n, part in enumerate(parts()) if part[0].endswith("sheet1.xml"))
    assert b'<row r="2"' in sheet
    far = sheet.replace(b'<row r="2"', f'<row r="{row}"'.encode())
    (tmp_path / "cases.xlsx").write_bytes(workbook_with(bytes([place]) + far))
    with ExitStack() as books:
        families, _ = reading.found_in(tmp_path, books).sources
        errors = Errors(families.name)
        reader = families.reader(errors)
        assert reader.header()
        assert b"".join(reader.rows()) == b""
    assert [error.code for error in errors.listed()] == ["UNREADABLE_WORKBOOK"]


@pytest.mark.django_db
def test_the_loader_loads_a_file_or_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    assert load(tmp_path, everything()).errors == []
    loaded.take_a_file()


def test_a_package_whose_recipient_is_of_another_version_may_not_leave() -> None:
    whole = next(each for each in packages() if each.startswith(b"\x30\x80"))
    version = whole.index(b"\x02\x01\x00", whole.index(b"\x31\x82")) + 2
    assert reopened.read(io.BytesIO(whole), ".p7m").recipients
    with pytest.raises(NotAnEnvelopeError, match="a version that we do not write"):
        reopened.read(io.BytesIO(whole[:version] + b"\x08" + whole[version + 1 :]), ".p7m")
