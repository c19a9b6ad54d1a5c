from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations import verify as module
from placet_attestations.bundle import make_bundle
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, MalformedError, UnsupportedError, VerificationError
from placet_attestations.limits import Limits
from placet_attestations.predicates import Claim
from placet_attestations.signing import sign_payload
from placet_attestations.statement import PAYLOAD_TYPE, Statement
from placet_attestations.trust import SignerRecord, TrustPolicy
from placet_attestations.verifier import Verifier
from placet_attestations.verify import VerifiedStatement, verify
from tests.builders import (
    a_bundle,
    a_digest,
    a_key,
    a_predicate,
    a_provenance,
    a_statement,
    a_subject,
    a_trust_policy,
    a_verified,
)

TRUST = a_trust_policy()
OWNER = a_key("owner")
BUNDLE = a_bundle()
VERIFIED = verify(BUNDLE, TRUST)


def with_hint(raw: bytes, hint: str | None) -> bytes:
    document = json.loads(raw)
    document["verificationMaterial"]["publicKey"] = {} if hint is None else {"hint": hint}
    return json.dumps(document).encode()


def signed(payload: bytes, kind: str = PAYLOAD_TYPE) -> bytes:
    """A bundle of any payload, well signed by the owner."""
    return make_bundle(sign_payload(kind, payload, OWNER), OWNER.public_key)


def code_of(raw: bytes, trust: TrustPolicy = TRUST) -> str:
    with pytest.raises(AttestationError) as caught:
        verify(raw, trust)
    assert caught.value.hint
    return caught.value.code


def test_a_good_bundle_becomes_a_verified_statement() -> None:
    statement = a_statement("dataset", [a_subject("train.csv")])
    raw = a_bundle(statement, OWNER)
    verified = verify(raw, TRUST)
    assert verified.digest == Digest.of(raw)
    assert verified.statement == statement
    assert verified.type == "dataset"
    assert verified.signer.id == "owner"
    assert verified.claims == (
        Claim(a_digest("train.csv"), "dataset", "churn-train", ("churn-train@2026.11",)),
    )
    assert verified.dependencies == ()


def test_dependencies_are_read() -> None:
    verified = a_verified("training", by="ci", **a_provenance("training", {"train.csv": "dataset"}))
    assert [(found.name, found.role) for found in verified.dependencies] == [("train.csv", "dataset")]


def test_the_bytes_that_were_verified_are_the_bytes_that_are_parsed() -> None:
    # Another spelling of the same statement: it is not written again on its way.
    payload = json.dumps(json.loads(a_statement().raw), indent=3).encode()
    assert verify(signed(payload), TRUST).statement.raw == payload


def test_an_unknown_predicate_type_is_kept() -> None:
    statement = Statement.build("https://example.org/other/v1", [a_subject()], {"anything": [1]})
    verified = verify(a_bundle(statement, OWNER), TRUST)
    assert (verified.type, verified.claims) == ("https://example.org/other/v1", ())


@pytest.mark.parametrize("kind", ["application/json", "", "application/vnd.placet.gate-request.v1+json"])
def test_an_unknown_payload_type_is_refused(kind: str) -> None:
    raw = signed(a_statement().raw, kind)
    with pytest.raises(UnsupportedError) as caught:
        verify(raw, TRUST)
    assert caught.value.code == "dsse.payload_type"


def test_a_stranger_is_unknown() -> None:
    assert code_of(a_bundle(signer=a_key("stranger"))) == "signature.unknown_key"
    assert code_of(a_bundle(), a_trust_policy(signers=())) == "signature.unknown_key"


def test_a_stranger_who_names_a_trusted_key_is_caught() -> None:
    raw = with_hint(a_bundle(signer=a_key("stranger")), OWNER.public_key.hint)
    with pytest.raises(VerificationError, match="names the key of owner") as caught:
        verify(raw, TRUST)
    assert caught.value.code == "signature.invalid"


def test_a_bundle_cannot_bring_its_own_key() -> None:
    document = json.loads(a_bundle(signer=a_key("stranger")))
    stranger = a_key("stranger").public_key
    brought = {"rawBytes": base64.b64encode(stranger.der).decode(), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    document["verificationMaterial"]["publicKey"] = {"hint": stranger.hint, **brought}
    assert code_of(json.dumps(document).encode()) == "signature.unknown_key"
    document["verificationMaterial"]["publicKey"] = {"hint": OWNER.public_key.hint, **brought}
    assert code_of(json.dumps(document).encode()) == "signature.invalid"


def test_an_algorithm_in_the_bundle_is_not_read() -> None:
    document = json.loads(BUNDLE)
    document["verificationMaterial"]["publicKey"]["keyDetails"] = "PKIX_ED25519"
    assert verify(json.dumps(document).encode(), TRUST).signer.id == "owner"


def test_one_changed_byte_of_the_payload_is_caught() -> None:
    document = json.loads(a_bundle())
    other = json.loads(a_bundle(a_statement("dataset", [a_subject("other.csv")])))
    document["dsseEnvelope"]["payload"] = other["dsseEnvelope"]["payload"]
    assert code_of(json.dumps(document).encode()) == "signature.invalid"


def test_the_algorithm_is_the_trusted_keys() -> None:
    # An Ed25519 signature by a key of the same name is no signature by the P-256 key that trust.yaml lists.
    raw = a_bundle(signer=a_key("owner", "ed25519"))
    assert code_of(raw) == "signature.unknown_key"
    assert code_of(with_hint(raw, OWNER.public_key.hint)) == "signature.invalid"


HINTS = (
    OWNER.public_key.hint,
    OWNER.public_key.fingerprint,
    hashlib.sha256(OWNER.public_key.pem.encode()).hexdigest(),
    a_key("ci").public_key.hint,
    "",
    None,
    "nonsense",
)


@pytest.mark.parametrize("hint", HINTS)
def test_every_spelling_of_a_hint_and_none_lead_to_the_same_signer(hint: str | None) -> None:
    assert verify(with_hint(a_bundle(), hint), TRUST).signer.id == "owner"


@given(st.text(), st.sampled_from(["owner", "ci", "stranger"]))
def test_a_hint_never_changes_the_answer(hint: str, name: str) -> None:
    raw = with_hint(a_bundle(signer=a_key(name)), hint)
    if name == "stranger":
        assert code_of(raw) == "signature.unknown_key"
    else:
        assert verify(raw, TRUST).signer.id == name


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"not json", "json.syntax"),
        (b'{"a":1,"a":2}', "json.duplicate_key"),
        (b"[" * 1000, "json.too_deep"),
        (a_statement().raw.replace(b"Statement/v1", b"Statement/v9"), "statement.type"),
        (
            Statement.build(a_statement().predicate_type, [a_subject()], {"name": "x"}).raw,
            "predicate.schema",
        ),
        (a_statement("dataset", predicate=a_predicate("dataset", name="oci:x")).raw, "statement.name"),
        (a_statement("training", [a_subject("x", kind="modle")]).raw, "statement.annotation"),
        (
            a_statement("training", predicate=a_provenance("training", {"x": "datset"})).raw,
            "statement.annotation",
        ),
    ],
)
def test_a_good_signature_does_not_make_a_good_statement(payload: bytes, code: str) -> None:
    assert code_of(signed(payload)) == code


def test_the_limits_are_the_callers() -> None:
    with pytest.raises(MalformedError):
        verify(a_bundle(), TRUST, Limits(max_bundle_bytes=100))
    with pytest.raises(MalformedError):
        verify(a_bundle(), TRUST, Limits(max_statement_bytes=100))


@given(st.integers(0, len(BUNDLE) - 1), st.integers(0, 255))
def test_a_changed_byte_never_changes_what_is_said(position: int, byte: int) -> None:
    changed = BUNDLE[:position] + bytes([byte]) + BUNDLE[position + 1 :]
    try:
        verified = verify(changed, TRUST)
    except AttestationError:
        return
    # What still verifies is the same statement by the same signer: a hint, or white space.
    assert verified.statement == VERIFIED.statement
    assert verified.signer.id == "owner"


FIELDS: dict[str, Any] = {
    "digest": VERIFIED.digest,
    "statement": VERIFIED.statement,
    "type": "approval",
    "signer": VERIFIED.signer,
    "claims": (),
    "dependencies": (),
    "times": (),
    "certificate": None,
    "window": None,
}


def test_nobody_else_makes_a_verified_statement() -> None:
    with pytest.raises(TypeError):
        VerifiedStatement(**FIELDS)
    for seal in (None, object(), VERIFIED, True):
        with pytest.raises(TypeError, match=r"only placet_attestations\.verify\.verify"):
            VerifiedStatement(**FIELDS, seal=seal)


def test_replace_cannot_change_a_verified_statement() -> None:
    with pytest.raises(ValueError, match="InitVar 'seal' must be specified"):
        dataclasses.replace(VERIFIED, type="approval")  # type: ignore[call-arg]  # mypy knows it too
    with pytest.raises(TypeError):
        dataclasses.replace(VERIFIED, type="approval", seal=None)


def test_fields_cannot_be_set() -> None:
    for name in FIELDS:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(VERIFIED, name, None)
    with pytest.raises((AttributeError, TypeError)):
        VERIFIED.other = 1  # type: ignore[attr-defined]  # there is no such slot, and that is the point


def test_a_copy_is_the_thing_itself() -> None:
    assert copy.copy(VERIFIED) is VERIFIED
    assert copy.deepcopy([VERIFIED])[0] is VERIFIED


def test_it_does_not_travel_between_processes() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="does not travel"):
            pickle.dumps(VERIFIED, protocol)
    with pytest.raises(TypeError, match="does not travel"):
        VERIFIED.__getstate__()


def test_an_empty_shell_cannot_be_filled() -> None:
    shell = VerifiedStatement.__new__(VerifiedStatement)
    with pytest.raises(TypeError, match="only"):
        shell.__setstate__(list(FIELDS.values()))
    with pytest.raises(AttributeError):
        _ = shell.statement


def test_it_has_no_subclasses() -> None:
    with pytest.raises(TypeError, match="no subclasses"):
        type("Forged", (VerifiedStatement,), {"__post_init__": lambda self, seal: None})


def test_the_seal_is_not_kept_in_the_object() -> None:
    assert not hasattr(VERIFIED, "seal")
    assert "seal" not in repr(VERIFIED)
    assert module.__all__ == ["VerifiedStatement", "verify"]


def test_the_verifier_remembers_by_bytes_and_trust() -> None:
    verifier = Verifier()
    first = verifier.verify(BUNDLE, TRUST)
    assert verifier.verify(BUNDLE, TRUST) is first
    other = a_trust_policy(revoked=[{"artifact": a_digest(), "from": "always"}])
    assert verifier.verify(BUNDLE, other) is not first
    assert verifier.verify(BUNDLE, other) == first
    assert verifier.verify(BUNDLE, TRUST) is first


def test_a_remembered_refusal_is_of_these_bytes_under_this_trust() -> None:
    verifier = Verifier()
    raw = a_bundle(signer=a_key("stranger"))
    for _ in range(2):
        with pytest.raises(VerificationError):
            verifier.verify(raw, TRUST)
    wider = a_trust_policy(signers=[{"id": "stranger", "principal": "s", "roles": ["x"]}])
    assert verifier.verify(raw, wider).signer.id == "stranger"
    with pytest.raises(VerificationError):
        verifier.verify(raw, TRUST)


def test_the_verifier_forgets_the_oldest() -> None:
    verifier = Verifier(remember=2)
    bundles = [a_bundle(a_statement("dataset", [a_subject(name)])) for name in "abc"]
    first, second = (verifier.verify(raw, TRUST) for raw in bundles[:2])
    assert verifier.verify(bundles[0], TRUST) is first  # now the second is the oldest
    verifier.verify(bundles[2], TRUST)
    assert verifier.verify(bundles[0], TRUST) is first
    assert verifier.verify(bundles[1], TRUST) is not second


def test_several_threads_get_the_same_answers() -> None:
    verifier = Verifier(remember=8)
    good = [a_bundle(a_statement("dataset", [a_subject(str(number))])) for number in range(12)]
    bad = [raw.replace(b"publicKey", b"publicKez") for raw in good]

    def ask(raw: bytes) -> str:
        try:
            return verifier.verify(raw, TRUST).signer.id
        except AttestationError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, (good + bad) * 5))
    assert answers == (["owner"] * 12 + ["bundle.material"] * 12) * 5


def test_it_can_stand_in_a_set() -> None:
    assert len({VERIFIED, verify(BUNDLE, TRUST), a_verified("approval", by="approver")}) == 2


def test_a_signer_record_is_a_value() -> None:
    assert isinstance(VERIFIED.signer, SignerRecord)
    assert VERIFIED.signer == TRUST.signer_of(OWNER.public_key.fingerprint)
