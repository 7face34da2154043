"""What somebody asks for at a step of the walk: which act, what it is recorded as, and what follows for the oracle."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from django.db.models import Model, QuerySet

from cohorts.models import Family, NoticeVersion, Person
from connecting_families.audit.trail import Who, duty
from connecting_families.staff.models import User
from tests.gates.believed import Believed, Effect
from tests.stages.walk import Walk
from transfers import keys
from transfers.models import Submission

R = TypeVar("R")
M = TypeVar("M", bound=Model)
LONDON = ZoneInfo("Europe/London")
KEPT_SHORT = timedelta(days=25)
"""For so long a certificate of the walk is in date: some run out on the way."""


class Asked(NamedTuple):
    """An act, ready to be done: its name, how, the entry that tells of it, and what it means to the oracle.

    `quiet` where it may end well and change nothing; `about` is the reference in its entry, where that is known.
    """

    name: str
    do: Callable[[], Any]
    event: str
    effect: Effect | None = None
    about: str = ""
    quiet: bool = False


class Certificate(NamedTuple):
    """A certificate of the recipient as the walk knows it: in date until, and who accepted it for what."""

    serial: int
    fingerprint: str
    purpose: str
    until: datetime


class Standing:
    """Where a walk stands: its clock, its people, and what it knows without asking the program."""

    def __init__(self, walk: Walk, key: rsa.RSAPrivateKey, seed: int) -> None:
        self.walk, self.key, self.random = walk, key, random.Random(seed)
        self.at = walk.now()
        self.number = 0
        self.believed = Believed()
        self.staff: dict[str, Who] = {row.username: row.who() for row in User.objects.all()}
        self.people: dict[str, Person] = {row.reference: row for row in Person.objects.all()}
        self.families: dict[str, Family] = {row.reference: row for row in Family.objects.all()}
        self.consented = NoticeVersion.objects.get(version="PN2")
        #: serial number and purpose -> certificate; who accepted each; which are revoked
        self.certificates: dict[tuple[int, str], Certificate] = {}
        self.accepted: dict[tuple[str, str], set[str]] = {}
        self.revoked: set[tuple[str, str]] = set()
        #: reference -> the first day on which it is in force no more
        self.agreements: dict[str, date] = {"DSA": date(2027, 1, 1)}
        self.agreement, self.round = "DSA", walk.cohort.round
        self.live: Submission | None = None
        #: the submission whose end is pursued; and whether somebody lies in what was sent
        self.pursued = ""
        self.needed: Callable[[str], bool] = lambda _: False

    def fresh(self, letter: str) -> str:
        """A reference that nobody has."""
        self.number += 1
        return f"{letter}{self.number:05}"

    @property
    def today(self) -> date:
        """As people in London have it."""
        return self.at.astimezone(LONDON).date()

    def tick(self) -> None:
        """A minute passes, or now and then days."""
        if self.random.random() < 0.004:
            self.walk.minutes += self.random.randint(600, 6 * 1440)
        self.at = self.walk.now()

    def hand(self) -> Who:
        """Somebody who may have to do with a submission: any of them, whoever should."""
        return self.staff[self.random.choice(("prepare", "prepare", "prepare", "assist", "approve"))]

    def one_of(self, *names: str) -> Who:
        """One of these, by chance."""
        return self.staff[self.random.choice(names)]

    def some(self, rows: Iterable[R]) -> R | None:
        """One of these, by chance; None where there is none."""
        found = list(rows)
        return self.random.choice(found) if found else None

    def some_row(self, sql: str, rows: "QuerySet[M]") -> M | None:
        """One of the rows whose keys this finds, by chance: of the others nothing is read."""
        with connection.cursor() as cursor:
            cursor.execute(sql)
            key = self.some(cursor.fetchall())
        return rows.get(pk=key[0]) if key else None

    def usable(self, purpose: str, at: datetime) -> set[int]:
        """The serial numbers of the certificates for which something may be sealed."""
        return {
            each.serial
            for each in self.certificates.values()
            if each.purpose == purpose
            and each.until >= at
            and len(self.accepted.get((each.fingerprint, purpose), ())) == 2
            and (each.fingerprint, purpose) not in self.revoked
        }


@cache
def recipients_key() -> rsa.RSAPrivateKey:
    """The recipient's key in all walks; certificates for it come and go."""
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def certificate(key: rsa.RSAPrivateKey, serial: int, since: datetime, until: datetime) -> x509.Certificate:
    """A certificate of the made-up recipient."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Made-up recipient of the gates")])
    built = x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
    built = built.serial_number(serial).not_valid_before(since).not_valid_after(until)
    return built.sign(key, hashes.SHA256())


def certificate_of(standing: Standing, purpose: str) -> tuple[bytes, Certificate]:
    """A new certificate, and what the walk knows of it."""
    standing.number += 1
    made = certificate(standing.key, standing.number + 1000, standing.at - timedelta(hours=1), standing.at + KEPT_SHORT)
    known = Certificate(made.serial_number, keys.fingerprint(made), purpose, made.not_valid_after_utc)
    return keys.as_pem(made).encode(), known


MACHINE = duty("deliver")
Acts = Mapping[str, Callable[[Standing], Asked | None]]
