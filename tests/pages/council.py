"""A council in which every screen has something to show: the walk's families, and submissions at every stage."""

import contextlib
from datetime import date, timedelta
from typing import Any

from cohorts import (
    assembly,
    datasets,
    duplicates,
    flags,
    looking_again,
    notice_versions,
    objections,
    people,
    replay,
    reviewing,
    rights,
    rule_changes,
    trying,
    uploads,
)
from cohorts.incoming import Offered
from cohorts.models import Agreement, Dataset, Family, NoticeVersion, Objection, RightsRequest, Round, Upload
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.governance import checking, erasing, signing_off
from connecting_families.staff import accounts, subjects, teams
from connecting_families.staff.models import User
from connecting_families.staff.roles import ROLES
from tests.audit.acts.governing import look_to_check
from tests.stages.asked import merge
from tests.stages.receipts import acknowledgement, receipt_of
from tests.stages.walk import LINE, ORDER, PASSWORD, PEOPLE, Walk
from transfers import destruction, receipt, retaining, sealing, withdrawal
from transfers.models import Submission, Withdrawal

#: The last act of a round's submission, by the code of the round.
STAGES = {
    "DRAFTED": "draft",
    "EXPLAINED": "explain",
    "FORWARD": "put forward",
    "APPROVED": "approve",
    "SEALING": "ask to seal",
    "SEALED": "seal",
    "SENDING": "ask to deliver",
    "SENT": "deliver",
}


def build(walk: Walk) -> None:
    """From families on file and one assembled cohort to a council with everything."""
    for role in ROLES:
        if not User.objects.filter(role=role).exists():
            accounts.add(username=role, role=role, password=PASSWORD, by=duty("test"), at=walk.now())
    _staff(walk)
    _uploads(walk)
    _registers(walk)
    _void(walk)
    for code, act in STAGES.items():
        walk.assemble(walk.open_round(code))
        walk.through(*ORDER[1 : ORDER.index(act) + 1])
    walk.assemble(walk.open_round("HAVE"))
    walk.through(*ORDER[1:])
    receipt.take_in(data=receipt_of(walk, ("P1", "NINO"), ("P4", "POSTCODE")), by=walk.who("prepare"), at=walk.now())
    _withdrawals(walk)
    _endings(walk)
    walk.assemble(walk.open_round("BACK"))
    walk.through("draft", "explain", "put forward", "send back")
    walk.assemble(walk.open_round("READY"))
    _replay(walk)
    at = walk.now()
    assembly.request(round_=walk.open_round("RUNNING"), run_at=at, by=walk.who("prepare"), at=at)
    _rules(walk)
    _wishes(walk)
    _requests(walk)
    _flags(walk)
    _duplicates(walk)
    look_to_check(walk)
    _looks(walk)
    _promises(walk)


def _promises(walk: Walk) -> None:
    """Promises that were checked some months ago, some of them broken; a month signed off, and one that nobody did."""
    then = walk.now() - timedelta(days=70)
    checking.check(by=duty("promises"), at=then)
    first = then.date().replace(day=1)
    at = walk.now()
    seen = signing_off.digest(signing_off.stood(first, at))
    signing_off.sign(month=first, note="Nothing was late.", seen=seen, by=walk.who("govern"), at=at)
    version, agreement = NoticeVersion.objects.get(version="PN1"), Agreement.objects.get(reference="DSA")
    asked: dict[str, Any] = {"legal_reference": "Article 6(1)(e)", "next_on": at.date() + timedelta(days=365)}
    reviewing.record(of=version, contact="The data team, 01632 960000", **asked, by=walk.who("govern"), at=at)
    reviewing.record(of=agreement, **asked, by=walk.who("govern"), at=at)
    checking.check(by=duty("promises"), at=walk.now())


def _withdrawals(walk: Walk) -> None:
    """Two who objected after being sent, and took it back since: withdrawals that wait, went, and were acknowledged."""
    lately = [_objects(walk, "P1")]
    receipt.take_in(data=acknowledgement(walk, _withdrawn(walk, "HAVE")), by=walk.who("prepare"), at=walk.now())
    lately.append(_objects(walk, "P2"))
    _withdrawn(walk, "HAVE")
    withdrawal.make(submission=Submission.objects.get(round__code="SENT"), by=duty("withdraw"), at=walk.now())
    for row in lately:
        at = walk.now()
        objections.lift(objection=row, lifted_at=at, asked_by="self", channel="phone", by=walk.who("worker"), at=at)


def _endings(walk: Walk) -> None:
    """One that is destroyed, one whose destruction waits for a second person, and one under a legal hold."""
    agreement = Agreement.objects.get(reference="DSA")
    day = walk.now().date()
    by = walk.who("govern")
    retaining.enter_study_end(agreement=agreement, ends_on=day, source="Letter 7", by=by, at=walk.now())
    walk.assemble(walk.open_round("GONE"))
    walk.through(*ORDER[1:])
    gone = walk.submission
    for row in (gone, Submission.objects.get(round__code="HAVE")):
        destruction.ask(submission=row, by=walk.who("prepare"), at=walk.now(), reason="The study is over.")
    retaining.enter_recipients_certificate(
        submission=gone, recipient="ONS", reference="D-7", destroyed_on=day, sha256="7" * 64, by=by, at=walk.now()
    )
    destruction.confirm(submission=gone, by=by, at=walk.now())
    destruction.carry_out(submission=gone, by=duty("destroy"), at=walk.now())
    held = Submission.objects.get(round__code="SENT")
    retaining.place_hold(submission=held, reason="A court asked for the records.", by=by, at=walk.now())


def _objects(walk: Walk, reference: str) -> Objection:
    at, by = walk.now(), walk.who("worker")
    return objections.receive(person=walk.person(reference), received_at=at, channel="phone", by=by, at=at)


def _withdrawn(walk: Walk, code: str) -> Withdrawal:
    of = Submission.objects.get(round__code=code)
    made = withdrawal.make(submission=of, by=duty("withdraw"), at=walk.now())
    assert made is not None
    withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now())
    return made


def _looks(walk: Walk) -> None:
    """Details that a team is asked to look at, since a week ago; asked for by hand."""
    then = walk.now() - timedelta(days=7)
    looking_again.ask(reference="P5", details=["nhs_number", "sex"], by=walk.who("prepare"), at=then)


def _duplicates(walk: Walk) -> None:
    """A pair that waits, and two records of one person who are merged."""
    walk.load({"people": [{"person_ref": f"P{number}", "given_name": "Hezekiah", "family_name": "Plover"}
                          for number in range(13, 17)]})  # fmt: skip
    for first, second in (("P13", "P14"), ("P15", "P16")):
        pair = duplicates.bring_together(first=first, second=second, by=walk.who("prepare"), at=walk.now())
    merge(walk, pair, keep=pair.first)


def _rules(walk: Walk) -> None:
    """A change of a round's rules that was tried, one that is being tried, and one that was refused."""
    asked: dict[str, Any] = {"framework_version": "2015-04", "datasets": ["PNC"], "scope": "honoured"}
    why = {"reason": "It was agreed with the recipient."}
    for code, days in (("READY", 28), ("BACK", 200)):
        by, row = walk.who("prepare"), Round.objects.get(code=code)
        change = rule_changes.propose(round_=row, notice_days=days, **asked, **why, by=by, at=walk.now())
        run = trying.request(change=change, by=by, at=walk.now())
        trying.try_out(run.pk, by=duty("try"), at=walk.now())
    trying.request(change=change, by=by, at=walk.now())
    row = Round.objects.get(code="DRAFTED")
    change = rule_changes.propose(round_=row, notice_days=28, **asked, **why, by=by, at=walk.now())
    rule_changes.refuse(change=change, **why, by=walk.who("approve"), at=walk.now())


def _flags(walk: Walk) -> None:
    """Two families that lack nothing: F7 is not flagged, F8 is, and its flag waits for a manager."""
    families, born = ("F7", "F8"), {"lead": "1984-02-03", "child": "2017-05-06"}
    walk.load({
        "families": [{"family_ref": family, "team": "North"} for family in families],
        "people": [{"person_ref": f"P{family}{role}", "given_name": "Araminta", "family_name": "Bracegirdle",
                    "sex": "2", "date_of_birth": day} for family in families for role, day in born.items()],
        "memberships": [{"family_ref": family, "person_ref": f"P{family}{role}", "joined_on": "2025-01-01",
                         "relationship": role, "lives_in_household": "true"} for family in families for role in born],
        "evidence": [{"evidence_ref": f"E{family}{problem}", "family_ref": family, "indicator": f"TF{problem}.1",
                      "observed_on": "2026-08-03"} for family in families for problem in (1, 5)],
    })  # fmt: skip
    at, nothing = walk.now(), {"flagged_on": "", "lifted_on": ""}
    flags.flag(family=Family.objects.get(reference="F8"), on=at.date(), seen=nothing, by=walk.who("worker"), at=at)


def _replay(walk: Walk) -> None:
    """The rules run again for a cohort of which one decision would be another."""
    walk.change("families", "family_ref", "F5", lifted_on="2026-06-01")
    asked = replay.request(cohort=walk.cohort, by=walk.who("prepare"), at=walk.now())
    replay.run(asked.pk, by=duty("replay"), at=walk.now())


def _staff(walk: Walk) -> None:
    """A team, somebody who left, and somebody whom the council's sign-on means by an account."""
    by = User.objects.get(role="administrator").who()
    accounts.add(username="gone", role="early_help_worker", password=PASSWORD, by=by, at=walk.now())
    accounts.close(user=User.objects.get(username="gone"), reason="Left.", by=by, at=walk.now())
    teams.enter(name="North", from_on=date(2026, 1, 1), by=by, at=walk.now())
    worker = User.objects.get(username="worker")
    subjects.keep(user=worker, subject="7", by=worker.who(), at=walk.now())


def _uploads(walk: Walk) -> None:
    """An upload in every state that waits for somebody, and one that is done."""
    header = "family_ref,team,flagged_on,flagged_by,lifted_on\n"
    for number, acts in enumerate(("", "check", "check", "check cancel", "check confirm load", "check confirm")):
        rows = f"F9{number},West,,,\n" if number != 1 else f"F9{number},West,yesterday,,\n"
        upload = _received(walk, f"{header}{rows}")
        by = walk.who("prepare")
        for act in acts.split():
            if act == "check":
                uploads.check(upload.pk, by=duty("check"), at=walk.now())
            elif act == "load":
                uploads.load(upload.pk, at=walk.now())
            else:
                getattr(uploads, act)(upload=Upload.objects.get(pk=upload.pk), by=by, at=walk.now())


def _received(walk: Walk, content: str) -> Upload:
    offered = Offered("families.csv", lambda: [content.encode()])
    return uploads.receive(offered=[offered], by=walk.who("prepare"), at=walk.now())


def _registers(walk: Walk) -> None:
    """A dataset out of use, and a version of the notice that nobody was given yet."""
    by, reason = walk.who("prepare"), "The department does not match at present."
    datasets.disable(dataset=Dataset.objects.get(code="HES"), reason=reason, by=by, at=walk.now())
    notice_versions.enter(
        version="PN9", published_on=date(2026, 10, 1), basis="PUBLIC_TASK", datasets=[], recipients=["ONS"], by=by,
        at=walk.now(),
    )  # fmt: skip


def _void(walk: Walk) -> None:
    """A submission that may not leave any more: somebody in it was protected before it was sealed."""
    walk.assemble(walk.open_round("VOID"))
    walk.through("draft", "explain", "put forward", "open sample", "approve")
    at = walk.now()
    people.protect(person=walk.person("P5"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    with contextlib.suppress(Refused):
        sealing.request(submission=walk.submission, by=walk.who("prepare"), at=walk.now())


def _wishes(walk: Walk) -> None:
    """A family that is not flagged, with everything that the objection desk waits for."""
    walk.load({
        "families": [{"family_ref": "F9", "team": "North"}],
        "people": [{"person_ref": "P11", "given_name": "Wilberforce", "family_name": "Nightjar", "sex": "1",
                    "date_of_birth": "1980-04-04"},
                   {"person_ref": "P12", "given_name": "Philomena", "family_name": "Nightjar", "sex": "2",
                    "date_of_birth": "2010-06-07"}],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2025-01-01"} for ref in ("P11", "P12")],
        "objections": [{"objection_ref": "OP12", "person_ref": "P12", "made_by": "parent",
                        "received_at": "2026-06-01T09:00:00Z"},
                       {"objection_ref": "OF9", "family_ref": "F9", "received_at": "2026-10-30T09:00:00Z"},
                       {"objection_ref": "OLOST", "received_at": "2026-10-30T09:00:00Z"}],
    })  # fmt: skip


def _requests(walk: Walk) -> None:
    """A question of somebody not found, a request to see what is held, and one that was answered and closed.

    And two who ask to be erased: that one of them is waits for a second person.
    """
    walk.load({"people": [{"person_ref": reference, "given_name": name, "family_name": "Hornblower"}
                          for reference, name in (("P15F9", "Euphemia"), ("P16F9", "Lancelot"))]})  # fmt: skip
    at = walk.now()
    asked: dict[str, Any] = {
        "channel": "letter",
        "team": "North",
        "received_at": at,
        "by": walk.who("worker"),
        "at": at,
    }
    rights.receive(reference="RLOST", kind=RightsRequest.QUESTION, asked="Who has my address?", **asked)
    rights.receive(reference="RSEE", kind=RightsRequest.ACCESS, person=walk.person("P11"), **asked)
    for reference in ("P15F9", "P16F9"):
        asked_for = rights.receive(
            reference=f"R{reference}", kind=RightsRequest.ERASURE, person=walk.person(reference), **asked
        )
    erasing.propose(request=asked_for, reason="They asked for it.", by=walk.who("govern"), at=at)
    given = rights.Answer(RightsRequest.DONE, "As the notice says.", "", at.date(), "letter")
    for reference in ("RANSWERED", "RDONE"):
        row = rights.receive(reference=reference, kind=RightsRequest.QUESTION, asked="Why me?", **asked)
        rights.answer(request=row, given=given, by=walk.who("govern"), at=at)
    rights.close(request=row, by=walk.who("govern"), at=at)


def signs_in_as(role: str) -> str:
    """The user name of somebody of this role."""
    return str(User.objects.filter(role=role).order_by("pk")[0].username)


TYPED = f"{PEOPLE[0][1]} {PEOPLE[0][2]} {PEOPLE[0][3]} {LINE} Osierham PE1 1AB"
"""What is typed into every box of text: of one person on file the name, the day of birth and where they live."""


def planted() -> list[str]:
    """What is personal of the people on file and could be nothing else: names, days of birth, where they live."""
    words = [LINE, "Osierham", "PE1 1AB", "PE11AB", "PE1 1AA"]
    for _, given, family, born, _, more in PEOPLE:
        day = date.fromisoformat(born)
        words += [given, family, born, f"{day:%d/%m/%Y}", f"{day:%-d %B %Y}", f"{day:%-d %m %Y}", *more.values()]
    return words
