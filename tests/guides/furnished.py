"""What people do on pages between two guides: python -m tests.guides.furnished ACT …, as one of the services.

`approved CERTIFICATE`: the certificate is accepted, and a submission is assembled and approved; its name is printed.
`objected NAME`: somebody who is in it objects.
"""

import os
import sys
from pathlib import Path

import django

PASSWORD = "marl and osier in a creel"
PEOPLE = {
    "ada": "administrator", "petra": "data_preparer", "anton": "data_approver", "greta": "information_governance",
}  # fmt: skip


def main() -> None:
    """One act."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "connecting_families.settings"
    django.setup()
    act, *words = sys.argv[1:]
    ACTS[act](*words)


def approved(certificate: str) -> None:
    """Everything until a submission may be sealed."""
    from connecting_families.audit.tasks import seal_the_trail
    from connecting_families.staff import accounts, factors
    from connecting_families.staff.models import User
    from tests.faults import test_workers
    from tests.faults.test_workers import LOADER, now, open_round
    from tests.signing_in import secret_of
    from transfers import certificates, keys

    for name, role in PEOPLE.items():
        user = User.objects.filter(username=name).first()
        if user is None:
            user = accounts.add(username=name, role=role, password=PASSWORD, by=LOADER, at=now())
        else:
            user = accounts.change_password(user=user, password=PASSWORD, by=user.who(), at=now())
        factors.set_up(user=user, secret=secret_of(name), by=LOADER, at=now())
    who = {name: User.objects.get(username=name).who() for name in PEOPLE}
    pem = Path(certificate).read_bytes()
    fingerprint = keys.fingerprint(keys.load_certificate(pem))
    certificates.add(pem=pem, recipient="ONS", purpose="analysis", by=who["petra"], at=now())
    for purpose in ("linkage", "analysis"):
        for name in ("petra", "greta"):
            certificates.accept(fingerprint=fingerprint, purpose=purpose, by=who[name], at=now())
    roles = {"prepare": who["petra"], "approve": who["anton"], "govern": who["greta"]}
    row = test_workers.approved(open_round("2026"), roles)
    # By the next guide a minute has gone by, and the trail was sealed.
    seal_the_trail()
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


ACTS = {"approved": approved, "objected": objected}

if __name__ == "__main__":
    main()
