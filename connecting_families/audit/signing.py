"""The key that signs checkpoints: Ed25519, in a file that whoever owns the database does not hold."""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from connecting_families.audit import notes
from connecting_families.audit.events import Event
from connecting_families.audit.models import Checkpoint
from connecting_families.audit.refusals import Refused, Why


class TrailRefused(Refused):
    """The trail is not sealed, verified or exported, and why."""

    event = Event.TRAIL_REFUSED


def origin() -> str:
    """The name of this council's trail, in its checkpoints and of its key."""
    return f"connecting-families/{settings.CF_LA_CODE}"


def signing_key() -> Ed25519PrivateKey:
    """The key of CF_CHECKPOINT_KEY. A machine that is not in production makes its own, before the first checkpoint.

    Raises TrailRefused where there is none that can be used.
    """
    path: Path = settings.CF_CHECKPOINT_KEY
    if not settings.PRODUCTION and not path.exists() and not Checkpoint.objects.exists():
        _make(path)
    passphrase = settings.CF_CHECKPOINT_PASSPHRASE
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase.encode() if passphrase else None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        sentence = "The trail is not sealed: its key cannot be opened. Ask who looks after CF_CHECKPOINT_KEY."
        raise TrailRefused([Why("NO_CHECKPOINT_KEY", sentence)])
    return key


def verifier_keys() -> list[notes.VerifierKey]:
    """What is trusted to have signed checkpoints: the key of now first, then those of CF_CHECKPOINT_FORMER_KEYS.

    Raises TrailRefused.
    """
    try:
        former = [notes.read_vkey(line) for line in settings.CF_CHECKPOINT_FORMER_KEYS]
        return [notes.vkey_of(origin(), signing_key()), *former]
    except notes.NoteError:
        sentence = "A verifier key in CF_CHECKPOINT_FORMER_KEYS, or the council's code in CF_LA_CODE, cannot be read."
        raise TrailRefused([Why("BAD_VERIFIER_KEY", sentence)]) from None


def _make(path: Path) -> None:
    """A new key, for its owner alone. Who comes second takes the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
