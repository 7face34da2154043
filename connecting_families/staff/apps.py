"""The app of this folder."""

from django.apps import AppConfig


class StaffConfig(AppConfig):
    """Staff: the people who use the program and what each may do."""

    name = "connecting_families.staff"
