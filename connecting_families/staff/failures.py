"""A form that came without the mark that our pages put into it: nothing is done, and nothing typed is lost."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.csrf import csrf_failure as plain

from connecting_families.staff import kept
from connecting_families.staff.models import User


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Show the form once more with what was typed, where it came from a page of ours; else say what happened."""
    user = request.user
    page = kept.keep(request, user, "stale", timezone.now()) if isinstance(user, User) else ""
    return redirect(page) if page else plain(request, reason=reason)
