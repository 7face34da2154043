"""The key of a host as a setting gives it: pinned before anybody connects, by whoever read it to us."""

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


class Pin(NamedTuple):
    """A host key's SHA-256 fingerprint as OpenSSH writes it, and its kind; an empty kind is any."""

    fingerprint: str
    kind: str = ""


def pin(text: str) -> Pin:
    """The key that `SHA256:…`, a line of known_hosts or a public key (`ssh-ed25519 AAAA…`) names.

    Raises ValueError where it is none of these, or is more than one key.
    """
    words = text.split()
    if len(words) == 1 and FINGERPRINT.fullmatch(words[0].rstrip("=")):
        return Pin(words[0].rstrip("="))
    # A line of known_hosts names its host first; a marker (@revoked, @cert-authority) before it says something else.
    if len(text.strip().splitlines()) == 1 and len(words) > 1 and words[0] not in KINDS and words[0][:1] != "@":
        words = words[1:]
    if len(text.strip().splitlines()) == 1 and len(words) > 1 and words[0] in KINDS:
        try:
            key = base64.b64decode(words[1], validate=True)
        except binascii.Error:
            key = b""
        if key[4 : 4 + len(words[0])] == words[0].encode():
            digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
            return Pin(f"SHA256:{digest.rstrip('=')}", words[0])
    raise ValueError("This is no host key: a line of known_hosts, a public key, or SHA256:… is one.")
