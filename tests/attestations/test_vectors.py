"""Other people's vectors: DSSE's protocol, and bundles of many makers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from placet_attestations.bundle import parse_bundle
from placet_attestations.envelope import Envelope, verify_envelope
from placet_attestations.errors import AttestationError, MalformedError
from placet_attestations.keys import PublicKey
from placet_attestations.statement import Statement
from tests.vectors import vectors_dir

# SubjectPublicKeyInfo of Ed25519 up to the 32 bytes of the key (RFC 8410).
ED25519_HEADER = bytes.fromhex("302a300506032b6570032100")

pytestmark = pytest.mark.conformance


def read(*path: str) -> Any:
    return json.loads(vectors_dir().joinpath(*path).read_bytes())


def accepted(vector: dict[str, Any], keys: dict[str, PublicKey]) -> bool:
    try:
        verify_envelope(
            Envelope.from_json(vector["envelope"]),
            [keys[name] for name in vector["trustedKeys"]],
            payload_types=vector["supportedPayloadTypes"],
            threshold=vector["threshold"],
        )
    except AttestationError:
        return False
    return True


def test_the_nine_vectors_of_dsse() -> None:
    document = read("dsse", "vectors.json")
    keys = {
        name: PublicKey.from_der(ED25519_HEADER + bytes.fromhex(key["public"]))
        for name, key in document["keys"].items()
    }
    answers = {vector["id"]: accepted(vector, keys) for vector in document["vectors"]}
    assert answers == {vector["id"]: vector["expect"] == "accept" for vector in document["vectors"]}
    assert len(answers) == 9


def test_the_bytes_that_dsse_signs() -> None:
    for vector in read("dsse", "vectors.json")["vectors"]:
        if vector["id"] == "payload-type-swapped":
            continue  # it records what was signed, which is not what the envelope says
        assert Envelope.from_json(vector["envelope"]).pae.hex() == vector["pae"]


@pytest.mark.parametrize(
    "pattern", ["bundles/*sigstore*", "sigstore-conformance/bundle-verify/*/bundle.sigstore.json"]
)
def test_certificates_and_blobs_are_refused_without_a_crash(pattern: str) -> None:
    # Good and forged alike: this version does not verify them, and says so.
    paths = sorted(vectors_dir().glob(pattern))
    assert paths
    for path in paths:
        with pytest.raises(MalformedError):
            parse_bundle(path.read_bytes())


def test_key_bundles_of_openssf_model_signing_are_read() -> None:
    oms = vectors_dir() / "oms"
    for path in (oms / "valid" / "key.bundle.json", *oms.glob("historic/*-elliptic-key/model.sig")):
        bundle = parse_bundle(path.read_bytes())
        assert (
            Statement.parse(bundle.envelope.payload).predicate_type == "https://model_signing/signature/v1.0"
        )
    for path in oms.glob("invalid/*.bundle.json"):
        with pytest.raises(MalformedError):
            parse_bundle(path.read_bytes())
