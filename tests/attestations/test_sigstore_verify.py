"""`verify_bundle` against an instance of our own: what public vectors cannot show, windows and wrong roots first."""

from __future__ import annotations

import copy
import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, MalformedError
from placet_attestations.keys import PublicKey, generate
from placet_attestations.limits import Limits
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.sigstore.verified_bundle import VerifiedBundle, VerifiedCertificate
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.fakes.der import utf8
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW, Leaf, Sigstore, authority, new_key, text
from tests.fakes.timestamper import encoded

WHO = CertificateIdentity.exactly(issuer=ISSUER, identity=IDENTITY)
DIGEST = Digest.of(b"weights")
PAYLOAD = json.dumps({"subject": [{"digest": {"sha256": DIGEST.hex}}]}).encode()
INSTANCE = Sigstore()
LEAF = INSTANCE.leaf()
LATER = NOW + timedelta(minutes=1)
FULCIO = "1.3.6.1.4.1.57264.1"


def root(document: dict[str, Any] | None = None, *, without_log: bool = False) -> TrustedRoot:
    raw = json.dumps(INSTANCE.root() if document is None else document).encode()
    return TrustedRoot.parse(raw, without_log=without_log)


def check(bundle: dict[str, Any], **changes: Any) -> VerifiedBundle:
    arguments: dict[str, Any] = {"identity": WHO, "root": root(), "artifact": DIGEST, **changes}
    return verify_bundle(json.dumps(bundle).encode(), **arguments)


def refusal(bundle: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(AttestationError) as caught:
        check(bundle, **changes)
    assert caught.value.hint
    return caught.value.code


def stamped(leaf: Leaf = LEAF, *, log: bool = True) -> dict[str, Any]:
    bundle = INSTANCE.sign(leaf, PAYLOAD)
    INSTANCE.stamp(bundle, b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]), LATER)
    if not log:
        del bundle["verificationMaterial"]["tlogEntries"]
    return bundle


def entry_of(bundle: dict[str, Any]) -> dict[str, Any]:
    [entry] = bundle["verificationMaterial"]["tlogEntries"]
    found: dict[str, Any] = entry
    return found


def test_a_certificates_bundle_says_who_signed_what_and_when() -> None:
    found = check(stamped())
    assert isinstance(found.signer, VerifiedCertificate)
    assert (found.signer.issuer, found.signer.identity, found.signer.name_kind) == (ISSUER, IDENTITY, "uri")
    assert [(proved.source, proved.time) for proved in found.times] == [("timestamp", LATER), ("log", NOW)]
    assert (found.payload, found.artifact, found.root) == (PAYLOAD, DIGEST, root().digest)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("ca", "certificate.window"),
        ("log", "log.window"),
        ("ct", "certificate_log.window"),
        ("tsa", "timestamp.unknown"),
    ],
)
def test_whoever_was_retired_before_vouches_for_nothing(what: str, code: str) -> None:
    start = (NOW - timedelta(days=9)).isoformat()
    last = {"ca": LATER, "log": NOW, "ct": NOW, "tsa": LATER}[what]
    inclusive = {"start": start, "end": last.isoformat()}
    check(stamped(), root=root(INSTANCE.root(**{what: inclusive})))
    before = {"start": start, "end": (last - timedelta(seconds=1)).isoformat()}
    assert refusal(stamped(), root=root(INSTANCE.root(**{what: before}))) == code
    after = {"start": (last + timedelta(seconds=1)).isoformat()}
    assert refusal(stamped(), root=root(INSTANCE.root(**{what: after}))) == code


def test_keys_of_the_root_that_are_anothers() -> None:
    document = INSTANCE.root()
    for member in ("tlogs", "ctlogs"):
        swapped = copy.deepcopy(document)
        swapped[member][0]["publicKey"]["rawBytes"] = document["ctlogs" if member == "tlogs" else "tlogs"][0][
            "publicKey"
        ]["rawBytes"]
        expected = "log.proof" if member == "tlogs" else "certificate.sct"
        assert refusal(stamped(), root=root(swapped)) == expected
        without = {**document, member: []}
        expected = "log.unknown" if member == "tlogs" else "certificate_log.unknown"
        assert refusal(stamped(), root=root(without)) == expected
    other = encoded(authority("acme root", new_key()))
    document["certificateAuthorities"][0]["certChain"]["certificates"] = [{"rawBytes": text(other)}]
    assert refusal(stamped(), root=root(document)) == "certificate.chain"


def test_a_checkpoint_of_another_tree_or_another_name() -> None:
    bundle = INSTANCE.sign(LEAF, PAYLOAD)
    proof = entry_of(bundle)["inclusionProof"]
    real = b64decode(proof["rootHash"])
    for checkpoint in (
        INSTANCE.checkpoint(b"\1" * 32, 1),
        INSTANCE.checkpoint(real, 2),
        INSTANCE.checkpoint(real, 1, signer="other.example"),
        INSTANCE.checkpoint(real, 1).replace("\u2014 ", "- "),
    ):
        proof["checkpoint"]["envelope"] = checkpoint
        assert refusal(bundle) == "log.proof"


def test_without_a_log_only_where_the_root_says_so() -> None:
    bundle = stamped(log=False)
    assert refusal(bundle) == "log.missing"
    found = check(bundle, root=root(without_log=True))
    assert [proved.source for proved in found.times] == ["timestamp"]
    # Who keeps no certificate log needs no word of one; who lists one does.
    unlogged = stamped(INSTANCE.leaf(logged=False), log=False)
    assert refusal(unlogged, root=root(without_log=True)) == "certificate.sct"
    private = {**INSTANCE.root(), "ctlogs": [], "tlogs": []}
    check(unlogged, root=root(private, without_log=True))
    del bundle["verificationMaterial"]["timestampVerificationData"]
    assert refusal(bundle, root=root(without_log=True)) == "time.missing"


def test_a_certificate_that_names_no_issuer_is_for_an_authority_that_is_the_issuer() -> None:
    leaf = INSTANCE.leaf(extensions={})
    who = CertificateIdentity(Match.nothing(), Match.exactly(IDENTITY))
    found = check(stamped(leaf), identity=who)
    assert isinstance(found.signer, VerifiedCertificate)
    assert found.signer.issuer == ""
    assert refusal(stamped(leaf)) == "identity.issuer"
    anybody = CertificateIdentity(Match.pattern("^.*$"), Match.pattern("^.*$"))
    assert refusal(stamped(leaf), identity=anybody) == "identity.issuer"


def test_another_identity_and_another_issuer() -> None:
    other = CertificateIdentity.exactly(issuer=ISSUER, identity=IDENTITY[:-1])
    assert refusal(stamped(), identity=other) == "identity.mismatch"
    other = CertificateIdentity.exactly(issuer=f"{ISSUER}/", identity=IDENTITY)
    assert refusal(stamped(), identity=other) == "identity.issuer"
    pattern = CertificateIdentity(
        Match.exactly(ISSUER), Match.pattern(r"^https://ci\.example/acme/[a-z]+/\.workflow@refs/heads/main$")
    )
    check(stamped(), identity=pattern)


def test_times_outside_the_certificate() -> None:
    for instant in (NOW - timedelta(seconds=1), NOW + timedelta(minutes=10, seconds=1)):
        assert refusal(INSTANCE.sign(LEAF, PAYLOAD, instant)) == "certificate.expired"
    bundle = INSTANCE.sign(LEAF, PAYLOAD)
    entry_of(bundle)["integratedTime"] = str(2**62)
    assert refusal(bundle) == "time.range"
    # A time that no promise signs is no time.
    bundle = INSTANCE.sign(LEAF, PAYLOAD)
    del entry_of(bundle)["inclusionPromise"]
    assert refusal(bundle) == "time.missing"


def test_a_time_stamp_over_something_else() -> None:
    bundle = INSTANCE.sign(LEAF, PAYLOAD)
    INSTANCE.stamp(bundle, b"another signature", LATER)
    assert refusal(bundle) == "timestamp.unknown"
    data = bundle["verificationMaterial"]["timestampVerificationData"]
    data["rfc3161Timestamps"][0]["signedTimestamp"] = text(b"no answer")
    assert refusal(bundle) == "timestamp.syntax"


@pytest.mark.parametrize(
    ("leaf", "code"),
    [
        (INSTANCE.leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH), "certificate.profile"),
        (INSTANCE.leaf(is_ca=True), "certificate.profile"),
        (INSTANCE.leaf(logged=False), "certificate.sct"),
        (INSTANCE.leaf(x509.DNSName("acme.example")), "certificate.profile"),
        (
            INSTANCE.leaf(x509.UniformResourceIdentifier(IDENTITY), x509.DNSName("acme.example")),
            "certificate.profile",
        ),
        (
            INSTANCE.leaf(
                x509.UniformResourceIdentifier(IDENTITY), x509.UniformResourceIdentifier("https://b")
            ),
            "certificate.profile",
        ),
        (INSTANCE.leaf(extensions={f"{FULCIO}.8": ISSUER.encode()}), "certificate.profile"),
        (INSTANCE.leaf(extensions={f"{FULCIO}.1": b"\xff"}), "certificate.profile"),
        (
            INSTANCE.leaf(extensions={f"{FULCIO}.1": b"other", f"{FULCIO}.8": utf8(ISSUER)}),
            "certificate.profile",
        ),
        (
            INSTANCE.leaf(extensions={f"{FULCIO}.8": utf8(ISSUER), f"{FULCIO}.12": utf8("x" * 5000)}),
            "certificate.profile",
        ),
    ],
)
def test_certificates_that_are_not_a_signers(leaf: Leaf, code: str) -> None:
    assert refusal(INSTANCE.sign(leaf, PAYLOAD)) == code


def test_claims_and_names_of_every_kind() -> None:
    extensions = {
        f"{FULCIO}.1": ISSUER.encode(),
        f"{FULCIO}.5": b"acme/model",
        f"{FULCIO}.8": utf8(ISSUER),
        f"{FULCIO}.12": utf8("https://ci.example/acme/model"),
        f"{FULCIO}.20": utf8("y" * 300),
    }
    leaf = INSTANCE.leaf(x509.RFC822Name("ml@acme.example"), extensions=extensions)
    found = check(
        stamped(leaf), identity=CertificateIdentity.exactly(issuer=ISSUER, identity="ml@acme.example")
    )
    assert isinstance(found.signer, VerifiedCertificate)
    assert found.signer.name_kind == "email"
    assert found.signer.claims == {
        "githubWorkflowRepository": "acme/model",
        "sourceRepositoryURI": "https://ci.example/acme/model",
        "buildTrigger": "y" * 300,
    }


def test_a_chain_with_a_root_of_its_own() -> None:
    bundle = INSTANCE.sign(LEAF, PAYLOAD)
    material = bundle["verificationMaterial"]
    material["x509CertificateChain"] = {
        "certificates": [material.pop("certificate"), {"rawBytes": text(encoded(INSTANCE.ca))}]
    }
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
    assert refusal(bundle) == "certificate.root"
    material["x509CertificateChain"]["certificates"].pop()
    check(bundle)


def test_the_entry_of_another_signature() -> None:
    bundle = INSTANCE.sign(LEAF, PAYLOAD)
    other = INSTANCE.sign(LEAF, PAYLOAD)
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    assert refusal(bundle) == "log.body"
    entry = {"apiVersion": "0.0.1", "kind": "rpm", "spec": {}}
    bundle["verificationMaterial"]["tlogEntries"] = [INSTANCE.entry(entry)]
    assert refusal(bundle) == "time.kind"
    bundle["verificationMaterial"]["tlogEntries"] = [
        INSTANCE.entry({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"more": 1}})
    ]
    assert refusal(bundle) == "log.body"


def test_the_artifact_must_be_a_subject_and_the_payload_a_statement() -> None:
    assert refusal(stamped(), artifact=Digest.of(b"other")) == "artifact.mismatch"
    assert check(stamped(), artifact=None).artifact is None
    assert refusal(INSTANCE.sign(LEAF, b"[]")) == "statement.shape"
    bundle = stamped()
    bundle["dsseEnvelope"]["payloadType"] = "text/plain"
    assert refusal(bundle) == "dsse.payload_type"
    bundle = stamped()
    bundle["dsseEnvelope"]["payload"] = text(PAYLOAD + b" ")
    assert refusal(bundle) == "signature.invalid"


def test_one_expected_signer_and_a_root_for_an_identity() -> None:
    for changes in ({"identity": None}, {"key": generate().public_key}, {"root": None}):
        with pytest.raises(MalformedError) as caught:
            check(stamped(), **changes)
        assert caught.value.code == "signer.usage"


def key_bundle() -> tuple[PublicKey, dict[str, Any]]:
    """Signed by a key that no certificate names, with a hashedrekord entry over the file."""
    import hashlib

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    signer = new_key()
    public = signer.public_key()
    key = PublicKey.from_der(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    signature = signer.sign(b"weights", ec.ECDSA(hashes.SHA256()))
    body = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(b"weights").hexdigest()}},
            "signature": {"content": text(signature), "publicKey": {"content": text(key.pem.encode())}},
        },
    }
    return key, {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": key.hint}, "tlogEntries": [INSTANCE.entry(body)]},
        "messageSignature": {"signature": text(signature)},
    }


def test_a_managed_key_with_and_without_a_root() -> None:
    key, bundle = key_bundle()
    assert [proved.time for proved in check(bundle, identity=None, key=key).times] == [NOW]
    assert check(bundle, identity=None, key=key, root=None).times == ()
    assert refusal(bundle, identity=None, key=generate().public_key) == "signature.invalid"
    assert refusal(bundle, identity=None, key=generate("ed25519").public_key) == "signature.unsupported"
    assert refusal(bundle, identity=None, key=key, artifact=None) == "artifact.missing"
    assert refusal(bundle) == "signer.kind"
    assert refusal(stamped(), identity=None, key=key) == "signer.kind"
    unknown = {**INSTANCE.root(), "tlogs": []}
    assert refusal(bundle, identity=None, key=key, root=root(unknown)) == "log.unknown"
    del entry_of(bundle)["inclusionPromise"]
    assert refusal(bundle, identity=None, key=key) == "time.missing"


def test_limits_one_past_each() -> None:
    bundle = stamped()
    raw = len(json.dumps(bundle).encode())
    token = b64decode(
        bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
    )
    note = entry_of(bundle)["inclusionProof"]["checkpoint"]["envelope"]
    for limits, code in (
        (Limits(max_bundle_bytes=raw - 1), "json.too_large"),
        (Limits(max_certificate_bytes=len(LEAF.der) - 1), "bundle.certificate"),
        (Limits(max_timestamps=0), "bundle.timestamps"),
        (Limits(max_timestamp_bytes=len(token) - 1), "bundle.timestamps"),
        (Limits(max_checkpoint_bytes=len(note) - 1), "bundle.proof"),
        (Limits(max_log_entries=0), "bundle.entries"),
        (Limits(max_statement_bytes=len(PAYLOAD) - 1), "json.too_large"),
    ):
        assert refusal(bundle, limits=limits) == code
    check(bundle, limits=Limits(max_bundle_bytes=raw, max_timestamp_bytes=len(token)))
