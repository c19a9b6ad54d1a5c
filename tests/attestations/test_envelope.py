from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.envelope import (
    Envelope,
    Signature,
    check_payload_type,
    decode_base64,
    pae,
    verify_envelope,
)
from placet_attestations.errors import AttestationError, MalformedError, UnsupportedError, VerificationError
from placet_attestations.keys import SigningAlgorithm
from placet_attestations.signing import sign_payload
from tests.builders import a_key

TYPE = "application/x"
KEY, OTHER = a_key("one").public_key, a_key("two").public_key


def signed(*names: str, payload: bytes = b"payload", kind: str = TYPE) -> Envelope:
    """An envelope that these keys signed."""
    signatures = (sign_payload(kind, payload, a_key(name)).signatures[0] for name in names)
    return Envelope(kind, payload, tuple(signatures))


def envelope_json(**changes: Any) -> dict[str, Any]:
    members = {"payload": "aGk=", "payloadType": TYPE, "signatures": [{"sig": "aGk="}], **changes}
    return {key: value for key, value in members.items() if value is not ...}


def test_pae_counts_bytes() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("ä", b"") == "DSSEv1 2 ä 0 ".encode()


@given(st.text(), st.binary(), st.text(), st.binary())
def test_pae_never_confuses_two_payloads(kind: str, payload: bytes, other: str, another: bytes) -> None:
    assert (pae(kind, payload) == pae(other, another)) == ((kind, payload) == (other, another))


def test_half_a_character_has_no_encoding() -> None:
    with pytest.raises(MalformedError) as caught:
        pae("\ud800", b"")
    assert caught.value.code == "dsse.shape"


ENVELOPES = st.builds(
    Envelope,
    st.text(),
    st.binary(),
    st.lists(st.builds(Signature, st.binary(), st.none() | st.text(min_size=1)), min_size=1, max_size=3).map(
        tuple
    ),
)


@given(ENVELOPES)
def test_json_brings_back_the_same_envelope(envelope: Envelope) -> None:
    assert Envelope.from_json(json.loads(json.dumps(envelope.to_json()))) == envelope


@given(st.binary())
def test_both_alphabets_of_base64_are_read(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode(), "x") == data
    assert decode_base64(base64.urlsafe_b64encode(data).decode(), "x") == data


@given(st.text(alphabet="ABab09+/-_= \n", max_size=12))
def test_a_value_has_one_spelling_in_each_alphabet(text: str) -> None:
    try:
        data = decode_base64(text, "x")
    except MalformedError as error:
        assert error.code == "dsse.base64"  # noqa: PT017  # most texts are refused, and that is half of the rule
    else:
        assert text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode())


@pytest.mark.parametrize(
    "text",
    ["a", "aG", "aGk", "aGl=", "aGk=\n", " aGk=", "aG.k=", "aGk==", "=", "+_+_", "aGkä", "aGk=aGk=", "a===b"],
)
def test_what_decoders_let_through_is_refused(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Envelope.from_json(envelope_json(payload=text))
    assert caught.value.code == "dsse.base64"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "dsse.shape"),
        (None, "dsse.shape"),
        (envelope_json(payload=...), "dsse.shape"),
        (envelope_json(payload=5), "dsse.shape"),
        (envelope_json(payloadType=...), "dsse.shape"),
        (envelope_json(payloadType=None), "dsse.shape"),
        (envelope_json(signatures=...), "dsse.no_signature"),
        (envelope_json(signatures=[]), "dsse.no_signature"),
        (envelope_json(signatures={"sig": "aGk="}), "dsse.no_signature"),
        (envelope_json(signatures=["aGk="]), "dsse.shape"),
        (envelope_json(signatures=[{}]), "dsse.shape"),
        (envelope_json(signatures=[{"sig": "?"}]), "dsse.base64"),
        (envelope_json(signatures=[{"sig": "aGk=", "keyid": 1}]), "dsse.shape"),
    ],
)
def test_what_is_not_an_envelope_is_refused(value: Any, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Envelope.from_json(value)
    assert caught.value.code == code
    assert caught.value.hint


def test_unknown_members_and_empty_keyids_are_ignored() -> None:
    signature = {"sig": "aGk=", "keyid": "", "cert": "x"}
    envelope = Envelope.from_json(envelope_json(signatures=[signature], extra=1))
    assert envelope.signatures == (Signature(b"hi"),)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_a_signature_holds_for_its_key(algorithm: SigningAlgorithm) -> None:
    signer = a_key("x", algorithm)
    envelope = sign_payload(TYPE, b"payload", signer)
    assert verify_envelope(envelope, [KEY, signer.public_key], payload_types=[TYPE]) == (signer.public_key,)


def test_a_changed_payload_does_not_hold() -> None:
    changed = Envelope(TYPE, b"payloae", signed("one").signatures)
    with pytest.raises(VerificationError) as caught:
        verify_envelope(changed, [KEY], payload_types=[TYPE])
    assert caught.value.code == "dsse.signature"


def test_a_signature_for_one_type_does_not_hold_for_another() -> None:
    changed = Envelope("application/y", b"payload", signed("one").signatures)
    with pytest.raises(VerificationError):
        verify_envelope(changed, [KEY], payload_types=[TYPE, "application/y"])


@pytest.mark.parametrize("kind", ["", "application/y"])
def test_an_unknown_payload_type_is_refused(kind: str) -> None:
    for check in (
        lambda envelope: check_payload_type(envelope, [TYPE]),
        lambda envelope: verify_envelope(envelope, [KEY], payload_types=[TYPE]),
    ):
        with pytest.raises(UnsupportedError) as caught:
            check(signed("one", kind=kind))
        assert caught.value.code == "dsse.payload_type"


def test_no_type_is_never_supported() -> None:
    with pytest.raises(UnsupportedError):
        check_payload_type(signed("one", kind=""), ["", TYPE])


def test_one_key_counts_once() -> None:
    assert verify_envelope(signed("one", "two"), [KEY, OTHER, KEY], payload_types=[TYPE], threshold=2) == (
        KEY,
        OTHER,
    )
    with pytest.raises(VerificationError) as caught:
        verify_envelope(signed("one", "one"), [KEY, KEY, OTHER], payload_types=[TYPE], threshold=2)
    assert caught.value.code == "dsse.threshold"


def test_no_keys_verify_nothing() -> None:
    for threshold in (0, 1):
        with pytest.raises(VerificationError):
            verify_envelope(signed("one"), [], payload_types=[TYPE], threshold=threshold)


@given(st.text(max_size=8) | st.none())
def test_a_keyid_changes_nothing(keyid: str | None) -> None:
    (signature,) = signed("one").signatures
    envelope = Envelope(TYPE, b"payload", (Signature(signature.sig, keyid),))
    assert verify_envelope(envelope, [OTHER, KEY], payload_types=[TYPE]) == (KEY,)


@given(st.binary(max_size=100))
def test_arbitrary_signatures_are_refused_and_never_crash(sig: bytes) -> None:
    envelope = Envelope(TYPE, b"payload", (Signature(sig),))
    keys = [KEY, a_key("ed", "ed25519").public_key]
    with pytest.raises(AttestationError):
        verify_envelope(envelope, keys, payload_types=[TYPE])
