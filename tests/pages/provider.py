"""A council's sign-on that can be told to lie: what it publishes, and what it answers, is whatever a test says."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

CLIENT, SECRET = "families", "a secret between us, and long enough for an HMAC"


@cache
def private(kind: str) -> Any:
    """A private key of this kind; another for each name."""
    match kind.split()[0]:
        case "RSA":
            return rsa.generate_private_key(65537, 2048)
        case "short":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505 - one that is to be refused
        case "EC":
            return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def published(kind: str, kid: str, **more: str) -> dict[str, Any]:
    """A key as a provider publishes it."""
    key = private(kind).public_key()
    algorithm = {"RSA": RSAAlgorithm, "short": RSAAlgorithm, "EC": ECAlgorithm}.get(kind.split()[0], OKPAlgorithm)
    return {**algorithm.to_jwk(key, as_dict=True), "kid": kid, **more}  # type: ignore[attr-defined]


class Provider:
    """What it publishes and answers, and what it was asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.metadata: dict[str, Any] = {
            "issuer": address, "authorization_endpoint": f"{address}/authorize", "token_endpoint": f"{address}/token",
            "jwks_uri": f"{address}/keys", "userinfo_endpoint": f"{address}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }  # fmt: skip
        self.keys: Any = [published(kind, kind.lower()) for kind in ("RSA", "EC", "Ed", "short")]
        self.keys.append(published("RSA", "enc", use="enc"))
        self.answer: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.instead: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []

    def claims(self, nonce: str, **others: Any) -> dict[str, Any]:
        """What a token says that is as it should be; None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300, "nonce": nonce,
                  "preferred_username": "elm", "amr": ["pwd", "mfa"]} | others  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def gives(self, token: str | None) -> None:
        """What the token endpoint answers from now on."""
        self.answer = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer"} | (
            {"id_token": token} if token else {}
        )

    def said(self, path: str) -> tuple[int, bytes]:
        """What is answered."""
        self.asked.append(path)
        if path in self.instead:
            return self.instead[path]
        found = {
            "/.well-known/openid-configuration": self.metadata, "/keys": {"keys": self.keys}, "/token": self.answer,
            "/userinfo": self.userinfo,
        }.get(path)  # fmt: skip
        return (404, b"") if found is None else (200, json.dumps(found).encode())


def signed(claims: dict[str, Any], *, by: str = "RSA", algorithm: str = "RS256", **header: Any) -> str:
    """A token. `by` names a private key."""
    return jwt.encode(claims, private(by), algorithm=algorithm, headers=header or {"kid": "rsa"})


@contextmanager
def running() -> Iterator[Provider]:
    """One on this machine."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = provider.said(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 302):
                self.send_header("Location", f"{provider.address}/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """It says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
