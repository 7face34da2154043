"""The manifest: what a package says of itself (spec/submission.md), but for what only the packager knows."""

from datetime import datetime
from typing import Any

from django.conf import settings

from connecting_families.audit.seal import newest_note
from transfers import package
from transfers.models import Submission


def manifest(of: Submission, *, name: str, content_sha256: str, role: str, at: datetime, **more: Any) -> dict[str, Any]:
    """Of a submission, or of the withdrawal of this name from one; `role` prepared it, `more` are counts and findings.

    It names the newest checkpoint of the trail, so that the recipient is a witness of it.
    """
    return {
        "spec": package.SPEC,
        "submission": name,
        "la_code": settings.CF_LA_CODE,
        "round": of.round.code,
        "cut_off": of.round.cut_off.isoformat(),
        "agreement": of.round.agreement.reference,
        "framework": f"{of.round.framework} {of.cohort.framework_version}",
        "rule_set": of.cohort.rule_set,
        "cohort_digest": of.cohort.digest,
        "content_sha256": content_sha256,
        "created_at": at.isoformat(),
        "prepared_by_role": role,
        "trail_checkpoint": newest_note(),
        **more,
    }
