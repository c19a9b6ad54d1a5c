"""Every bit of a bundle turned over, one at a time: what became of it, by the member in which the bit lies."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.keys import PublicKey
from placet_attestations.roots.loading import LoadedRoot, Shipped, load_root
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.signing import sign_statement
from placet_attestations.trust import CertificateSigner, SignerRecord, TrustPolicy
from placet_attestations.verify import VerifiedStatement, verify
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.builders import a_key, a_statement
from tests.fakes.sigstore import NOW, Sigstore

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|\s+|[^\s{}\[\],:"]+')
_CERTIFICATE: Final = "verificationMaterial.certificate.rawBytes"
LEAF_KEY: Final = "leaf key"
ALWAYS_REFUSED: Final = ("dsseEnvelope.payload", "dsseEnvelope.signatures[].sig", LEAF_KEY)
"""A changed bit in one of these is another statement, signature or signer."""


@dataclass(slots=True)
class Count:
    """Of one member: flips that were refused, and flips after which the answer is the very same."""

    refused: int = 0
    equal: int = 0
    codes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundle, and the trust under which it verifies."""

    name: str
    raw: bytes
    trust: TrustPolicy


def samples(bundles: Path) -> Iterator[Sample]:
    """By a key and a time stamp, by a certificate and a Rekor v1 log, by a certificate, Rekor v2 and a time stamp."""
    yield stamped_key()
    for name, root in (("conda-attestation", "public-good"), ("conda-attestation-rekor2", "staging")):
        loaded = load_root(root, Shipped(root), folder=Path(), state=None)
        anybody = CertificateIdentity(Match.pattern("^.*$"), Match.pattern("^.*$"))
        signer = SignerRecord(
            "signer", "signer", None, frozenset({"x"}), certificate=CertificateSigner(anybody), root=root
        )
        raw = (bundles / f"{name}.sigstore.json").read_bytes()
        yield Sample(name, raw, TrustPolicy.of(b"", (signer,), (), (), (loaded,)))


def stamped_key() -> Sample:
    """A bundle by a key of our own with a time stamp, whose authority is the root `acme`."""
    instance, key = Sigstore(), a_key("flips")
    document = json.loads(sign_statement(a_statement(), key))
    instance.stamp(document, b64decode(document["dsseEnvelope"]["signatures"][0]["sig"]), NOW)
    root = TrustedRoot.parse(json.dumps(instance.root()).encode())
    loaded = LoadedRoot("acme", (root,), root.digest, root.digest)
    signers = (
        SignerRecord("signer", "signer", key.public_key, frozenset({"x"}), root="acme"),
        SignerRecord("other", "other", a_key("another").public_key, frozenset({"x"})),
    )
    return Sample("own-key", json.dumps(document).encode(), TrustPolicy.of(b"", signers, (), (), (loaded,)))


def flip_all(sample: Sample, positions: Iterable[int] | None = None) -> dict[str, Count]:
    """Turn over every bit of the bytes at `positions` (all), each alone.

    Raises AssertionError for an answer that differs from the original's; anything but a refusal passes through.
    """
    told = _told(verify(sample.raw, sample.trust))
    names = members(sample.raw)
    found: dict[str, Count] = {}
    flipped = bytearray(sample.raw)
    for position in range(len(sample.raw)) if positions is None else positions:
        count = found.setdefault(names[position], Count())
        for bit in range(8):
            flipped[position] ^= 1 << bit
            try:
                verified = verify(bytes(flipped), sample.trust)
            except AttestationError as error:
                count.refused += 1
                count.codes[error.code] += 1
            else:
                assert _told(verified) == told, f"{sample.name}: bit {bit} of byte {position}"
                assert verified.digest == Digest.of(bytes(flipped))
                count.equal += 1
            flipped[position] ^= 1 << bit
    return found


def table(name: str, found: dict[str, Count]) -> list[str]:
    """One line for each member, and their sum."""
    total = Count(
        sum(count.refused for count in found.values()), sum(count.equal for count in found.values())
    )
    lines = [f"flips of {name}: {total.refused:,} refused, {total.equal:,} equal, none different"]
    lines += [
        f"  {member}: {count.refused:,} refused, {count.equal:,} equal" for member, count in found.items()
    ]
    return lines


def members(raw: bytes) -> list[str]:
    """For each byte the member it is part of, without indexes; `punctuation` is what holds members together."""
    text = raw.decode("latin-1")  # a character for each byte
    names: list[str] = []
    path: list[str] = []
    key, after_key = "", False
    for match in _TOKEN.finditer(text):
        token = match[0]
        place = ".".join(part for part in [*path, key] if part).replace(".[]", "[]")
        if token[0] == '"' and not after_key and text[match.end() :].lstrip()[:1] == ":":
            key = token[1:-1]
            names += ["names of members"] * len(token)
            continue
        names += [place if token[0] not in "{}[],: \n\t\r" else "punctuation"] * len(token)
        if token in "{[":
            path.append(key)
            path += ["[]"] if token == "[" else []
            key = ""
        elif token in "}]":
            path = path[: -2 if token == "]" else -1]
            key = ""
    start = _leaf_key(raw)
    assert len(names) == len(raw)
    return [LEAF_KEY if index in start else name for index, name in enumerate(names)]


def _leaf_key(raw: bytes) -> range:
    """The characters that hold nothing but the key of the signer's certificate."""
    material = json.loads(raw).get("verificationMaterial", {})
    if "certificate" not in material:
        return range(0)
    encoded = material["certificate"]["rawBytes"]
    der = b64decode(encoded)
    spki = (
        x509.load_der_x509_certificate(der)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    first, last = der.index(spki), der.index(spki) + len(spki)
    begin = raw.index(encoded.encode())
    return range(begin + -(-first * 8 // 6), begin + last * 8 // 6)


def _told(verified: VerifiedStatement) -> tuple[object, ...]:
    key: PublicKey | None = verified.signer.key
    certificate = verified.certificate
    who = (
        None if certificate is None else (certificate.issuer, certificate.identity, dict(certificate.claims))
    )
    return verified.statement.raw, verified.signer.id, key, who, verified.times, verified.window
