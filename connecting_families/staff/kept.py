"""Forms kept over a sign-in: what somebody sent when their sign-in was over comes back to them, filled in, unsaved.

It is kept on the server, encrypted, for that person alone and for an hour. No file is kept and no password. It is shown
by opening the page of the form again, with what was typed in its fields (kit/typed.py): nothing is done by showing it.
"""

import json
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, QueryDict

from connecting_families.staff import cipher
from connecting_families.staff.models import KeptForm, User

TOKEN = "cf_kept"  # noqa: S105 - the name under which a session points to its row
PURPOSE = "kept form"
FOR = timedelta(hours=1)
LARGEST = 1024 * 1024
"""Bytes of a request that is kept; a bulk file is chosen again."""
OWN = "/account/"
"""Pages about signing in: what is sent to them is a password or a code."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Kept(NamedTuple):
    """A form: the page on which it stands, where it is sent, what was typed, and why it was not taken."""

    page: str
    target: str
    fields: QueryDict
    why: str


def keep(request: HttpRequest, user: User, why: str, at: datetime) -> str:
    """Keep the form that was sent; the address of its page. Empty where there is nothing that may be kept."""
    if not _may_be_kept(request):
        return ""
    typed = request.POST.copy()
    for name in list(typed):
        if name == "csrfmiddlewaretoken" or "password" in name.lower():
            del typed[name]
    page = page_of(request)
    sealed = json.dumps({"page": page, "target": request.path, "fields": typed.urlencode(), "why": why})
    destroy(request.session)
    row = KeptForm.objects.create(user=user, sealed=cipher.encrypt(PURPOSE, sealed), kept_at=at)
    request.session[TOKEN] = row.pk
    return page


def of(request: HttpRequest, user: User, at: datetime) -> Kept | None:
    """The form that this session kept for this person. What is another's, or too old, is destroyed."""
    if TOKEN not in request.session:
        return None
    row = KeptForm.objects.filter(pk=request.session[TOKEN], user=user, kept_at__gt=at - FOR).first()
    if row is None:
        destroy(request.session)
        return None
    found = json.loads(cipher.decrypt(PURPOSE, row.sealed))
    return Kept(found["page"], found["target"], QueryDict(found["fields"]), found["why"])


def destroy(session: SessionBase) -> None:
    """Away with what this session kept."""
    KeptForm.objects.filter(pk=session.pop(TOKEN, None)).delete()


def forget(at: datetime) -> int:
    """Away with all that is older than an hour; how many."""
    return KeptForm.objects.filter(kept_at__lte=at - FOR).delete()[0]


def page_of(request: HttpRequest) -> str:
    """The page from which a request came, where it is one of ours; else its own address."""
    came = urlsplit(request.headers.get("Referer", ""))
    if came.netloc == request.get_host() and not came.path.startswith(OWN):
        return f"{came.path}?{came.query}" if came.query else came.path
    return request.get_full_path()


def _may_be_kept(request: HttpRequest) -> bool:
    """Whether it is a form of a page of ours, sent from there: what another site sends is never shown as typed."""
    size = request.META.get("CONTENT_LENGTH") or "0"
    return (
        request.method == "POST"
        and not request.path.startswith(OWN)
        and request.content_type in FORMS
        and size.isdecimal()
        and int(size) <= LARGEST
        and request.headers.get("Origin", own_origin(request)) == own_origin(request)
        and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    )


def own_origin(request: HttpRequest) -> str:
    """What a browser says of a form that one of our pages sent."""
    return f"{request.scheme}://{request.get_host()}"
