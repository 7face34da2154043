"""Recipients' certificates at the prompt: add one, accept one."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connecting_families.commands import Act
from connecting_families.staff.guards import person_at_the_prompt
from connecting_families.staff.roles import Permission
from transfers import certificates
from transfers.models import RecipientCertificate


class Command(Act):
    """certificate add FILE --recipient ONS --purpose linkage --by USERNAME; certificate accept FINGERPRINT …."""

    help = "Adds a recipient's certificate, or accepts one whose fingerprint was compared with the recipient."

    def add_arguments(self, parser: CommandParser) -> None:
        """Two acts."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        add = acts.add_parser("add", help="add a certificate")
        add.add_argument("file", type=Path, help="PEM or DER")
        add.add_argument("--recipient", required=True, help="the code in agreements, such as ONS")
        accept = acts.add_parser("accept", help="accept a certificate; two people do")
        accept.add_argument("fingerprint", help="SHA-256, in hex, as the recipient reads it out")
        for one in (add, accept):
            one.add_argument("--purpose", required=True, choices=list(RecipientCertificate.PURPOSES))
            one.add_argument("--by", required=True, help="user name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        at = self.now()
        if options["act"] == "add":
            by = person_at_the_prompt(options["by"], Permission.ADD_CERTIFICATES, at)
            try:
                pem = options["file"].read_bytes()
            except OSError as error:
                raise CommandError(f"The certificate cannot be read: {error.strerror}.", returncode=2) from None
            row = certificates.add(pem=pem, recipient=options["recipient"], purpose=options["purpose"], by=by, at=at)
        else:
            by = person_at_the_prompt(options["by"], Permission.ACCEPT_CERTIFICATES, at)
            row = certificates.accept(fingerprint=options["fingerprint"], purpose=options["purpose"], by=by, at=at)
        accepted = sum(person is not None for person in (row.first_accepted_by_id, row.second_accepted_by_id))
        self.result({"fingerprint": row.fingerprint, "purpose": row.purpose, "accepted_by": accepted})
