"""The app of this folder."""

from django.apps import AppConfig


class TransfersConfig(AppConfig):
    """See the walk in this package's docstring."""

    name = "transfers"
