"""A walk on a handful of families of which the outcome is known, one act after another, through the real stages.

F1  P1 lead, P2 child            worked with: PROGRAMME
F2  P3 lead by consent, P4 child COMPARISON; P4 has no usable postcode and no known sex
F3  P5 lead, P2 again            COMPARISON; P5 has a number of a range never issued
F4  P6 lead who objects, P7      P6 is out
F5  P8 alone                     out: no child
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from pysequoia import Tsk

from cohorts import assembly, loading, looks, queries
from cohorts.models import Cohort, Person, Round
from cohorts.rounds import open_round
from connecting_families.audit.trail import Who, duty
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from tests.oracle.bulk import Files, Row, write
from transfers import approval, certificates, delivery, keys, sealing, submission
from transfers.made_up import openpgp_key
from transfers.models import RecipientCertificate, Submission

CUT_OFF = date(2026, 9, 30)
RUN = datetime(2026, 11, 2, 12, tzinfo=UTC)
PASSWORD = "marl and osier in a creel"
STAFF = {
    "prepare": "data_preparer",
    "assist": "data_preparer",
    "approve": "data_approver",
    "govern": "information_governance",
    "worker": "early_help_worker",
}
INCLUDED = {("F1", "P1"), ("F1", "P2"), ("F2", "P3"), ("F2", "P4"), ("F3", "P2"), ("F3", "P5"), ("F4", "P7")}
EXCLUDED = {("F4", "P6"): "OBJECTION_PERSON", ("F5", "P8"): "NO_DEPENDENT_CHILD;TOO_FEW_PROBLEMS"}
QUERIES = {"DQ201": 1, "DQ204": 1, "DQ212": 1}

PEOPLE = [
    ("P1", "Zebulonia", "Quillfeather", "1988-04-05", "2", {"nino": "AB123456C", "nhs_number": "9434765919"}),
    ("P2", "Peregrine", "Quillfeather", "2018-03-04", "1", {"middle_names": "Aurelio"}),
    ("P3", "Ignatius", "Marrowbone", "1985-11-12", "1", {}),
    ("P4", "Clementina", "Marrowbone", "2020-02-29", "0", {}),
    ("P5", "Ottoline", "Thistlewick", "1979-07-08", "9", {"nino": "QQ654321A"}),
    ("P6", "Cuthbert", "Fernsby", "1990-01-02", "1", {}),
    ("P7", "Rafał-Ångström", "O'Fernsby, jnr", "2015-06-07", "1", {}),
    ("P8", "Hepzibah", "Hobblethwaite", "1966-12-13", "2", {}),
]
MEMBERS = [
    ("F1", "P1", "lead"), ("F1", "P2", "child"), ("F2", "P3", "lead"), ("F2", "P4", "child"), ("F3", "P5", "lead"),
    ("F3", "P2", "grandchild"), ("F4", "P6", "lead"), ("F4", "P7", "child"), ("F5", "P8", "lead"),
]  # fmt: skip
LINE = "7 Marlinspike Terrace"


def files() -> Files:
    """The bulk files of these families; a fresh copy, to change."""
    families = ("F1", "F2", "F3", "F4", "F5")
    postcodes = {"P1": "pe11aa", "P2": "PE1 1AA", "P4": "NOWHERE"}
    agreement = {
        "parties": "Council;ONS", "purpose": "research", "in_force_from": "2026-01-01", "in_force_to": "2027-01-01",
        "datasets": "PNC;NPD", "recipients": "ONS", "legal_reference": "Art 6(1)(e)",
    }  # fmt: skip
    return {
        "notice_versions": [
            {"version": "PN1", "published_on": "2025-01-01", "basis": "PUBLIC_TASK", "recipients": "ONS"},
            {"version": "PN2", "published_on": "2025-06-01", "basis": "CONSENT", "recipients": "ONS"},
        ],
        "agreements": [
            agreement | {"reference": "DSA"},
            agreement | {"reference": "DSA-MORE", "fields": "TF2;upn;relationship;middle_names;linkage_scope;TF1"},
            agreement | {"reference": "DSA-NOBODY", "recipients": ""},
        ],
        "families": [{"family_ref": family, "team": "North", "flagged_on": "2026-01-05"} for family in families],
        "people": [
            {"person_ref": ref, "given_name": given, "family_name": family, "date_of_birth": born, "sex": sex} | more
            for ref, given, family, born, sex, more in PEOPLE
        ],
        "memberships": [
            {"family_ref": family, "person_ref": person, "joined_on": "2025-01-01", "relationship": relationship,
             "lives_in_household": "true"}
            for family, person, relationship in MEMBERS
        ],
        "addresses": [
            {"person_ref": person[0], "line_1": LINE, "line_2": "Osierham", "from_on": "2025-01-01",
             "postcode": postcodes.get(person[0], "PE1 1AB")}
            for person in PEOPLE
        ],
        "evidence": [
            {"evidence_ref": f"E{family}{problem}", "family_ref": family, "indicator": f"TF{problem}.1",
             "observed_on": "2026-08-03"}
            for family in families[:4]
            for problem in (1, 5)
        ],
        "engagements": [{"family_ref": "F1", "started_on": "2026-02-01"}],
        "notices": [
            {"notice_ref": f"N{family}", "version": "PN1", "family_ref": family, "issued_on": "2026-07-01",
             "channel": "letter"}
            for family in families
        ]
        + [{"notice_ref": "NP3", "version": "PN2", "person_ref": "P3", "issued_on": "2026-08-01", "channel": "letter"}],
        "consents": [
            {"consent_ref": "CP3", "person_ref": "P3", "version": "PN2", "given_on": "2026-08-02", "given_by": "self"}
        ],
        "objections": [
            {"objection_ref": "OP6", "person_ref": "P6", "made_by": "self", "received_at": "2026-10-01T09:00:00Z"}
        ],
    }  # fmt: skip


class Walk:
    """Where a walk stands: its folders, and a clock that moves a minute on with every act."""

    def __init__(self, folder: Path, *, minutes: int = 0) -> None:
        self.folder, self.minutes = folder, minutes

    def now(self) -> datetime:
        """The next minute."""
        self.minutes += 1
        return RUN + timedelta(minutes=self.minutes)

    def who(self, name: str) -> Who:
        """A member of staff as the trail names them."""
        return User.objects.get(username=name).who()

    @property
    def cohort(self) -> Cohort:
        """The newest cohort."""
        return Cohort.objects.latest("pk")

    @property
    def submission(self) -> Submission:
        """The newest submission, as it stands in the database."""
        return Submission.objects.latest("pk")

    def person(self, reference: str) -> Person:
        """The record with this reference."""
        return Person.objects.get(reference=reference)

    def load(self, bulk: Files) -> None:
        """Load these rows. Raises AssertionError where a file is refused."""
        folder = self.folder / f"bulk-{self.minutes}"
        write(bulk, folder)
        report = loading.load_directory(folder, by=self.who("prepare"), at=self.now())
        assert report.errors == []

    def change(self, name: str, key: str, reference: str, **values: str) -> None:
        """Load one row of a bulk file again, with other values."""
        row: Row = next(row for row in files()[name] if row[key] == reference)
        self.load({name: [row | values]})

    def open_round(self, code: str = "2026", agreement: str = "DSA", **settings_: Any) -> Round:
        """Open a round."""
        asked: dict[str, Any] = {"framework": "TF", "datasets": ["PNC", "NPD"], "cut_off": CUT_OFF} | settings_
        return open_round(code=code, agreement=agreement, by=self.who("prepare"), at=self.now(), **asked)

    def assemble(self, round_: Round) -> Cohort:
        """Ask for a cohort and assemble it."""
        at = self.now()
        asked = assembly.request(round_=round_, run_at=at, by=self.who("prepare"), at=at)
        cohort = assembly.assemble(asked.pk, by=duty("assemble"), at=at)
        assert cohort is not None
        return cohort

    def do(self, act: str) -> None:
        """The one act, as whoever may do it."""
        ACTS[act](self)

    def through(self, *acts: str) -> None:
        """Several acts."""
        for act in acts:
            self.do(act)

    def _assembled(self) -> None:
        for username, role in STAFF.items():
            team = "North" if role.startswith("early_help") else ""
            accounts.add(username=username, role=role, password=PASSWORD, team=team, by=duty("test"), at=self.now())
        for purpose in RecipientCertificate.PURPOSES:
            self.add_certificate(recipient_pem(), purpose)
        self.load(files())
        self.assemble(self.open_round())

    def add_certificate(self, pem: bytes, purpose: str, *, accepted_by: tuple[str, ...] = ("prepare", "govern")) -> str:
        """Add a certificate of ONS, and accept it; its fingerprint."""
        by = self.who("prepare")
        added = certificates.add(pem=pem, recipient="ONS", purpose=purpose, by=by, at=self.now())
        for name in accepted_by:
            certificates.accept(fingerprint=added.fingerprint, purpose=purpose, by=self.who(name), at=self.now())
        return added.fingerprint

    def _draft(self) -> None:
        looks.open_both(cohort=self.cohort, by=self.who("prepare"), at=self.now())
        submission.draft(cohort=self.cohort, by=self.who("prepare"), at=self.now())

    def _explain(self) -> None:
        for code in queries.open_queries(self.submission.cohort):
            text = "Asked again: it is so."
            submission.explain(submission=self.submission, code=code, text=text, by=self.who("assist"), at=self.now())

    def _put_forward(self) -> None:
        submission.put_forward(submission=self.submission, by=self.who("prepare"), at=self.now())

    def _open_sample(self) -> None:
        approval.open_sample(submission=self.submission, by=self.who("approve"), at=self.now())

    def _approve(self) -> None:
        approval.approve(submission=self.submission, by=self.who("approve"), at=self.now())

    def _send_back(self) -> None:
        reason = "Ask for the postcodes again."
        approval.send_back(submission=self.submission, reason=reason, by=self.who("approve"), at=self.now())

    def _take_up_again(self) -> None:
        submission.take_up_again(submission=self.submission, by=self.who("prepare"), at=self.now())

    def _ask_to_seal(self) -> None:
        sealing.request(submission=self.submission, by=self.who("prepare"), at=self.now())

    def _seal(self) -> None:
        assert sealing.seal(submission=self.submission, by=duty("seal"), at=self.now()) is not None

    def _ask_to_deliver(self) -> None:
        delivery.request(submission=self.submission, by=self.who("prepare"), at=self.now())

    def _deliver(self) -> None:
        assert delivery.deliver(submission=self.submission, by=duty("deliver"), at=self.now()) is not None


#: In the order of the walk; each act stands on those before it.
ACTS: dict[str, Callable[[Walk], None]] = {
    "assemble": Walk._assembled,
    "draft": Walk._draft,
    "explain": Walk._explain,
    "put forward": Walk._put_forward,
    "open sample": Walk._open_sample,
    "approve": Walk._approve,
    "ask to seal": Walk._ask_to_seal,
    "seal": Walk._seal,
    "ask to deliver": Walk._ask_to_deliver,
    "deliver": Walk._deliver,
}
ORDER = tuple(ACTS)
ACTS |= {"send back": Walk._send_back, "take up again": Walk._take_up_again}
TO_SEALED = ORDER[1 : ORDER.index("seal") + 1]


def recipient_pem() -> bytes:
    """The made-up recipient's certificate."""
    pem: bytes = (settings.CF_SIGNING_KEY.parent / "ons.pem").read_bytes()
    return pem


def openpgp_recipient() -> bytes:
    """The same one's OpenPGP certificate."""
    text: bytes = (settings.CF_SIGNING_KEY.parent / "ons-openpgp.asc").read_bytes()
    return text


def make_keys(folder: Path) -> keys.DemonstrationKeys:
    """The keys of all walks, valid at the moment of the run."""
    made = keys.make_demonstration_keys(folder, RUN)
    # OpenPGP looks at the clock of the machine, whatever a walk says: these were made long before either.
    for private, public in (
        (made.openpgp_signing_key, made.openpgp_signing_certificate),
        (made.openpgp_recipient_key, made.openpgp_recipient_certificate),
    ):
        rsa_key = keys.load_signing_key(made.recipient_key)
        private.write_text(openpgp_key(rsa_key, "Made up", datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=7300)))
        public.write_text(str(Tsk.from_bytes(private.read_bytes()).extract_certificate()))
    return made
