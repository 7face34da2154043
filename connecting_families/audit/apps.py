"""The app of this folder."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Audit: who did what, to which record, when and why."""

    name = "connecting_families.audit"
