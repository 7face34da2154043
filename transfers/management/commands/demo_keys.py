"""Make keys and certificates for a demonstration."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.commands import Act
from transfers import keys


class Command(Act):
    """demo_keys: a small authority, the council's signing key, and a made-up recipient, in CF_DATA_DIR/demo-keys."""

    help = "Makes keys for a demonstration (never in production): a council's signing key and a made-up ONS."
    duty = "demo"

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing."""
        if settings.PRODUCTION:
            raise CommandError("In production the council's own key is used: set CF_SIGNING_KEY.", returncode=1)
        folder = settings.CF_DATA_DIR / "demo-keys"
        made = keys.make_demonstration_keys(folder, self.now())
        with trail.act():
            trail.record(
                Event.DEMONSTRATION_KEYS_MADE, who=trail.duty(self.duty), at=self.now(), record="demonstration.keys"
            )
        self.result({name: str(path) for name, path in made._asdict().items()})
