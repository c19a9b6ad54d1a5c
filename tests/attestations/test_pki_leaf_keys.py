"""Signers' certificates with keys beyond P-256: what is taken, with which hash, and what logs say about it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from placet_attestations.digests import Digest
from placet_attestations.envelope import pae
from placet_attestations.errors import AttestationError
from placet_attestations.keys import PublicKey
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.sigstore.verified_bundle import VerifiedBundle
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.x509.identities import CertificateIdentity
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW, Leaf, Sigstore, signed, spki, text

INSTANCE = Sigstore()
ROOT = TrustedRoot.parse(json.dumps(INSTANCE.root()).encode())
WHO = CertificateIdentity.exactly(issuer=ISSUER, identity=IDENTITY)
PAYLOAD = b'{"subject": []}'
FILE = b"weights"
P384 = INSTANCE.leaf(key=ec.generate_private_key(ec.SECP384R1()))
ED25519 = INSTANCE.leaf(key=ed25519.Ed25519PrivateKey.generate())
RSA = {bits: INSTANCE.leaf(key=rsa.generate_private_key(65537, bits)) for bits in (2048, 2560, 3072)}
P256 = INSTANCE.leaf()
LEAVES = {"p256": P256, "p384": P384, "ed25519": ED25519, **{f"rsa{bits}": key for bits, key in RSA.items()}}


def check(bundle: dict[str, Any], artifact: Digest | None = None) -> VerifiedBundle:
    return verify_bundle(json.dumps(bundle).encode(), identity=WHO, root=ROOT, artifact=artifact)


def code_of(bundle: dict[str, Any], artifact: Digest | None = None) -> str:
    with pytest.raises(AttestationError) as caught:
        check(bundle, artifact)
    assert caught.value.hint
    return caught.value.code


def recorded(
    leaf: Leaf, signature: bytes, details: str, hash_: str, digest: bytes, instance: Sigstore = INSTANCE
) -> dict[str, Any]:
    """A hashedrekord/0.0.2 entry, which has no promise and no time."""
    body = {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {
            "hashedRekordV002": {
                "data": {"algorithm": hash_, "digest": text(digest)},
                "signature": {
                    "content": text(signature),
                    "verifier": {"keyDetails": details, "x509Certificate": {"rawBytes": text(leaf.der)}},
                },
            }
        },
    }
    entry = instance.entry(body)
    del entry["inclusionPromise"], entry["integratedTime"]
    return entry


def in_rekor_2(
    leaf: Leaf, details: str, hash_: str = "SHA2_256", *, by: hashes.HashAlgorithm | None = None
) -> dict[str, Any]:
    bundle = INSTANCE.sign(leaf, PAYLOAD, hash_=by)
    signature = b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    digest = hashlib.new(hash_.replace("SHA2_", "sha"), pae(PAYLOAD_TYPE, PAYLOAD)).digest()
    entry = recorded(leaf, signature, details, hash_, digest)
    bundle["verificationMaterial"]["tlogEntries"] = [entry]
    INSTANCE.stamp(bundle, signature, NOW + timedelta(minutes=1))
    return bundle


def recorded_by(instance: Sigstore, leaf: Leaf, payload: bytes) -> dict[str, Any]:
    """A statement by a P-256 signer of that instance, in its Rekor v2 log, with a time stamp."""
    bundle = instance.sign(leaf, payload)
    signature = b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    digest = hashlib.sha256(pae(PAYLOAD_TYPE, payload)).digest()
    entry = recorded(leaf, signature, "PKIX_ECDSA_P256_SHA_256", "SHA2_256", digest, instance)
    bundle["verificationMaterial"]["tlogEntries"] = [entry]
    instance.stamp(bundle, signature, NOW + timedelta(minutes=1))
    return bundle


def over_a_file(leaf: Leaf, hash_: hashes.HashAlgorithm | None = None) -> dict[str, Any]:
    signature = signed(leaf.key, FILE, hash_)
    body = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": Digest.of(FILE).hex}},
            "signature": {"content": text(signature), "publicKey": {"content": text(leaf.pem)}},
        },
    }
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": text(leaf.der)},
            "tlogEntries": [INSTANCE.entry(body)],
        },
        "messageSignature": {"signature": text(signature)},
    }


@pytest.mark.parametrize("name", LEAVES)
def test_a_statement_by_every_kind_of_key(name: str) -> None:
    bundle = INSTANCE.sign(LEAVES[name], PAYLOAD)
    assert check(bundle).payload == PAYLOAD
    bundle["dsseEnvelope"]["payload"] = text(PAYLOAD + b" ")
    assert code_of(bundle) == "signature.invalid"
    other = INSTANCE.leaf(key=type_of(name))
    bundle = INSTANCE.sign(LEAVES[name], PAYLOAD)
    bundle["verificationMaterial"]["certificate"] = {"rawBytes": text(other.der)}
    assert code_of(bundle) == "signature.invalid"


def type_of(name: str) -> Any:
    """Another key of the same kind."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(65537, int(name[3:]))
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}
    return ec.generate_private_key(curves[name]) if name in curves else ed25519.Ed25519PrivateKey.generate()


def test_p384_signs_with_either_hash_and_p256_with_one() -> None:
    check(INSTANCE.sign(P384, PAYLOAD, hash_=hashes.SHA256()))
    assert code_of(INSTANCE.sign(P384, PAYLOAD, hash_=hashes.SHA512())) == "signature.invalid"
    assert code_of(INSTANCE.sign(P256, PAYLOAD, hash_=hashes.SHA384())) == "signature.invalid"
    assert code_of(INSTANCE.sign(RSA[2048], PAYLOAD, hash_=hashes.SHA384())) == "signature.invalid"


def test_a_key_of_trust_yaml_has_one_hash() -> None:
    key = PublicKey.from_der(spki(P384.key))
    for hash_, code in ((None, None), (hashes.SHA256(), "signature.invalid")):
        bundle = INSTANCE.sign(P384, PAYLOAD, hash_=hash_)
        bundle["verificationMaterial"] = {"publicKey": {"hint": key.hint}, "tlogEntries": []}
        raw = json.dumps(bundle).encode()
        if code is None:
            assert verify_bundle(raw, key=key).payload == PAYLOAD
            continue
        with pytest.raises(AttestationError) as caught:
            verify_bundle(raw, key=key)
        assert caught.value.code == code


def test_rsa_by_pss_is_not_taken_from_a_certificate() -> None:
    bundle = INSTANCE.sign(RSA[2048], PAYLOAD)
    key = RSA[2048].key
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    by_pss = key.sign(pae(PAYLOAD_TYPE, PAYLOAD), pss, hashes.SHA256())
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = text(by_pss)
    assert code_of(bundle) == "signature.invalid"


@pytest.mark.parametrize(
    ("name", "details", "hash_", "code"),
    [
        ("p256", "PKIX_ECDSA_P256_SHA_256", "SHA2_256", None),
        ("p384", "PKIX_ECDSA_P384_SHA_384", "SHA2_384", None),
        ("rsa2048", "PKIX_RSA_PKCS1V15_2048_SHA256", "SHA2_256", None),
        ("rsa3072", "PKIX_RSA_PKCS1V15_3072_SHA256", "SHA2_256", None),
        ("p256", "PKIX_ECDSA_P384_SHA_256", "SHA2_256", "log.body"),
        ("p384", "PKIX_ECDSA_P384_SHA_256", "SHA2_384", "log.body"),
        ("p384", "PKIX_ECDSA_P384_SHA_384", "SHA2_256", "log.body"),
        ("rsa2048", "PKIX_RSA_PKCS1V15_4096_SHA256", "SHA2_256", "log.body"),
        ("rsa2048", "PKIX_RSA_PSS_2048_SHA256", "SHA2_256", "log.body"),
        ("rsa2560", "", "SHA2_256", "log.body"),
        ("ed25519", "PKIX_ED25519", "SHA2_512", "log.body"),
    ],
)
def test_what_rekor_2_records_of_each_key(name: str, details: str, hash_: str, code: str | None) -> None:
    bundle = in_rekor_2(LEAVES[name], details, hash_)
    if code is None:
        assert [proved.source for proved in check(bundle).times] == ["timestamp"]
    else:
        assert code_of(bundle) == code


def test_p384_with_sha_256_in_rekor_2() -> None:
    check(in_rekor_2(P384, "PKIX_ECDSA_P384_SHA_256", "SHA2_256", by=hashes.SHA256()))
    other = in_rekor_2(P384, "PKIX_ECDSA_P384_SHA_384", "SHA2_384", by=hashes.SHA256())
    assert code_of(other) == "log.body"


@pytest.mark.parametrize("leaf", [RSA[2048], RSA[2560], P384], ids=["rsa2048", "rsa2560", "p384"])
def test_a_file_is_signed_by_its_sha256(leaf: Leaf) -> None:
    bundle = over_a_file(leaf, hashes.SHA256())
    assert check(bundle, Digest.of(FILE)).artifact == Digest.of(FILE)
    expected = "signature.unsupported" if leaf is P384 else "signature.invalid"
    assert code_of(bundle, Digest.of(b"other")) == expected


@pytest.mark.parametrize("leaf", [P384, ED25519], ids=["p384", "ed25519"])
def test_a_file_that_is_not_signed_by_its_sha256(leaf: Leaf) -> None:
    assert code_of(over_a_file(leaf), Digest.of(FILE)) == "signature.unsupported"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),
        dsa.generate_private_key(2048),
    ],
    ids=["p521", "secp256k1", "rsa1024", "dsa"],
)
def test_keys_that_are_not_taken(key: Any) -> None:
    bundle = INSTANCE.sign(P256, PAYLOAD)
    bundle["verificationMaterial"]["certificate"] = {"rawBytes": text(INSTANCE.leaf(key=key).der)}
    assert code_of(bundle) == "certificate.key"
