"""The project as an app: its commands, templates' tags and kit."""

from importlib import import_module

from django.apps import AppConfig


class ConnectingFamiliesConfig(AppConfig):
    """Connecting Families itself."""

    name = "connecting_families"
    verbose_name = "Connecting Families"

    def ready(self) -> None:
        """Work is handed to our workers from here on, not to Celery's default; and what is done is counted."""
        import_module("connecting_families.celery")
        import_module("connecting_families.metrics")
