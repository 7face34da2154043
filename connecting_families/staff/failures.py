"""A form that came without the mark that our pages put into it: nothing is done, and nothing typed is lost."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.csrf import csrf_failure as plain

from connecting_families.staff import kept
from connecting_families.staff.models import User


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Show the form once more as typed, where its browser says that a page of ours sent it; else say what happened."""
    user = request.user
    ours = request.headers.get("Origin") == kept.own_origin(request)
    page = kept.keep(request, user, "stale", timezone.now()) if isinstance(user, User) and ours else ""
    return redirect(page) if page else plain(request, reason=reason)
