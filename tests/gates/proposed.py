"""A person whose erasure was proposed by one of information governance, and waits for another."""

from django.test import override_settings

from cohorts import rights
from cohorts.models import Erasure
from connecting_families.audit.trail import duty
from connecting_families.governance import erasing
from connecting_families.staff import accounts
from tests.stages.conftest import QUICK
from tests.stages.walk import PASSWORD, Walk


def a_second(walk: Walk) -> None:
    """There are two of information governance."""
    with override_settings(PASSWORD_HASHERS=QUICK):
        accounts.add(
            username="govern2", role="information_governance", password=PASSWORD, by=duty("test"), at=walk.now()
        )


def to_be_erased(walk: Walk, reference: str) -> Erasure:
    """The person asked, and one of two proposed it."""
    a_second(walk)
    at = walk.now()
    asked = rights.receive(
        kind="erasure", person=walk.person(reference), channel="letter", received_at=at, by=walk.who("worker"), at=at
    )
    return erasing.propose(request=asked, reason="They asked for it.", by=walk.who("govern"), at=at)
