"""Every act of the program, each after an act of the walk, with the event that tells of it (test_trail.py)."""

from tests.audit.acts import (
    casework,
    ending,
    files,
    governing,
    registers,
    restoring,
    rights,
    runs,
    sending,
    staff,
    twice,
    wishes,
)
from tests.audit.acts.act import Act

__all__ = ["ACTS", "NOTHING_BESIDE", "Act"]

ACTS: dict[str, Act] = {
    **casework.ACTS,
    **ending.ACTS,
    **files.ACTS,
    **governing.ACTS,
    **registers.ACTS,
    **restoring.ACTS,
    **rights.ACTS,
    **runs.ACTS,
    **sending.ACTS,
    **staff.ACTS,
    **twice.ACTS,
    **wishes.ACTS,
}
# Acts of which nothing is kept but the entry itself, or (signing in and out) the session of a browser.
NOTHING_BESIDE = {
    "connecting_families.commands._note",
    "connecting_families.commands.given_by",
    "cohorts.looks.open_both",
    "connecting_families.governance.checking.check",
    "connecting_families.governance.checking.request",
    "cohorts.proposing.request",
    "cohorts.replay.replay",
    "cohorts.trying.look",
    "cohorts.loading._refuse",
    "cohorts.search.search",
    "cohorts.search.look_for_duplicates",
    "connecting_families.staff.guards.refuse_page",
    "connecting_families.staff.middleware.too_much_is_recorded",
    "connecting_families.staff.middleware.noted",
    "connecting_families.staff.guards.person_at_the_prompt",
    "connecting_families.staff.sign_in.login",
    "connecting_families.staff.sign_in.logout",
    "connecting_families.staff.sign_in._refused",
    "connecting_families.staff.sign_in.reauthenticate",
    "connecting_families.staff.second_factor.clean_code",
    "connecting_families.staff.council_sign_on._refused",
    "connecting_families.staff.sessions.run_out",
    "connecting_families.staff.pages.own.recovery_codes_file",
    "connecting_families.governance.subject.report.export",
    "connecting_families.governance.subject.report.view",
    "connecting_families.governance.subject.report.view_not_on_paper",
    "connecting_families.governance.mailing._note",
    "connecting_families.governance.sifting.request",
    "connecting_families.management.commands.export_trail.handle",
    "connecting_families.management.commands.verify_trail.handle",
    # A backup lies outside the database; tests/faults/test_restore.py makes and refuses some.
    "connecting_families.governance.backups._make",
    "connecting_families.governance.backups.make",
    "connecting_families.management.commands.after_restore.handle",
    "transfers.management.commands.demo_keys.handle",
    "transfers.proof.prove",
    "transfers.proof.view",
}
