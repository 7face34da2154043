"""What information governance asks for."""

from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from connecting_families.audit.verify import Report
from connecting_families.governance import verification
from connecting_families.governance.models import Verification
from tests.audit.acts.act import Act
from tests.stages.walk import Walk


def ask_to_verify(walk: Walk) -> None:
    verification.request(by=walk.who("govern"), at=walk.now())


def end_verifying(walk: Walk) -> None:
    row, report = Verification.objects.get(), Report(7, 1, 0, 0, [])
    verification.end(verification=row, report=report, vkey="", by=duty("verify"), at=walk.now())


def give_up_verifying(walk: Walk) -> None:
    row = Verification.objects.get()
    verification.give_up(verification=row, why="ValueError", by=duty("verify"), at=walk.now())


ACTS = {
    "connecting_families.governance.verification.request": Act("assemble", ask_to_verify, Event.VERIFICATION_REQUESTED),
    "connecting_families.governance.verification.end": Act(
        "assemble", end_verifying, Event.TRAIL_VERIFIED, ask_to_verify
    ),
    "connecting_families.governance.verification.give_up": Act(
        "assemble", give_up_verifying, Event.TRAIL_REFUSED, ask_to_verify
    ),
}
