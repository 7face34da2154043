"""Nothing personal leaves the pages: not in an address, a title, the log, an error page, nor what workers are handed.

On the walk through the site every form was also filled with names, days of birth and addresses of people on file.
"""

import logging
from typing import Any

import pytest
from django.test import Client

from tests.pages.council import planted
from tests.pages.test_roles import sign_in
from tests.pages.visits import Listening, Visits, overheard, query_of

pytestmark = pytest.mark.xdist_group("places")

PLANTED = planted()


def found_in(texts: list[str]) -> list[str]:
    """Which of these say something of what was planted."""
    return [text[:400] for text in texts if any(word in text for word in PLANTED)]


def test_it_is_on_pages_that_it_was_typed_into(visits: Visits) -> None:
    """The walk carried it everywhere: a test that looks for it could find it."""
    assert len(found_in([visit.body for visit in visits.pages if visit.how == "filled"])) > 3


def test_no_address_holds_anything_personal(visits: Visits) -> None:
    went = [part for address in visits.went for part in (address, *query_of(address))]
    assert len(went) > 300
    assert found_in(went) == []


def test_no_title_and_so_no_history_holds_anything_personal(visits: Visits) -> None:
    assert found_in([visit.title for visit in visits.pages]) == []


def test_no_cookie_holds_anything_personal(visits: Visits) -> None:
    cookies = [value for visit in visits.seen for name, value in visit.headers.items() if name == "Set-Cookie"]
    assert len(cookies) > 10
    assert found_in(cookies) == []


def test_no_log_holds_anything_personal(visits: Visits) -> None:
    assert any("Your role may not" not in line and "Forbidden" in line for line in visits.logged)
    assert found_in(visits.logged) == []


def test_workers_are_handed_numbers_alone(visits: Visits) -> None:
    assert visits.handed
    assert found_in(visits.handed) == []


@pytest.mark.parametrize("path", ["/fail/", "/fail/?page=2"])
def test_an_error_of_ours_says_nothing_on_the_page_and_where_in_the_log(path: str, settings: Any, db: None) -> None:
    client, seen = Client(raise_request_exception=False), Visits()
    sign_in(client, "administrator")
    with overheard(seen):
        settings.ROOT_URLCONF = "tests.pages.failing"
        answer = client.get(path)
    assert answer.status_code == 500
    assert "There is a problem with this service" in answer.content.decode()
    assert found_in([answer.content.decode()]) == []
    (line,) = [each for each in seen.logged if "/fail/" in each and "Error" in each]
    assert "builtins.ValueError" in line
    assert "builtins.RuntimeError" in line
    assert "failing.py" in line
    assert found_in([line]) == []


def test_words_that_others_put_into_an_entry_are_not_written() -> None:
    """What an earlier handler made of a traceback, and what Celery says of a task that failed."""
    lines: list[str] = []
    handler = Listening(lines)
    handler.setFormatter(next(h.formatter for h in logging.getLogger().handlers if h.name == "console"))
    error = ValueError("Zebulonia Quillfeather")
    told = {"name": "cohorts.tasks.assemble", "exc": repr(error), "traceback": f"ValueError: {error}"}
    said: list[tuple[str, Any]] = [("Task %(name)s failed: %(exc)s %(traceback)s", (told,)), ("Failed: %s", (error,))]
    for words, arguments in said:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, words, arguments, (ValueError, error, None))
        record.exc_text = "ValueError: Zebulonia Quillfeather"
        handler.emit(record)
    assert found_in(lines) == []
    assert "cohorts.tasks.assemble failed: ValueError" in lines[0]
    assert "Failed: ValueError" in lines[1]
