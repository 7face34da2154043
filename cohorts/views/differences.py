"""The page on what is different from the cohort before: who came, who went, who changed, and why."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from cohorts import comparing
from cohorts.comparing import Change, Count, Kind
from cohorts.models import Cohort
from cohorts.rules.reasons import Reason
from cohorts.views.cohorts import GROUPS, viewed
from connecting_families.audit.events import Event
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission

KINDS = {Kind.CAME: "Came", Kind.WENT: "Went", Kind.CHANGED: "Changed", Kind.OTHER_REASONS: "Out, other reasons"}
COUNTS = [Column("What became of them"), Column("Why"), Column("People", numeric=True)]
PEOPLE = [Column("Person"), Column("Family"), Column("What became of them"), Column("Before"), Column("Now")]
NOT_CONSIDERED = "Not considered"
SENT = ("Group", "Programme started", "Programme ended", "May be matched with", "Headline problems")


class KindFilter(forms.Form):
    """Which differences; left empty, every one."""

    kind = forms.ChoiceField(
        label="What became of them", required=False, choices=[("", "Anything"), *((k.name, k.value) for k in Kind)]
    )


class _Changes:
    """Who differs, for the paginator: counted already, and read a page at a time."""

    def __init__(self, then: Cohort, now: Cohort, kinds: list[Kind], number: int) -> None:
        self.then, self.now, self.kinds, self.number = then, now, kinds, number

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, part: slice) -> list[Change]:
        return comparing.changes(self.then, self.now, self.kinds, limit=part.stop - part.start, offset=part.start)


@opened_by(Permission.SEE_COHORTS)
def difference(request: HttpRequest, number: int) -> HttpResponse:
    """What is different from the cohort before; opening it is recorded: a submission needs that somebody looked."""
    row = get_object_or_404(Cohort.objects.select_related("round"), pk=number, state=Cohort.FINISHED)
    then = comparing.previous(row)
    viewed(request, Event.DIFFERENCE_VIEWED, row)
    context: dict[str, Any] = {
        "title": "Difference from the cohort before", "caption": f"Cohort {row.pk}", "then": then,
        "back_href": reverse("cohort", args=[row.pk]),
    }  # fmt: skip
    if then is None:
        return render(request, "cohorts/no_difference.html", context)
    form = KindFilter(request.GET)
    asked = form.cleaned_data["kind"] if form.is_valid() else ""
    kinds = [Kind[asked]] if asked else list(Kind)
    counts = comparing.counts(then, row)
    listed: Any = _Changes(then, row, kinds, sum(it.people for it in counts if it.kind in kinds))
    page = Paginator(listed, 50).get_page(request.GET.get("page"))
    context |= {
        "form": form, "page": page, "sentence": _sentence(counts, then),
        "counts": Table("Why", COUNTS, [_count(it) for it in counts], empty="Nobody came, went or changed."),
        "table": Table("Who", PEOPLE, [person_row(it) for it in page], empty="Nobody."),
    }  # fmt: skip
    return render(request, "cohorts/difference.html", context)


def _sentence(counts: list[Count], then: Cohort) -> str:
    people = {kind: sum(it.people for it in counts if it.kind is kind) for kind in Kind}
    return (
        f"Since cohort {then.pk} of round {then.round.code}, {people[Kind.CAME]:,} came, {people[Kind.WENT]:,} went,"
        f" and of {people[Kind.CHANGED]:,} something else is sent."
    )


def _count(it: Count) -> list[object]:
    if it.kind is Kind.CHANGED:
        why = "Other group, programme dates or datasets"
    elif it.kind is Kind.CAME:
        why = f"Before: {of_reason(it.reason)}"
    else:
        why = f"Now: {of_reason(it.reason)}"
    return [it.kind.value, why, it.people]


def of_reason(code: str | None) -> str:
    """A reason in words; not considered, where there is none."""
    return Reason[code].sentence if code else NOT_CONSIDERED


def person_row(it: Change, words: Mapping[Kind, str] = KINDS) -> list[object]:
    """Somebody who differs, by reference: what became of them, and what was and is of them."""
    before, now = _state(it.reasons_then, it.then), _state(it.reasons_now, it.now)
    if it.kind is Kind.CHANGED:
        differ = [n for n, (was, sent) in enumerate(zip(it.then, it.now, strict=True)) if was != sent]
        before, now = (
            "; ".join(f"{SENT[n]}: {GROUPS.get(sent[n], sent[n]).replace(';', ', ') or 'nothing'}" for n in differ)
            for sent in (it.then, it.now)
        )
    return [it.person_ref, it.family_ref, words[it.kind], before, now]


def _state(reasons: tuple[str, ...] | None, sent: tuple[str, ...]) -> str:
    if reasons is None:
        return NOT_CONSIDERED
    return " ".join(Reason[code].sentence for code in reasons) or GROUPS.get(sent[0], "In")
