"""Recipients' certificates at the prompt: add one, accept one, revoke one."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connecting_families.commands import Act
from connecting_families.staff.roles import Permission
from transfers import certificates
from transfers.models import RecipientCertificate


class Command(Act):
    """certificate add FILE --recipient ONS --purpose linkage --by USERNAME; accept or revoke FINGERPRINT …."""

    help = (
        "Adds a recipient's certificate, accepts one whose fingerprint was compared with the recipient, or revokes one."
    )
    permissions = {
        "add": Permission.ADD_CERTIFICATES,
        "accept": Permission.ACCEPT_CERTIFICATES,
        "revoke": Permission.REVOKE_CERTIFICATES,
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Three acts."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        add = acts.add_parser("add", help="add a certificate")
        add.add_argument("file", type=Path, help="X.509 in PEM or DER form, or OpenPGP")
        add.add_argument("--recipient", required=True, help="the code in agreements, such as ONS")
        accept = acts.add_parser("accept", help="accept a certificate; two people do")
        accept.add_argument("fingerprint", help="in hex, as the recipient reads it out")
        revoke = acts.add_parser("revoke", help="revoke a certificate for good; one person is enough")
        revoke.add_argument("fingerprint", help="in hex")
        revoke.add_argument("--reason", required=True, help="why, without names")
        for one in (add, accept, revoke):
            one.add_argument("--purpose", required=True, choices=list(RecipientCertificate.PURPOSES))
            self.ask_for_a_name(one)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        at, act = self.now(), options["act"]
        if act == "add":
            try:
                pem = options["file"].read_bytes()
            except OSError as error:
                raise CommandError(f"The certificate cannot be read: {error.strerror}.", returncode=2) from None
            by = self.given_by(options, act)
            row = certificates.add(pem=pem, recipient=options["recipient"], purpose=options["purpose"], by=by, at=at)
        elif act == "revoke":
            by = self.given_by(options, act)
            found = RecipientCertificate.objects.filter(
                fingerprint=certificates.digits(options["fingerprint"]), purpose=options["purpose"]
            ).first()
            if found is None:
                raise CommandError("There is no certificate of this fingerprint for this purpose.", returncode=2)
            row = certificates.revoke(certificate=found, reason=options["reason"], by=by, at=at)
        else:
            by = self.given_by(options, act)
            row = certificates.accept(fingerprint=options["fingerprint"], purpose=options["purpose"], by=by, at=at)
        accepted = sum(person is not None for person in (row.first_accepted_by_id, row.second_accepted_by_id))
        said = {"fingerprint": row.fingerprint, "purpose": row.purpose, "accepted_by": accepted}
        self.result(said | {"format": row.format, "revoked": row.revoked_at is not None})
