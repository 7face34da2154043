"""A collection round says what is asked of every family, and is refused with every reason at once."""

from datetime import date
from typing import Any

import pytest

from cohorts import frameworks
from cohorts.models import Dataset, Round
from cohorts.rounds import NotOpened
from connecting_families.audit.models import Entry
from tests.stages.conftest import WalkTo
from tests.stages.walk import CUT_OFF, RUN


def test_a_round_takes_its_recipients_from_the_agreement_and_the_newest_framework(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    opened = walk.open_round("2026-B", datasets=["NPD", "PNC"], scope="all-or-nothing", notice_days=0)
    opened.refresh_from_db()
    assert (opened.cut_off, opened.datasets, opened.recipients) == (CUT_OFF, ["NPD", "PNC"], ["ONS"])
    assert (opened.framework_version, opened.opened_by) == (frameworks.load("TF").version, "prepare")
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.reference, entry.who) == ("ROUND_OPENED", "2026-B", "prepare")


def test_the_cut_off_may_be_today(walk_to: WalkTo) -> None:
    assert walk_to("assemble").open_round("TODAY", cut_off=RUN.date()).cut_off == RUN.date()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"code": ""}, "BAD_CODE"),
        ({"code": "-2026"}, "BAD_CODE"),
        ({"code": "2026/1"}, "BAD_CODE"),
        ({"code": "2026\n"}, "BAD_CODE"),
        ({"code": "A" * 31}, "BAD_CODE"),
        ({"code": "2026"}, "ROUND_EXISTS"),
        ({"cut_off": date(2026, 11, 3)}, "CUT_OFF_IN_THE_FUTURE"),
        ({"framework": "XF"}, "UNKNOWN_FRAMEWORK"),
        ({"datasets": []}, "NO_DATASET"),
        ({"datasets": ["PNC", "PNC"]}, "DATASET_TWICE"),
        ({"datasets": ["PNC", "MOON"]}, "UNKNOWN_DATASET"),
        ({"agreement": "NONE"}, "UNKNOWN_AGREEMENT"),
        ({"agreement": "DSA-NOBODY"}, "NO_RECIPIENT"),
        ({"notice_days": -1}, "BAD_NOTICE_DAYS"),
        ({"notice_days": 3651}, "BAD_NOTICE_DAYS"),
        ({"scope": "perhaps"}, "BAD_SCOPE"),
    ],
)
def test_a_round_is_refused(walk_to: WalkTo, asked: dict[str, Any], code: str) -> None:
    walk = walk_to("assemble")
    with pytest.raises(NotOpened) as refusal:
        walk.open_round(**({"code": "NEW"} | asked))
    assert refusal.value.codes == [code]
    assert Round.objects.count() == 1
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.additional_data) == ("ROUND_REFUSED", {"reasons": [code]})


def test_a_dataset_that_is_not_in_use_is_refused(walk_to: WalkTo) -> None:
    walk = walk_to("assemble")
    unused = Dataset.objects.filter(enabled=False).first()
    assert unused is not None
    for codes, cut_off in (([unused.code], CUT_OFF), (["PNC"], date(1900, 1, 1))):
        with pytest.raises(NotOpened) as refusal:
            walk.open_round("NEW", datasets=codes, cut_off=cut_off)
        assert refusal.value.codes == ["DATASET_NOT_IN_USE"]


def test_every_reason_comes_at_once(walk_to: WalkTo) -> None:
    with pytest.raises(NotOpened) as refusal:
        walk_to("assemble").open_round("?", agreement="NONE", framework="XF", datasets=[], scope="perhaps")
    assert refusal.value.codes == ["BAD_CODE", "BAD_SCOPE", "NO_DATASET", "UNKNOWN_FRAMEWORK", "UNKNOWN_AGREEMENT"]
