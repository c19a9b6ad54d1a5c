"""Other people's vectors: DSSE's protocol, and bundles of many makers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.envelope import Envelope, verify_envelope
from placet_attestations.errors import AttestationError, MalformedError, VerificationError
from placet_attestations.keys import PublicKey, load_public
from placet_attestations.oms import GIT_PATHS, SIGNATURE_NAME, check_model, read_model
from placet_attestations.reading import read_statement
from placet_attestations.trust import SignerRecord, TrustPolicy
from placet_attestations.verify import verify
from tests.builders import a_key
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


def test_the_nine_vectors_of_dsse(record_property: Callable[[str, object], None]) -> None:
    document = read("dsse", "vectors.json")
    keys = {
        name: PublicKey.from_der(ED25519_HEADER + bytes.fromhex(key["public"]))
        for name, key in document["keys"].items()
    }
    answers = {vector["id"]: accepted(vector, keys) for vector in document["vectors"]}
    assert answers == {vector["id"]: vector["expect"] == "accept" for vector in document["vectors"]}
    assert len(answers) == 9
    record_property("conformance", f"dsse: {len(answers)} of 9, {sum(answers.values())} of them accepted")


def test_the_bytes_that_dsse_signs() -> None:
    for vector in read("dsse", "vectors.json")["vectors"]:
        if vector["id"] == "payload-type-swapped":
            continue  # it records what was signed, which is not what the envelope says
        assert Envelope.from_json(vector["envelope"]).pae.hex() == vector["pae"]


def trusting(key: PublicKey) -> TrustPolicy:
    signer = SignerRecord("signer", "signer@example.org", key, frozenset({"trainer"}))
    return TrustPolicy.of(b"", (signer,), (), ())


def signing_key() -> PublicKey:
    return load_public(vectors_dir() / "oms" / "historic" / "keys" / "signing-key-pub.pem")


def test_model_signatures_by_keys_hold(record_property: Callable[[str, object], None]) -> None:
    trust, stranger = trusting(signing_key()), trusting(a_key().public_key)
    oms = vectors_dir() / "oms"
    paths = [oms / "valid" / "key.bundle.json", *sorted(oms.glob("historic/*-key/model.sig"))]
    assert len(paths) == 3
    for path in paths:
        assert read_model(verify(path.read_bytes(), trust).statement).files
        with pytest.raises(VerificationError):
            verify(path.read_bytes(), stranger)
    record_property("conformance", f"oms by key, valid and historic: {len(paths)} of {len(paths)} accepted")


@pytest.mark.parametrize(
    ("name", "signed"), [("v1.0.0-elliptic-key", "signme-1"), ("v1.0.1-elliptic-key", ".")]
)
def test_a_historic_model_is_what_was_signed(tmp_path: Path, name: str, signed: str) -> None:
    source = vectors_dir() / "oms" / "historic" / name
    model = read_model(verify((source / "model.sig").read_bytes(), trusting(signing_key())).statement)
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    # What the scripts of that project left out when they signed; the signature does not record it yet.
    left_out = [SIGNATURE_NAME, "ignore-me", *GIT_PATHS]
    assert check_model(tmp_path / signed, model, ignore=left_out).none
    (tmp_path / "signme-1").write_bytes(b"changed")
    found = check_model(tmp_path / signed, model, ignore=left_out)
    assert len(found.changed) == 1
    assert (found.missing, found.extra) == ((), ())


def test_broken_model_signatures_are_refused(record_property: Callable[[str, object], None]) -> None:
    trust = trusting(signing_key())
    oms = vectors_dir() / "oms"
    shape, payload = sorted(oms.glob("invalid/*.json")), sorted(oms.glob("invalid-payload/*.json"))
    assert (len(shape), len(payload)) == (4, 1)
    codes = {
        "empty": "json.syntax",
        "missing-envelope": "bundle.content",
        "missing-verification-material": "bundle.shape",
        "missing-tlog-entries": "signature.unknown_identity",  # by whom it should be: test_bundle_vectors.py
    }
    for path in shape:
        with pytest.raises(AttestationError) as broken:
            verify(path.read_bytes(), trust)
        assert broken.value.code == codes[path.name.removesuffix(".bundle.json")]
    for path in payload:
        with pytest.raises(VerificationError) as caught:
            verify(path.read_bytes(), trust)
        assert caught.value.code == "signature.invalid"
        # And were it signed, it would be no model signature.
        with pytest.raises(MalformedError) as read:
            read_model(read_statement(path.read_bytes()))
        assert read.value.code == "oms.predicate_type"
    record_property("conformance", "oms invalid: 4 of 4 refused; invalid-payload: 1 of 1 refused")
