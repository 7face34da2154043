"""Pages of the registers of datasets, notice versions and frameworks: what is known, since when, and who changed it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import changing, in_force
from cohorts import datasets as dataset_stage
from cohorts import frameworks as known_frameworks
from cohorts import notice_versions as version_stage
from cohorts.forms.registers import (
    ChangeDatasetForm,
    ChangeNoticeVersionForm,
    LastDayForm,
    NewDatasetForm,
    NewNoticeVersionForm,
    ReasonForm,
)
from cohorts.models import Agreement, Dataset, NoticeVersion, Round, RuleChange
from cohorts.register_checks import as_seen
from cohorts.rules.clocks import LONDON
from cohorts.views.register_pages import ask, day, history, parts, span
from cohorts.views.reviews import as_facts
from cohorts.views.rule_changes import changes_table
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, refused_form, role_reasons

DATASETS = [Column("Code"), Column("Dataset"), Column("Department"), Column("State"), Column("In the register")]
VERSIONS = [Column("Version"), Column("Published"), Column("Lawful basis"), Column("Recipients"), Column("State")]
FRAMEWORKS = [Column("Framework"), Column("Version"), Column("Name"), Column("Problems needed", numeric=True),
              Column("Problems it knows", numeric=True), Column("For new rounds")]  # fmt: skip
INDICATORS = [Column("Indicator"), Column("What is observed"), Column("How long it counts"), Column("Clause")]


@opened_by(Permission.SEE_REGISTERS)
def registers(_: HttpRequest) -> HttpResponse:
    """The first of the registers."""
    return redirect("agreements")


# Departments and datasets ---------------------------------------------------------------------------------------


@opened_by(Permission.SEE_REGISTERS)
def datasets(request: HttpRequest) -> HttpResponse:
    """Every dataset that the register ever had."""
    rows = [
        [
            link(row.code, reverse("dataset", args=[row.pk])),
            row.name,
            row.owner,
            dataset_tag(row),
            span(row.in_register_from, row.in_register_to),
        ]
        for row in Dataset.objects.order_by("id")
    ]
    context = {
        "title": "Departments and datasets", "caption": "Registers", "parts": parts("datasets"),
        "table": Table("Datasets", DATASETS, rows), "add_href": reverse("add_dataset"), "add": "Add a dataset",
        "reasons": role_reasons(request, Permission.EDIT_REGISTERS), "cannot": "add a dataset",
    }  # fmt: skip
    return render(request, "cohorts/register.html", context)


@opened_by(Permission.EDIT_REGISTERS)
def add_dataset(request: HttpRequest) -> HttpResponse:
    """Enter a dataset."""
    return ask(
        request,
        NewDatasetForm(request.POST or None),
        lambda given: dataset_stage.enter(**given, by=acting(request), at=timezone.now()),
        done="The dataset is in the register. It is not in use yet.",
        to=reverse("datasets"),
        page={"title": "Add a dataset", "back_href": reverse("datasets"), "submit": "Add the dataset"},
    )


@opened_by(Permission.SEE_REGISTERS)
def dataset(request: HttpRequest, number: int) -> HttpResponse:
    """One dataset: what is known of it, what relies upon it, and its history."""
    return _dataset_page(request, get_object_or_404(Dataset, pk=number))


def _dataset_page(request: HttpRequest, row: Dataset, refused: Refused | None = None) -> HttpResponse:
    wrong = role_reasons(request, Permission.EDIT_REGISTERS)
    naming = Agreement.objects.filter(datasets__contains=[row.code]).order_by("reference")
    rounds = Round.objects.filter(datasets__contains=[row.code]).order_by("-id")
    context: dict[str, Any] = {
        "title": row.code, "caption": "Departments and datasets", "dataset": row, "back_href": reverse("datasets"),
        "facts": facts(
            ("Dataset", row.name),
            ("Department", row.owner),
            ("State", dataset_tag(row)),
            ("Keys, the best first", row.keys or "None is known"),
            ("In the register", span(row.in_register_from, row.in_register_to)),
            ("Agreements that name it", ", ".join(a.reference for a in naming) or "None"),
            ("Rounds that name it", ", ".join(r.code for r in rounds) or "None"),
        ),
        "history": history(row),
        "edit": wrong,
        "enabling": wrong or dataset_stage.against_enabling(row, timezone.now()),
    }  # fmt: skip
    if refused:
        context["form"] = refused_form(refused.reasons)
    return render(request, "cohorts/dataset.html", context)


@opened_by(Permission.EDIT_REGISTERS)
def change_dataset(request: HttpRequest, number: int) -> HttpResponse:
    """Another name, owner or keys."""
    row = get_object_or_404(Dataset, pk=number)
    initial = {"name": row.name, "owner": row.owner, "keys": row.keys, "seen": as_seen(row)}
    return _ask_of_dataset(request, row, ChangeDatasetForm(request.POST or None, initial=initial),
                           dataset_stage.change, "Change", f"{row.code} is changed.")  # fmt: skip


@opened_by(Permission.EDIT_REGISTERS)
def disable_dataset(request: HttpRequest, number: int) -> HttpResponse:
    """Put a dataset out of use."""
    row = get_object_or_404(Dataset, pk=number)
    return _ask_of_dataset(request, row, ReasonForm(request.POST or None), dataset_stage.disable,
                           "Put out of use", f"{row.code} is out of use for later rounds.")  # fmt: skip


@opened_by(Permission.EDIT_REGISTERS)
def take_dataset_out(request: HttpRequest, number: int) -> HttpResponse:
    """End a dataset's time in the register."""
    row = get_object_or_404(Dataset, pk=number)
    return _ask_of_dataset(request, row, LastDayForm(request.POST or None), dataset_stage.take_out,
                           "Take out of the register", f"The last day of {row.code} is set.")  # fmt: skip


def _ask_of_dataset(request: HttpRequest, row: Dataset, form: Any, act: Any, title: str, done: str) -> HttpResponse:
    here = reverse("dataset", args=[row.pk])
    return ask(
        request,
        form,
        lambda given: act(dataset=row, **given, by=acting(request), at=timezone.now()),
        done=done,
        to=here,
        page={"title": title, "caption": f"{row.code}, {row.name}", "back_href": here, "submit": title},
    )


@require_POST
@opened_by(Permission.EDIT_REGISTERS)
def enable_dataset(request: HttpRequest, number: int) -> HttpResponse:
    """Take a dataset into use."""
    row = get_object_or_404(Dataset, pk=number)
    try:
        dataset_stage.enable(dataset=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        row.refresh_from_db()
        return _dataset_page(request, row, refused=refusal)
    messages.success(request, f"{row.code} is in use: rounds may name it.")
    return redirect("dataset", row.pk)


def dataset_tag(row: Dataset) -> object:
    """Whether rounds may name a dataset."""
    if not dataset_stage.in_register(row, timezone.now().astimezone(LONDON).date()):
        return tag("Not in the register", "grey")
    if row.enabled:
        return tag("In use", "green")
    return tag("Not in use", "yellow") if row.keys else tag("Disabled: no key is known", "red")


# Notice versions ------------------------------------------------------------------------------------------------


@opened_by(Permission.SEE_REGISTERS)
def notice_versions(request: HttpRequest) -> HttpResponse:
    """Every version, the newest first."""
    rows = [
        [
            link(row.version, reverse("notice_version", args=[row.pk])),
            day(row.published_on),
            NoticeVersion.BASES[row.basis],
            ", ".join(row.recipients),
            version_tag(row),
        ]
        for row in NoticeVersion.objects.order_by("-published_on", "-id")
    ]
    empty = "No version of the privacy notice was entered yet."
    context = {
        "title": "Notice versions", "caption": "Registers", "parts": parts("notice_versions"),
        "table": Table("Versions of the privacy notice", VERSIONS, rows, empty=empty),
        "add_href": reverse("add_notice_version"), "add": "Add a version",
        "reasons": role_reasons(request, Permission.EDIT_REGISTERS), "cannot": "add a version",
    }  # fmt: skip
    return render(request, "cohorts/register.html", context)


@opened_by(Permission.EDIT_REGISTERS)
def add_notice_version(request: HttpRequest) -> HttpResponse:
    """Enter a version."""
    return ask(
        request,
        NewNoticeVersionForm(request.POST or None),
        lambda given: version_stage.enter(**given, by=acting(request), at=timezone.now()),
        done="The version is in the register. It can be changed until somebody is given it.",
        to=reverse("notice_versions"),
        page={"title": "Add a notice version", "back_href": reverse("notice_versions"), "submit": "Add the version"},
    )


@opened_by(Permission.SEE_REGISTERS)
def notice_version(request: HttpRequest, number: int) -> HttpResponse:
    """One version: what it tells people, and its history."""
    row = get_object_or_404(NoticeVersion, pk=number)
    context = {
        "title": row.version, "caption": "Notice version", "back_href": reverse("notice_versions"),
        "facts": facts(
            ("Published", day(row.published_on)),
            ("Lawful basis that it names", NoticeVersion.BASES[row.basis]),
            ("Datasets of which it tells", ", ".join(row.datasets) or "All"),
            ("Recipients that it names", ", ".join(row.recipients) or "None"),
            ("State", version_tag(row)),
            *as_facts(row),
        ),
        "history": history(row),
        "review_href": reverse("review_version", args=[row.pk]),
        "review": role_reasons(request, Permission.ANSWER_FOR_PROMISES),
        "change_href": reverse("change_notice_version", args=[row.pk]), "change": "Change this version",
        "reasons": role_reasons(request, Permission.EDIT_REGISTERS) or version_stage.against_changing(row),
        "cannot": "change this version",
    }  # fmt: skip
    return render(request, "cohorts/record.html", context)


@opened_by(Permission.EDIT_REGISTERS)
def change_notice_version(request: HttpRequest, number: int) -> HttpResponse:
    """Correct a version that nobody was given yet."""
    row = get_object_or_404(NoticeVersion, pk=number)
    here = reverse("notice_version", args=[row.pk])
    initial = {
        "published_on": row.published_on, "basis": row.basis, "covers": "some" if row.datasets else "all",
        "datasets": row.datasets, "recipients": "; ".join(row.recipients),
        "seen": as_seen(row),
    }  # fmt: skip
    return ask(
        request,
        ChangeNoticeVersionForm(request.POST or None, initial=initial),
        lambda given: version_stage.change(version=row, **given, by=acting(request), at=timezone.now()),
        done=f"{row.version} is changed.",
        to=here,
        page={"title": "Change a notice version", "caption": row.version, "back_href": here, "submit": "Change it"},
    )


def version_tag(row: NoticeVersion) -> object:
    """Whether a version may still be changed."""
    return tag("Given to people", "green") if version_stage.against_changing(row) else tag("Not given yet", "yellow")


# Frameworks -----------------------------------------------------------------------------------------------------


@opened_by(Permission.SEE_REGISTERS)
def frameworks(request: HttpRequest) -> HttpResponse:
    """Every version of every framework; they come with the program, and two people put one into use."""
    in_use = in_force.versions()
    loaded = [
        known_frameworks.load(code, version)
        for code in known_frameworks.codes()
        for version in known_frameworks.versions(code)
    ]
    rows = [
        [link(f.code, reverse("framework", args=[f"{f.code}-{f.version}"]), f"version {f.version}"), f.version, f.name,
         f.minimum, len(f.headlines), use_tag(f.version, in_use.get(f.code, ""))]
        for f in loaded
    ]  # fmt: skip
    context = {
        "title": "Frameworks", "caption": "Registers", "parts": parts("frameworks"),
        "table": Table("Eligibility frameworks", FRAMEWORKS, rows),
        "note": "Frameworks are files of the program: nobody changes one on a page. A new version comes as a new file,"
        " and new rounds take it once one person has proposed it, and another activated it after a dry run.",
    }  # fmt: skip
    return render(request, "cohorts/register.html", context)


@opened_by(Permission.SEE_REGISTERS)
def framework(request: HttpRequest, code: str) -> HttpResponse:
    """One version of a framework: its headline problems, and what evidences each."""
    name, _, version = code.partition("-")
    try:
        loaded = known_frameworks.load(name, version)
    except LookupError:
        raise Http404 from None
    tables = [
        Table(
            f"{headline} {title}",
            INDICATORS,
            [
                [
                    i.code,
                    i.text,
                    f"{i.look_back_months} months" if i.look_back_months else "However old it is",
                    i.clause,
                ]
                for i in loaded.indicators.values()
                if i.headline == headline
            ],
        )
        for headline, title in loaded.headlines.items()
    ]
    in_use = in_force.versions().get(name, "")
    counted = "headline problems" if loaded.counting_unit == "headline" else "needs"
    rounds = Round.objects.filter(framework=loaded.code, framework_version=loaded.version).order_by("-id")
    context = {
        "title": loaded.name, "caption": f"Framework {loaded.code}", "back_href": reverse("frameworks"),
        "tables": tables,
        "facts": facts(
            ("Version", loaded.version),
            ("For new rounds", use_tag(version, in_use)),
            ("Makes a family eligible", f"{loaded.minimum} {counted} or more"),
            ("Rounds under it", ", ".join(row.code for row in rounds) or "None"),
        ),
        "framework": code, "in_use": version == in_use,
        "reasons": role_reasons(request, Permission.PROPOSE_RULES) or changing.against_framework(name, version),
        "changes": changes_table(RuleChange.objects.filter(round=None, framework=name).order_by("-pk")),
    }  # fmt: skip
    return render(request, "cohorts/framework.html", context)


def use_tag(version: str, in_use: str) -> object:
    """Whether new rounds take a version of a framework."""
    if version == in_use:
        return tag("In use", "green")
    return tag("Not in use any more", "grey") if version < in_use else tag("Not yet in use: try it", "yellow")
