"""One family page beside an empty page of Django: what this program adds to a page, whatever the machine."""

import http.client
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from django.test import Client

from connecting_families.workers import child
from tests.benchmarks.load import SERVED, Council, council_at_work
from tests.benchmarks.measured import RUNS, Measured, ratio
from tests.benchmarks.served import free_port, until_it_answers
from tests.signing_in import sign_in
from tests.stages.walk import PASSWORD

EMPTY = [*SERVED[:-1], "tests.benchmarks.empty"]
OPENED = 100
"""Pages in each run."""
KEPT = 40
"""Families that are opened in turn."""


def page_vs_floor(families: int) -> Measured:
    """A family page / an empty page of a new Django project with one query, both by gunicorn: at most 4."""
    with council_at_work(families) as made, ExitStack() as opened:
        headers = {"Cookie": f"sessionid={_session(made)}"}
        member = made.plan["staff"][0]
        pages = [f"/families/{family}/" for family, _ in member["families"][:KEPT]]
        ours = opened.enter_context(_served(SERVED, pages, headers))
        frame = opened.enter_context(_served(SERVED, ["/account/"], headers))
        peer = opened.enter_context(_served(EMPTY, ["/"], {}))
        runs: list[tuple[float, float, float]] = []
        for _ in range(RUNS + 1):
            # Turn by turn, page by page: what else the machine does meets all alike.
            times = [(ours(), frame(), peer()) for _ in range(OPENED)]
            family, framed, empty = (statistics.median(kind) for kind in zip(*times, strict=True))
            runs.append((family, framed, empty))
    # In the first run every process reads its templates.
    families_, frames, empties = ([round(each, 2) for each in kind] for kind in zip(*runs[1:], strict=True))
    sys.stdout.write(
        f"  a family {statistics.median(families_):.1f} ms, the frame alone (one's own account)"
        f" {statistics.median(frames):.1f} ms, an empty page of Django {statistics.median(empties):.1f} ms\n"
    )
    return Measured(
        name="page_vs_floor", figure=ratio(families_, empties), unit="ratio", limit=4.0, ours=families_, peer=empties,
        peer_is="an empty page of a new Django project with one query", families=families,
    )  # fmt: skip


def _session(made: Council) -> str:
    """The key of a session in which the first of the staff has just signed in."""
    client = Client(HTTP_HOST="127.0.0.1")
    sign_in(client, made.plan["staff"][0]["name"], PASSWORD)
    return client.cookies["sessionid"].value


@contextmanager
def _served(command: list[str], pages: list[str], headers: dict[str, str]) -> Iterator[Callable[[], float]]:
    """A server, and what opens one of these pages after the other, in milliseconds."""
    port = free_port()
    alone = {"CF_BIND": f"127.0.0.1:{port}", "CF_WEB_WORKERS": "1"}
    with patch.dict("os.environ", alone), child(command):
        until_it_answers(port)
        turn = iter(pages * (OPENED * (RUNS + 1)))

        def opened() -> float:
            page = next(turn)
            began = time.perf_counter()
            # As a proxy asks for it: a connection for each request.
            server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            server.request("GET", page, headers=headers | {"Connection": "close"})
            answer = server.getresponse()
            answer.read()
            took = 1000 * (time.perf_counter() - began)
            server.close()
            if answer.status != http.HTTPStatus.OK:
                raise AssertionError(f"{page} was answered with {answer.status}.")
            return took

        yield opened
