"""The page on who of a cohort can be found in each dataset, what mending would gain, and who is missed more often."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from cohorts.models import Cohort, Dataset, Person
from cohorts.rules.matchability import BANDS, LAST_BAND
from cohorts.views.cohorts import GROUPS, viewed
from connecting_families.audit.events import Event
from connecting_families.kit.charts import Bar, Bars
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission

DATASETS = [Column("Dataset"), Column("Can be found", numeric=True), Column("Of people", numeric=True),
            Column("Share", numeric=True), Column("Not about them", numeric=True)]  # fmt: skip
GAINS = [Column("Dataset"), Column("What to do"), Column("Gain", numeric=True)]
MISSED = [Column("Dataset"), Column("Who"), Column("Without a key", numeric=True), Column("Of people", numeric=True),
          Column("Share", numeric=True)]  # fmt: skip
KINDS = {"sex": "By sex", "age": "By age on the cut-off", "group": "By group"}
AGES = [words for _, words in BANDS] + [LAST_BAND]
NO_KEY = "No key"


@opened_by(Permission.SEE_COHORTS)
def matchability(request: HttpRequest, number: int) -> HttpResponse:
    """Who can be found, as the run saw it; opening it is recorded: a submission needs that somebody looked."""
    row = get_object_or_404(Cohort.objects.select_related("round"), pk=number, state=Cohort.FINISHED)
    viewed(request, Event.MATCHABILITY_VIEWED, row)
    of = row.matchability
    codes = [it["dataset"] for it in of]
    names = {each.code: each.name for each in Dataset.objects.filter(code__in=codes)}
    context = {
        "title": "Who can be found",
        "caption": f"Cohort {row.pk}",
        "back_href": reverse("cohort", args=[row.pk]),
        "counted": bool(of),
        "datasets": Table("Datasets of the round", DATASETS, [_dataset(it) for it in of]),
        "gains": Table(
            "What mending or asking gains",
            GAINS,
            [gain for _, *gain in sorted(_gains(of), key=lambda gain: -gain[0])],
            empty="Nobody lacks a key for want of one thing alone.",
        ),
        "charts": [
            Bars(f"{code}, {names.get(code, code)}: by which key", "Best key", "People", _bars(it))
            for code, it in zip(codes, of, strict=True)
        ],
        "missed": [Table(title, MISSED, list(_missed(of, kind)), empty="Nobody.") for kind, title in KINDS.items()],
    }
    return render(request, "cohorts/matchability.html", context)


def _found(it: Mapping[str, Any]) -> int:
    found: int = it["applicable"] - it["none"]
    return found


def _dataset(it: Mapping[str, Any]) -> list[object]:
    return [it["dataset"], _found(it), it["applicable"], _share(_found(it), it["applicable"]), it["not_applicable"]]


def _bars(it: Mapping[str, Any]) -> list[Bar]:
    keys = [Bar(key, people) for key, people in it["by_key"]]
    return [*keys, Bar(NO_KEY, it["none"], group=2)]


def _gains(of: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, str, str, str]]:
    """What to do, with its gain in hundredths of the people whom the dataset is about."""
    for it in of:
        for act, parts in (("Mend", it["mend"]), ("Ask for", it["ask"])):
            for part, people in parts.items():
                points = 100 * people / it["applicable"]
                of_whom = "1 person" if people == 1 else f"{people:,} people"
                yield points, it["dataset"], f"{act} the {part} of {of_whom}", f"+{points:.1f} points"


def _missed(of: Sequence[Mapping[str, Any]], kind: str) -> Iterator[list[object]]:
    for it in of:
        cells = it["without"][kind]
        for value in sorted(cells, key=lambda value: AGES.index(value) if value in AGES else 0):
            people, without = cells[value]
            who = {"sex": Person.SEXES, "group": GROUPS}.get(kind, {}).get(value, value)
            yield [it["dataset"], who, without, people, _share(without, people)]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "None"
