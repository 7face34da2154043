"""What was decided about a person, exactly what was sent of them to whom and when, and what was taken out since."""

from collections.abc import Iterator
from typing import Any

from cohorts.mending import OF_ADDRESS
from cohorts.models import Decision, Finding
from cohorts.rules.findings import KINDS
from cohorts.rules.reasons import Reason
from connecting_families.governance.subject.parts import ABUSE, NOT_WRITTEN, Part, Subject, part
from connecting_families.staff.views import in_words
from transfers import copies, sent
from transfers.models import Explanation, PersonReference, Rejection, Submission, Withdrawn
from transfers.rules.receipts import CODES

PROTECTING = {Reason.PROTECTED_IDENTITY.code, Reason.PROTECTED_ADDRESS.code}
GROUPS = {"PROGRAMME": "Families who were supported", "COMPARISON": "Families compared with them"}
ADDRESS = {"address_line_1", "address_line_2", "address_line_3", "address_line_4", "address_line_5", "postcode"}
"""Columns of identifiers.csv that say where somebody lives."""
ANOTHER = "A reason that is not written here"


def parts(subject: Subject, *, on_paper: bool = True) -> Iterator[Part]:
    """All of it, in the order in which a report tells it. What protects somebody is told only where it is no paper."""
    yield _decisions(subject, on_paper=on_paper)
    if on_paper:
        yield _findings(subject)
        yield _explained(subject)
        yield _reference(subject)
        yield _sent(subject)
    yield _copies(subject, on_paper=on_paper)
    if on_paper:
        yield _withdrawals(subject)
        yield _rejected(subject)


def _decided(subject: Subject) -> list[Decision]:
    found = Decision.objects.filter(person_id__in=subject.keys).select_related("cohort__round")
    return list(found.order_by("cohort_id", "family_ref", "person_ref"))


def _decisions(subject: Subject, *, on_paper: bool) -> Part:
    rows = []
    for it in _decided(subject):
        codes = [code for code in it.reasons.split(";") if code]
        said = [ANOTHER if on_paper and code in PROTECTING else Reason[code].sentence for code in codes]
        rows.append([
            it.cohort_id, it.cohort.round.code, it.cohort.round.cut_off, it.cohort.run_at, it.person_ref,
            it.family_ref, "To be sent" if it.included else "Not to be sent", said, GROUPS.get(it.group, it.group),
            it.programme_start or "", it.programme_end or "", _listed(it.linkage_scope),
            [code for code in _listed(it.problems) if not (on_paper and code in ABUSE)],
        ])  # fmt: skip
    columns = {
        "cohort": "Cohort", "round": "Round", "cut_off": "As at", "run_at": "Decided", "record": "Record",
        "family": "Family", "decision": "Decision", "reasons": "Why not", "group": "Group",
        "programme_start": "Support from", "programme_end": "Support until", "linkage_scope": "To be matched with",
        "problems": "Headline problems of the family that counted",
    }  # fmt: skip
    return part("decisions", "Whether you were to be sent, each time", columns, rows, empty="Nothing was decided yet.")


def _findings(subject: Subject) -> Part:
    rows = []
    for decision in _decided(subject):
        found = Finding.objects.filter(
            cohort_id=decision.cohort_id, family_ref=decision.family_ref, person_ref=decision.person_ref
        )
        for it in found.order_by("code", "field"):
            hidden = subject.withheld and it.field in OF_ADDRESS
            sentence = KINDS[it.code].sentence if it.code in KINDS else it.code
            rows.append([it.cohort_id, it.code, sentence, in_words(it.field), NOT_WRITTEN if hidden else it.value])
    columns = {"cohort": "Cohort", "code": "Code", "what": "What looked wrong", "field": "In", "value": "It said"}
    return part("findings", "What looked wrong in your records", columns, rows, empty="Nothing did.")


def _explained(subject: Subject) -> Part:
    found = Explanation.objects.filter(person_ref__in=[record.reference for record in subject.records])
    rows = [
        [it.submission.name, it.code, it.text, it.at, subject.hands.named(it.by.username)]
        for it in found.select_related("submission", "by").order_by("at", "id")
    ]
    columns = {
        "submission": "Submission", "code": "Code", "text": "Why it is right as it is", "at": "When", "by": "By",
    }  # fmt: skip
    return part("explanations", "What was written about a query in your records", columns, rows, empty="Nothing was.")


def _reference(subject: Subject) -> Part:
    known = dict(PersonReference.objects.filter(person_id__in=subject.keys).values_list("person_id", "reference"))
    rows = [[record.reference, known[record.pk]] for record in subject.records if record.pk in known]
    columns = {"record": "Record", "submission_person_ref": "Reference in the study"}
    note = "It stands in what is sent in place of the record's own, and is the same in every round." if rows else ""
    return part("reference", "Your reference in the study", columns, rows, empty="None was drawn.", note=note)


def submissions_of(subject: Subject) -> list[sent.Sent]:
    """The submissions that held them and left, or may have left, the council; the oldest first."""
    return list(reversed(sent.about(subject.keys)))


def _sent(subject: Subject) -> Part:
    rows = [
        [it.submission, it.person_ref, list(it.recipients), list(it.datasets), it.attempted_at,
         it.arrived or "Not known", it.withdrawn.name if it.withdrawn else ""]
        for it in submissions_of(subject)
    ]  # fmt: skip
    columns = {
        "submission": "Submission", "record": "Record", "recipients": "To", "datasets": "To be matched with",
        "sent_at": "Sent", "arrived_at": "Arrived", "withdrawn_by": "Taken out by",
    }  # fmt: skip
    note = "One that may not have arrived is here, too: it is treated as if it had."
    return part("sent", "What was sent, to whom and when", columns, rows, empty="Nothing was sent.", note=note)


def _copies(subject: Subject, *, on_paper: bool) -> Part:
    """Column by column, exactly as sent. No paper says whether abuse counted, or where the protected live."""
    kept_back = (ABUSE | (ADDRESS if subject.withheld else set())) if on_paper else set()
    rows: list[list[Any]] = []
    for name in dict.fromkeys(it.submission for it in submissions_of(subject)):
        copy = copies.about(subject.keys, Submission.objects.get(name=name))
        if copy.why_not:
            rows.append([name, "", "", copy.why_not])
        for file, lines in copy.files.items():
            for number, line in enumerate(lines, 1):
                place = f"{file}, row {number} of {len(lines)}" if len(lines) > 1 else file
                for column, value in line.items():
                    rows.append([name, place, column, NOT_WRITTEN if column in kept_back else value])
    rows += [[name, "", "", copies.DESTROYED] for name in copies.destroyed()]
    columns = {"submission": "Submission", "file": "File", "column": "Column", "value": "Value, exactly as sent"}
    return part("copies", "Exactly what was sent", columns, rows, empty="Nothing was sent.")


def _withdrawals(subject: Subject) -> Part:
    found = Withdrawn.objects.filter(person_id__in=subject.keys).select_related("withdrawal", "submission")
    rows = [
        [it.withdrawal.name, it.submission.name, subject.references[it.person_id], it.withdrawn_on,
         it.withdrawal.sent_at or "Not yet", it.withdrawal.acknowledged_at or "Not yet"]
        for it in found.order_by("id")
    ]  # fmt: skip
    columns = {
        "withdrawal": "Withdrawal", "submission": "From", "record": "Record", "withdrawn_on": "Withdrawn on",
        "sent_at": "The recipients were told", "acknowledged_at": "They say that they took you out",
    }  # fmt: skip
    return part("withdrawals", "Taken out of what was sent", columns, rows, empty="You were not taken out of anything.")


def _rejected(subject: Subject) -> Part:
    found = Rejection.objects.filter(person_id__in=subject.keys).select_related("receipt__submission")
    rows = [
        [it.receipt.submission.name, subject.references[it.person_id], CODES.get(it.code, it.code),
         it.receipt.received_at]
        for it in found.order_by("id")
    ]  # fmt: skip
    columns = {"submission": "Submission", "record": "Record", "why": "What could not be used", "at": "As they said on"}
    return part("rejected", "What a recipient could not load", columns, rows, empty="They could load everything.")


def _listed(codes: str) -> list[str]:
    return [code for code in codes.split(";") if code]
