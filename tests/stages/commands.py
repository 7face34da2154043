"""The commands of the program: which ask who gives them, and which do not and why."""

import importlib

from django.core.management import get_commands

import manage
from connecting_families.commands import Act

OF_THE_MACHINE = {
    "migrate": "brings the tables, as the role that owns them, before anybody is on file; every start gives it",
    "demo": "invents a council on an empty database, never in production",
    "demo_keys": "makes keys for a trial, never in production, and records that it did",
    "demo_code": "says the code of somebody invented, never in production",
}


def ours() -> dict[str, type]:
    """Every command that is ours."""
    found = {name: app for name, app in get_commands().items() if str(app).startswith(manage.OURS)}
    return {name: importlib.import_module(f"{app}.management.commands.{name}").Command for name, app in found.items()}


OURS = ours()
ACTS: dict[str, type[Act]] = {
    name: command for name, command in sorted(OURS.items()) if name not in OF_THE_MACHINE and issubclass(command, Act)
}
"""Those that ask who gives them."""
