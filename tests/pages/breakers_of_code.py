"""What breaks a control of the promises that is code: roles, gates, forms, pages, templates, columns that may leave."""

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from django import forms
from django.conf import settings
from django.test.utils import override_settings
from django.urls import resolve

from connecting_families.kit import small_counts
from connecting_families.staff.roles import ROLES, Permission
from tests.pages.keeping import Council
from transfers.rules import extract


@contextmanager
def permitted(role: str, *permissions: Permission) -> Iterator[None]:
    """A role that may more."""
    was = ROLES[role]
    with mock.patch.dict(ROLES, {role: was._replace(permits=was.permits | set(permissions))}):
        yield


@contextmanager
def another_column(_: Council) -> Iterator[None]:
    """The program could send a column of which the notice tells nothing."""
    was = extract.EXTRACTS
    more = extract.Column("ethnicity", "sex", extract.text)
    extract.EXTRACTS = (extract.IDENTIFIERS._replace(may_add=(*extract.IDENTIFIERS.may_add, more)), *was[1:])
    try:
        yield
    finally:
        extract.EXTRACTS = was


@contextmanager
def results_come_back(council: Council) -> Iterator[None]:
    """A table for linked results, a form that takes them."""
    council.owner.connection.execute("CREATE TABLE linked_results (person text, benefit text)")

    class LinkedForm(forms.Form):
        """Another door."""

        file = forms.FileField()

    LinkedForm.__module__ = "transfers.forms"
    try:
        yield
    finally:
        council.owner.connection.execute("DROP TABLE linked_results")
        LinkedForm.__module__ = "elsewhere"


@contextmanager
def in_place_of(name: str, source: str) -> Iterator[ModuleType]:
    """A module of another source under the name of one of ours."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "another.py"
        file.write_text(source)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        with mock.patch.dict(sys.modules, {name: importlib.util.module_from_spec(spec)}):
            yield sys.modules[name]


def page_reads_what_is_sent(_: Council) -> AbstractContextManager[ModuleType]:
    """A page of families takes in whatever is sent to it."""
    return in_place_of("cohorts.views.find", "def find(request):\n    return request.body\n")


def worker_sees_cohorts(_: Council) -> AbstractContextManager[None]:
    """Whoever supports families may open cohorts."""
    return permitted("early_help_worker", Permission.SEE_COHORTS)


def page_reads_cohorts(_: Council) -> AbstractContextManager[object]:
    """A page of Early Help has cohorts at hand."""
    return mock.patch("cohorts.views.families.Cohort", new=object, create=True)


@contextmanager
def template_tells(_: Council) -> Iterator[None]:
    """A page of Early Help says whether somebody was included."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cohorts").mkdir()
        (Path(folder) / "cohorts" / "family.html").write_text("{{ decision.included }}")
        template: dict[str, Any] = settings.TEMPLATES[0]
        with override_settings(TEMPLATES=[{**template, "DIRS": [folder, *template["DIRS"]]}]):
            yield


def administrator_sees_counts(_: Council) -> AbstractContextManager[None]:
    """Somebody outside the data team and governance sees exact counts."""
    return permitted("administrator", Permission.SEE_SUBMISSIONS)


def counts_as_they_are(_: Council) -> AbstractContextManager[object]:
    """Every count is said to everybody."""
    return mock.patch.object(small_counts, "rounded", lambda count: count)


def totals_as_they_are(_: Council) -> AbstractContextManager[object]:
    """A total gives away the one count that is withheld."""
    return mock.patch.object(
        small_counts, "tabulated", lambda counts: small_counts.Tabulated(dict(counts), sum(counts.values()))
    )


def counts_without_asking(_: Council) -> AbstractContextManager[ModuleType]:
    """A work list counts by itself."""
    return in_place_of("cohorts.views.notices", "def notices(request):\n    return len(request.people)\n")


@contextmanager
def gate_gone(_: Council) -> Iterator[None]:
    """Nobody is asked for a second factor any more."""
    gate = "connecting_families.staff.middleware.wholly_signed_in"
    with override_settings(MIDDLEWARE=[name for name in settings.MIDDLEWARE if name != gate]):
        yield


@contextmanager
def page_without_guard(_: Council) -> Iterator[None]:
    """A page opens to whoever asks."""
    view: Any = resolve("/trail/").func
    permissions = view.permissions
    del view.permissions
    try:
        yield
    finally:
        view.permissions = permissions


def administrator_reads_the_trail(_: Council) -> AbstractContextManager[None]:
    """Whoever looks after accounts sees records, too."""
    return permitted("administrator", Permission.SEE_TRAIL)


def preparer_approves(_: Council) -> AbstractContextManager[None]:
    """One role may do what two people must."""
    return permitted("data_preparer", Permission.APPROVE_SUBMISSIONS)


@contextmanager
def nobody_to_ask(_: Council) -> Iterator[None]:
    """Letters name nobody whom people may ask."""
    with override_settings(CF_CONTACT=" "):
        yield
