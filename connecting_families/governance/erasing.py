"""Erasing a person, where both are known: what is on file about them, and what was sent."""

from datetime import datetime

from cohorts import erasing, erasure
from cohorts.models import Erasure, Person, RightsRequest
from connecting_families.audit import trail
from connecting_families.audit.refusals import Why
from connecting_families.audit.trail import Who
from transfers import erasing as sent


@trail.stage
def propose(*, request: RightsRequest, reason: str, by: Who, at: datetime) -> Erasure:
    """Propose to erase the person of a request. Raises NotErased with every reason."""
    return erasure.propose(request=request, reason=reason, elsewhere=against_sent(request.person), by=by, at=at)


@trail.stage
def confirm(*, erasure_: Erasure, by: Who, at: datetime) -> Erasure:
    """Erase the person as somebody else proposed: what was sent of them is asked while no door can be passed.

    Raises NotErased with every reason.
    """
    erasure.hold()
    person = Erasure.objects.select_related("person").get(pk=erasure_.pk).person
    remains = sent.kept_sealed(erasing.subject(person).keys) if person else []
    return erasure.confirm(
        erasure=erasure_,
        elsewhere=against_sent(person),
        remains=remains,
        goes_too=sent.empty_explanations,
        by=by,
        at=at,
    )


def against_sent(person: Person | None) -> list[Why]:
    """Why what was sent of somebody speaks against erasing them now."""
    return sent.against(erasing.subject(person).keys) if person else []
