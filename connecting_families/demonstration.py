"""The journey of the demonstration: from invented families to what is sent, and to a certificate that it is gone."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from cohorts import answers, looks, objections, queries, reviewing
from cohorts.models import Cohort, Decision, NoticeVersion, Person, Round
from connecting_families import invented
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.tasks import seal_the_trail
from connecting_families.audit.trail import Who, duty
from connecting_families.governance import checking
from connecting_families.governance.promises import law
from connecting_families.governance.tasks import check_the_promises
from connecting_families.staff import accounts, cipher, factors, second_factor
from connecting_families.staff.models import User
from transfers import approval, certificates, delivery, destruction, keys, retaining, sealing, submission
from transfers.models import RecipientCertificate, Submission

PASSWORD = "a walk through anytown"  # noqa: S105 - of invented people on a machine that answers to itself alone
DATASETS = "PNC;PRI;NPD;WPLS;HES"
LAW = "Article 6(1)(e) UK GDPR"
A_YEAR = timedelta(days=365)
PATIENCE = 60.0
"""Seconds to wait for a worker."""


class SignIn(NamedTuple):
    """Somebody who can sign in after the demonstration."""

    username: str
    role: str
    what: str


SIGN_INS = (
    SignIn("prepare", "data_preparer", "prepares: loads, assembles, puts forward"),
    SignIn("approve", "data_approver", "approves what somebody else prepared"),
    SignIn("govern", "information_governance", "reads the trail, and accepts recipients' certificates"),
    SignIn("admin", "administrator", "adds staff, changes roles, and sees no family"),
    SignIn("worker", "early_help_worker", "Early Help: records families and what they were told, and flags them"),
)


class Journey:
    """Walks through all stages with the sign-ins above, and says each step with its outcome."""

    def __init__(self, say: Callable[[str], Any], *, families: int) -> None:
        self._say, self._families, self._step = say, families, 0
        self.people: dict[str, Who] = {}

    def walk(self) -> None:
        """The whole journey. Raises CommandError or Refused where a step does not end as it should."""
        self.staff()
        self.load()
        self.recipients()
        round_ = self.open_round()
        first = self.put_forward(self.assemble(round_))
        self.somebody_objects(first)
        second = self.put_forward(self.assemble(round_), "Built again, without whom objected")
        self.approve(second)
        self.seal(second)
        self.deliver(second)
        self.open_as_recipient(second)
        self.govern()
        self.destroy(self.another_round())
        self.trail()
        self.promises()

    def step(self, title: str) -> None:
        """Say what comes next."""
        self._step += 1
        self._say(f"\n{self._step}. {title}")

    def outcome(self, text: str) -> None:
        """Say how it ended."""
        self._say(f"   {text}")

    def staff(self) -> None:
        """People who may each do something else."""
        self.step("Staff")
        for name, role, what in SIGN_INS:
            user = User.objects.filter(username=name).first() or accounts.add(
                username=name, role=role, password=PASSWORD, team="North", by=duty("demo"), at=now()
            )
            if not factors.has_one(user):
                factors.set_up(user=user, secret=totp.generate_totp_secret(), by=duty("demo"), at=now())
            self.people[name] = user.who()
            self.outcome(f"{name}: {what}")

    def load(self) -> None:
        """Bulk files in."""
        self.step(f"{self._families} invented families, as the case system's bulk files")
        with tempfile.TemporaryDirectory() as folder:
            invented.write(Path(folder), self._families)
            report = self.command("load_cases", folder, "--by", "prepare")
        created = {name: counts["created"] for name, counts in report["loaded"].items()}
        self.outcome(
            f"loaded: {', '.join(f'{count} {name}' for name, count in created.items() if count) or 'nothing new'}"
        )

    def recipients(self) -> None:
        """A made-up recipient's certificate, accepted by two people."""
        self.step("A made-up ONS, whose certificate two people compare and accept")
        self.command("demo_keys")
        pem = (settings.CF_DATA_DIR / "demo-keys" / "ons.pem").read_bytes()
        fingerprint = keys.fingerprint(keys.load_certificate(pem))
        for purpose in RecipientCertificate.PURPOSES:
            if not RecipientCertificate.objects.filter(fingerprint=fingerprint, purpose=purpose).exists():
                certificates.add(pem=pem, recipient="ONS", purpose=purpose, by=self.people["prepare"], at=now())
                for who in ("prepare", "govern"):
                    certificates.accept(fingerprint=fingerprint, purpose=purpose, by=self.people[who], at=now())
        self.outcome(f"fingerprint {fingerprint[:32]}…")
        self.outcome(f"keys: {settings.CF_DATA_DIR / 'demo-keys'}")

    def open_round(self) -> Round:
        """A round under the agreement."""
        self.step("A collection round")
        code = f"DEMO-{Round.objects.filter(code__startswith='DEMO-').count() + 1}"
        said = self.command(
            "open_round", code, "--cut-off", invented.CUT_OFF.isoformat(), "--framework", "TF",
            "--datasets", DATASETS, "--agreement", "DSA-2026", "--by", "prepare",
        )  # fmt: skip
        self.outcome(f"{code}: cut-off {said['cut_off']}, datasets {DATASETS}, under {said['agreement']}")
        return Round.objects.get(code=code)

    def assemble(self, round_: Round) -> Cohort:
        """A run of the rules through a worker."""
        self.step("A worker assembles the cohort")
        said = self.command("assemble", round_.code, "--queue", "--by", "prepare")
        self.outcome(
            f"{said['included']} of {said['candidates']} people included, {said['families']} families considered"
        )
        for code, count in said["primary_reasons"].items():
            self.outcome(f"   out: {count:>4} {code}")
        self.outcome(f"digest {said['digest'][:32]}…")
        return Cohort.objects.get(pk=said["cohort"])

    def put_forward(self, cohort: Cohort, title: str = "One person puts the submission forward") -> Submission:
        """Draft, be refused for what is not explained, explain, put forward."""
        self.step(title)
        by = self.people["prepare"]
        drafted = submission.draft(cohort=cohort, by=by, at=now())
        self.refused(lambda: submission.put_forward(submission=drafted, by=by, at=now()))
        for code in queries.open_queries(cohort):
            text = "Invented for the demonstration: the value is wrong by design."
            submission.explain(submission=drafted, code=code, text=text, by=by, at=now())
        looks.open_both(cohort=cohort, by=by, at=now())
        forward = submission.put_forward(submission=drafted, by=by, at=now())
        self.outcome(f"{forward.name} is put forward: {forward.counts}")
        self.refused(lambda: approval.approve(submission=forward, by=by, at=now()))
        return forward

    def approve(self, forward: Submission) -> None:
        """Another person looks, and agrees."""
        self.step("Another person opens the sample and approves")
        by = self.people["approve"]
        sample = approval.open_sample(submission=forward, by=by, at=now())
        self.outcome(f"sample of {len(sample)} records, masked: {sample[0].values['family_name']} …")
        approved = approval.approve(submission=forward, by=by, at=now())
        self.outcome(f"approved: content {approved.approved_content_sha256[:32]}…")

    def somebody_objects(self, forward: Submission) -> None:
        """An objection arrives after the approval: nothing of that submission may leave."""
        self.approve(forward)
        self.step("Somebody in it objects")
        who = Decision.objects.filter(cohort=forward.cohort, included=True).first()
        person = Person.objects.get(pk=who.person_id) if who else None
        at = now()
        reference = f"DEMO-{at:%Y%m%d%H%M%S}"
        objections.receive(
            reference=reference, person=person, channel="phone", received_at=at, by=self.people["worker"], at=at
        )
        self.outcome(f"objection {reference} received for {person}")
        self.refused(lambda: sealing.request(submission=forward, by=self.people["prepare"], at=now()))
        forward.refresh_from_db()
        self.outcome(f"{forward.name} is {forward.at_stage.value.lower()}")

    def seal(self, approved: Submission) -> None:
        """A worker signs and encrypts."""
        self.step("A worker signs it and encrypts it for ONS")
        # Every minute a worker does this: the checkpoint of now goes with the submission.
        seal_the_trail()
        sealing.request(submission=approved, by=self.people["prepare"], at=now())
        self.wait(approved, "SEALED")
        for file in approved.sealed_files:
            self.outcome(f"{file['name']} {file['bytes']:,} bytes")
        self.outcome(f"in {settings.CF_OUTBOX}")

    def deliver(self, sealed: Submission) -> None:
        """A worker delivers to the folder."""
        self.step("A worker delivers it")
        delivery.request(submission=sealed, by=self.people["prepare"], at=now())
        self.wait(sealed, "SENT")
        self.outcome(f"delivered to {settings.CF_DELIVERY_FOLDER}")

    def wait(self, row: Submission, stage: str) -> None:
        """Until the worker brought it to this stage."""
        from transfers import tasks

        tasks.seal_what_is_due.delay()
        tasks.deliver_what_is_due.delay()
        tasks.destroy_what_is_due.delay()

        def there() -> bool:
            row.refresh_from_db()
            return row.stage == stage

        self.until(there, f"to bring {row.name} to {stage}")

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for a worker. Raises TimeoutError where none has done it in good time."""
        until = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > until:
                raise TimeoutError(f"No worker came {what} in {PATIENCE:.0f} seconds.")
            time.sleep(0.1)

    def open_as_recipient(self, sent: Submission) -> None:
        """Open what arrived with stock OpenSSL, as ONS would, and compare."""
        self.step("ONS opens it with stock OpenSSL")
        if shutil.which("openssl") is None:
            self.outcome("openssl is not installed on this machine: not tried")
            return
        for name, rows in (("identifiers", sent.content["identifiers"]), ("programme", sent.content["programme"])):
            with tempfile.TemporaryDirectory() as folder:
                manifest = opened(settings.CF_DELIVERY_FOLDER / f"{sent.name}-{name}.zip.p7m", Path(folder))
            (file,) = manifest["files"]
            if file["rows"] != rows["rows"] or manifest["content_sha256"] != sent.approved_content_sha256:
                raise ValueError(f"What ONS opens of {file['name']} is not what was approved.")
            self.outcome(f"{file['name']}: signature good, sums good, {file['rows']} rows, as approved")

    def govern(self) -> None:
        """What information governance owes everybody: answers, and reviews of what people were given."""
        self.step("Information governance answers objections, and reviews notices and agreements")
        by = self.people["govern"]
        waiting = list(queries.undecided_objections(now()))
        for objection in waiting:
            answers.uphold(objection=objection, by=by, at=now())
        self.outcome(f"{len(waiting)} objections are upheld")
        again = now().date() + A_YEAR
        for row in law.never_reviewed(now()):
            asked = {"contact": settings.CF_CONTACT} if isinstance(row, NoticeVersion) else {}
            reviewing.record(of=row, legal_reference=LAW, next_on=again, **asked, by=by, at=now())
            self.outcome(f"{row} is reviewed: {LAW}; again by {again:%-d %B %Y}")

    def another_round(self) -> Submission:
        """A study that is over: the same families, sent in a round of its own."""
        sent = self.put_forward(self.assemble(self.open_round()), "Another round, of a study that is over now")
        self.approve(sent)
        self.seal(sent)
        self.deliver(sent)
        return sent

    def destroy(self, sent: Submission) -> None:
        """One asks, another confirms, a worker destroys; a hold comes in between."""
        self.step("What was sent is destroyed, by two people")
        ask, confirm = self.people["prepare"], self.people["govern"]
        hold = retaining.place_hold(submission=sent, reason="A court asked for it.", by=confirm, at=now())
        self.refused(lambda: destruction.ask(submission=sent, by=ask, at=now()))
        retaining.lift_hold(hold=hold, reason="The case is over.", by=confirm, at=now())
        destruction.ask(submission=sent, by=ask, at=now(), reason="The study is over.")
        self.refused(lambda: destruction.confirm(submission=sent, by=ask, at=now()))
        destruction.confirm(submission=sent, by=confirm, at=now())
        self.wait(sent, "DESTROYED")
        done = sent.destructions.get()
        self.outcome(f"{sent.name} is destroyed: {done.forgotten['decisions']} decisions deleted, its key is gone")
        self.outcome(f"certificate {done.certificate_sha256[:32]}…, signed by the council")

    def promises(self) -> None:
        """Whether every promise of the privacy notice is kept, as a worker finds it."""
        self.step("The promises of the privacy notice are checked")
        checking.request(by=self.people["govern"], at=now())
        check_the_promises.delay()
        self.until(lambda: checking.asked() is None, "to check the promises")
        standing = checking.standing(now())
        for each in standing:
            if not each.kept:
                self.outcome(f"promise {each.promise.number}, {each.promise.title}: {each.words.lower()}")
                for fault in each.outcome.faults if each.outcome else []:
                    self.outcome(f"   {fault['sentence']} ({fault['code']})")
        self.outcome(f"{sum(each.kept for each in standing)} of {len(standing)} are kept")

    def trail(self) -> None:
        """What was recorded."""
        self.step("The trail")
        seal_the_trail()
        said = self.command("verify_trail", "--by", "govern")
        self.outcome(f"{said['sealed']} entries are sealed, and whole; checkpoints: {settings.CF_CHECKPOINTS}")
        self.outcome(f"{Entry.objects.count()} entries; the last ones:")
        for entry in list(Entry.objects.order_by("-id")[:6])[::-1]:
            self.outcome(f"   {entry.timestamp:%H:%M:%S} {entry.who:<12} {entry.sentence} {entry.reference}".rstrip())

    def refused(self, attempt: Callable[[], object]) -> None:
        """Try what must be refused, and say why it was."""
        try:
            attempt()
        except Refused as refusal:
            for reason in refusal.reasons:
                self.outcome(f"refused: {reason.sentence}")
        else:
            raise AssertionError("This should have been refused.")

    def command(self, *words: str) -> dict[str, Any]:
        """Give a command; its last line."""
        printed = StringIO()
        call_command(*words, stdout=printed)
        said: dict[str, Any] = json.loads(printed.getvalue().splitlines()[-1])
        return said


def app_of(username: str) -> tuple[str, str]:
    """What the app on the phone of one of these invented people has, and the code that it shows now."""
    row = Authenticator.objects.get(user__username=username, type=Authenticator.Type.TOTP)
    secret = cipher.decrypt(second_factor.PURPOSE, row.data["secret"])
    counter = int(now().timestamp()) // totp.app_settings.TOTP_PERIOD
    return secret, totp.format_hotp_value(totp.hotp_value(secret, counter))


def opened(sealed: Path, folder: Path) -> dict[str, Any]:
    """The manifest of a sealed package, after the two stock commands of spec/submission.md opened and verified it."""
    demo_keys = settings.CF_DATA_DIR / "demo-keys"
    commands: list[list[str | Path]] = [
        ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", sealed, "-recip", demo_keys / "ons.pem",
         "-inkey", demo_keys / "ons.key", "-out", "X.zip"],
        ["python3", "-m", "zipfile", "-e", "X.zip", "X"],
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "X/SHA256SUMS.p7s", "-content",
         "X/SHA256SUMS", "-CAfile", demo_keys / "council-ca.pem", "-purpose", "smimesign", "-out", "/dev/null"],
        ["sha256sum", "-c", "X/SHA256SUMS"],
    ]  # fmt: skip
    for command in commands:
        where = folder / "X" if command[0] == "sha256sum" else folder
        words = [str(word).removeprefix("X/") if where != folder else word for word in command]
        subprocess.run(words, cwd=where, check=True, capture_output=True)
    manifest: dict[str, Any] = json.loads((folder / "X" / "manifest.json").read_bytes())
    return manifest


def now() -> datetime:
    """The clock: a demonstration is walked in real time."""
    return timezone.now()
