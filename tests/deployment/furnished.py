"""A council whose submission is approved: python -m tests.deployment.furnished RECIPIENT. Prints its name.

Run with the settings of the services, as a process of its own; each step is one of the real stages.
"""

import sys
from pathlib import Path

import django


def main() -> None:
    """Staff with their second factors, invented families, two who compare a certificate, and an approval."""
    django.setup()
    from cohorts import loading
    from connecting_families import invented
    from connecting_families.staff import accounts, factors
    from tests.faults.test_workers import LOADER, approved, now, open_round
    from tests.signing_in import secret_of
    from transfers import certificates, keys

    people, roles = {}, {"prepare": "data_preparer", "approve": "data_approver", "govern": "information_governance"}
    for name, role in roles.items():
        user = accounts.add(username=name, role=role, password=PASSWORD, by=LOADER, at=now())
        factors.set_up(user=user, secret=secret_of(name), by=LOADER, at=now())
        people[name] = user.who()
    pem = Path(sys.argv[1]).read_bytes()
    fingerprint = keys.fingerprint(keys.load_certificate(pem))
    for purpose in ("linkage", "analysis"):
        certificates.add(pem=pem, recipient="ONS", purpose=purpose, by=people["prepare"], at=now())
        for who in ("prepare", "govern"):
            certificates.accept(fingerprint=fingerprint, purpose=purpose, by=people[who], at=now())
    cases = Path(sys.argv[2])
    invented.write(cases, 30)
    loading.load_directory(cases, by=LOADER, at=now())
    print(approved(open_round("2026"), people).name)  # noqa: T201 - for whoever started it


PASSWORD = "marl and osier in a creel"

if __name__ == "__main__":
    main()
