"""The codec in front of all checks: one meaning for each bundle, and nothing skipped."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from placet_attestations.errors import AttestationError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_bundle import (
    CertificateMaterial,
    KeyMaterial,
    parse_sigstore_bundle,
)
from tests.fakes.sigstore import Sigstore

INSTANCE = Sigstore()
BUNDLE = INSTANCE.sign(INSTANCE.leaf(), b"{}")
HASH = "A" * 43 + "="
NAMES = {
    "0.1": (
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle.v0.1+json",
    ),
    "0.2": (
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle.v0.2+json",
    ),
    "0.3": (
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ),
}


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = copy.deepcopy(BUNDLE)
    change(document)
    return json.dumps(document).encode()


def refusal(raw: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(AttestationError) as caught:
        parse_sigstore_bundle(raw, limits or Limits())
    assert caught.value.hint
    return caught.value.code


def material(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["verificationMaterial"]
    return found


def entry(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = material(document)["tlogEntries"][0]
    return found


def chain(document: dict[str, Any], count: int = 1) -> None:
    material(document)["x509CertificateChain"] = {
        "certificates": [material(document).pop("certificate")] * count
    }


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_every_version_in_both_spellings(version: str) -> None:
    for name in NAMES[version]:

        def change(document: dict[str, Any], name: str = name) -> None:
            document["mediaType"] = name
            if version != "0.3":
                chain(document)

        raw = changed(change)
        bundle = parse_sigstore_bundle(raw)
        assert (bundle.version, bundle.raw) == (version, raw)
        assert isinstance(bundle.material, CertificateMaterial)


def test_defaults_that_writers_leave_out() -> None:
    [read] = parse_sigstore_bundle(json.dumps(BUNDLE).encode()).entries
    assert (read.index, read.proof.index, read.proof.hashes) == (0, 0, ())
    raw = changed(lambda d: material(d).update(tlogEntries=None, timestampVerificationData=None))
    bundle = parse_sigstore_bundle(raw)
    assert (bundle.entries, bundle.timestamps) == ((), ())
    raw = changed(lambda d: (material(d).pop("certificate"), material(d).update(publicKey={})))
    assert parse_sigstore_bundle(raw).material == KeyMaterial(None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.pop("mediaType"), "bundle.shape"),
        (lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"), "bundle.unsupported"),
        (lambda d: d.update(more=1), "bundle.unsupported"),
        (lambda d: d.update(verificationMaterial=[]), "bundle.shape"),
        (lambda d: material(d).update(more=1), "bundle.unsupported"),
        (lambda d: entry(d).update(more=1), "bundle.unsupported"),
        (lambda d: entry(d)["inclusionProof"].update(more=1), "bundle.unsupported"),
        (lambda d: d.pop("dsseEnvelope"), "bundle.content"),
        (lambda d: d.update(messageSignature={"signature": "AA=="}), "bundle.content"),
        (lambda d: d["dsseEnvelope"]["signatures"].append({"sig": "AA=="}), "bundle.signatures"),
        (lambda d: d["dsseEnvelope"]["signatures"][0].update(sig=""), "bundle.signatures"),
        (lambda d: material(d).pop("certificate"), "bundle.material"),
        (lambda d: material(d).update(publicKey={"hint": "a"}), "bundle.material"),
        (
            lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2"),
            "bundle.material",
        ),
        (lambda d: material(d)["certificate"].update(rawBytes=""), "bundle.certificate"),
        (lambda d: material(d)["certificate"].update(rawBytes="AA=A"), "bundle.base64"),
        (lambda d: material(d)["certificate"].update(rawBytes=7), "bundle.shape"),
        (lambda d: material(d).update(tlogEntries="no"), "bundle.shape"),
        (lambda d: material(d)["tlogEntries"].append(entry(d)), "bundle.entries"),
        (lambda d: entry(d).update(logIndex="-1"), "bundle.number"),
        (lambda d: entry(d).update(logIndex="01"), "bundle.number"),
        (lambda d: entry(d).update(logIndex=True), "bundle.number"),
        (lambda d: entry(d).update(logIndex=str(2**63)), "bundle.number"),
        (lambda d: entry(d).pop("kindVersion"), "bundle.entry"),
        (lambda d: entry(d).update(logId={"keyId": "AA=="}), "bundle.entry"),
        (lambda d: entry(d).pop("inclusionProof"), "bundle.proof"),
        (lambda d: entry(d)["inclusionProof"].pop("checkpoint"), "bundle.proof"),
        (lambda d: entry(d)["inclusionProof"].update(logIndex="1"), "bundle.proof"),
        (lambda d: entry(d)["inclusionProof"].update(hashes=["AA=="]), "bundle.proof"),
        (lambda d: entry(d)["inclusionProof"].update(hashes=[HASH] * 65), "bundle.proof"),
        (
            lambda d: material(d).update(
                timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": "AA=="}] * 2}
            ),
            "bundle.timestamps",
        ),
        (
            lambda d: material(d).update(
                timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": ""}]}
            ),
            "bundle.timestamps",
        ),
    ],
)
def test_what_is_refused(change: Callable[[dict[str, Any]], object], code: str) -> None:
    assert refusal(changed(change)) == code


def test_a_chain_is_bounded_and_not_empty() -> None:
    for count, code in ((0, "bundle.certificate"), (11, "bundle.certificate")):

        def change(document: dict[str, Any], count: int = count) -> None:
            document["mediaType"] = NAMES["0.2"][0]
            chain(document, count)

        assert refusal(changed(change)) == code


def test_a_v01_entry_needs_its_promise() -> None:
    def change(document: dict[str, Any]) -> None:
        document["mediaType"] = NAMES["0.1"][0]
        chain(document)
        del entry(document)["inclusionPromise"]

    assert refusal(changed(change)) == "bundle.promise"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"signature": ""}, "bundle.signatures"),
        (
            {"signature": "AA==", "messageDigest": {"algorithm": "SHA2_512", "digest": HASH}},
            "bundle.unsupported",
        ),
        (
            {"signature": "AA==", "messageDigest": {"algorithm": "SHA2_256", "digest": "AA=="}},
            "bundle.content",
        ),
    ],
)
def test_message_signatures(message: dict[str, Any], code: str) -> None:
    assert refusal(changed(lambda d: (d.pop("dsseEnvelope"), d.update(messageSignature=message)))) == code


def test_one_document_and_no_key_twice() -> None:
    raw = json.dumps(BUNDLE).encode()
    assert refusal(raw + b"{}") == "json.syntax"
    assert refusal(raw[:-1] + b', "mediaType": "x"}') == "json.duplicate_key"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.update(mediaType="x"), "root.type"),
        (lambda d: d.update(more=1), "root.shape"),
        (lambda d: d["tlogs"][0].update(hashAlgorithm="SHA2_512"), "root.shape"),
        (lambda d: d["tlogs"][0]["logId"].update(keyId="AA=="), "root.shape"),
        (lambda d: d["tlogs"][0]["publicKey"].pop("validFor"), "root.shape"),
        (
            lambda d: d["ctlogs"][0]["publicKey"].update(validFor={"end": "2026-01-01T00:00:00Z"}),
            "root.shape",
        ),
        (
            lambda d: d["timestampAuthorities"][0].update(
                validFor={"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
            ),
            "root.shape",
        ),
        (lambda d: d["certificateAuthorities"][0]["certChain"].update(certificates=[]), "root.shape"),
    ],
)
def test_a_root_that_is_none(change: Callable[[dict[str, Any]], object], code: str) -> None:
    document = INSTANCE.root()
    change(document)
    with pytest.raises(AttestationError) as caught:
        TrustedRoot.parse(json.dumps(document).encode())
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert isinstance(caught.value, UnsupportedError) is (code == "root.type")


def test_a_root_is_bounded() -> None:
    raw = json.dumps(INSTANCE.root()).encode()
    TrustedRoot.parse(raw, limits=Limits(max_root_bytes=len(raw)))
    with pytest.raises(AttestationError) as caught:
        TrustedRoot.parse(raw, limits=Limits(max_root_bytes=len(raw) - 1))
    assert caught.value.code == "json.too_large"
