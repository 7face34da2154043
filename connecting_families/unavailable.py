"""What people read when a page failed: that nothing half done was kept; and when to try again.

A database that restarts, takes no more connections or is too slow, and a journal that cannot be written
(audit/journal.py), are not mistakes of a page: the answer is 503, which whoever watches can tell from one.
"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.defaults import server_error

from connecting_families.audit.journal import NotKept

SOON = 60
"""Seconds after which it makes sense to try again."""


def failed(request: HttpRequest) -> HttpResponse:
    """The answer to a request whose page raised something (handler500); it asks no database."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError | NotKept):
        return server_error(request)
    said = str(error) if isinstance(error, NotKept) else ""
    page = loader.render_to_string("503.html", {"said": said, "sent": request.method == "POST"})
    return HttpResponse(page, status=503, headers={"Retry-After": str(SOON), "Cache-Control": "no-store"})
