"""Which looks are to be checked: of one's own name, of many families, and without work; each once, until it was."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cohorts import notices
from cohorts.models import Family, NoticeVersion
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from connecting_families.audit.trail import duty
from connecting_families.governance import sifting
from connecting_families.governance.models import LookToCheck
from connecting_families.governance.recorded_since import recorded_since
from connecting_families.staff import accounts
from connecting_families.staff.models import User
from tests.stages.conftest import WalkTo
from tests.stages.walk import PASSWORD, Walk

Looks = Callable[..., None]


@pytest.fixture
def walk(walk_to: WalkTo) -> Walk:
    """Families of the team North, and colleagues of North and of West."""
    walk = walk_to("assemble")
    for name, team in (("beside", "North"), ("elsewhere", "West")):
        accounts.add(username=name, role="early_help_worker", password=PASSWORD, team=team, by=duty("test"),
                     at=walk.now())  # fmt: skip
    return walk


def named(walk: Walk, username: str, family_name: str) -> None:
    user = User.objects.get(username=username)
    accounts.change(user=user, role=user.role, team=user.team, family_name=family_name, by=duty("test"), at=walk.now())


def looks(walk: Walk, who: str, *families: str, event: Event = Event.WISHES_VIEWED, **about: Any) -> None:
    """Somebody opens these families, or a record, at the minute at which the walk stands."""
    for each in families or ("",):
        target = about or {"about": Family.objects.get(reference=each)}
        with trail.act():
            trail.record(event, who=walk.who(who), at=walk.now(), **target)


def sift(walk: Walk) -> dict[tuple[str, str], str]:
    """What is to be checked after the trail was gone through: kind and who, with the record."""
    sifting.sift(by=duty("sift"), at=walk.now())
    return {(row.kind, row.who): row.reference for row in sifting.to_check()}


def test_ones_own_name_is_found_in_its_normal_form_and_until_somebody_else_has_looked_into_it(walk: Walk) -> None:
    named(walk, "worker", "  QUILLFÉATHER ")
    named(walk, "beside", "Feather")
    named(walk, "prepare", "O\N{RIGHT SINGLE QUOTATION MARK}Fernsby Jnr")
    looks(walk, "worker", "F2", "F1")
    looks(walk, "beside", "F1")
    looks(walk, "elsewhere", "F1")
    person: Any = {"record": "cohorts.person", "reference": "P7"}
    looks(walk, "prepare", event=Event.DECISION_VIEWED, **person)
    assert sift(walk) == {("SAME_NAME", "worker"): "F1", ("SAME_NAME", "prepare"): "P7"}
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.additional_data) == ("LOOKS_SIFTED", {"open": {"SAME_NAME": 2, "MANY": 0, "NO_WORK": 0}})
    # Nothing is found twice, and a later look goes on in what is open.
    row = LookToCheck.objects.get(who="worker")
    looks(walk, "worker", "F1")
    assert len(sift(walk)) == 2
    again = LookToCheck.objects.get(who="worker")
    assert (again.pk, again.first_at) == (row.pk, row.first_at)
    assert again.last_at > row.last_at
    assert list(sifting.openings_of(again).values_list("reference", flat=True)) == ["F1", "F1"]

    def look_into(outcome: str, who: str = "govern", note: str = "No relation of theirs.") -> None:
        sifting.look_into(look=again, outcome=outcome, note=note, by=walk.who(who), at=walk.now())

    for asked, codes in (
        ({"outcome": "", "note": " "}, ["NO_OUTCOME", "NO_NOTE"]),
        ({"outcome": "FINE", "who": "worker"}, ["NOT_FOR_THIS_ROLE", "ONES_OWN"]),
    ):
        with pytest.raises(Refused) as refusal:
            look_into(**asked)
        assert refusal.value.codes == codes
    look_into("FINE")
    with pytest.raises(Refused, match="looked into it already"):
        look_into("TAKEN_UP")
    checked = Entry.objects.filter(event="LOOK_CHECKED").get()
    assert "No relation" not in str(checked.__dict__)
    assert "note" in str(checked.changes)
    # What was explained comes again with a later look, what is known and allowed does not.
    assert ("SAME_NAME", "worker") not in sift(walk)
    looks(walk, "worker", "F1")
    assert ("SAME_NAME", "worker") in sift(walk)
    again = LookToCheck.objects.get(who="worker", state="OPEN")
    look_into("KNOWN")
    looks(walk, "worker", "F1")
    assert ("SAME_NAME", "worker") not in sift(walk)
    # The names of nobody are on the trail, not even that of the member of staff.
    kept = "".join(str(list(each.values())) for each in Entry.objects.values())
    assert [name for name in ("QUILLF", "Feather", "Fernsby") if name in kept] == []


def test_many_families_in_an_hour_are_counted_wherever_the_hour_begins(walk: Walk, settings: Any) -> None:
    settings.CF_LOOKS_IN_AN_HOUR = 3
    walk.minutes = 100 * 60 + 45
    looks(walk, "worker", "F1", "F2", "F1", "F2", "F1", "F3")
    assert sift(walk) == {}
    # The same three again and again are three; one more within the hour, over the full hour, is too many.
    walk.minutes += 30
    looks(walk, "worker", "F1", "F4")
    looks(walk, "beside", "F1", "F2", "F3")
    walk.minutes += 61
    looks(walk, "beside", "F4", "F5")
    assert sift(walk) == {("MANY", "worker"): ""}
    row = LookToCheck.objects.get()
    assert row.families == 4
    assert sifting.openings_of(row).count() == 8
    assert not recorded_since(row).exists()


def test_a_family_is_opened_and_nobody_of_the_team_works_with_it(walk: Walk, settings: Any) -> None:
    settings.CF_LOOKS_WITHOUT_WORK_DAYS = 10
    walk.minutes = 20 * 24 * 60
    day = walk.now()
    looks(walk, "worker", "F1", "F2", "F3", "F4")
    looks(walk, "elsewhere", "F1", "F2")
    looks(walk, "prepare", "F1", "F4")
    assert sift(walk) == {}
    version = NoticeVersion.objects.get(version="PN1")
    given: dict[str, Any] = {"issued_on": day.date(), "channel": "letter"}

    def tells(who: str, **about: Any) -> None:
        notices.issue(version=version, **given, **about, by=walk.who(who), at=walk.now())

    tells("worker", person=walk.person("P1"))
    tells("beside", family=Family.objects.get(reference="F2"))
    walk.minutes += 11 * 24 * 60
    tells("worker", family=Family.objects.get(reference="F3"))
    found = sift(walk)
    open_ = {(row.who, row.reference) for row in sifting.to_check()}
    # Of the own team (F2) work explains it, of another team (elsewhere) it does not; too late (F3) is not at all.
    # Whoever is in no team (prepare) is explained by anybody's.
    assert {kind for kind, _ in found} == {"NO_WORK"}
    assert open_ == {("worker", "F3"), ("worker", "F4"), ("elsewhere", "F1"), ("elsewhere", "F2"), ("prepare", "F4")}
    assert LookToCheck.objects.get(who="worker", reference="F3").last_at - day < timedelta(minutes=9)
    walk.minutes += 3 * 24 * 60
    sift(walk)
    assert {(row.who, row.reference) for row in sifting.to_check()} == open_
    # What was recorded too late is shown beside it, and closes nothing; what others did of it as well.
    tells("elsewhere", person=walk.person("P2"))
    shown = {row.reference: [(e.who, e.event) for e in recorded_since(row)] for row in sifting.to_check()
             if row.who == "worker"}  # fmt: skip
    assert shown == {"F3": [("elsewhere", "NOTICE_ISSUED"), ("worker", "NOTICE_ISSUED")], "F4": []}
