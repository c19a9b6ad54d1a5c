"""From a statement and a signer to the bytes that travel."""

from __future__ import annotations

from placet_attestations.bundle import make_bundle
from placet_attestations.envelope import Envelope, Signature, pae
from placet_attestations.errors import VerificationError
from placet_attestations.keys import Signer
from placet_attestations.predicates import claims, dependencies, validate
from placet_attestations.statement import PAYLOAD_TYPE, Statement


def sign_statement(statement: Statement, signer: Signer) -> bytes:
    """Sign a statement and return the bundle; what no verifier would take in is refused before it is signed.

    Raises MalformedError predicate.schema, statement.annotation, statement.name; VerificationError
    signing.mismatch.
    """
    validate(statement)
    claims(statement)
    dependencies(statement)
    envelope = sign_payload(PAYLOAD_TYPE, statement.raw, signer)
    return make_bundle(envelope, signer.public_key)


def sign_payload(payload_type: str, payload: bytes, signer: Signer) -> Envelope:
    """Sign any payload as a DSSE envelope with one signature, which is checked before it is returned.

    A token or a cloud key may hash twice, or sign with another key than it shows: VerificationError
    signing.mismatch.
    """
    message = pae(payload_type, payload)
    signature = signer.sign(message)
    if not signer.public_key.verify(signature, message):
        raise VerificationError(
            "signing.mismatch",
            "the signer returned a signature that its own public key does not verify",
            hint="the signer uses another key than it shows, or hashes in another way",
        )
    return Envelope(payload_type, payload, (Signature(signature),))
