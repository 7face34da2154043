"""What happens around every request."""

from collections.abc import Callable

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
