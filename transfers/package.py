"""The package: what lies inside an envelope, and how it gets there without touching a disk on its way.

An envelope holds a zip of one CSV file, `manifest.json`, `SHA256SUMS` and `SHA256SUMS.p7s`, the council's signature
over the sums. Rows go straight through hash, zip and cipher into the sealed file, batch by batch.

OpenSSL opens at most about 1.5 GB at once. Content of more than CONTENT_LIMIT bytes is therefore split between rows
into numbered parts: `X-identifiers.zip.p7m` becomes `X-identifiers-1.zip.p7m`, `X-identifiers-2.zip.p7m` and so on,
holding `identifiers-1.csv`, `identifiers-2.csv`. Each part is whole in itself: its CSV has the header row, its
manifest and sums name its own file. The digest approved is that of the undivided file, which is the first part
followed by the others without their header rows.
"""

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from transfers.envelope import Destination, Envelope
from transfers.keys import Signer

SPEC = "connecting-families/1"
CONTENT_LIMIT = 1 << 30
KINDS = ("identifiers", "programme", "transmittal")
"""The files of a submission."""

# Four times as fast as zlib's own default; what it packs less is little beside that.
DEFLATE_LEVEL = 1
ROWS_AT_ONCE = 256
UNFINISHED = ".unfinished"
NEEDS_QUOTES = re.compile(r'[",\r\n]')

# What the caller says in a manifest; the packager adds what only it knows: `files` and `recipients`.
MANIFEST_KEYS = frozenset(
    {
        "spec",
        "submission",
        "la_code",
        "round",
        "cut_off",
        "agreement",
        "framework",
        "rule_set",
        "cohort_digest",
        "content_sha256",
        "created_at",
        "prepared_by_role",
        "trail_checkpoint",
        "counts",
        "findings",
    }
)


class ContentDiffersError(ValueError):
    """What was written is not what was approved. No envelope of it is left."""


class ManifestError(ValueError):
    """A manifest says more or less than it should."""


class Content(NamedTuple):
    """A CSV file, known by its digest: data rows (without the header), bytes, SHA-256 in hex."""

    rows: int
    size: int
    sha256: str


# Bytes of whole rows, and how many rows they are. Closed when no more is wanted: it may be in the midst of a query.
Batches = Generator[tuple[bytes, int], None, None]


class Table(NamedTuple):
    """What becomes a CSV file: its name, its columns, and each row's values in the order of the columns."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]

    def batches(self) -> Batches:
        """The rows in the form in which they are sent."""
        rows = iter(self.rows)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            yield _csv(some), len(some)


class Written(NamedTuple):
    """The same where somebody else has written the rows, in the form of `_csv`: `lines` are batches of whole rows."""

    name: str
    columns: Sequence[str]
    lines: Batches

    def batches(self) -> Batches:
        """The rows as they came."""
        return self.lines


class SealedFile(NamedTuple):
    """A sealed file as it leaves: its bytes and their SHA-256 in hex, and how many data rows lie inside."""

    name: str
    size: int
    sha256: str
    rows: int


class Wrapping(NamedTuple):
    """How a table is sealed: what its manifest says, for whom, signed by whom, and how large a part may be.

    `manifest` has MANIFEST_KEYS, no more and no less; `limit` is in bytes of CSV.
    """

    manifest: Mapping[str, Any]
    envelope: Envelope
    signer: Signer
    limit: int = CONTENT_LIMIT


Create = Callable[[str], BinaryIO]


def digest(table: Table | Written, copy: Destination | None = None) -> Content:
    """What `seal` will write for this table, undivided; here it is written to `copy` alone, if anywhere."""
    with closing(table.batches()) as batches:
        stream = _Stream(table, batches, copy=copy)
        for _ in stream.part():
            pass
    return stream.whole.content


def content_sha256(identifiers_sha256: str, programme_sha256: str) -> str:
    """The digest to which approval binds: SHA-256, in hex, of both files' digests, one a line (spec/submission.md)."""
    return hashlib.sha256(f"{identifiers_sha256}\n{programme_sha256}\n".encode()).hexdigest()


def seal(
    table: Table | Written,
    wrapping: Wrapping,
    *,
    stem: str,
    approved: Content,
    create: Create,
    copy: Destination | None = None,
) -> list[SealedFile]:
    """Seal a table into one envelope, or into numbered parts where what was approved is larger than the limit.

    `stem` begins the file names (`X-identifiers`); `create` opens a file of a given name (see `written_together`).
    `copy` gets the undivided CSV file as well, in the same pass.
    Raises ContentDiffersError where the rows are not those approved, before the last envelope is finished; and
    ManifestError.
    """
    if wrapping.manifest.keys() != MANIFEST_KEYS:
        wrong = ", ".join(sorted(wrapping.manifest.keys() ^ MANIFEST_KEYS))
        raise ManifestError(f"A manifest lacks, or should not have: {wrong}.")
    with closing(table.batches()) as batches:
        stream = _Stream(table, batches, approved, copy)
        if approved.size <= wrapping.limit:
            return [_seal_part(stream.part(), table, wrapping, stem, create)]
        sealed: list[SealedFile] = []
        name = Path(table.name)
        while not sealed or not stream.is_done:
            number = len(sealed) + 1
            part = table._replace(name=f"{name.stem}-{number}{name.suffix}")
            sealed.append(_seal_part(stream.part(wrapping.limit), part, wrapping, f"{stem}-{number}", create))
        return sealed


def transmittal(submission: str, sealed: Sequence[SealedFile], counts: Mapping[str, int]) -> bytes:
    """The note that travels beside sealed files, for anybody to read: names, sizes, digests and counts, as JSON."""
    files = [{"name": each.name, "bytes": each.size, "sha256": each.sha256, "rows": each.rows} for each in sealed]
    return _json({"spec": SPEC, "submission": submission, "files": files, "counts": dict(counts)})


def write_transmittal(note: bytes, *, submission: str, signer: Signer, create: Create) -> list[SealedFile]:
    """Write a transmittal, and the council's detached signature beside it (`.json.p7s`); both as they leave."""
    name = f"{submission}-transmittal.json"
    written = []
    for file, data in ((name, note), (f"{name}.p7s", signer.sign(note))):
        create(file).write(data)
        written.append(SealedFile(file, len(data), hashlib.sha256(data).hexdigest(), 0))
    return written


@contextmanager
def written_together(directory: Path) -> Iterator[Create]:
    """Files that appear in `directory` together and whole, or not at all.

    Gives a function that opens a file of a given name, to write it and to read it again; it lies under a temporary
    name, for its owner alone, until the block ends. Then every file is synced and renamed in the order of opening
    (over an older one of its name), and the directory is synced. After an exception none is left. A process that is
    killed leaves temporary names, which `remove_unfinished` knows.
    """
    opened: list[tuple[BinaryIO, Path, Path]] = []

    def create(name: str) -> BinaryIO:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=UNFINISHED, dir=directory)
        file = os.fdopen(descriptor, "w+b")
        opened.append((file, Path(temporary), directory / name))
        return file

    renamed: list[Path] = []
    try:
        yield create
        for file, _, _ in opened:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        for _, temporary, final in opened:
            temporary.replace(final)
            renamed.append(final)
        _sync(directory)
    except BaseException:
        for file, temporary, _ in opened:
            # What it has not written yet may find no room: it goes all the same.
            with suppress(OSError):
                file.close()
            temporary.unlink(missing_ok=True)
        for final in renamed:
            final.unlink(missing_ok=True)
        raise


def stems_of(submission: str) -> list[str]:
    """How the names of all files of a submission begin (not those of its withdrawals)."""
    return [f"{submission}-{kind}" for kind in KINDS]


def remove_unfinished(directory: Path, stems: Iterable[str]) -> list[str]:
    """Remove what a killed process left of files with these stems, numbered parts too; their names.

    Nobody may be writing them now. A stem is all before the first point of a name, or before the number of a part: the
    name of one submission may begin with another's.
    """
    return _remove(directory, stems, rf"\.{{}}\.[^-].*{re.escape(UNFINISHED)}")


def remove(directory: Path, stems: Iterable[str]) -> list[str]:
    """Remove every file with these stems, whole or unfinished; their names. None where there is no such directory."""
    unfinished = rf"\.{{0}}\.[^-].*{re.escape(UNFINISHED)}"
    return _remove(directory, stems, rf"{unfinished}|{{0}}\.[^-].*") if directory.is_dir() else []


def _remove(directory: Path, stems: Iterable[str], form: str) -> list[str]:
    wanted = re.compile(form.format(rf"(?:{'|'.join(map(re.escape, stems))})(?:-[0-9]+)?"))
    left = [path for path in directory.iterdir() if wanted.fullmatch(path.name)]
    for path in left:
        path.unlink(missing_ok=True)
    return sorted(path.name for path in left)


class _Tally:
    """Counts and hashes what passes, on its way to a destination if there is one."""

    def __init__(self, destination: Destination | None = None) -> None:
        self.destination, self.rows, self.size, self._sha256 = destination, 0, 0, hashlib.sha256()

    def write(self, data: bytes, rows: int = 0) -> int:
        self.rows += rows
        self.size += len(data)
        self._sha256.update(data)
        if self.destination is not None:
            self.destination.write(data)
        return len(data)

    @property
    def content(self) -> Content:
        return Content(self.rows, self.size, self._sha256.hexdigest())


class _Stream:
    """A table on its way out, part after part, and a tally of it undivided.

    Raises ContentDiffersError as soon as it is plain that the rows are not those approved.
    """

    def __init__(
        self, table: Table | Written, batches: Batches, approved: Content | None = None, copy: Destination | None = None
    ) -> None:
        self.whole = _Tally(copy)
        self._approved = approved
        self._header = _csv([table.columns])
        self._batches = batches
        self.whole.write(self._header)
        self._draw()

    @property
    def is_done(self) -> bool:
        return self._count == 0

    def part(self, limit: int | None = None) -> Iterator[tuple[bytes, int]]:
        """Bytes and their number of rows: the header, then batches while they fit (one at least, if any is left)."""
        yield self._header, 0
        size, started = len(self._header), False
        while not self.is_done and (limit is None or not started or size + len(self._batch) <= limit):
            yield self._batch, self._count
            size, started = size + len(self._batch), True
            self.whole.write(self._batch, self._count)
            self._draw()
            self._compare()
        self._compare()

    def _draw(self) -> None:
        self._batch, self._count = next(self._batches, (b"", 0))

    def _compare(self) -> None:
        approved = self._approved
        if approved is None or not (self.is_done or self.whole.size > approved.size):
            return
        if self.whole.content != approved:
            raise ContentDiffersError("The content is not what was approved.")


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    """RFC 4180 with quotes only where they are needed, UTF-8, LF, values exactly as they are.

    Written by hand because the csv module takes three times as long, and before Python 3.13 leaves a lone CR unquoted.
    """
    return "".join([_line(row) for row in rows]).encode()


def _line(row: Sequence[str]) -> str:
    line = ",".join(row)
    if '"' in line or "\n" in line or "\r" in line or line.count(",") >= len(row):
        line = ",".join([_quoted(value) if NEEDS_QUOTES.search(value) else value for value in row])
    return f"{line}\n" if line else '""\n'


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _seal_part(
    batches: Iterator[tuple[bytes, int]], table: Table | Written, wrapping: Wrapping, stem: str, create: Create
) -> SealedFile:
    """One envelope, from its first byte to its tag. An exception leaves it without one."""
    name = f"{stem}.zip{wrapping.envelope.suffix}"
    sealed = _Tally(create(name))
    with (
        wrapping.envelope.sealing(sealed) as writer,
        zipfile.ZipFile(writer, "w", zipfile.ZIP_DEFLATED, compresslevel=DEFLATE_LEVEL) as package,
    ):
        # Opened by name, a member gets the fixed time of 1980 and the level above in every version of Python.
        with package.open(table.name, "w", force_zip64=wrapping.limit > CONTENT_LIMIT) as member:
            content = _Tally(member)
            for data, rows in batches:
                content.write(data, rows)
        manifest = _json(_manifest(table, content.content, wrapping))
        sums = _sums({table.name: content.content.sha256, "manifest.json": hashlib.sha256(manifest).hexdigest()})
        signature = wrapping.signer.sign(sums)
        for small, data in {"manifest.json": manifest, "SHA256SUMS": sums, "SHA256SUMS.p7s": signature}.items():
            with package.open(small, "w") as member:
                member.write(data)
    return SealedFile(name, sealed.size, sealed.content.sha256, content.rows)


def _manifest(table: Table | Written, content: Content, wrapping: Wrapping) -> dict[str, Any]:
    file = {
        "name": table.name,
        "rows": content.rows,
        "bytes": content.size,
        "sha256": content.sha256,
        "columns": list(table.columns),
    }
    return {**wrapping.manifest, "files": [file], "recipients": wrapping.envelope.fingerprints}


def _sums(digests: Mapping[str, str]) -> bytes:
    """As `sha256sum -c` reads them."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()


def _json(value: Mapping[str, Any]) -> bytes:
    """The same value gives the same bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
