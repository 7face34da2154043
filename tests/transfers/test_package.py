"""What lies inside an envelope: exact, signed, and opened by the recipient's own commands."""

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transfers.conftest import COLUMNS, MANIFEST, STEM, Run, SealHere, Unseal, run_chain, table
from transfers.envelope import read_header
from transfers.keys import Signer, fingerprint
from transfers.package import (
    Content,
    ContentDiffersError,
    ManifestError,
    Table,
    Wrapping,
    content_sha256,
    digest,
    seal,
    transmittal,
    write_transmittal,
    written_together,
)

ROWS = [
    ("A", "Zoë Ní Dhónaill", "1 High St"),
    ("B", 'Ann "Annie" Ŵyr, née Łukasz', "Flat 1\nThe Mews"),
    ("C", '=HYPERLINK("http://example")', "+1 @2 -3"),
    ("D", " leading and trailing ", "\ufeffbyte order mark"),
    ("E", "carriage\rreturn", "both\r\nkinds"),
    ("F", "", "李小龍 🏠 e\u0301"),
    ("G", "\ttab\t", "'quoted';"),
]


def test_the_recipients_commands_open_check_and_verify(openssl: Run, folder: Path, seal_here: SealHere) -> None:
    seal_here(ROWS)
    result = run_chain(folder, STEM)
    assert result.returncode == 0, result.stderr
    assert result.stdout.decode().splitlines() == ["identifiers.csv: OK", "manifest.json: OK"]


def test_the_recipients_commands_as_printed(openssl: Run, folder: Path, seal_here: SealHere) -> None:
    """As printed, the authority's certificate is looked for in the folder X: the recipient has put it there."""
    seal_here(ROWS)
    (folder / STEM).mkdir()
    (folder / "council-ca.pem").rename(folder / STEM / "council-ca.pem")
    result = run_chain(folder, STEM, authority="council-ca.pem")
    assert result.returncode == 0, result.stderr


def test_a_damaged_envelope_stops_the_commands_before_anything_is_unpacked(
    openssl: Run, folder: Path, seal_here: SealHere
) -> None:
    """OpenSSL has written the content by the time it finds the tag wrong: `&&` keeps anybody from reading on."""
    seal_here(ROWS)
    path = folder / f"{STEM}.zip.p7m"
    whole = path.read_bytes()
    for position in (len(whole) // 2, len(whole) - 400, len(whole) - 10):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert run_chain(folder, STEM).returncode != 0
        assert not (folder / STEM).exists()


def test_sums_signed_by_another_authority_are_refused(
    openssl: Run, folder: Path, seal_here: SealHere, recipient: x509.Certificate
) -> None:
    seal_here(ROWS)
    (folder / "council-ca.pem").write_bytes((folder / "ons.pem").read_bytes())
    assert run_chain(folder, STEM).returncode != 0


def test_values_survive_exactly(seal_here: SealHere, unseal: Unseal) -> None:
    sealed = seal_here(ROWS)
    assert [(each.name, each.rows) for each in sealed] == [(f"{STEM}.zip.p7m", len(ROWS))]
    data = (unseal(STEM) / "identifiers.csv").read_bytes()
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == [list(COLUMNS), *map(list, ROWS)]


def test_the_form_is_rfc_4180_with_minimal_quotes(seal_here: SealHere, unseal: Unseal) -> None:
    seal_here(ROWS)
    assert (unseal(STEM) / "identifiers.csv").read_bytes().decode() == (
        "ref,name,address_line_1\n"
        "A,Zoë Ní Dhónaill,1 High St\n"
        'B,"Ann ""Annie"" Ŵyr, née Łukasz","Flat 1\nThe Mews"\n'
        'C,"=HYPERLINK(""http://example"")",+1 @2 -3\n'
        "D, leading and trailing ,\ufeffbyte order mark\n"
        'E,"carriage\rreturn","both\r\nkinds"\n'
        "F,,李小龍 🏠 e\u0301\n"
        "G,\ttab\t,'quoted';\n"
    )


VALUES = st.text(st.sampled_from('",\r\n ;a=é🏠') | st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(database=None)
@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width))))
def test_the_form_is_that_of_the_csv_module(rows: list[tuple[str, ...]]) -> None:
    """With CR LF as its end of line, every version of Python quotes what holds either; the end is then ours again."""
    columns = [f"c{number}" for number in range(len(rows[0]) if rows else 1)]
    written: list[str] = []
    for row in [columns, *rows]:
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\r\n").writerow(row)
        written.append(line.getvalue()[:-2] + "\n")
    data = "".join(written).encode()
    assert digest(table(rows, columns)) == Content(len(rows), len(data), hashlib.sha256(data).hexdigest())


def test_the_manifest_says_what_the_contract_asks(
    seal_here: SealHere, unseal: Unseal, recipient: x509.Certificate
) -> None:
    seal_here(ROWS)
    inside = unseal(STEM)
    data = (inside / "identifiers.csv").read_bytes()
    text = (inside / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        **MANIFEST,
        "files": [
            {
                "name": "identifiers.csv",
                "rows": len(ROWS),
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "columns": list(COLUMNS),
            }
        ],
        "recipients": [fingerprint(recipient)],
    }
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("change", [{"prepared_by": "Ann"}, {"files": []}, {"round": None}])
def test_a_manifest_says_no_more_and_no_less(change: dict[str, object], wrapping: Wrapping, tmp_path: Path) -> None:
    manifest = {key: value for key, value in {**MANIFEST, **change}.items() if value is not None}
    with pytest.raises(ManifestError, match=next(iter(change))), written_together(tmp_path) as create:
        seal(table(ROWS), wrapping._replace(manifest=manifest), stem=STEM, approved=digest(table(ROWS)), create=create)
    assert list(tmp_path.iterdir()) == []


def test_the_zip_has_fixed_times_and_the_quick_level(seal_here: SealHere, unseal: Unseal, folder: Path) -> None:
    rows = [(f"{number:026}", "Ní Dhónaill" * (number % 7), str(number**5)) for number in range(20_000)]
    seal_here(rows)
    data = (unseal(STEM) / "identifiers.csv").read_bytes()
    with zipfile.ZipFile(folder / f"{STEM}.zip") as package:
        members = package.infolist()
        assert [member.filename for member in members] == [
            *("identifiers.csv", "manifest.json", "SHA256SUMS", "SHA256SUMS.p7s"),
        ]
        assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.compress_type for member in members} == {zipfile.ZIP_DEFLATED}
        first = zlib.compressobj(1, zlib.DEFLATED, -15)
        assert members[0].compress_size == len(first.compress(data) + first.flush())
        assert members[0].extract_version == 20


def test_a_limit_beyond_32_bits_makes_a_zip64(seal_here: SealHere, unseal: Unseal, folder: Path) -> None:
    seal_here(ROWS, limit=8 << 30)
    unseal(STEM)
    header = (folder / f"{STEM}.zip").read_bytes()
    # A local file header: 30 bytes, the name, and the extra field, whose id is 1 where sizes have 64 bits.
    name, extra = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    assert header[30 + name : 30 + name + extra].startswith(b"\x01\x00")


def test_no_rows_are_a_file_with_a_header(seal_here: SealHere, unseal: Unseal) -> None:
    assert seal_here([])[0].rows == 0
    assert (unseal(STEM) / "identifiers.csv").read_bytes() == b"ref,name,address_line_1\n"


def test_the_digest_is_that_of_the_file(seal_here: SealHere, unseal: Unseal) -> None:
    seal_here(ROWS)
    data = (unseal(STEM) / "identifiers.csv").read_bytes()
    assert digest(table(ROWS)) == Content(len(ROWS), len(data), hashlib.sha256(data).hexdigest())


def test_the_content_digest_is_that_of_both_lines() -> None:
    """`printf '%s\\n%s\\n' … | sha256sum`"""
    first, second = "a" * 64, "b" * 64
    assert content_sha256(first, second) == hashlib.sha256(b"a" * 64 + b"\n" + b"b" * 64 + b"\n").hexdigest()
    assert content_sha256(first, second) != content_sha256(second, first)


CHANGED = {
    "one letter": [("A", "Zoe Ní Dhónaill", "1 High St"), *ROWS[1:]],
    "a row more": [*ROWS, ("H", "late", "row")],
    "a row less": ROWS[:-1],
    "another order": [ROWS[1], ROWS[0], *ROWS[2:]],
    "none": [],
}


@pytest.mark.parametrize("limit", [None, 100], ids=["one envelope", "parts"])
@pytest.mark.parametrize("rows", CHANGED.values(), ids=CHANGED)
def test_what_differs_from_what_was_approved_leaves_nothing(
    rows: list[tuple[str, str, str]], limit: int | None, wrapping: Wrapping, tmp_path: Path
) -> None:
    chosen = wrapping if limit is None else wrapping._replace(limit=limit)
    with pytest.raises(ContentDiffersError), written_together(tmp_path) as create:
        seal(table(rows), chosen, stem=STEM, approved=digest(table(ROWS)), create=create)
    assert list(tmp_path.iterdir()) == []


def test_much_more_than_was_approved_stops_at_once(wrapping: Wrapping, tmp_path: Path) -> None:
    drawn = 0

    def too_many() -> Iterable[tuple[str, str, str]]:
        nonlocal drawn
        for drawn in range(1, 20_001):
            yield str(drawn), "name", "line"

    with pytest.raises(ContentDiffersError), written_together(tmp_path) as create:
        seal(table(too_many()), wrapping, stem=STEM, approved=digest(table(ROWS)), create=create)
    assert drawn < 2_000


def test_a_source_that_fails_leaves_nothing(wrapping: Wrapping, tmp_path: Path) -> None:
    def broken() -> Iterable[tuple[str, str, str]]:
        for number in range(5_000):
            yield str(number), "name", "line"
        raise ConnectionError("the database went away")

    approved = Content(6_000, 1 << 20, "0" * 64)
    with pytest.raises(ConnectionError), written_together(tmp_path) as create:
        seal(table(broken()), wrapping, stem=STEM, approved=approved, create=create)
    assert list(tmp_path.iterdir()) == []


def test_who_can_open_it_can_be_read_from_what_was_sealed(
    seal_here: SealHere, folder: Path, recipient: x509.Certificate, signer: Signer
) -> None:
    seal_here(ROWS)
    with (folder / f"{STEM}.zip.p7m").open("rb") as file:
        header = read_header(file)
    assert header.opens_for(recipient)
    assert not header.opens_for(signer.certificate)


def test_the_transmittal_tells_names_sizes_digests_and_counts(
    openssl: Run, seal_here: SealHere, signer: Signer, folder: Path
) -> None:
    sealed = seal_here(ROWS)
    note = transmittal("CF-E06000031-2026A-0001", sealed, {"persons": 7, "families": 2})
    with written_together(folder) as create:
        write_transmittal(note, submission="CF-E06000031-2026A-0001", signer=signer, create=create)
    path = folder / "CF-E06000031-2026A-0001-transmittal.json"
    envelope = (folder / f"{STEM}.zip.p7m").read_bytes()
    assert json.loads(path.read_text()) == {
        "spec": "connecting-families/1",
        "submission": "CF-E06000031-2026A-0001",
        "counts": {"persons": 7, "families": 2},
        "files": [
            {
                "name": f"{STEM}.zip.p7m",
                "bytes": len(envelope),
                "sha256": hashlib.sha256(envelope).hexdigest(),
                "rows": 7,
            }
        ],
    }
    verified = openssl(
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", f"{path.name}.p7s", "-content", path.name),
        *("-CAfile", "council-ca.pem", "-purpose", "smimesign", "-out", "verified"),
        cwd=folder,
    )
    assert verified.returncode == 0, verified.stderr


def test_any_table_may_be_sealed(wrapping: Wrapping, folder: Path, unseal: Unseal) -> None:
    withdrawn = Table("withdrawals.csv", ("submission_person_ref", "withdrawn_on"), [("A" * 26, "2026-11-02")])
    stem = "CF-E06000031-2026A-0001-withdrawal-1"
    with written_together(folder) as create:
        seal(withdrawn, wrapping, stem=stem, approved=digest(withdrawn), create=create)
    assert (
        unseal(stem) / "withdrawals.csv"
    ).read_text() == f"submission_person_ref,withdrawn_on\n{'A' * 26},2026-11-02\n"
