"""The project as an app: its commands, templates' tags and kit."""

from django.apps import AppConfig


class ConnectingFamiliesConfig(AppConfig):
    """Connecting Families itself."""

    name = "connecting_families"
    verbose_name = "Connecting Families"

    def ready(self) -> None:
        """Make our Celery the one to which tasks belong, also where work is only handed over: the site, commands."""
        from connecting_families import celery  # noqa: F401
