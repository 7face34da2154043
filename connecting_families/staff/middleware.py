"""What happens around every request."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from connecting_families.audit import trail


def one_correlation_per_request(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """One id from the click through the worker to the last write; drawn here, never taken from outside."""

    def correlated(request: HttpRequest) -> HttpResponseBase:
        with trail.correlated():
            return get_response(request)

    return correlated


def no_null_characters(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """An address with NUL in it makes no sense (400): no record holds one, and the database is not asked for one.

    What was typed into a form with NUL in it is the form's to refuse, with a sentence.
    """

    def checked(request: HttpRequest) -> HttpResponseBase:
        asked = [request.path, *request.GET, *(value for values in request.GET.lists() for value in values[1])]
        if any("\0" in text for text in asked):
            raise BadRequest("The address holds a character that no address has.")
        return get_response(request)

    return checked
