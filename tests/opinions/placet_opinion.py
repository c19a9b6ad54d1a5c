"""Placet's own word, through its one public function."""

from __future__ import annotations

from collections.abc import Sequence

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.keys import PublicKey
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.opinions.questions import Answer, Key, Question


def placet(questions: Sequence[Question], /) -> list[Answer]:
    """What `verify_bundle` says; its code is the reason."""
    return [_answer(question) for question in questions]


def _answer(question: Question) -> Answer:
    try:
        _verify(question)
    except AttestationError as error:
        return Answer("refuses", error.code)
    return Answer("accepts")


def _verify(question: Question) -> None:
    signer, artifact = question.signer, question.artifact
    identity = key = None
    if isinstance(signer, Key):
        key = PublicKey.from_pem(signer.pem, signer.algorithm)
    else:
        issuer = Match.exactly(signer.issuer) if signer.issuer else Match.nothing()
        identity = CertificateIdentity(issuer, Match.exactly(signer.identity))
    verify_bundle(
        question.bundle,
        artifact=Digest.of(artifact) if isinstance(artifact, bytes) else artifact,
        identity=identity,
        key=key,
        root=None
        if question.root is None
        else TrustedRoot.parse(question.root, without_log=not question.logged),
    )
