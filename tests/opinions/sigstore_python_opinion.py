"""sigstore-python's own Verifier, as its users call it."""

from __future__ import annotations

from collections.abc import Sequence

from sigstore.errors import Error
from sigstore.hashes import Hashed
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot.v1 import TrustedRoot as Model

from tests.opinions.questions import Answer, Key, Question


def sigstore_python(questions: Sequence[Question], /) -> list[Answer]:
    """What the installed sigstore says; it knows certificates and logs alone."""
    return [_answer(question) for question in questions]


def _answer(question: Question) -> Answer:
    signer = question.signer
    if isinstance(signer, Key) or question.root is None:
        return Answer("cannot", "it verifies no keys, and nothing without a trusted root")
    if not question.logged:
        return Answer("cannot", "it wants a log entry of every bundle")
    who = policy.Identity(identity=signer.identity, issuer=signer.issuer or None)
    try:
        stock_verify(question.bundle, question.root, _input(question), who)
    except (Error, ValueError, TypeError) as error:  # it calls a key of RSA as one of a curve
        return Answer("refuses", f"{type(error).__name__}: {error}"[:200])
    return Answer("accepts")


def _input(question: Question) -> bytes | Hashed:
    artifact = question.artifact or b""
    if isinstance(artifact, bytes):
        return artifact
    return Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(artifact.hex))


def stock_verify(raw: bytes, root: bytes, artifact: bytes | Hashed, who: policy.VerificationPolicy) -> None:
    """Raises sigstore's Error, or a ValueError, unless it accepts; it does not hold a statement against a file."""
    bundle = Bundle.from_json(raw)
    verifier = Verifier(trusted_root=TrustedRoot(Model.from_json(root)))
    if bundle._dsse_envelope is None:
        verifier.verify_artifact(artifact, bundle, who)
    else:
        verifier.verify_dsse(bundle, who)
