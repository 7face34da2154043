"""What the workers do about sign-ins: what was kept for a while is forgotten when the while is over."""

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from connecting_families.staff import kept


@shared_task
def forget_kept_forms() -> int:
    """Away with forms that were kept for an hour; how many."""
    return kept.forget(timezone.now())


@shared_task
def forget_sign_ins() -> None:
    """Away with sessions that nobody can come back to."""
    SessionStore.clear_expired()
