"""What an ID token of the council's sign-on says, once it is believed: signed by the provider, for us, and still good.

OpenID Connect Core 3.1.3.7. Nothing of Django and no network is here: it is handed the token and the provider's keys.
Where a key is to be found the token does not say: what its header has of `jwk`, `jku` or `x5u` is not looked at.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

ALGORITHMS: Final = {
    **{f"{family}{bits}": ("RSA", None) for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}  # fmt: skip
"""What a token may be signed by, and the kind of key and the curve that belong to it. With none of them can whoever
checks a signature make one: neither `none` nor an HMAC is here."""
LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ from ours."""
LONGEST: Final = 191
"""Characters of what a provider calls somebody, as long as django-allauth takes it."""
CODES: Final[dict[type[PyJWTError], str]] = {
    ExpiredSignatureError: "TIME",
    ImmatureSignatureError: "TIME",
    InvalidIssuedAtError: "TIME",
    InvalidIssuerError: "ISSUER",
    InvalidAudienceError: "AUDIENCE",
    MissingRequiredClaimError: "INCOMPLETE",
    InvalidSignatureError: "SIGNATURE",
}


class NotBelieved(Exception):
    """The provider, or its token, is not believed; `code` says why, in a word that may stand in the trail."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class UnknownKey(NotBelieved):
    """None of the keys, or more than one, could have signed it: the provider may have a new one."""

    def __init__(self) -> None:
        super().__init__("KEY")


def claims_of(token: str, keys: Sequence[Any], *, issuer: str, audience: str) -> dict[str, Any]:
    """What this token says. `keys` are the provider's, as it publishes them (JSON Web Keys).

    Raises NotBelieved (UnknownKey) where the token is not signed by one of them, in a way of ALGORITHMS, or is not of
    this issuer, for this audience alone, or of now.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise NotBelieved("ALGORITHM")
        key = jwt.PyJWK(_key_for(header, keys), algorithm=header["alg"])
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=list(ALGORITHMS), issuer=issuer, audience=audience, leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "enforce_minimum_key_length": True},
        )  # fmt: skip
    except PyJWTError as error:
        raise NotBelieved(CODES.get(type(error), "TOKEN")) from None
    if not 0 < len(claims["sub"]) <= LONGEST or not (claims["sub"].isascii() and claims["sub"].isprintable()):
        raise NotBelieved("SUBJECT")
    # A token that is for others, too, says to whom it was given.
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else audience) != audience:
        raise NotBelieved("AUDIENCE")
    return claims


def answers(claims: dict[str, Any], nonce: object) -> bool:
    """Whether this token answers the question that was asked with this nonce, and no other one."""
    said = claims.get("nonce")
    if not isinstance(said, str) or not isinstance(nonce, str) or not nonce:
        return False
    return secrets.compare_digest(said.encode(), nonce.encode())


def _key_for(header: dict[str, Any], keys: Sequence[Any]) -> dict[str, Any]:
    """The one key that a token with this header can be signed by. Raises UnknownKey."""
    kind, curve = ALGORITHMS[header["alg"]]
    fit = [
        key
        for key in keys
        if isinstance(key, dict)
        and (key.get("kty"), key.get("crv")) == (kind, curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", header["alg"]) == header["alg"]
        and header.get("kid", key.get("kid")) == key.get("kid")
    ]
    if len(fit) != 1:
        raise UnknownKey
    return dict(fit[0])
