"""Signatures over files: whose they are, and that they are over these bytes and no others."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.admission import signer_problem
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, IdentityError
from placet_attestations.file_signature import signs_file, verify_file_signature
from placet_attestations.keys import SigningAlgorithm
from placet_attestations.trust import TrustPolicy, load_trust
from placet_attestations.trust_file import parse_trust
from tests.builders import NOW, a_bundle, a_key, a_trust_policy
from tests.fakes.pki import SPIFFE, bundle, node, signer
from tests.fakes.sigstore import signed, text
from tests.vectors import vectors_dir

TRUST = a_trust_policy()
FILE = b"weights"
DIGEST = Digest.of(FILE)
MEDIA = "application/vnd.dev.sigstore.bundle.v0.3+json"


def message(signature: bytes, *, of: bytes | None = FILE) -> dict[str, Any]:
    """A signature over a file; `of` is what the bundle says that it is over, None when it does not."""
    said = {} if of is None else {
        "messageDigest": {"algorithm": "SHA2_256", "digest": text(bytes.fromhex(Digest.of(of).hex))}
    }  # fmt: skip
    return {"signature": text(signature), **said}


def by_key(
    name: str = "owner",
    *,
    hint: str | None = None,
    algorithm: SigningAlgorithm = "ecdsa-p256",
    **changes: Any,
) -> bytes:
    key = a_key(name, algorithm)
    return json.dumps(
        {
            "mediaType": MEDIA,
            "verificationMaterial": {
                "publicKey": {"hint": key.public_key.hint if hint is None else hint},
                "tlogEntries": [],
            },
            "messageSignature": message(key.sign(FILE), **changes),
        }
    ).encode()


def refusal(raw: bytes, artifact: Digest | Path = DIGEST, trust: TrustPolicy = TRUST) -> str:
    with pytest.raises(AttestationError) as caught:
        verify_file_signature(raw, artifact, trust)
    assert caught.value.hint
    return caught.value.code


def trust_in(folder: Path, *signers: Mapping[str, Any], **more: Any) -> TrustPolicy:
    document = {
        "version": 1,
        "signers": [{"principal": item["id"], "roles": ["publisher"], **item} for item in signers],
        "rules": [{"roles": ["publisher"], "types": ["provenance"], "kinds": ["model"]}],
        **more,
    }
    (folder / "trust.yaml").write_text(json.dumps(document))
    return load_trust(folder / "trust.yaml")


@pytest.mark.parametrize("hint", [None, "", "unknown"])
def test_a_signer_by_key(tmp_path: Path, hint: str | None) -> None:
    raw = by_key(hint=hint)
    found = verify_file_signature(raw, DIGEST, TRUST)
    assert (found.signer.id, found.artifact, found.digest) == ("owner", DIGEST, Digest.of(raw))
    assert (found.times, found.certificate, found.window, found.existed(NOW)) == ((), None, None, NOW)
    (tmp_path / "file").write_bytes(FILE)
    assert verify_file_signature(raw, tmp_path / "file", TRUST) == found
    assert signs_file(raw)
    assert not signs_file(a_bundle())


def test_another_file_is_not_what_was_signed(tmp_path: Path) -> None:
    other = Digest.of(b"other")
    assert refusal(by_key(), other) == "artifact.mismatch"
    # Without its word about the file the signature says so; with a false one too.
    assert refusal(by_key(of=None), other) == "signature.invalid"
    assert refusal(by_key(of=b"other"), other) == "signature.invalid"
    assert refusal(by_key(of=b"other"), DIGEST) == "artifact.mismatch"
    assert refusal(by_key(of=None, hint=""), other) == "signature.unknown_key"
    with pytest.raises(IdentityError):
        verify_file_signature(by_key(), tmp_path / "nowhere", TRUST)


def test_strangers_are_unknown() -> None:
    assert refusal(by_key("stranger")) == "signature.unknown_key"
    # Somebody else's hint does not help.
    assert refusal(by_key("stranger", hint=a_key("owner").public_key.hint)) == "signature.invalid"


def test_a_key_for_which_a_digest_is_not_enough_is_named() -> None:
    raw = b'{"version":1,"rules":[],"signers":[{"id":"ed","principal":"ed","roles":["a"],"key":"ed"},{"id":"ec","principal":"ec","roles":["a"],"key":"ec"}]}'  # noqa: E501
    trust = parse_trust(
        raw, lambda name, _: a_key(name, "ed25519" if name == "ed" else "ecdsa-p256").public_key
    )
    assert verify_file_signature(by_key("ec"), DIGEST, trust).signer.id == "ec"
    assert refusal(by_key("ed", algorithm="ed25519"), trust=trust) == "signature.unsupported"
    assert refusal(by_key("stranger"), trust=trust) == "signature.unknown_key"


def test_a_statement_is_no_signature_over_a_file() -> None:
    assert refusal(a_bundle()) == "bundle.statement"
    assert refusal(b"{}") == "bundle.shape"


def test_a_signer_of_an_own_authority(tmp_path: Path) -> None:
    root = node("root")
    leaf = signer(root)
    (tmp_path / "root.pem").write_bytes(root.pem)
    document = bundle(leaf, b"{}", root)
    del document["dsseEnvelope"]
    document["messageSignature"] = message(signed(leaf.key, FILE))
    trust = trust_in(
        tmp_path,
        {"id": "workload", "root": "pki", "identity": SPIFFE},
        roots=[{"id": "pki", "authority": "root.pem"}],
    )
    raw = json.dumps(document).encode()
    found = verify_file_signature(raw, DIGEST, trust)
    assert found.signer.id == "workload"
    assert found.certificate is not None
    assert found.certificate.identity == SPIFFE
    assert found.window is not None
    late = datetime.now(UTC) + timedelta(days=36_500)
    assert signer_problem(found.signer, trust, late, found.window) is not None
    document["messageSignature"] = message(signed(leaf.key, b"other"))
    assert refusal(json.dumps(document).encode(), trust=trust) == "signature.invalid"


@pytest.mark.conformance
def test_a_key_whose_times_a_root_proves(tmp_path: Path) -> None:
    case = vectors_dir() / "sigstore-conformance" / "bundle-verify" / "managed-key-and-trusted-root"
    for name in ("key.pub", "trusted_root.json"):
        (tmp_path / name).write_bytes((case / name).read_bytes())
    raw = (case / "bundle.sigstore.json").read_bytes()
    file = case / "artifact"
    file = file if file.exists() else case.parent / "a.txt"
    roots = [{"id": "own", "file": "trusted_root.json"}]
    trust = trust_in(tmp_path, {"id": "key", "key": "key.pub", "root": "own"}, roots=roots)
    found = verify_file_signature(raw, file, trust)
    assert (found.signer.id, bool(found.times)) == ("key", True)
    assert found.existed(NOW) == min(proved.time for proved in found.times) < NOW
    undated = verify_file_signature(raw, file, trust_in(tmp_path, {"id": "key", "key": "key.pub"}))
    assert undated.times == ()


ANYBODY = {"id": "anybody", "issuer_pattern": "^.+$", "identity_pattern": "^.+$"}


@pytest.mark.conformance
def test_what_cosign_signs(tmp_path: Path) -> None:
    folder = vectors_dir() / "bundles"
    raw = (folder / "cosign-v3-blob.sigstore.json").read_bytes()
    trust = trust_in(tmp_path, ANYBODY)
    found = verify_file_signature(raw, folder / "cosign-v3-blob.txt", trust)
    assert found.certificate is not None
    assert found.certificate.issuer == "https://github.com/login/oauth"
    assert {proved.source: proved.time.isoformat() for proved in found.times} == {
        "timestamp": "2025-12-03T18:36:42+00:00",
        "log": "2025-12-03T18:36:43+00:00",
    }
    assert found.window is None
    assert refusal(raw, DIGEST, trust) == "artifact.mismatch"
    assert refusal(raw, folder / "cosign-v3-blob.txt") == "signature.unknown_identity"


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "root", "code"),
    [
        ("bundle_cve_2022_36056.txt.sigstore", "staging", "log.body"),
        ("bundle_no_cert_v1.txt.sigstore", "public-good", "bundle.certificate"),
        ("bundle_no_checkpoint.txt.sigstore", "staging", "bundle.proof"),
        ("bundle_no_log_entry.txt.sigstore", "public-good", "log.missing"),
        ("bundle_v3_no_signed_time.txt.sigstore.json", "public-good", "time.missing"),
    ],
)
def test_bundles_of_others_that_must_be_refused(tmp_path: Path, name: str, root: str, code: str) -> None:
    raw = (vectors_dir() / "bundles" / name).read_bytes()
    said = json.loads(raw)["messageSignature"]["messageDigest"]["digest"]
    artifact = Digest.from_hex(base64.b64decode(said).hex())
    assert refusal(raw, artifact, trust_in(tmp_path, ANYBODY | {"root": root})) == code
