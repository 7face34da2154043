"""What must not be readable in the database is encrypted here, under a key that lies apart from it (CF_SECRETS_KEY)."""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class OtherKey(Exception):
    """This was encrypted under another CF_SECRETS_KEY, or for another purpose."""


@cache
def _of(key: str, purpose: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=f"connecting-families:{purpose}".encode()).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def encrypt(purpose: str, text: str) -> str:
    """Encrypted and signed, so that it can be read back for this purpose alone."""
    return _of(settings.CF_SECRETS_KEY, purpose).encrypt(text.encode()).decode()


def decrypt(purpose: str, sealed: str) -> str:
    """What was encrypted. Raises OtherKey, rather than giving anything that could be taken for it."""
    try:
        return _of(settings.CF_SECRETS_KEY, purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise OtherKey(f"This {purpose} cannot be read with the present CF_SECRETS_KEY.") from None
