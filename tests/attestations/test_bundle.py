from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.bundle import MEDIA_TYPE, make_bundle
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, Signature
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.reading import read_signed
from placet_attestations.signing import sign_payload
from placet_attestations.sigstore.sigstore_bundle import KeyMaterial
from tests.builders import a_bundle, a_key

KEY = a_key("owner").public_key


def bundle(**changes: Any) -> bytes:
    """A good bundle with members replaced: `hint=…` in the public key, `material__x=…`, or at the top."""
    document = json.loads(a_bundle())
    for name, value in changes.items():
        place, key = document, name
        if name.startswith("material__"):
            place, key = document["verificationMaterial"], name.removeprefix("material__")
        if value is ...:
            del place[key]
        else:
            place[key] = value
    return json.dumps(document).encode()


def test_a_bundle_keeps_its_bytes_and_their_digest() -> None:
    raw = bundle()
    parsed = read_signed(raw)
    assert parsed.raw == raw
    assert parsed.digest == Digest.of(raw)
    assert parsed.material == KeyMaterial(KEY.hint)


@given(st.text(), st.binary())
def test_what_is_made_is_what_is_read(kind: str, payload: bytes) -> None:
    envelope = sign_payload(kind, payload, a_key("owner"))
    assert read_signed(make_bundle(envelope, KEY)).content == envelope


def test_other_readers_find_the_empty_log_entries() -> None:
    document = json.loads(make_bundle(sign_payload("t", b"p", a_key()), a_key().public_key))
    assert document["mediaType"] == MEDIA_TYPE
    assert document["verificationMaterial"]["tlogEntries"] == []
    assert set(document["dsseEnvelope"]["signatures"][0]) == {"sig"}


@pytest.mark.parametrize(
    "changes",
    [
        {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3"},
        {"material__tlogEntries": ...},
        {"material__tlogEntries": None},
        {"material__timestampVerificationData": {}},
        {"material__certificate": None},
        {"messageSignature": None},
        {"material__publicKey": {"hint": KEY.hint, "rawBytes": "aGk=", "keyDetails": "PKIX_ED25519"}},
    ],
)
def test_what_others_write_beside_the_key_is_read(changes: dict[str, Any]) -> None:
    assert read_signed(bundle(**changes)).material == KeyMaterial(KEY.hint)


@pytest.mark.parametrize("key", [{}, {"hint": ""}, {"hint": None}])
def test_a_hint_may_be_missing(key: dict[str, Any]) -> None:
    assert read_signed(bundle(material__publicKey=key)).material == KeyMaterial(None)


@pytest.mark.parametrize(
    "changes",
    [
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.4+json"},
        {"material__newKindOfProof": {}},
        {"material__publicKey": {"hint": KEY.hint, "pem": KEY.pem}},
        {"newMember": 1},
    ],
)
def test_what_this_version_does_not_verify_is_called_so(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read_signed(bundle(**changes))
    assert caught.value.code == "bundle.unsupported"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mediaType": ...}, "bundle.shape"),
        ({"messageSignature": {"signature": "aGk="}}, "bundle.content"),
        ({"material__certificate": {"rawBytes": "aGk="}}, "bundle.material"),
        ({"material__publicKey": ..., "material__x509CertificateChain": {}}, "bundle.certificate"),
        ({"material__tlogEntries": [{"logIndex": "1"}]}, "bundle.proof"),
        ({"mediaType": 3}, "bundle.shape"),
        ({"mediaType": "application/json"}, "bundle.shape"),
        ({"dsseEnvelope": ...}, "bundle.content"),
        ({"dsseEnvelope": None}, "bundle.content"),
        ({"dsseEnvelope": []}, "dsse.shape"),
        ({"verificationMaterial": ...}, "bundle.shape"),
        ({"material__publicKey": ...}, "bundle.material"),
        ({"material__publicKey": {"hint": 5}}, "bundle.shape"),
    ],
)
def test_what_is_not_a_bundle_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_signed(bundle(**changes))
    assert caught.value.code == code
    assert not isinstance(caught.value, UnsupportedError)


@pytest.mark.parametrize("count", [0, 2])
def test_a_bundle_has_exactly_one_signature(count: int) -> None:
    document = json.loads(a_bundle())
    document["dsseEnvelope"]["signatures"] *= count
    with pytest.raises(MalformedError) as caught:
        read_signed(json.dumps(document).encode())
    assert caught.value.code == ("bundle.signatures" if count else "dsse.no_signature")
    with pytest.raises(MalformedError) as caught:
        make_bundle(Envelope("t", b"", (Signature(b"x"),) * count), KEY)
    assert caught.value.code == "bundle.signatures"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json.syntax"),
        (b"\x00\xff", "json.invalid_utf8"),
        (b"[]", "bundle.shape"),
        (b"[" * 100_000, "json.too_deep"),
        (b'{"a": NaN}', "json.not_finite"),
        (a_bundle().replace(b'"mediaType"', b'"dsseEnvelope"', 1), "json.duplicate_key"),
        (b" " * (16 * 1024 * 1024 + 1), "json.too_large"),
    ],
    ids=["nothing", "not text", "a list", "deep", "NaN", "twice", "large"],
)
def test_json_is_read_strictly_and_within_limits(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_signed(raw)
    assert caught.value.code == code


def test_the_limits_are_the_callers() -> None:
    with pytest.raises(MalformedError) as caught:
        read_signed(bundle(), Limits(max_bundle_bytes=10))
    assert caught.value.code == "json.too_large"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_are_malformed_and_never_crash(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_signed(raw)
