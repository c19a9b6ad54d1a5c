"""Whom other people's vectors are signed by, as trust.yaml would list them."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from placet_attestations.digests import Digest
from placet_attestations.keys import load_public
from placet_attestations.roots.loading import LoadedRoot, Pki, RootFile, Shipped, load_root
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.trust import CertificateSigner, SignerRecord
from placet_attestations.x509.identities import CertificateIdentity, Match

ANYBODY: Final = CertificateIdentity(Match.pattern("^.*$"), Match.pattern("^.*$"))
ROLES: Final = frozenset({"x"})


def root_of(name: str, vectors: Path) -> LoadedRoot:
    """A shipped root by its name, or `github`, whose own lists no log."""
    source = (
        RootFile(Path("github_trusted_root.json"), without_log=True) if name == "github" else Shipped(name)
    )
    return load_root(name, source, folder=vectors / "bundles", state=None)


def said_digest(raw: bytes) -> Digest | None:
    """The digest that a bundle over a file says itself, so that the file's absence is not what refuses it."""
    signed = json.loads(raw).get("messageSignature")
    return None if signed is None else Digest.from_hex(b64decode(signed["messageDigest"]["digest"]).hex())


def by_name(id: str, root: str, identity: CertificateIdentity = ANYBODY) -> SignerRecord:
    """A signer by certificate."""
    return SignerRecord(id, id, None, ROLES, certificate=CertificateSigner(identity), root=root)


def model_signers(vectors: Path) -> tuple[SignerRecord, SignerRecord]:
    """`key` and `chain` of the model signatures, one principal: a key, and its certificate under the root `pki`."""
    keys = vectors / "oms" / "historic" / "keys"
    pem = (keys / "signing-key-cert.pem").read_bytes()
    pin = Digest.of(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
    return (
        SignerRecord("key", "model", load_public(keys / "signing-key-pub.pem"), ROLES),
        SignerRecord("chain", "model", None, ROLES, certificate=CertificateSigner.pin(pin), root="pki"),
    )


def model_authority(vectors: Path) -> LoadedRoot:
    """The root `pki` of the model signatures."""
    root = PkiRoot.load(vectors / "oms" / "historic" / "keys" / "ca-cert.pem")
    return LoadedRoot("pki", (root,), root.digest, root.digest, source=Pki(Path("ca-cert.pem")))
