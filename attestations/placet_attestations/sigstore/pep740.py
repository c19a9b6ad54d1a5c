"""Attestation objects of PEP 740, version 1: a Sigstore bundle over a statement, in Python packaging's words.

Source: packaging.python.org, "Index hosted attestations". Members that are not known are ignored, for it allows
them; the log entry is protobuf's JSON and read as strictly as in a bundle.
"""

from __future__ import annotations

from typing import Final

from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, Signature
from placet_attestations.limits import Limits
from placet_attestations.sigstore._log_entry import read_entries
from placet_attestations.sigstore._protojson import Members, malformed, unsupported
from placet_attestations.sigstore.sigstore_bundle import (
    CertificateMaterial,
    SigstoreBundle,
    check_certificate,
)
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.strictjson import JsonValue

VERSION: Final = "pep740"


def read_attestation(raw: bytes, document: JsonValue, limits: Limits) -> SigstoreBundle:
    """The bundle that an attestation object is, from what `strictjson.loads` made of `raw`.

    The signature is over DSSE's encoding of the statement's bytes. Raises MalformedError bundle.shape,
    bundle.certificate, bundle.signatures, bundle.content, bundle.entries, bundle.entry, bundle.proof,
    bundle.base64, bundle.number; UnsupportedError bundle.unsupported for another version.
    """
    members = Members.of(document, "the attestation")
    version = members.take("version")
    if type(version) is not int or version != 1:
        raise unsupported(f"an attestation object of version {str(version)[:60]!a}")
    material = Members.of(members.take("verification_material"), "verification_material")
    certificate = check_certificate(material.bytes("certificate"), "certificate", limits)
    listed = material.items("transparency_entries")
    if not listed:
        raise malformed("entries", "transparency_entries is empty, an attestation object has at least one")
    entries = read_entries(listed, "transparency_entries", limits)
    signed = Members.of(members.take("envelope"), "envelope")
    statement, signature = signed.bytes("statement"), signed.bytes("signature")
    if not signature:
        raise malformed("signatures", "the signature is empty")
    if not statement:
        raise malformed("content", "the statement is empty")
    envelope = Envelope(PAYLOAD_TYPE, statement, (Signature(signature),))
    return SigstoreBundle(
        raw, Digest.of(raw), VERSION, CertificateMaterial(certificate), envelope, entries, ()
    )
