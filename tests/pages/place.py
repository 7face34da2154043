"""What a place of the site is: a page, what a button does, a download, or a door to another place."""

from typing import NamedTuple


class Screen(NamedTuple):
    """A page that people open: its name, what it is for, and where it is if no link leads there.

    Up to `many` of its kind are opened by each role. `alone`: it is for those who are not signed in. `of`: the roles to
    whom it opens, where others who may are led on. In `at`, {OF9} stands for the number of the objection OF9.
    """

    title: str
    purpose: str
    at: tuple[str, ...] = ()
    many: int = 3
    alone: bool = False
    of: tuple[str, ...] = ()
    tried_in: str = ""
    """The test of what no link leads to, and is looked at there."""


class Act(NamedTuple):
    """What a button does; it is no page, and what it answers is looked at."""

    does: str


class File(NamedTuple):
    """A download."""

    holds: str
    tried_in: str = ""


class Door(NamedTuple):
    """An address that leads on to another, always."""

    leads_to: str


Place = Screen | Act | File | Door
