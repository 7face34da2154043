"""The channel that the settings choose (CF_DELIVERY)."""

from django.conf import settings

from transfers.channels.channel import Channel
from transfers.channels.folder import Folder


def channel() -> Channel:
    """Where packages are delivered to: one place for all recipients."""
    if settings.CF_DELIVERY == "folder":
        return Folder(settings.CF_DELIVERY_FOLDER)
    # Only who speaks SFTP holds what speaks it.
    from transfers.channels.sftp import Host, Sftp

    return Sftp(
        Host(
            name=settings.CF_SFTP_HOST,
            port=settings.CF_SFTP_PORT,
            user=settings.CF_SFTP_USER,
            folder=settings.CF_SFTP_FOLDER,
            pin=settings.CF_SFTP_HOST_KEY,
            key=settings.CF_SFTP_KEY,
            passphrase=settings.CF_SFTP_KEY_PASSPHRASE,
            password=settings.CF_SFTP_PASSWORD,
            patience=settings.CF_SFTP_PATIENCE,
        )
    )
