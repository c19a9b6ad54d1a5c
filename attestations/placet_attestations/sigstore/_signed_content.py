"""What a bundle signs, held against the signature, and against the artifact that the caller names."""

from __future__ import annotations

from collections.abc import Mapping

from placet_attestations import strictjson
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, check_payload_type
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.keys import PublicKey
from placet_attestations.limits import Limits
from placet_attestations.sigstore._log_body import Signed
from placet_attestations.sigstore.sigstore_bundle import SigstoreBundle
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.x509._schemes import check_digest, check_message
from placet_attestations.x509._x509 import Leaf


def check_signature(
    bundle: SigstoreBundle, artifact: Digest | None, key: PublicKey, leaf: Leaf | None
) -> Signed:
    """What was signed, and how. VerificationError signature.invalid, artifact.missing, artifact.mismatch;
    UnsupportedError signature.unsupported, dsse.payload_type.
    """
    content = bundle.content
    over: Envelope | Digest
    if isinstance(content, Envelope):
        check_payload_type(content, (PAYLOAD_TYPE,))
        scheme = check_message(key, bundle.signature, content.pae, of_certificate=leaf is not None)
        over = content
    else:
        if artifact is None:
            raise refused("artifact.missing", "the bundle signs a file, and no file was named")
        if content.sha256 is not None and content.sha256 != artifact.hex:
            raise refused("artifact.mismatch", "the bundle is about a file with another digest")
        scheme = check_digest(
            key, bundle.signature, bytes.fromhex(artifact.hex), of_certificate=leaf is not None
        )
        over = artifact
    if scheme is None:
        raise refused("signature.invalid", "the signature does not hold")
    verifier, is_certificate = (key.der, False) if leaf is None else (leaf.der, True)
    return Signed(bundle.signature, over, verifier, is_certificate, scheme)


def check_subject(bundle: SigstoreBundle, artifact: Digest | None, limits: Limits) -> None:
    """A statement is about the artifact, when one is named: VerificationError artifact.mismatch; MalformedError
    statement.shape, json.*.
    """
    if artifact is None or not isinstance(bundle.content, Envelope):
        return
    document = strictjson.loads(
        bundle.content.payload,
        max_bytes=limits.max_statement_bytes,
        max_depth=limits.max_json_depth,
        where="statement",
    )
    subjects = document.get("subject") if isinstance(document, Mapping) else None
    if not isinstance(subjects, list):
        raise MalformedError(
            "statement.shape",
            "the statement has no subjects",
            where="statement",
            hint="an in-toto statement lists the artifacts that it is about",
        )
    if not any(_digest_of(subject) == artifact.hex for subject in subjects):
        raise refused("artifact.mismatch", f"{artifact} is no subject of the statement")


def _digest_of(subject: object) -> object:
    digests = subject.get("digest") if isinstance(subject, Mapping) else None
    return digests.get("sha256") if isinstance(digests, Mapping) else None


def payload_of(bundle: SigstoreBundle) -> bytes | None:
    """The statement's bytes, None when a file was signed."""
    return bundle.content.payload if isinstance(bundle.content, Envelope) else None


def refused(code: str, message: str) -> VerificationError:
    """A refusal of the whole bundle."""
    return VerificationError(
        code,
        message,
        where="bundle",
        hint="it is not by the expected signer over this content: do not trust it",
    )
