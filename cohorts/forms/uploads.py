"""The form that takes bulk files in."""

from typing import Any

from django import forms
from django.conf import settings

from connecting_families.arriving import too_large


class SeveralFiles(forms.FileInput):
    """A box in which several files may be chosen."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:  # noqa: ARG002 - Django's signature
        """All of them."""
        return files.getlist(name)


class SeveralFilesField(forms.FileField):
    """Several files; `clean` gives a list."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each as Django cleans one; an empty one is left to the check, which says what is wrong with it."""
        clean_one = super().clean
        return [clean_one(each, initial) for each in data or [None]]


class UploadForm(forms.Form):
    """Bulk files, as many as belong together."""

    chosen = SeveralFilesField(
        label="Files",
        allow_empty_file=True,
        error_messages={"required": "Choose at least one file"},
    )

    def __init__(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request
        most = f"{settings.CF_UPLOAD_LIMIT // 1024 // 1024} megabytes"
        self.too_large = f"These files are larger than {most} together. Upload them one after another, or in parts."
        self.fields[
            "chosen"
        ].help_text = (
            f"One or more csv files, or Excel workbooks (.xlsx) with a sheet for each; at most {most} together."
        )

    def clean(self) -> dict[str, Any]:
        """Of an upload that was too large nothing was kept, and only that is said."""
        given = super().clean() or {}
        if too_large(self._request):
            self.errors.pop("chosen", None)
            self.add_error("chosen", self.too_large)
        return given
