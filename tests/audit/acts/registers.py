"""The registers: datasets, notice versions, agreements."""

from datetime import date
from typing import Any

from cohorts import (
    agreements,
    datasets,
    notice_versions,
    reviewing,
)
from cohorts.models import (
    Agreement,
    Dataset,
    NoticeVersion,
)
from cohorts.register_checks import as_seen
from connecting_families.audit.events import Event
from tests.audit.acts.act import Act
from tests.stages.walk import RUN, Walk


def enter_dataset(walk: Walk) -> None:
    asked: dict[str, Any] = {"code": "NEW", "name": "New", "owner": "DfE", "keys": "UPN", "from_on": RUN.date()}
    datasets.enter(**asked, by=walk.who("prepare"), at=walk.now())


def change_dataset(walk: Walk) -> None:
    row = Dataset.objects.get(code="PNC")
    asked: dict[str, Any] = {"name": "Police", "owner": "MoJ", "keys": "names + DOB", "reason": "Renamed."}
    datasets.change(dataset=row, seen=as_seen(row), **asked, by=walk.who("prepare"), at=walk.now())


def disable_dataset(walk: Walk) -> None:
    row = Dataset.objects.get(code="PNC")
    datasets.disable(dataset=row, reason="Not now.", by=walk.who("prepare"), at=walk.now())


def enable_dataset(walk: Walk) -> None:
    datasets.enable(dataset=Dataset.objects.get(code="PNC"), by=walk.who("prepare"), at=walk.now())


def take_dataset_out(walk: Walk) -> None:
    asked: dict[str, Any] = {"last_day": RUN.date(), "reason": "It ended."}
    datasets.take_out(dataset=Dataset.objects.get(code="PNC"), **asked, by=walk.who("prepare"), at=walk.now())


NEW_VERSION: dict[str, Any] = {
    "published_on": RUN.date(), "basis": "PUBLIC_TASK", "datasets": ["PNC"], "recipients": ["ONS"],
}  # fmt: skip


def enter_version(walk: Walk) -> None:
    notice_versions.enter(version="PN9", **NEW_VERSION, by=walk.who("prepare"), at=walk.now())


def change_version(walk: Walk) -> None:
    row = NoticeVersion.objects.get(version="PN9")
    asked = NEW_VERSION | {"datasets": [], "seen": as_seen(row)}
    notice_versions.change(version=row, **asked, by=walk.who("prepare"), at=walk.now())


def enter_agreement(walk: Walk) -> None:
    asked: dict[str, Any] = {
        "reference": "DSA-NEW", "parties": ["Council"], "purpose": "research", "in_force_from": RUN.date(),
        "last_day": None, "fields": [], "datasets": ["PNC"], "recipients": ["ONS"], "legal_reference": "Art 6(1)(e)",
        "known_fields": ["upn"],
    }  # fmt: skip
    agreements.enter(**asked, by=walk.who("prepare"), at=walk.now())


def end_agreement(walk: Walk) -> None:
    asked: dict[str, Any] = {"last_day": RUN.date(), "reason": "It was revoked."}
    agreements.end(agreement=Agreement.objects.get(reference="DSA"), **asked, by=walk.who("prepare"), at=walk.now())


def review(walk: Walk) -> None:
    row, day = Agreement.objects.get(reference="DSA"), date(2027, 1, 1)
    reviewing.record(of=row, legal_reference="Art 6(1)(e)", next_on=day, by=walk.who("govern"), at=walk.now())


ACTS = {
    "cohorts.reviewing.record": Act("assemble", review, Event.REGISTER_REVIEWED),
    "cohorts.datasets.enter": Act("assemble", enter_dataset, Event.DATASET_ENTERED),
    "cohorts.datasets.change": Act("assemble", change_dataset, Event.DATASET_CHANGED),
    "cohorts.datasets.enable": Act("assemble", enable_dataset, Event.DATASET_ENABLED, disable_dataset),
    "cohorts.datasets.disable": Act("assemble", disable_dataset, Event.DATASET_DISABLED),
    "cohorts.datasets.take_out": Act("assemble", take_dataset_out, Event.DATASET_TAKEN_OUT),
    "cohorts.notice_versions.enter": Act("assemble", enter_version, Event.NOTICE_VERSION_ENTERED),
    "cohorts.notice_versions.change": Act("assemble", change_version, Event.NOTICE_VERSION_CHANGED, enter_version),
    "cohorts.agreements.enter": Act("assemble", enter_agreement, Event.AGREEMENT_ENTERED),
    "cohorts.agreements.end": Act("assemble", end_agreement, Event.AGREEMENT_ENDED),
}
