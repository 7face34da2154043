"""The app of this folder."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """Governance: the pages of information governance."""

    name = "connecting_families.governance"
