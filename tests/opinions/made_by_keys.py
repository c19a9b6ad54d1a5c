"""Bundles signed with keys by the room's own code, right and wrong, as questions."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet_attestations.bundle import make_bundle
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, Signature
from placet_attestations.keys import Algorithm, PublicKey, Signer, generate
from placet_attestations.signing import sign_statement
from placet_attestations.statement import PAYLOAD_TYPE, Statement, Subject
from tests.opinions.questions import Key, Question

ARTIFACT: Final = b"weights"
STATEMENT: Final = Statement.build(
    "https://example.org/note/v1", [Subject("model.bin", Digest.of(ARTIFACT))], {"note": "ready"}
)
_P384_KEY: Final = ec.generate_private_key(ec.SECP384R1())
_RSA_KEYS: Final = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 3072)}
_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)


@dataclass(frozen=True, slots=True)
class OtherSigner:
    """A key of an algorithm that signatures are checked with here, and not made with."""

    public_key: PublicKey
    sign: Callable[[bytes], bytes]


def key_questions() -> list[Question]:
    """All of them, by name."""
    signers = _signers()
    return [*_right(signers), *_wrong(signers), *_spellings(signers["P-256"])]


def _signers() -> dict[str, Signer]:
    pkcs1 = {
        f"RSA {bits}": OtherSigner(
            _public(key, "rsa-pkcs1-sha256"),
            lambda data, key=key: key.sign(data, padding.PKCS1v15(), hashes.SHA256()),  # type: ignore[misc]
        )
        for bits, key in _RSA_KEYS.items()
    }
    return {
        "P-256": generate("ecdsa-p256"),
        "Ed25519": generate("ed25519"),
        "P-384": OtherSigner(
            _public(_P384_KEY), lambda data: _P384_KEY.sign(data, ec.ECDSA(hashes.SHA384()))
        ),
        **pkcs1,
        "RSA 2048 PSS": OtherSigner(
            _public(_RSA_KEYS[2048], "rsa-pss-sha256"),
            lambda data: _RSA_KEYS[2048].sign(data, _PSS, hashes.SHA256()),
        ),
    }


def _public(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: Algorithm | None = None
) -> PublicKey:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey.from_der(der, algorithm)


def _right(signers: dict[str, Signer]) -> Iterator[Question]:
    for name, signer in signers.items():
        raw = sign_statement(STATEMENT, signer)
        yield Question(f"keys/{name}", raw, _key(signer), None)
        yield Question(f"keys/{name} over the file", raw, _key(signer), None, ARTIFACT)


def _wrong(signers: dict[str, Signer]) -> Iterator[Question]:
    for name, signer in signers.items():
        raw = sign_statement(STATEMENT, signer)
        key = _key(signer)
        changed = STATEMENT.raw.replace(b"ready", b"READY")
        yield Question(f"keys/{name} over another file", raw, key, None, b"other")
        yield Question(f"keys/{name} with another payload", _changed(raw, payload=_text(changed)), key, None)
        bare = signer.sign(STATEMENT.raw)
        yield Question(f"keys/{name} over the bare payload", _signed(signer, bare), key, None)
    stranger = Key(generate("ecdsa-p256").public_key.pem.encode())
    yield Question("keys/another key", sign_statement(STATEMENT, signers["P-256"]), stranger, None)
    message = Envelope(PAYLOAD_TYPE, STATEMENT.raw, (Signature(b""),)).pae
    short = _P384_KEY.sign(message, ec.ECDSA(hashes.SHA256()))
    yield Question("keys/P-384 with SHA-256", _signed(signers["P-384"], short), _key(signers["P-384"]), None)


def _spellings(signer: Signer) -> Iterator[Question]:
    """What a lax reader may take for the same."""
    raw, key = sign_statement(STATEMENT, signer), _key(signer)
    document = json.loads(raw)
    signature = document["dsseEnvelope"]["signatures"][0]
    changes: dict[str, bytes] = {
        "no media type": _without(document, "mediaType"),
        "two signatures": _changed(raw, signatures=[signature, signature]),
        "no signature": _changed(raw, signatures=[]),
        "another payload type": _changed(raw, payloadType="text/plain"),
        "a payload in URL-safe base64": _changed(raw, payload=_text(STATEMENT.raw).replace("+", "-")),
        "a payload without its padding": _changed(raw, payload=_text(STATEMENT.raw).rstrip("=") + "A"),
        "an unknown member": json.dumps({**document, "more": 1}).encode(),
        "a member twice": raw.replace(b'{"', b'{"mediaType":"text/plain","', 1),
        "a byte after its end": raw + b"x",
        "a newline after its end": raw + b"\n",
        "a byte order mark": b"\xef\xbb\xbf" + raw,
        "the hint of another key": _hinted(document, generate().public_key.hint),
        "no hint": _hinted(document, None),
        "a signature of one byte more": _changed(raw, signatures=[{"sig": _longer(signature["sig"])}]),
    }
    for name, changed in changes.items():
        yield Question(f"keys/{name}", changed, key, None)


def _key(signer: Signer) -> Key:
    return Key(signer.public_key.pem.encode(), signer.public_key.algorithm)


def _signed(signer: Signer, signature: bytes) -> bytes:
    """Whatever the signature holds over: `sign_statement` makes none that does not hold."""
    envelope = Envelope(PAYLOAD_TYPE, STATEMENT.raw, (Signature(signature),))
    return make_bundle(envelope, signer.public_key)


def _changed(raw: bytes, **members: Any) -> bytes:
    document = json.loads(raw)
    document["dsseEnvelope"].update(members)
    return json.dumps(document).encode()


def _without(document: dict[str, Any], name: str) -> bytes:
    return json.dumps({key: value for key, value in document.items() if key != name}).encode()


def _hinted(document: dict[str, Any], hint: str | None) -> bytes:
    material = {"publicKey": {} if hint is None else {"hint": hint}}
    return json.dumps({**document, "verificationMaterial": material}).encode()


def _longer(text: str) -> str:
    return _text(b64decode(text) + b"\0")


def _text(data: bytes) -> str:
    return b64encode(data).decode()
