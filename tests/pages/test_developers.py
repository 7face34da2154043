"""The page for developers shows every component, and is not there in production."""

from pathlib import Path
from typing import Any

import pytest
from django.template import Template
from django.test import Client
from django.test.signals import template_rendered
from django.test.utils import instrumented_test_render  # type: ignore[attr-defined]

from connecting_families.kit.showcase import PAGES
from tests.pages.test_roles import sign_in

TEMPLATES = Path(__file__).parents[2] / "templates"


@pytest.fixture
def developer(client: Client, db: None) -> Client:
    sign_in(client, "administrator")
    return client


def test_every_component_of_the_kit_is_shown(developer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # Elsewhere pages alone say that they were drawn, and not their parts.
    monkeypatch.setattr(Template, "_render", instrumented_test_render)
    shown = set()

    def note(template: Any, **_: Any) -> None:
        shown.add(template.name)

    template_rendered.connect(note)
    pages = [developer.get(path) for path in ("/kit/", *(f"/kit/{name}/" for name in PAGES))]
    template_rendered.disconnect(note)
    assert {page.status_code for page in pages} == {200}
    kit = {
        str(path.relative_to(TEMPLATES))
        for folder in ("kit", "django")
        for path in (TEMPLATES / folder).rglob("*.html")
    }
    assert kit - shown == set()


def test_in_production_there_is_no_such_page(developer: Client, settings: Any) -> None:
    settings.PRODUCTION = True
    for path in ("/kit/", "/kit/form/"):
        assert developer.get(path).status_code == 404


def test_what_is_no_page_of_it_is_not_found(developer: Client) -> None:
    assert developer.get("/kit/beige/").status_code == 404
