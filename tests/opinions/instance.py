"""One signer of an instance of our own, and the bundles that they make, the rare kinds of log entries too."""

from __future__ import annotations

import copy
import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from placet_attestations.envelope import pae
from placet_attestations.statement import PAYLOAD_TYPE
from tests.fakes.der import utf8
from tests.fakes.sigstore import ISSUER, NOW, ORIGIN, Leaf, Sigstore, signed, text
from tests.opinions.made_by_keys import ARTIFACT, STATEMENT

FULCIO: Final = "1.3.6.1.4.1.57264.1"
LATER: Final = NOW + timedelta(minutes=1)
V03: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
Bundle: TypeAlias = dict[str, Any]
Made: TypeAlias = Iterator[tuple[str, Bundle, dict[str, Any]]]
"""A question's name, its bundle, and what else differs from the usual question."""


@dataclass(frozen=True, slots=True)
class Instance:
    """`leaf` signs; `stranger` is another instance, that no root lists."""

    sigstore: Sigstore = field(default_factory=Sigstore)
    stranger: Sigstore = field(default_factory=Sigstore)
    leaf: Leaf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "leaf", self.new_leaf())

    def new_leaf(self, *names: x509.GeneralName, **changes: Any) -> Leaf:
        """As Fulcio makes them, with the issuer in both extensions: sigstore-python reads the first alone."""
        both = {f"{FULCIO}.1": ISSUER.encode(), f"{FULCIO}.8": utf8(ISSUER)}
        return self.sigstore.leaf(*names, **{"extensions": both, **changes})

    def root(self, **changes: Any) -> bytes:
        """The trusted root, with other members."""
        return json.dumps({**self.sigstore.root(), **changes}).encode()

    def dsse(self, leaf: Leaf | None = None, instant: datetime = NOW) -> Bundle:
        """A statement with a dsse/0.0.1 entry."""
        return self.over(STATEMENT.raw, leaf, instant)

    def over(
        self,
        payload: bytes,
        leaf: Leaf | None = None,
        instant: datetime = NOW,
        hash_: hashes.HashAlgorithm | None = None,
    ) -> Bundle:
        """The same over any payload, and by another hash than the usual one."""
        bundle = self.sigstore.sign(leaf or self.leaf, payload, instant, hash_)
        [entry] = bundle["verificationMaterial"]["tlogEntries"]
        return with_entries(bundle, self.spelled(entry))

    def spelled(self, entry: Bundle, origin: str = f"{ORIGIN} - 1") -> Bundle:
        """The same with its zeros written, which sigstore-python wants, and an origin by which cosign sees which
        version of Rekor it is of.
        """
        proof = entry["inclusionProof"]
        note = self.sigstore.checkpoint(b64decode(proof["rootHash"]), 1, origin)
        spelled = {**proof, "logIndex": "0", "hashes": [], "checkpoint": {"envelope": note}}
        return {**entry, "logIndex": "0", "inclusionProof": spelled}

    def blob(self) -> Bundle:
        """A signature over a file, with a hashedrekord/0.0.1 entry."""
        signature = signed(self.leaf.key, ARTIFACT)
        bundle = {
            "mediaType": V03,
            "verificationMaterial": {"certificate": {"rawBytes": text(self.leaf.der)}, "tlogEntries": []},
            "messageSignature": {
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": text(hashlib.sha256(ARTIFACT).digest()),
                },
                "signature": text(signature),
            },
        }
        return self.logged(bundle, hashedrekord_1(ARTIFACT, signature, self.leaf))

    def logged(self, bundle: Bundle, *bodies: Mapping[str, Any]) -> Bundle:
        """The same with other entries, each alone in its log."""
        entries = (self.spelled(self.sigstore.entry(body)) for body in bodies)
        return with_entries(bundle, *entries)

    def stamped(self, bundle: Bundle, by: Sigstore | None = None, instant: datetime = LATER) -> Bundle:
        """The same with a time stamp."""
        changed = copy.deepcopy(bundle)
        (by or self.sigstore).stamp(changed, signature_of(bundle), instant)
        return changed

    def second_version(self, bundle: Bundle, body: Mapping[str, Any]) -> Bundle:
        """As Rekor v2 has it: an entry without promise and time, and a time stamp."""
        entry = self.spelled(self.sigstore.entry(body), ORIGIN)
        return self.stamped(timeless(with_entries(bundle, entry)))


def hashedrekord_1(content: bytes, signature: bytes, leaf: Leaf) -> Bundle:
    """The body of a hashedrekord/0.0.1 entry over a file, or the bytes that an envelope signs."""
    digest = hashlib.sha256(content).hexdigest()
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": digest}},
            "signature": {"content": text(signature), "publicKey": {"content": text(leaf.pem)}},
        },
    }


def hashedrekord_2(content: bytes, signature: bytes, leaf: Leaf) -> Bundle:
    """The same of Rekor v2."""
    return {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {
            "hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": text(hashlib.sha256(content).digest())},
                "signature": {"content": text(signature), "verifier": _verifier(leaf)},
            }
        },
    }


def dsse_2(signature: bytes, leaf: Leaf) -> Bundle:
    """The body of a dsse/0.0.2 entry over the statement, of Rekor v2."""
    hashed = {"algorithm": "SHA2_256", "digest": text(hashlib.sha256(STATEMENT.raw).digest())}
    signatures = [{"content": text(signature), "verifier": _verifier(leaf)}]
    spec = {"dsseV002": {"payloadHash": hashed, "signatures": signatures}}
    return {"apiVersion": "0.0.2", "kind": "dsse", "spec": spec}


def intoto_2(signature: bytes, leaf: Leaf) -> Bundle:
    """The body of an intoto/0.0.2 entry over the statement."""
    signatures = [{"sig": text(text(signature).encode()), "publicKey": text(leaf.pem)}]
    return {
        "apiVersion": "0.0.2",
        "kind": "intoto",
        "spec": {
            "content": {
                "envelope": {"payloadType": PAYLOAD_TYPE, "signatures": signatures},
                "hash": {"algorithm": "sha256", "value": "0" * 64},
                "payloadHash": {
                    "algorithm": "sha256",
                    "value": hashlib.sha256(STATEMENT.raw).hexdigest(),
                },
            }
        },
    }


def signed_bytes() -> bytes:
    """What an envelope with the statement signs."""
    return pae(PAYLOAD_TYPE, STATEMENT.raw)


def signature_of(bundle: Bundle) -> bytes:
    """The signature that the log and time stamps are about."""
    if "messageSignature" in bundle:
        return b64decode(bundle["messageSignature"]["signature"])
    return b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])


def with_entries(bundle: Bundle, *entries: Bundle) -> Bundle:
    """The same with these log entries."""
    changed = copy.deepcopy(bundle)
    changed["verificationMaterial"]["tlogEntries"] = list(entries)
    return changed


def changed_entry(bundle: Bundle, **members: Any) -> Bundle:
    """The same with other members in its one log entry; None takes a member away."""
    [entry] = bundle["verificationMaterial"]["tlogEntries"]
    kept = {name: value for name, value in {**entry, **members}.items() if value is not None}
    return with_entries(bundle, kept)


def timeless(bundle: Bundle) -> Bundle:
    """The same without what the log says of its time."""
    return changed_entry(bundle, integratedTime=None, inclusionPromise=None)


def as_chain(bundle: Bundle, media_type: str, *others: bytes) -> Bundle:
    """The same as older versions have it: the certificate in a chain."""
    changed = copy.deepcopy(bundle)
    changed["mediaType"] = media_type
    material = changed["verificationMaterial"]
    chain = [material.pop("certificate"), *({"rawBytes": text(der)} for der in others)]
    material["x509CertificateChain"] = {"certificates": chain}
    return changed


def _verifier(leaf: Leaf) -> Bundle:
    return {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": text(leaf.der)}}
