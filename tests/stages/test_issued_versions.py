"""A version of the notice that was given to anybody stays as it is, whoever asks and however; and who was not told."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, connection, transaction

from cohorts import facts, notices, queries, untold
from cohorts.models import Consent, Notice, NoticeVersion
from cohorts.rules.notice import notice_missing
from connecting_families.audit import trail
from tests.stages.asked import family_of, person_of, version_of
from tests.stages.bulk import everything, load, told
from tests.stages.conftest import WalkTo
from tests.stages.walk import RUN, Walk

TODAY = RUN.date()
DAY = timedelta(days=1)
LATER: dict[str, Any] = {"version": "PN9", "published_on": "2026-09-01", "basis": "PUBLIC_TASK", "recipients": "ONS"}


@pytest.mark.django_db
def test_the_database_refuses_to_change_an_issued_version(tmp_path: Path) -> None:
    load(tmp_path, everything())
    for act in (
        "UPDATE cohorts_noticeversion SET recipients = '{ACME}'",
        "UPDATE cohorts_noticeversion SET version = version",
        "DELETE FROM cohorts_noticeversion",
    ):
        with pytest.raises(Error, match="given to people"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(act)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', '{public.cohorts_noticeversion:issued_is_frozen}', true)")
    with pytest.raises(Error, match="given to people"), trail.act():
        NoticeVersion.objects.get().save()


def test_a_version_that_nobody_was_given_is_changed(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.load({"notice_versions": [LATER]})
    walk.load({"notice_versions": [LATER | {"recipients": "ONS;ACME"}]})
    assert version_of("PN9").recipients == ["ONS", "ACME"]
    notices.issue(version=version_of("PN9"), person=person_of("P1"), issued_on=TODAY, channel="phone",
                  by=walk.who("worker"), at=walk.now())  # fmt: skip
    with pytest.raises(AssertionError):
        walk.load({"notice_versions": [LATER | {"recipients": "ONS"}]})
    assert version_of("PN9").recipients == ["ONS", "ACME"]


@pytest.mark.django_db
def test_a_file_that_changes_an_issued_version_is_told_so_by_the_row(tmp_path: Path) -> None:
    files = everything()
    load(tmp_path, files)
    rows = files["notice_versions"]
    changed = [rows[0] | {"recipients": "ONS;ACME"}, rows[0] | {"version": "PN2"}]
    for dry_run in (True, False):
        report = load(tmp_path / "again", {"notice_versions": changed}, dry_run=dry_run)
        assert told(report) == [("notice_versions.csv", 2, "version", "ISSUED", "PN1")]
    assert NoticeVersion.objects.get().recipients == ["ONS"]
    assert told(load(tmp_path / "same", {"notice_versions": rows})) == []


@pytest.mark.django_db
@pytest.mark.parametrize(("left", "right"), [("notices", "consents"), ("consents", "notices")])
def test_a_notice_or_a_consent_alone_freezes_a_version(tmp_path: Path, left: str, right: str) -> None:
    files = everything()
    load(tmp_path, {name: rows for name, rows in files.items() if name != right})
    assert (Notice.objects.exists(), Consent.objects.exists()) == (left == "notices", left == "consents")
    changed = [files["notice_versions"][0] | {"basis": "CONSENT"}]
    report = load(tmp_path / "again", {"notice_versions": changed})
    assert [error.code for error in report.errors] == ["ISSUED"]


# Who was not told -----------------------------------------------------------------------------------------------


def listed(walk: Walk, team: str | None = None) -> list[tuple[str, str, date]]:
    people = untold.People(team, walk.now())
    return [(each.family_ref, each.person_ref, each.earliest) for each in people[0:100]]


def by_the_rules(walk: Walk) -> set[tuple[str, str]]:
    """The same, asked of the rules for every family."""
    at = walk.now()
    asked = untold.question_of_today(at)
    with transaction.atomic():
        return {
            (each.family_ref, each.person_ref)
            for streamed in facts.stream()
            for each in untold.untold(streamed.family, asked)
        }


def test_who_was_not_told_in_time_is_listed_with_the_earliest_day(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    assert listed(walk) == []
    people = [("P91", "2026-10-20"), ("P92", "2025-01-01"), ("P93", "2026-10-20")]
    walk.load({
        "families": [{"family_ref": "F9", "team": "West", "flagged_on": "2026-10-01"}],
        "people": [{"person_ref": ref} for ref, _ in people],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": joined} for ref, joined in people],
    })  # fmt: skip
    in_days = TODAY + 28 * DAY
    assert listed(walk) == [("F9", "P91", in_days), ("F9", "P92", in_days), ("F9", "P93", in_days)]
    assert queries.notices_due("West", walk.now()) == {"West": 3}
    assert queries.notices_due("North", walk.now()) == {}
    assert queries.notices_due(None, walk.now()) == {"West": 3}
    asked: dict[str, Any] = {"version": version_of("PN1"), "channel": "phone"}
    who = walk.who("worker")
    notices.issue(**asked, family=family_of("F9"), issued_on=date(2026, 10, 5), by=who, at=walk.now())
    assert listed(walk, "West") == [("F9", "P91", in_days), ("F9", "P93", in_days)]
    notices.issue(**asked, person=person_of("P91"), issued_on=date(2026, 10, 30), by=who, at=walk.now())
    assert listed(walk, "West") == [("F9", "P91", date(2026, 11, 27)), ("F9", "P93", in_days)]
    assert {(family, person) for family, person, *_ in listed(walk)} == by_the_rules(walk)


def test_the_list_is_cut_into_pages_and_counts_merged_records_once(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    people = [f"Q{number}" for number in range(1, 8)]
    walk.load({
        "families": [{"family_ref": "F9", "team": "West", "flagged_on": "2026-10-01"},
                     {"family_ref": "F8", "team": "West"},
                     {"family_ref": "F7", "team": "West", "flagged_on": "2026-10-01", "lifted_on": "2026-10-02"}],
        "people": [{"person_ref": ref} for ref in people]
        + [{"person_ref": "Q8", "merged_into": "Q1"}, {"person_ref": "Q9", "merged_into": "P1"}],
        "memberships": [{"family_ref": "F9", "person_ref": ref, "joined_on": "2026-10-20"}
                        for ref in (*people, "Q8", "Q9")]
        + [{"family_ref": ref, "person_ref": "Q1", "joined_on": "2026-10-20"} for ref in ("F8", "F7")],
    })  # fmt: skip
    walk.load({"people": [{"person_ref": "Q2", "date_of_death": "2026-10-25"}]})
    found = untold.People("West", walk.now())
    # Q8 counts as Q1, and Q9 as P1, who was told in another family.
    assert found.count() == 6
    assert [each.person_ref for each in found[0:4]] == ["Q1", "Q3", "Q4", "Q5"]
    assert [each.person_ref for each in found[4:8]] == ["Q6", "Q7"]
    assert {(family, person) for family, person, *_ in listed(walk)} == by_the_rules(walk)


def test_a_version_that_does_not_cover_what_is_asked_does_not_count(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    walk.load({"notice_versions": [LATER | {"datasets": "PNC"}]})
    walk.open_round("MORE", datasets=["PNC", "HES"])
    assert listed(walk) == []
    walk.load({"agreements": [{"reference": "NEW", "purpose": "research", "in_force_from": "2026-01-01",
                               "recipients": "ONS;ACME"}]})  # fmt: skip
    walk.open_round("ACME", agreement="NEW")
    # P2 is in two families; P8 and the others are in one each.
    assert {person for _, person, _ in listed(walk)} == {f"P{number}" for number in range(1, 9)}
    assert {(family, person) for family, person, *_ in listed(walk)} == by_the_rules(walk)


@pytest.mark.django_db
def test_without_a_round_all_that_is_in_use_is_asked(tmp_path: Path) -> None:
    load(tmp_path, everything())
    asked = untold.question_of_today(RUN)
    assert (asked.recipients, asked.notice_days) == (frozenset({"ONS"}), 28)
    assert "HES" in asked.datasets
    assert "CMD" not in asked.datasets
    # The version on file tells of two datasets alone.
    assert notice_missing([], asked)
    with transaction.atomic():
        assert queries.notices_due("North", RUN) == {"North": 1}
