"""A real OIDC issuer over HTTP on this machine: discovery document, JWKS, and tokens of any kind, also forged ones.

with an_issuer() as issuer:
    token = issuer.mint({"sub": "repo:acme/churn"}, now=NOW)
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
DISCOVERY: Final = "/.well-known/openid-configuration"
JWKS: Final = "/keys"
AUDIENCE: Final = "placet"
_ALGORITHMS: Final = {"rsa": "RS256", "pss": "PS256", "ec": "ES256", "ed": "EdDSA"}


@dataclass(slots=True)
class FakeIssuer:
    """One issuer. `pages` says what each path answers instead of the truth: a status, headers and bytes."""

    url: str
    keys: dict[str, PrivateKey]
    algorithms: dict[str, str]
    down: bool = False
    asked: list[str] = field(default_factory=list)
    pages: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)

    def mint(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        now: datetime,
        kid: str = "rsa",
        alg: str | None = None,
        key: PrivateKey | None = None,
        without: tuple[str, ...] = (),
    ) -> str:
        """A token that is right but for what is given: `key` signs in the name of `kid`."""
        said = self._claims(claims, now)
        for name in without:
            del said[name]
        algorithm = alg or self.algorithms[kid]
        return jwt.encode(said, key or self.keys[kid], algorithm=algorithm, headers={"kid": kid})

    def mint_any(self, claims: Mapping[str, Any], *, now: datetime, kid: str | None = "rsa") -> str:
        """A well-signed RS256 token that may say what PyJWT refuses to write."""
        header = {"alg": "RS256", "typ": "JWT", **({} if kid is None else {"kid": kid})}
        signed = f"{_part(header)}.{_part(self._claims(claims, now))}"
        key = self.keys["rsa"]
        assert isinstance(key, rsa.RSAPrivateKey)
        return f"{signed}.{_base64(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def _claims(self, claims: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
        moment = int(now.timestamp())
        right = {"iss": self.url, "aud": AUDIENCE, "sub": "job", "iat": moment, "exp": moment + 300}
        return right | dict(claims or {})

    def rotate(self, kid: str, to: str) -> None:
        """From now on the key `kid` is gone and another one, of the same kind, is there as `to`."""
        algorithm = self.algorithms.pop(kid)
        del self.keys[kid]
        self.keys[to], self.algorithms[to] = a_key(algorithm), algorithm

    def jwks(self) -> list[dict[str, Any]]:
        """The public keys as the issuer publishes them."""
        return [
            {**_jwk(key), "kid": kid, "alg": self.algorithms[kid], "use": "sig"}
            for kid, key in self.keys.items()
        ]

    def say(
        self, path: str, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer this instead: JSON, or bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.pages[path] = (status, headers or {}, body)

    def answer(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """What a GET gets."""
        self.asked.append(path)
        if self.down:
            return 503, {}, b"down"
        if path in self.pages:
            return self.pages[path]
        documents = {
            DISCOVERY: {"issuer": self.url, "jwks_uri": f"{self.url}{JWKS}"},
            JWKS: {"keys": self.jwks()},
        }
        if path not in documents:
            return 404, {}, b"nothing"
        return 200, {}, json.dumps(documents[path]).encode()


@contextmanager
def an_issuer(tls: ssl.SSLContext | None = None) -> Iterator[FakeIssuer]:
    """An issuer on a free port, with two RSA, a P-256 and an Ed25519 key, for the time of a block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    issuer = FakeIssuer(f"{scheme}://127.0.0.1:{server.server_address[1]}", dict(_keys()), dict(_ALGORITHMS))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = issuer.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_key(algorithm: str) -> PrivateKey:
    """A fresh private key for an algorithm of JWS."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def _keys() -> Mapping[str, PrivateKey]:
    """The keys that every issuer starts with: made once, for RSA keys take their time."""
    return {kid: a_key(algorithm) for kid, algorithm in _ALGORITHMS.items()}


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    """A token with `alg: none` and no signature."""
    return f"{_part({'alg': 'none', **header})}.{_part(claims)}."


def signed_with_public_key(token: str, key: PrivateKey, kid: str) -> str:
    """The claims of `token` under HS256, whose secret is the public key: what a verifier without a list believes."""
    claims = token.split(".")[1]
    signed = f"{_part({'alg': 'HS256', 'kid': kid})}.{claims}"
    secret = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{signed}.{_base64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _part(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwk(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
