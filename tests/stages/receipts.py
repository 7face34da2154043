"""What a recipient says of the walk's submission."""

import json
from typing import Any

from tests.stages.walk import Walk
from transfers.models import PersonReference, Withdrawal


def receipt_of(walk: Walk, *rejected: tuple[str, str], **other: Any) -> bytes:
    """The receipt of the walk's submission, by a recipient who could not load these people for these codes."""
    row = walk.submission
    files = {file["name"]: file for file in row.sealed_files}
    note = files.pop(f"{row.name}-transmittal.json")
    files.pop(f"{row.name}-transmittal.json.p7s")
    references = dict(PersonReference.objects.values_list("person_id", "reference"))
    people = {walk.person(ref).pk for ref, _ in rejected}
    return json.dumps(
        {
            "submission": row.name,
            "transmittal_sha256": note["sha256"],
            "received_at": walk.now().isoformat(),
            "files": [
                {"name": name, "sha256": file["sha256"], "rows_loaded": file["rows"] - lost, "rows_rejected": lost}
                for name, file in files.items()
                for lost in [len(people) if "identifiers" in name else 0]
            ],
            "rejected": [
                {"submission_person_ref": references[walk.person(ref).pk], "code": code} for ref, code in rejected
            ],
        }
        | other
    ).encode()


def acknowledgement(walk: Walk, row: Withdrawal, **other: Any) -> bytes:
    """By which the recipient says that it took everybody of a withdrawal out."""
    row.refresh_from_db()
    files = {file["name"]: file for file in row.sealed_files}
    note = files.pop(f"{row.name}-transmittal.json")
    files.pop(f"{row.name}-transmittal.json.p7s")
    said = {
        "submission": row.name, "transmittal_sha256": note["sha256"], "received_at": walk.now().isoformat(),
        "files": [{"name": name, "sha256": file["sha256"], "rows_loaded": file["rows"], "rows_rejected": 0}
                  for name, file in files.items()],
        "rejected": [],
    }  # fmt: skip
    return json.dumps(said | other).encode()
