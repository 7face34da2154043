"""Routes: every address of the site, whose page it is, and by which permissions it opens."""

from collections.abc import Iterator
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

from connecting_families.staff.roles import ROLES, Permission


class Route(NamedTuple):
    """A page: its name, the module where it is made, and the permissions any of which opens it; None: not declared."""

    name: str
    module: str
    permissions: tuple[Permission, ...] | None

    @property
    def roles(self) -> list[str]:
        """The roles to which it opens."""
        wanted = set(self.permissions or ())
        return [code for code, role in ROLES.items() if not wanted or role.permits & wanted]


def routes() -> list[Route]:
    """Every page of the site."""
    return [
        Route(str(pattern.name), pattern.callback.__module__, getattr(pattern.callback, "permissions", None))
        for pattern in _patterns(get_resolver())
    ]


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern)
        else:
            yield pattern
