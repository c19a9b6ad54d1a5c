"""One signed thing in each of its forms, read to the same bundle, and whatever else there is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope
from placet_attestations.errors import AttestationError, UnsupportedError
from placet_attestations.reading import read_signed
from placet_attestations.sigstore.sigstore_bundle import (
    CertificateMaterial,
    KeyMaterial,
    parse_sigstore_bundle,
)
from placet_attestations.statement import PAYLOAD_TYPE
from tests.builders import a_bundle, a_key, a_statement
from tests.fakes.sigstore import Sigstore, pep740

STATEMENT = a_statement()
KEYED = a_bundle(STATEMENT, a_key())
ENVELOPE: dict[str, Any] = json.loads(KEYED)["dsseEnvelope"]
INSTANCE = Sigstore()
CERTIFIED = INSTANCE.sign(INSTANCE.leaf(), STATEMENT.raw)
ATTESTATION = pep740(CERTIFIED)


def encoded(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def refusal(value: object) -> str:
    with pytest.raises(AttestationError) as caught:
        read_signed(value if isinstance(value, bytes) else encoded(value))
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("raw", [KEYED, encoded(CERTIFIED)])
def test_a_bundle_is_what_the_codec_makes_of_it(raw: bytes) -> None:
    assert read_signed(raw) == parse_sigstore_bundle(raw)


def test_a_bare_envelope_is_the_bundle_without_its_wrapping() -> None:
    raw = encoded({**ENVELOPE, "more": 1})
    read, bundle = read_signed(raw), read_signed(KEYED)
    assert (read.raw, read.digest, read.version) == (raw, Digest.of(raw), "dsse")
    assert (read.content, read.entries, read.timestamps) == (bundle.content, (), ())
    assert read.material == KeyMaterial(None)
    (signature,) = ENVELOPE["signatures"]
    named = read_signed(encoded({**ENVELOPE, "signatures": [{**signature, "keyid": "k"}]}))
    assert named.material == KeyMaterial("k")


def test_both_alphabets_of_an_envelope_are_one_payload() -> None:
    payload = base64.urlsafe_b64encode(STATEMENT.raw + b"\xff\xfe???>>>").decode()
    assert set(payload) & {"-", "_"}
    read = read_signed(encoded({**ENVELOPE, "payload": payload}))
    assert isinstance(read.content, Envelope)
    assert read.content.payload == STATEMENT.raw + b"\xff\xfe???>>>"
    assert refusal({**ENVELOPE, "payload": payload.replace("-", "+", 1) + "_A=="}) == "dsse.base64"


def test_an_attestation_object_is_the_bundle_that_it_was_made_of() -> None:
    raw = encoded({**ATTESTATION, "more": 1})
    read, bundle = read_signed(raw), parse_sigstore_bundle(encoded(CERTIFIED))
    assert (read.raw, read.digest, read.version) == (raw, Digest.of(raw), "pep740")
    assert (read.material, read.content, read.entries) == (bundle.material, bundle.content, bundle.entries)
    assert isinstance(read.material, CertificateMaterial)
    assert isinstance(read.content, Envelope)
    assert (read.content.payload_type, read.timestamps) == (PAYLOAD_TYPE, ())


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "bundle.shape"),
        ("text", "bundle.shape"),
        ({}, "bundle.shape"),
        ({"attestations": [{"bundle": {}}]}, "bundle.shape"),
        ([ENVELOPE], "bundle.shape"),
        ({**CERTIFIED, **ENVELOPE}, "bundle.shape"),
        ({**CERTIFIED, "payload": None}, "bundle.shape"),
        ({**ATTESTATION, "mediaType": "x"}, "bundle.shape"),
        ({**ATTESTATION, **ENVELOPE}, "bundle.shape"),
        ({**ENVELOPE, "signatures": ENVELOPE["signatures"] * 2}, "dsse.signatures"),
        ({**ENVELOPE, "signatures": []}, "dsse.no_signature"),
        ({**ENVELOPE, "signatures": [{"sig": ""}]}, "bundle.signatures"),
        ({**ENVELOPE, "payload": "aGk"}, "dsse.base64"),
        ({**ENVELOPE, "payload": "aG k="}, "dsse.base64"),
        ({"payload": "aGk="}, "dsse.no_signature"),
        (KEYED + b"{}", "json.syntax"),
        (KEYED + b" x", "json.syntax"),
        (b"\xef\xbb\xbf" + KEYED, "json.syntax"),
    ],
)
def test_what_is_not_one_signed_thing_is_refused(value: object, code: str) -> None:
    assert refusal(value) == code


def test_no_key_stands_twice_in_any_form() -> None:
    # Not parameters: their names would hold this run's keys, and workers must collect the same tests.
    assert refusal(encoded(ENVELOPE)[:-1] + b', "payload": ""}') == "json.duplicate_key"
    assert refusal(encoded(ATTESTATION)[:-1] + b', "version": 1}') == "json.duplicate_key"


def test_the_forms_at_odds_are_named() -> None:
    with pytest.raises(AttestationError, match="bundle, dsse"):
        read_signed(encoded({**CERTIFIED, **ENVELOPE}))


def changed(part: str, **changes: Any) -> dict[str, Any]:
    inner = {**ATTESTATION[part], **changes}
    return {**ATTESTATION, part: {key: value for key, value in inner.items() if value is not ...}}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({**ATTESTATION, "version": 2}, "bundle.unsupported"),
        ({**ATTESTATION, "version": True}, "bundle.unsupported"),
        ({**ATTESTATION, "version": 1.0}, "bundle.unsupported"),
        ({**ATTESTATION, "version": None}, "bundle.unsupported"),
        ({**ATTESTATION, "envelope": None}, "bundle.shape"),
        ({**ATTESTATION, "verification_material": []}, "bundle.shape"),
        (changed("verification_material", certificate=...), "bundle.certificate"),
        (changed("verification_material", certificate="AA=A"), "bundle.base64"),
        (changed("verification_material", certificate=[]), "bundle.shape"),
        (changed("verification_material", transparency_entries=...), "bundle.entries"),
        (changed("verification_material", transparency_entries=[]), "bundle.entries"),
        (changed("verification_material", transparency_entries=[{}]), "bundle.proof"),
        (changed("envelope", statement=...), "bundle.content"),
        (changed("envelope", statement="aGl="), "bundle.base64"),
        (changed("envelope", signature=""), "bundle.signatures"),
        (changed("envelope", signature=5), "bundle.shape"),
    ],
)
def test_an_attestation_object_that_is_not_one_is_refused(value: object, code: str) -> None:
    assert refusal(value) == code


def test_another_version_is_unsupported_and_not_forged() -> None:
    with pytest.raises(UnsupportedError):
        read_signed(encoded({**ATTESTATION, "version": 2}))
