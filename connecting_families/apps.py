"""The project as an app: its commands, templates' tags and kit."""

from django.apps import AppConfig


class ConnectingFamiliesConfig(AppConfig):
    """Connecting Families itself."""

    name = "connecting_families"
    verbose_name = "Connecting Families"
