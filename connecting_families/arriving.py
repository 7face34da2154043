"""Files as they arrive from a browser: streamed to a private folder without a name there, and never more than allowed.

A file that has no name is gone with the process that holds it, however that ends: nothing of it is left lying about.
"""

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

TOO_LARGE = "cf.too_large"
BULK = frozenset({"upload_files"})
"""The pages to which bulk files are sent: CF_UPLOAD_LIMIT is theirs alone."""
ONE = 20 << 20
"""Bytes that are kept of a file sent to another page: a receipt or a certificate has less."""


def private_folder() -> Path:
    """The folder of uploads, which nobody but the program may open."""
    folder: Path = settings.CF_UPLOADS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def too_large(request: HttpRequest) -> bool:
    """Whether this request brought more than is allowed: what went beyond was read past and kept nowhere."""
    return TOO_LARGE in request.META


def takes_bulk_files(request: HttpRequest | None) -> bool:
    """Whether a request is for a page to which bulk files are sent."""
    match = request.resolver_match if request else None
    return match is not None and match.view_name in BULK


class PrivateFiles(FileUploadHandler):
    """Django's way of taking files in (FILE_UPLOAD_HANDLERS), for every form that has one."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.taken = 0
        self.arriving: UploadedFile[Any] | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins."""
        super().new_file(*args, **kwargs)
        store = tempfile.TemporaryFile(dir=private_folder())  # noqa: SIM115 - Django closes it with the request
        self.arriving = UploadedFile(store, self.file_name, self.content_type)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002 - Django's signature
        """A piece of it. Raises SkipFile where all bulk files of this request are larger than the limit together.

        What any other page is sent beyond its limit is dropped; how large the file was is said, for the form to refuse.
        """
        self.taken += len(raw_data)
        if self.taken > self._limit():
            if not takes_bulk_files(self.request):
                return
            if self.request is not None:
                self.request.META[TOO_LARGE] = "1"
            self.upload_interrupted()
            raise SkipFile
        if self.arriving is not None:
            self.arriving.write(raw_data)

    def _limit(self) -> int:
        """Bytes that are kept: none of whoever has not signed in, as a form is read before its page asks for that."""
        if self.request is None or not self.request.user.is_authenticated:
            return 0
        return int(settings.CF_UPLOAD_LIMIT) if takes_bulk_files(self.request) else ONE

    def file_complete(self, file_size: int) -> "UploadedFile[Any] | None":
        """The file ended: it is read from its beginning. None for one that was too large."""
        if self.arriving is not None:
            self.arriving.seek(0)
            self.arriving.size = file_size
        return self.arriving

    def upload_interrupted(self) -> None:
        """Whoever sent it stopped, or was stopped: nothing of it stays."""
        if self.arriving is not None:
            self.arriving.close()
        self.arriving = None
