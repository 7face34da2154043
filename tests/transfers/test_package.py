"""What lies inside an envelope: exact, signed, and opened by the recipient's own commands."""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transfers.conftest import MANIFEST, Run, table
from transfers.envelope import read_header
from transfers.keys import DemonstrationKeys, Signer, fingerprint
from transfers.package import (
    Content,
    ContentDiffersError,
    ManifestError,
    SealedFile,
    Table,
    Wrapping,
    content_sha256,
    digest,
    seal,
    transmittal,
    write_transmittal,
    written_together,
)

STEM = "CF-E06000031-2026A-0001-identifiers"

# As the recipient is told: X stands for the name of the envelope.
CHAIN = """
    openssl cms -decrypt -binary -inform DER -in X.zip.p7m -recip ons.pem -inkey ons.key -out X.zip && python3 -m zipfile -e X.zip X && cd X &&
    openssl cms -verify -binary -inform DER -in SHA256SUMS.p7s -content SHA256SUMS -CAfile council-ca.pem -purpose smimesign -out /dev/null && sha256sum -c SHA256SUMS
"""  # noqa: E501

COLUMNS = ("ref", "name", "address_line_1")
ROWS = [
    ("A", "Zoë Ní Dhónaill", "1 High St"),
    ("B", 'Ann "Annie" Ŵyr, née Łukasz', "Flat 1\nThe Mews"),
    ("C", '=HYPERLINK("http://example")', "+1 @2 -3"),
    ("D", " leading and trailing ", "\ufeffbyte order mark"),
    ("E", "carriage\rreturn", "both\r\nkinds"),
    ("F", "", "李小龍 🏠 e\u0301"),
    ("G", "\ttab\t", "'quoted';"),
]

SealHere = Callable[..., list[SealedFile]]
Unseal = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path, keys: DemonstrationKeys) -> Path:
    """Where the recipient works: their certificate and key, and the council's authority one day received by hand."""
    for path in (keys.recipient_certificate, keys.recipient_key, keys.authority):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def seal_here(folder: Path, wrapping: Wrapping) -> SealHere:
    """Seals rows into the folder, as approved."""

    def run(rows: Iterable[Sequence[str]], *, stem: str = STEM, limit: int | None = None) -> list[SealedFile]:
        kept = list(rows)
        chosen = wrapping if limit is None else wrapping._replace(limit=limit)
        with written_together(folder) as create:
            return seal(table(kept), chosen, stem=stem, approved=digest(table(kept)), create=create)

    return run


@pytest.fixture
def unseal(openssl: Run, folder: Path) -> Unseal:
    """Opens an envelope with the recipient's two commands, and checks the sums; the folder with its content."""

    def run(stem: str) -> Path:
        opened = openssl(
            *("cms", "-decrypt", "-binary", "-inform", "DER", "-in", f"{stem}.zip.p7m"),
            *("-recip", "ons.pem", "-inkey", "ons.key", "-out", f"{stem}.zip"),
            cwd=folder,
        )
        assert opened.returncode == 0, opened.stderr
        with zipfile.ZipFile(folder / f"{stem}.zip") as package:
            package.extractall(folder / stem)
        verified = openssl(
            *("cms", "-verify", "-binary", "-inform", "DER", "-in", "SHA256SUMS.p7s", "-content", "SHA256SUMS"),
            *("-CAfile", "../council-ca.pem", "-purpose", "smimesign", "-out", "verified"),
            cwd=folder / stem,
        )
        assert verified.returncode == 0, verified.stderr
        for line in (folder / stem / "SHA256SUMS").read_text().splitlines():
            expected, name = line.split("  ")
            assert hashlib.sha256((folder / stem / name).read_bytes()).hexdigest() == expected
        return folder / stem

    return run


def run_chain(folder: Path, stem: str, authority: str = "../council-ca.pem") -> "subprocess.CompletedProcess[bytes]":
    """The recipient's commands, as one line in their shell."""
    line = re.sub(r"\bX\b", stem, CHAIN).replace("council-ca.pem", authority).strip()
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, check=False, timeout=60, env={"PATH": path}
    )


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
    with zipfile.ZipFile(folder / f"{STEM}.zip") as package:
        assert package.infolist()[0].extract_version == 45


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


def test_large_content_is_split_into_parts_that_open_alone(
    seal_here: SealHere, unseal: Unseal, openssl: Run, folder: Path
) -> None:
    rows = [(f"{number:026}", f"Person\n{number}", "x" * (number % 50)) for number in range(10_000)]
    limit = 120_000
    sealed = seal_here(rows, limit=limit)
    assert len(sealed) > 3
    assert [each.name for each in sealed] == [f"{STEM}-{number + 1}.zip.p7m" for number in range(len(sealed))]
    assert sum(each.rows for each in sealed) == len(rows)

    read: list[list[str]] = []
    for number, each in enumerate(sealed, start=1):
        inside = unseal(f"{STEM}-{number}")
        data = (inside / f"identifiers-{number}.csv").read_bytes()
        assert len(data) <= limit
        header, *part = csv.reader(io.StringIO(data.decode(), newline=""))
        assert (header, len(part)) == (list(COLUMNS), each.rows)
        read += part
        assert json.loads((inside / "manifest.json").read_text())["files"][0]["name"] == f"identifiers-{number}.csv"
        assert (folder / each.name).stat().st_size == each.size
        assert hashlib.sha256((folder / each.name).read_bytes()).hexdigest() == each.sha256
    assert read == [list(row) for row in rows]

    again = run_chain(folder, f"{STEM}-2")
    assert again.returncode == 0, again.stderr


def test_parts_put_together_are_the_file_that_was_approved(seal_here: SealHere, unseal: Unseal, folder: Path) -> None:
    rows = [(f"{number:026}", "name", "line") for number in range(5_000)]
    sealed = seal_here(rows, limit=60_000)
    for number, _ in enumerate(sealed, start=1):
        (folder / f"identifiers-{number}.csv").write_bytes(
            (unseal(f"{STEM}-{number}") / f"identifiers-{number}.csv").read_bytes()
        )
    others = " ".join(f"identifiers-{number}.csv" for number in range(2, len(sealed) + 1))
    line = f"(cat identifiers-1.csv; tail -q -n +2 {others}) | sha256sum"
    told = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, check=True).stdout.decode()
    assert told.split()[0] == digest(table(rows)).sha256


@pytest.mark.parametrize("over", [0, 1])
def test_only_content_over_the_limit_is_split(over: int, seal_here: SealHere) -> None:
    rows = [(f"{number:026}", "name", "line") for number in range(3_000)]
    sealed = seal_here(rows, limit=digest(table(rows)).size - over)
    assert len(sealed) == 1 + over


def test_a_part_has_rows_even_where_they_are_larger_than_the_limit(seal_here: SealHere) -> None:
    sealed = seal_here([(str(number), "x" * 50, "y") for number in range(600)], limit=100)
    assert [each.rows for each in sealed] == [256, 256, 88]


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
