"""What is held of a person: details, homes, families, problems, notices, permission, and records compared with theirs.

What is of other people is left out: a record that names another member of the family, who made an objection for the
whole family, and the reference of a record that turned out to be somebody else's (docs/decisions/0046).
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from cohorts import frameworks
from cohorts.models import (
    Address,
    Consent,
    Evidence,
    FlagReview,
    Look,
    Merge,
    Notice,
    Objection,
    Pair,
    Person,
    Protection,
    Recheck,
    RightsRequest,
)
from connecting_families.governance.subject.parts import ABUSE, NOT_WRITTEN, Part, Subject, of_records, part

DETAILS = {
    "given_name": "Given name", "middle_names": "Middle names", "family_name": "Family name",
    "previous_family_names": "Earlier family names", "date_of_birth": "Date of birth",
    "dob_missing_reason": "Why the date of birth is missing", "sex": "Sex", "date_of_death": "Date of death",
    "nino": "National Insurance number", "nhs_number": "NHS number", "upn": "Unique pupil number",
    "uln": "Unique learner number", "in_education": "Education or training",
}  # fmt: skip
WORDS = {"sex": Person.SEXES, "in_education": Person.IN_EDUCATION}
RECORD = {"record": "Record"}


def parts(subject: Subject) -> Iterator[Part]:
    """All of it, in the order in which a report tells it."""
    yield _details(subject)
    yield _addresses(subject)
    yield _families(subject)
    yield _flags(subject)
    yield _problems(subject, of_abuse=False)
    yield _work(subject, of_abuse=False)
    yield _notices(subject)
    yield _consents(subject)
    yield _objections(subject)
    yield _rechecks(subject)
    yield _requests(subject)
    yield _looked_again(subject)
    yield _compared(subject)


def not_on_paper(subject: Subject) -> Iterator[Part]:
    """What is told to the person and written nowhere: where they live, what protects them, and what tells of abuse."""
    yield part(
        "addresses", "Where they live and lived", RECORD | ADDRESS, _homes(subject, written=True), empty="No address.",
    )  # fmt: skip
    rows = [
        [reference, mark.get_kind_display(), mark.from_on, mark.to_on or ""]
        for reference, mark in of_records(subject, Protection.objects.filter(person__in=subject.keys).order_by("id"))
    ]
    columns = RECORD | {"kind": "Mark", "from": "From", "to": "Until the day before"}
    yield part("protection", "What protects them", columns, rows, empty="No mark was ever set.")
    yield _problems(subject, of_abuse=True)
    yield _work(subject, of_abuse=True)


def _details(subject: Subject) -> Part:
    rows = []
    for record in subject.records:
        for name, heading in DETAILS.items():
            value: Any = getattr(record, name)
            value = WORDS.get(name, {}).get(value, value)
            if value not in ("", None):
                rows.append([record.reference, heading, value])
    note = ""
    if len(subject.records) > 1:
        note = "These records are of one person. What was merged counts as the first; its own details stay with it."
    return part("details", "Details", RECORD | {"what": "What", "value": "Value"}, rows, empty="None.", note=note)


ADDRESS = {"address": "Address", "uprn": "Property number", "from": "From", "to": "Until the day before"}


def _addresses(subject: Subject) -> Part:
    return part(
        "addresses", "Where you live and lived", RECORD | ADDRESS, _homes(subject, written=not subject.withheld),
        empty="No address is held.",
    )  # fmt: skip


def _homes(subject: Subject, *, written: bool) -> list[list[Any]]:
    found = []
    for reference, home in of_records(subject, Address.objects.filter(person__in=subject.keys).order_by("from_on")):
        lines = (home.line_1, home.line_2, home.line_3, home.line_4, home.line_5, home.postcode)
        where = [", ".join(filter(None, lines)), home.uprn] if written else [NOT_WRITTEN, ""]
        found.append([reference, *where, home.from_on, home.to_on or ""])
    return found


def _families(subject: Subject) -> Part:
    rows = []
    for record in subject.records:
        for it in record.memberships.select_related("family").order_by("joined_on", "id"):
            family = it.family
            rows.append([
                record.reference, family.reference, family.team, it.get_relationship_display() or it.relationship,
                it.joined_on, it.left_on or "", it.lives_in_household, it.parental_responsibility,
                family.flagged_on or "", family.lifted_on or "",
            ])  # fmt: skip
    columns = RECORD | {
        "family": "Family", "team": "Team", "relationship": "In the family as", "joined_on": "From",
        "left_on": "Until the day before", "lives_in_household": "Lives in the household",
        "parental_responsibility": "Parental responsibility", "flagged_on": "Family flagged on",
        "lifted_on": "Flag lifted on",
    }  # fmt: skip
    return part("families", "Families that you are or were in", columns, rows, empty="None.")


def _flags(subject: Subject) -> Part:
    """How flags of their families were reviewed; what a manager wrote is about the family's other members, too."""
    found = FlagReview.objects.filter(family__in=subject.families).select_related("family").order_by("flagged_on", "id")
    rows = [
        [it.family.reference, it.flagged_on, it.get_outcome_display(), it.reviewed_at or "",
         subject.hands.named(it.reviewed_by)]
        for it in found
    ]  # fmt: skip
    columns = {
        "family": "Family", "flagged_on": "Flagged on", "outcome": "What came of it", "reviewed_at": "Reviewed",
        "reviewed_by": "By",
    }  # fmt: skip
    return part("flags", "Flags of your families, reviewed", columns, rows, empty="None.")


def _problems(subject: Subject, *, of_abuse: bool) -> Part:
    """Of the person, and of the family as a whole while they were in it; nothing of another member, nor who told."""
    stood, rows = subject.was_in(), []
    families = [family.pk for family in subject.families]
    found = Evidence.objects.filter(Q(person__in=subject.keys) | Q(person=None, family__in=families))
    for it in found.select_related("family").order_by("observed_on", "id"):
        if it.person_id is None and not stood(it.family_id, it.observed_on):
            continue
        if (it.indicator.partition(".")[0] in ABUSE) != of_abuse:
            continue
        whom = subject.references.get(it.person_id or 0, "The family as a whole")
        source = Evidence.SOURCES.get(it.source, it.source) if it.person_id else ""
        rows.append([
            whom, it.family.reference, _indicator(it.indicator), it.indicator, it.observed_on, source,
            subject.hands.named(it.recorded_by), it.in_error_at or "",
        ])  # fmt: skip
    columns = {
        "of": "Of whom", "family": "Family", "what": "What", "indicator": "Code", "observed_on": "Observed on",
        "source": "How it is known", "recorded_by": "Recorded by", "in_error_at": "Marked as recorded in error",
    }  # fmt: skip
    title = "What was observed of abuse" if of_abuse else "What was observed"
    return part("problems", title, columns, rows, empty="Nothing was recorded.")


def _indicator(code: str) -> str:
    """What an indicator says, by the newest framework that has it; the code for one that none has any more."""
    for name in frameworks.codes():
        for version in frameworks.versions(name):
            if found := frameworks.load(name, version).indicators.get(code):
                return found.text
    return code


def _work(subject: Subject, *, of_abuse: bool) -> Part:
    rows = []
    for record in subject.records:
        for membership in record.memberships.select_related("family").order_by("joined_on", "id"):
            for it in membership.family.engagements.order_by("started_on", "id"):
                begins_before_they_left = membership.left_on is None or it.started_on < membership.left_on
                within = begins_before_they_left and (it.ended_on is None or it.ended_on > membership.joined_on)
                if within and (it.intervention == "safety") == of_abuse:
                    words = it.INTERVENTIONS.get(it.intervention, it.intervention)
                    rows.append([membership.family.reference, words, it.started_on, it.ended_on or ""])
    columns = {"family": "Family", "what": "Work", "started_on": "From", "ended_on": "Until the day before"}
    kept = list({tuple(row): row for row in rows}.values())
    title = "Help after abuse" if of_abuse else "Work with your family"
    return part("work", title, columns, kept, empty="None was recorded.")


def _notices(subject: Subject) -> Part:
    stood, rows = subject.was_in(), []
    families = [family.pk for family in subject.families]
    found = Notice.objects.filter(Q(person__in=subject.keys) | Q(family__in=families))
    for it in found.select_related("version", "family").order_by("issued_on", "id"):
        if it.family_id is not None and not stood(it.family_id, it.issued_on):
            continue
        to = f"Family {it.family.reference}" if it.family else subject.references[it.person_id or 0]
        rows.append([
            it.reference, to, it.version.version, it.version.get_basis_display(), it.issued_on,
            it.get_channel_display() or it.channel, subject.hands.named(it.issued_by),
        ])  # fmt: skip
    columns = {
        "reference": "Notice", "to": "To", "version": "Version", "basis": "Lawful basis", "issued_on": "Given on",
        "channel": "How", "issued_by": "By",
    }  # fmt: skip
    return part("notices", "Privacy notices that you were given", columns, rows, empty="None was recorded.")


def _consents(subject: Subject) -> Part:
    rows = [
        [it.reference, reference, it.version.version, it.get_purpose_display(), it.given_on,
         it.get_given_by_display() or it.given_by, it.datasets or ["All datasets"], it.withdrawn_at or ""]
        for reference, it in of_records(
            subject, Consent.objects.filter(person__in=subject.keys).select_related("version").order_by("given_on")
        )
    ]  # fmt: skip
    columns = {
        "reference": "Consent", "record": "Record", "version": "Version of the notice", "purpose": "To what",
        "given_on": "Given on", "given_by": "Given by", "datasets": "Datasets", "withdrawn_at": "Withdrawn",
    }  # fmt: skip
    return part("consents", "Consent", columns, rows, empty="None was recorded.")


def _objections_of(subject: Subject) -> list[Objection]:
    """Those about the person, those narrowed to them, and those for a family of theirs that covered everyone."""
    own = Q(person__in=subject.keys) | Q(narrowed_to__in=subject.keys)
    whole = Q(family__in=[family.pk for family in subject.families], narrowed_to=None)
    return list(Objection.objects.filter(own | whole).select_related("family").distinct().order_by("received_at", "id"))


def _objections(subject: Subject) -> Part:
    found, rows = _objections_of(subject), []
    for it in found:
        for_family = it.family is not None
        rows.append([
            it.reference, f"Family {it.family.reference}" if it.family else subject.references[it.person_id or 0],
            "" if for_family else it.get_made_by_display(), Objection.CHANNELS.get(it.channel, it.channel),
            "" if for_family else it.about, it.received_at, it.datasets or ["All datasets"], _state(it),
            it.decided_at or "", it.refusal_reason, it.refusal_reference, it.told_on or "", it.lifted_at or "",
        ])  # fmt: skip
    columns = {
        "reference": "Objection", "for": "For", "made_by": "Made by", "channel": "How it came", "as_told": "As told",
        "received_at": "Received", "datasets": "Against", "state": "State", "decided_at": "Decided",
        "refusal_reason": "Refused, because", "refusal_reference": "By which law", "told_on": "Told on",
        "lifted_at": "Lifted",
    }  # fmt: skip
    note = "Who made one for a whole family is not said: that is about them." if any(it.family for it in found) else ""
    return part("objections", "Objections", columns, rows, empty="None was received.", note=note)


def _state(row: Objection) -> str:
    if row.lifted_at is not None:
        return "Lifted"
    if row.refused_at is not None:
        return "Refused"
    return "Stands, upheld" if row.decided_at else "Stands, being looked at"


def _rechecks(subject: Subject) -> Part:
    found = Recheck.objects.filter(person__in=subject.keys).select_related("objection").order_by("checked_at", "id")
    rows = [
        [it.objection.reference, it.age, it.get_outcome_display(), it.checked_at, subject.hands.named(it.checked_by)]
        for it in found
    ]
    columns = {
        "objection": "Objection", "age": "At the age of", "outcome": "What came of it", "checked_at": "When",
        "checked_by": "By",
    }  # fmt: skip
    return part("rechecks", "Objections looked at again", columns, rows, empty="None.")


def _requests(subject: Subject) -> Part:
    found = RightsRequest.objects.filter(person__in=subject.keys).order_by("received_at", "id")
    rows = [
        [it.reference, it.get_kind_display(), it.get_made_by_display(), it.get_channel_display(), it.received_at,
         it.about, it.asked, it.extension_reason, it.told_on or "", it.get_outcome_display(), it.answer,
         it.legal_reference]
        for it in found
    ]  # fmt: skip
    columns = {
        "reference": "Request", "kind": "What", "made_by": "Made by", "channel": "How it came",
        "received_at": "Received", "as_told": "As told", "asked": "What was asked",
        "extension_reason": "Why it took longer", "told_on": "Answered on", "outcome": "What came of it",
        "answer": "Answer", "legal_reference": "By which law",
    }  # fmt: skip
    return part("requests", "What you asked us", columns, rows, empty="Nothing was recorded.")


def _looked_again(subject: Subject) -> Part:
    found = Look.objects.filter(person__in=subject.keys).order_by("shown_from", "id")
    rows = [
        [reference, it.get_detail_display(), it.shown_from, it.get_outcome_display(), it.looked_on or ""]
        for reference, it in of_records(subject, found)
    ]
    columns = RECORD | {
        "detail": "Detail", "shown_from": "Shown to the team from", "outcome": "What came of it", "looked_on": "On",
    }  # fmt: skip
    return part("looks", "Details that somebody asked to have looked at again", columns, rows, empty="None.")


def _compared(subject: Subject) -> Part:
    """Records that were compared with theirs, and merges: a record that is somebody else's is not named."""
    own, rows = set(subject.keys), []
    for pair in Pair.objects.filter(Q(first__in=own) | Q(second__in=own)).order_by("found_at", "id"):
        theirs = {pair.first_id, pair.second_id} <= own
        ways = [Pair.WAYS.get(way, way) for way in pair.found_by]
        rows.append([
            "Compared", _both(subject, pair.first_id, pair.second_id), pair.found_at, pair.get_state_display(), ways,
            pair.reason if theirs else "", subject.hands.named(pair.decided_by), pair.decided_at or "",
        ])  # fmt: skip
    for merge in Merge.objects.filter(Q(kept__in=own) | Q(merged__in=own)).order_by("merged_at", "id"):
        theirs = {merge.kept_id, merge.merged_id} <= own
        rows.append([
            "Merged", _both(subject, merge.kept_id, merge.merged_id), merge.merged_at,
            "Undone" if merge.undone_at else "Counts as one", [], merge.reason if theirs else "",
            subject.hands.named(merge.merged_by), merge.undone_at or "",
        ])  # fmt: skip
    columns = {
        "what": "What", "records": "Records", "at": "When", "state": "State", "ways": "Why they were compared",
        "reason": "Reason given", "by": "By", "ended_at": "Decided, or undone",
    }  # fmt: skip
    return part("compared", "Records compared with yours", columns, rows, empty="None.")


def _both(subject: Subject, first: int, second: int) -> list[str]:
    return [subject.references.get(key, "another person's record") for key in (first, second)]
