"""Two records side by side: what each says, and in words whether that is the same."""

from datetime import date, datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from cohorts import compared, details, households, queries
from cohorts.compared import Two
from cohorts.models import Address, Consent, Membership, Notice, Pair, Person, Protection
from cohorts.rules.clocks import LONDON, stands
from cohorts.rules.numbers import normal_form
from cohorts.seen import in_words
from cohorts.views.family_pages import day
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import tag

WORDS = {
    "given_name": "Given name", "middle_names": "Middle names", "family_name": "Family name",
    "previous_family_names": "Previous family names", "date_of_birth": "Date of birth", "sex": "Sex",
    "date_of_death": "Date of death", "nhs_number": "NHS number", "nino": "National Insurance number",
    "upn": "Unique pupil number", "uln": "Unique learner number",
}  # fmt: skip
SAME, NEARLY, DIFFERENT = "The same", "The same but for spaces and capitals", "Different"
ONE_HAS_IT, NEITHER = "Only one says it", "Neither says it"
WITHHELD = "Not shown: an address of one of the two is protected"
LIKELY = ((20, "Very likely"), (10, "Likely"), (0, "Possible"))
"""From so many doublings of the odds on, in words."""


def ways(row: Pair) -> str:
    """Why two records were paired, in words."""
    found = [Pair.WAYS.get(code, code) for code in row.found_by]
    return ", and ".join(found).capitalize() if found else "Not said"


def weight_in_words(weight: float | None) -> str:
    """How likely two records are of one person, from the match weight: log2 of how many times likelier than not."""
    if weight is None:
        return "Not weighed"
    word = next((word for least, word in LIKELY if weight >= least), "Unlikely")
    return f"{word} (match weight {weight:.1f})"


def rows_of(two: Two, today: date) -> Table:
    """The details of two records, their addresses and families, and what differs."""
    rows: list[list[object]] = []
    for name in details.FIELDS:
        if name in WORDS:
            said = [in_words(person, name) for person in two]
            rows.append([WORDS[name], *map(_text, said), _compared(*said)])
    if compared.address_is_withheld(two, today):
        rows.append(["Where they live today", WITHHELD, WITHHELD, "Not compared"])
    else:
        homes = [_address(households.address_on(person, today)) for person in two]
        rows.append(["Where they live today", *map(_text, homes), _compared(*homes)])
    families = [_families(person) for person in two]
    rows.append(["Families", *(each or "None" for each in families), _compared(*families)])
    return Table("What the two records say", _columns(two), rows)


def permissions(two: Two, at: datetime) -> Table:
    """What each was told and wishes, as counts: what counts for both once they are merged."""
    said = [_permissions(person, at) for person in two]
    rows = [[name, said[0][name], said[1][name]] for name in said[0]]
    return Table("What counts for both, once they are merged", _columns(two)[:3], rows)


def _columns(two: Two) -> list[Column]:
    return [Column("What"), Column(two.one.reference), Column(two.other.reference), Column("Compared")]


def _text(value: str) -> SafeString | str:
    return format_html("<bdi>{}</bdi>", value) if value else "Empty"


def _compared(one: str, other: str) -> SafeString | str:
    """Whether two values are the same: in words, since a colour is not seen by everybody."""
    if one == other:
        return SAME if one else NEITHER
    if not one or not other:
        return ONE_HAS_IT
    return NEARLY if normal_form(one) == normal_form(other) else tag(DIFFERENT, "yellow")


def _address(row: Address | None) -> str:
    parts = [row.line_1, row.line_2, row.line_3, row.line_4, row.line_5, row.postcode] if row else []
    return ", ".join(part for part in parts if part.strip())


def _families(person: Person) -> str:
    found = Membership.objects.filter(person__in=households.records_of([person])).select_related("family")
    lines = [
        f"{it.family.reference}, {it.get_relationship_display() or 'as what is not known'},"
        f" from {day(it.joined_on)}{f' until {day(it.left_on)}' if it.left_on else ''}"
        for it in found.order_by("family__reference", "joined_on")
    ]
    return "; ".join(lines)


def _permissions(person: Person, at: datetime) -> dict[str, str]:
    records, today = households.records_of([person]), at.astimezone(LONDON).date()
    objections = queries.standing_objections(at).filter(person__in=records).count()
    families = Membership.objects.filter(person__in=records).values("family")
    of_families = queries.standing_objections(at).filter(family__in=families).count()
    marks = Protection.objects.filter(person__in=records)
    consents = Consent.objects.filter(person__in=records)
    return {
        "Objections": f"{objections} stand{'s' if objections == 1 else ''}" if objections else "None stands",
        "Objections of their families": str(of_families or "None stands"),
        "Protection": "A mark stands" if any(stands(it.from_on, it.to_on, today) for it in marks) else "No mark stands",
        "Consents": f"{consents.filter(withdrawn_at=None).count()} given, and not withdrawn",
        "Consents withdrawn": str(consents.exclude(withdrawn_at=None).count() or "None"),
        "Privacy notices of their own": str(Notice.objects.filter(person__in=records).count() or "None"),
    }
