"""A folder as a channel: files arrive under a name that ends in .part, and get their own name when they are whole."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfers.channels.channel import Lost, Sent, Stopped, Told, Where


class Folder:
    """A folder of this machine, or one that is mounted: what fails there may have happened all the same."""

    where = Where("folder")
    checked = "sha256"

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def open(self) -> Iterator["Folder"]:
        """The folder itself."""
        yield self

    def has_arrived(self, file: Sent) -> bool:
        """Whether exactly this file lies there. Raises Lost where the folder cannot be read."""
        try:
            return has_arrived(self.path, file)
        except OSError as error:
            raise Lost("FOLDER_REFUSED") from error

    def put(self, source: Path, file: Sent, told: Told) -> None:
        """Lay one file there. Raises Lost where the folder cannot take it, Stopped where it is not that file."""
        try:
            put(source, self.path, file)
        except OSError as error:
            raise Lost("FOLDER_REFUSED") from error
        except ValueError as error:
            raise Stopped("PACKAGE_CHANGED") from error
        told(file.size)


def has_arrived(folder: Path, file: Sent) -> bool:
    """Whether exactly this file lies there, whole."""
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.size and _sha256(path) == file.sha256


def put(source: Path, folder: Path, file: Sent) -> None:
    """Lay one file there. Raises OSError where the folder cannot take it, ValueError where it is not that file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f"{file.name}.part"
    with source.open("rb") as here, part.open("wb") as there:
        shutil.copyfileobj(here, there, 1 << 20)
        there.flush()
        os.fsync(there.fileno())
    if _sha256(part) != file.sha256:
        part.unlink()
        raise ValueError(f"{file.name} is not the file that was sealed.")
    part.replace(folder / file.name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
