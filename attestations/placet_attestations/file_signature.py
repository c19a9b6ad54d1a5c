"""A signature over a file (`cosign sign-blob`): whose it is, for a file that somebody has at hand.

It makes no statement, so it counts for nothing at a gate; it says that one of trust.yaml's signers signed exactly
these bytes. The signers are tried as for statements (`_signers.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from placet_attestations._signers import find_file_signer
from placet_attestations.digests import Digest, hash_file
from placet_attestations.envelope import Envelope
from placet_attestations.errors import VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.reading import read_signed
from placet_attestations.roots.trusted_root import Window
from placet_attestations.sigstore.verified_bundle import ProvedTime, VerifiedCertificate
from placet_attestations.trust import SignerRecord, TrustPolicy

__all__ = ["FileSignature", "signs_file", "verify_file_signature"]


@dataclass(frozen=True, slots=True)
class FileSignature:
    """Who signed the file with the digest `artifact`, and when that is proved to have been.

    Fields as those of `VerifiedStatement`; whether the signer was allowed to at that time is the caller's to ask
    (`admission.signer_problem`).
    """

    digest: Digest
    artifact: Digest
    signer: SignerRecord
    times: tuple[ProvedTime, ...]
    certificate: VerifiedCertificate | None
    window: Window | None

    def existed(self, arrived: datetime) -> datetime:
        """When it is proved to have existed, given when it arrived: the earlier of the two."""
        return min([arrived, *(proved.time for proved in self.times)])


def signs_file(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether these bytes are a signature over a file, and no statement. Errors as `read_signed`."""
    return not isinstance(read_signed(raw, limits).content, Envelope)


def verify_file_signature(
    raw: bytes, artifact: Digest | Path, trust: TrustPolicy, limits: Limits = DEFAULT_LIMITS
) -> FileSignature:
    """Verify a signature over a file against everybody in trust.yaml.

    Raises VerificationError signature.*, artifact.mismatch, trust.signer_ambiguous, root.*, and the codes of the
    steps in `sigstore_verify.py`; MalformedError and UnsupportedError for what is no such bundle; IdentityError
    for a path that cannot be read.
    """
    bundle = read_signed(raw, limits)
    content = bundle.content
    if isinstance(content, Envelope):
        raise VerificationError(
            "bundle.statement",
            "the bundle makes a statement, and is no signature over a file",
            where="bundle",
            hint="verify it without naming a file: its subjects are the artifacts that it is about",
        )
    digest = hash_file(artifact)[0] if isinstance(artifact, Path) else artifact
    if content.sha256 is not None and content.sha256 != digest.hex:
        raise VerificationError(
            "artifact.mismatch",
            f"the bundle is about sha256:{content.sha256}, the file is {digest}",
            where="bundle",
            hint="is it the file that was signed, unchanged?",
        )
    found = find_file_signer(bundle, digest, trust, limits)
    return FileSignature(bundle.digest, digest, found.signer, found.times, found.certificate, found.window)
