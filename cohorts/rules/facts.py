"""What a rule is told: frozen facts of one family and its people, and of the round that asks.

A fact is a record as it stands in the run's snapshot, dates included. Whether it counts on the cut-off or at the
moment of the run is for the rules to say. Dates are dates (half open intervals: `from <= day`, and `to` is None or
`to > day`); instants carry an offset. An empty text means that the value is not known.

The tuples here are plain NamedTuples: they cannot be changed, have no dictionary, and a million of them are made
cheaply while a run streams.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple


class Membership(NamedTuple):
    """A person was a member of the family from `joined_on` until the day before `left_on`."""

    joined_on: date
    left_on: date | None
    relationship: str
    lives_in_household: bool
    parental_responsibility: bool


class Address(NamedTuple):
    """Where a person lived; `number` grows with the order of loading."""

    line_1: str
    line_2: str
    line_3: str
    line_4: str
    line_5: str
    postcode: str
    from_on: date
    to_on: date | None
    number: int

    @property
    def lines(self) -> tuple[str, str, str, str, str]:
        """The five address lines, empty ones included."""
        return self[:5]


class Notice(NamedTuple):
    """A privacy notice was issued; `number` grows with the order of entry."""

    version: str
    issued_on: date
    number: int


class Consent(NamedTuple):
    """Consent to a purpose; no `datasets` means all."""

    version: str
    purpose: str
    given_on: date
    withdrawn_at: datetime | None
    datasets: tuple[str, ...]


class Objection(NamedTuple):
    """An objection about a person or a family; no `datasets` means all.

    `narrowed_to` are the references of the persons to whom information governance narrowed a family objection;
    None where it was not narrowed.
    """

    received_at: datetime
    lifted_at: datetime | None
    refused_at: datetime | None
    datasets: tuple[str, ...]
    narrowed_to: frozenset[str] | None = None


class Protection(NamedTuple):
    """A protection mark of a kind of spec/rules.md, from a day until the day before another."""

    kind: str
    from_on: date
    to_on: date | None


class Evidence(NamedTuple):
    """One indicator was evidenced; about a person of the family, or (None) about the family."""

    person_ref: str | None
    indicator: str
    observed_on: date
    in_error_at: datetime | None


class Engagement(NamedTuple):
    """The programme worked with the family from a day until the day before another."""

    started_on: date
    ended_on: date | None


class OtherFamily(NamedTuple):
    """What another family of the same person was told and said: it reaches the person there, and so here."""

    memberships: tuple[Membership, ...]
    notices: tuple[Notice, ...]
    objections: tuple[Objection, ...]


class PersonFacts(NamedTuple):
    """A surviving record: its own identifiers, and the permissions of every record merged into it.

    `memberships` are those of this family. `shared` names the identifier fields whose value stands on another person
    who is not merged with this one. `doubtful`: nobody decided yet whether another record is of the same person.
    """

    person_ref: str
    given_name: str
    middle_names: str
    family_name: str
    previous_family_names: str
    date_of_birth: date | None
    sex: str
    date_of_death: date | None
    nino: str
    nhs_number: str
    upn: str
    uln: str
    in_education: str
    memberships: tuple[Membership, ...]
    addresses: tuple[Address, ...] = ()
    notices: tuple[Notice, ...] = ()
    consents: tuple[Consent, ...] = ()
    objections: tuple[Objection, ...] = ()
    protections: tuple[Protection, ...] = ()
    elsewhere: tuple[OtherFamily, ...] = ()
    shared: tuple[str, ...] = ()
    doubtful: bool = False


class FamilyFacts(NamedTuple):
    """One family with everyone who ever was a member, in the order of their references (by code point)."""

    family_ref: str
    flagged_on: date | None
    lifted_on: date | None
    people: tuple[PersonFacts, ...]
    evidence: tuple[Evidence, ...] = ()
    engagements: tuple[Engagement, ...] = ()
    notices: tuple[Notice, ...] = ()
    objections: tuple[Objection, ...] = ()


class NoticeVersion(NamedTuple):
    """A text of the privacy notice; no `datasets` means that it covers all."""

    version: str
    published_on: date
    basis: str
    datasets: frozenset[str]
    recipients: frozenset[str]


class Indicator(NamedTuple):
    """One sign of a headline problem; evidence counts for `look_back_months`, or (None) for ever."""

    code: str
    headline: str
    text: str
    look_back_months: int | None
    clause: str


class Framework(NamedTuple):
    """A dated eligibility framework: how many problems make a family eligible, and what evidences each."""

    code: str
    version: str
    name: str
    minimum: int
    counting_unit: str
    headlines: Mapping[str, str]
    indicators: Mapping[str, Indicator]


class Moment(NamedTuple):
    """The two clocks of a run: the cut-off date (whole day) and the instant of the run, with its date in London."""

    cut_off: date
    run: datetime
    today: date


class Question(NamedTuple):
    """What a collection round asks of every family."""

    moment: Moment
    framework: Framework
    datasets: tuple[str, ...]
    recipients: frozenset[str]
    notice_days: int
    honours_scope: bool
    notice_versions: Mapping[str, NoticeVersion]
