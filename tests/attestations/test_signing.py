from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from placet_attestations.envelope import Envelope
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.keys import LocalSigner, PublicKey, SigningAlgorithm
from placet_attestations.reading import read_signed
from placet_attestations.signing import sign_statement
from placet_attestations.sigstore.sigstore_bundle import KeyMaterial
from placet_attestations.statement import PAYLOAD_TYPE
from tests.builders import a_key, a_predicate, a_statement, a_subject


@dataclass(frozen=True)
class ShowsAnotherKey:
    """A signer, such as a token, that shows one key and signs with another."""

    shown: LocalSigner
    used: LocalSigner

    @property
    def public_key(self) -> PublicKey:
        return self.shown.public_key

    def sign(self, message: bytes) -> bytes:
        return self.used.sign(message)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_the_statement_travels_as_its_bytes(algorithm: SigningAlgorithm) -> None:
    statement, signer = a_statement(), a_key("owner", algorithm)
    bundle = read_signed(sign_statement(statement, signer))
    envelope = bundle.content
    assert isinstance(envelope, Envelope)
    assert (envelope.payload, envelope.payload_type) == (statement.raw, PAYLOAD_TYPE)
    assert bundle.material == KeyMaterial(signer.public_key.hint)
    assert signer.public_key.verify(envelope.signatures[0].sig, envelope.pae)


@pytest.mark.parametrize(
    "signer",
    [ShowsAnotherKey(a_key("a"), a_key("b")), ShowsAnotherKey(a_key("a"), a_key("b", "ed25519"))],
)
def test_a_signer_that_signs_something_else_is_caught(signer: ShowsAnotherKey) -> None:
    with pytest.raises(VerificationError) as caught:
        sign_statement(a_statement(), signer)
    assert caught.value.code == "signing.mismatch"


@pytest.mark.parametrize(
    ("short", "annotations", "changes", "code"),
    [
        ("dataset", {}, {"version": ""}, "predicate.schema"),
        ("dataset", {}, {"name": "sha256:x"}, "statement.name"),
        ("training", {"kind": "modle"}, {}, "statement.annotation"),
    ],
)
def test_what_nobody_would_take_in_is_not_signed(
    short: str, annotations: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    statement = a_statement(short, [a_subject("x", **annotations)], a_predicate(short, **changes))
    with pytest.raises(MalformedError) as caught:
        sign_statement(statement, a_key())
    assert caught.value.code == code
