"""What people do on pages between two guides: python -m tests.guides.furnished ACT …, as one of the services.

`delivered CERTIFICATE`: the certificate is accepted, and a submission is assembled, approved, sealed and delivered; its
name is printed. `objected NAME`: somebody who is in it objects.
"""

import sys
from datetime import timedelta
from pathlib import Path

import django

PASSWORD = "marl and osier in a creel"
PEOPLE = ("petra", "anton", "greta", "goran", "ada")


def main() -> None:
    """One act."""
    django.setup()
    act, *words = sys.argv[1:]
    ACTS[act](*words)


def delivered(certificate: str) -> None:
    """Everything until a submission lies with its recipient."""
    from connecting_families.staff import accounts, factors
    from connecting_families.staff.models import User
    from tests.faults.test_workers import LOADER, approved, now, open_round
    from tests.signing_in import secret_of
    from transfers import certificates, delivery, keys, sealing

    by_name = {name: User.objects.get(username=name) for name in PEOPLE}
    for name, user in by_name.items():
        accounts.change_password(user=user, password=PASSWORD, by=user.who(), at=now())
        factors.set_up(user=user, secret=secret_of(name), by=LOADER, at=now())
    who = {name: User.objects.get(username=name).who() for name in PEOPLE}
    pem = Path(certificate).read_bytes()
    fingerprint = keys.fingerprint(keys.load_certificate(pem))
    certificates.add(pem=pem, recipient="ONS", purpose="analysis", by=who["petra"], at=now())
    for purpose in ("linkage", "analysis"):
        for name in ("petra", "greta"):
            certificates.accept(fingerprint=fingerprint, purpose=purpose, by=who[name], at=now())
    roles = {"prepare": who["petra"], "approve": who["anton"], "govern": who["greta"]}
    row = approved(open_round("2026"), roles)
    sealing.seal(submission=row, by=who["petra"], at=now())
    delivery.deliver(submission=row, by=who["petra"], at=now() + timedelta(seconds=1))
    sys.stdout.write(f"{row.name} {fingerprint}\n")


def objected(name: str) -> None:
    """Somebody who was sent objects, by telephone."""
    from cohorts import objections
    from cohorts.models import Decision, Person
    from tests.faults.test_workers import LOADER, now
    from transfers.models import Submission

    row = Submission.objects.get(name=name)
    sent = Decision.objects.filter(cohort_id=row.cohort_id, included=True).order_by("person_ref").first()
    assert sent is not None
    person = Person.objects.get(pk=sent.person_id)
    objections.receive(reference="LATE", person=person, channel="phone", received_at=now(), by=LOADER, at=now())


ACTS = {"delivered": delivered, "objected": objected}

if __name__ == "__main__":
    main()
