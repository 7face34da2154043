"""OpenPGP keys for a demonstration, written packet by packet (RFC 9580, version 4), because pysequoia makes keys of
this moment alone, and keys that ask for a form of message which gpg does not read yet.

A key of ours signs and certifies with RSA, and receives with Curve25519. It lies open, without a passphrase.
"""

import hashlib
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519
from pysequoia import ArmorKind, armor

SECRET_KEY, SIGNATURE, SECRET_SUBKEY, USER_ID = 5, 2, 7, 13
RSA, ECDH, SHA512, AES256 = 1, 18, 10, 9
CERTIFIES_AND_SIGNS, ENCRYPTS = 0x03, 0x0C
CERTIFICATION, BINDING = 0x13, 0x18
# Curve25519's name (RFC 9580, section 9.2), and how the key that wraps the session's key is drawn from it.
CURVE = bytes.fromhex("0a2b060104019755010501")
DERIVED = bytes([3, 1, SHA512, AES256])


def openpgp_key(key: rsa.RSAPrivateKey, name: str, at: datetime, validity: timedelta) -> str:
    """A secret key in armour, valid from `at` for so long, whose primary key this is."""
    receiving = x25519.X25519PrivateKey.generate()
    made = int(at.timestamp()).to_bytes(4)
    public = key.public_key().public_numbers()
    primary = b"\x04" + made + bytes([RSA]) + _number(public.n) + _number(public.e)
    subkey = b"\x04" + made + bytes([ECDH]) + CURVE
    subkey += _number(int.from_bytes(b"\x40" + receiving.public_key().public_bytes_raw())) + DERIVED
    user = name.encode()
    about_primary = b"\x99" + len(primary).to_bytes(2) + primary
    about_subkey = b"\x99" + len(subkey).to_bytes(2) + subkey
    about_user = b"\xb4" + len(user).to_bytes(4) + user
    flags = [
        (CERTIFICATION, CERTIFIES_AND_SIGNS, about_primary + about_user),
        (BINDING, ENCRYPTS, about_primary + about_subkey),
    ]
    self_signed, bound = (_signature(key, primary, kind, flag, made, validity, over) for kind, flag, over in flags)
    packets = [
        (SECRET_KEY, primary + _secret(_rsa_secret(key))),
        (USER_ID, user),
        (SIGNATURE, self_signed),
        (SECRET_SUBKEY, subkey + _secret(_number(_scalar(receiving)))),
        (SIGNATURE, bound),
    ]
    return armor(b"".join(_packet(tag, body) for tag, body in packets), ArmorKind.SecretKey)


def _signature(
    key: rsa.RSAPrivateKey, primary: bytes, kind: int, flags: int, made: bytes, validity: timedelta, over: bytes
) -> bytes:
    """A self-signature (RFC 9580, section 5.2.3)."""
    fingerprint = hashlib.sha1(b"\x99" + len(primary).to_bytes(2) + primary, usedforsecurity=False).digest()
    hashed = _said(
        (2, made),
        (27, bytes([flags])),
        (9, int(validity.total_seconds()).to_bytes(4)),
        (33, b"\x04" + fingerprint),
        # What it reads: AES-256, SHA-512, nothing compressed, and messages with a digest at their end (feature 1).
        (11, bytes([AES256])),
        (21, bytes([SHA512])),
        (22, b"\x00"),
        (30, b"\x01"),
    )
    head = bytes([4, kind, RSA, SHA512]) + len(hashed).to_bytes(2) + hashed
    data = over + head + b"\x04\xff" + len(head).to_bytes(4)
    beside = _said((16, fingerprint[-8:]))
    signed = key.sign(data, padding.PKCS1v15(), hashes.SHA512())
    left = hashlib.sha512(data).digest()[:2]
    return head + len(beside).to_bytes(2) + beside + left + _number(int.from_bytes(signed))


def _rsa_secret(key: rsa.RSAPrivateKey) -> bytes:
    numbers = key.private_numbers()
    smaller, larger = sorted((numbers.p, numbers.q))
    return b"".join(map(_number, (numbers.d, smaller, larger, pow(smaller, -1, larger))))


def _scalar(key: x25519.X25519PrivateKey) -> int:
    raw = bytearray(key.private_bytes_raw())
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    return int.from_bytes(raw, "little")


def _secret(numbers: bytes) -> bytes:
    return b"\x00" + numbers + (sum(numbers) % 65536).to_bytes(2)


def _number(value: int) -> bytes:
    return value.bit_length().to_bytes(2) + value.to_bytes((value.bit_length() + 7) // 8)


def _said(*subpackets: tuple[int, bytes]) -> bytes:
    return b"".join(bytes([len(value) + 1, kind]) + value for kind, value in subpackets)


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4) + body
