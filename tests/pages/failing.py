"""The addresses of the site, and one whose page fails with something personal on its lips."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from connecting_families.urls import urlpatterns as site

SAID = "Key (name, born, line)=(Zebulonia Quillfeather, 1988-04-05, 7 Marlinspike Terrace) already exists."


def fail(request: HttpRequest) -> HttpResponse:
    """Fail as the database does, and again while that is dealt with."""
    try:
        raise ValueError(SAID)
    except ValueError as error:
        raise RuntimeError(f"Could not be kept: {SAID}") from error


urlpatterns = [*site, path("fail/", fail, name="fail")]
