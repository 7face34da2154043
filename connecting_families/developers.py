"""A page for developers: every component of the kit, as people see it. In production there is no such page."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from connecting_families.kit import showcase
from connecting_families.staff.guards import opened_by


@opened_by(takes=True)
def kit(request: HttpRequest) -> HttpResponse:
    """The pieces of a page, and links to the kinds of page."""
    return _shown(request, "pieces")


@opened_by(takes=True)
def kit_page(request: HttpRequest, name: str) -> HttpResponse:
    """One kind of page."""
    return _shown(request, name)


def _shown(request: HttpRequest, name: str) -> HttpResponse:
    if settings.PRODUCTION or name not in showcase.PAGES:
        raise Http404
    template, context = showcase.PAGES[name](request.GET)
    return render(request, template, context)
