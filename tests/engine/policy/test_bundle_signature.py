"""Signed bundles: what OPA signs, what it refuses, and what we refuse beyond that."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.errors import KeyFileError
from placet_attestations.keys import PublicKey, generate, load_public, save_private, save_public
from placet_engine.errors import PolicyError
from placet_engine.policy.archive import MANIFEST, SIGNATURES, PolicyFile, read_archive, unpack, write_archive
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet, load_policy_archive
from placet_engine.policy.bundle_signature import key_id, sign_bundle, verify_bundle
from placet_engine.policy.tool import run


@pytest.fixture
def key(tmp_path: Path) -> Path:
    signer = generate()
    save_private(tmp_path / "bundle.key", signer)
    save_public(tmp_path / "bundle.pub", signer.public_key)
    return tmp_path / "bundle.key"


@pytest.fixture
def public(key: Path) -> PublicKey:
    return load_public(key.with_suffix(".pub"))


def claims(archive: bytes) -> dict[str, Any]:
    (token,) = json.loads(unpack(archive)[SIGNATURES].data)["signatures"]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found


def test_the_signature_names_every_file_and_is_none_of_them(
    policy_set: PolicySet, opa: Binary, key: Path, public: PublicKey
) -> None:
    signed = sign_bundle(policy_set, key, opa)
    said = claims(signed.archive)
    assert {file["name"] for file in said["files"]} == {MANIFEST, *(file.path for file in policy_set.files)}
    assert said["keyid"] == signed.key_id == key_id(public)
    assert "scope" not in said
    assert read_archive(signed.archive) == policy_set.files
    again = load_policy_archive(signed.archive)
    assert (again.revision, again.archive) == (policy_set.revision, policy_set.archive)
    assert verify_bundle(signed.archive, public, opa) == again
    assert sign_bundle(policy_set, key, opa).archive != signed.archive


def test_a_scope_is_asked_for_or_not(
    policy_set: PolicySet, opa: Binary, key: Path, public: PublicKey
) -> None:
    signed = sign_bundle(policy_set, key, opa, scope="gate").archive
    assert claims(signed)["scope"] == "gate"
    assert verify_bundle(signed, public, opa, scope="gate").revision == policy_set.revision
    for scope in (None, "another"):
        with pytest.raises(PolicyError, match="scope mismatch") as caught:
            verify_bundle(signed, public, opa, scope=scope)
        assert caught.value.code == "policy.signature"


def test_what_the_key_did_not_sign_is_not_believed(
    policy_set: PolicySet, opa: Binary, key: Path, public: PublicKey
) -> None:
    signed = sign_bundle(policy_set, key, opa).archive
    token = unpack(signed)[SIGNATURES].data
    first, *others = policy_set.files
    index = next(file for file in policy_set.files if file.path.endswith("main.rego"))
    turned = PolicyFile(index.path, index.data.replace(b">= 0", b"<= 0"))
    assert turned != index
    lies = {
        "missing": policy_set.archive,
        "digest mismatch": write_archive(
            [turned if file is index else file for file in policy_set.files],
            policy_set.revision,
            signatures=token,
        ),
        "not found": write_archive(others, policy_set.revision, signatures=token),
        "not included": write_archive(
            [*policy_set.files, PolicyFile("placet/x.rego", b"package placet.x\n")],
            policy_set.revision,
            signatures=token,
        ),
        ".manifest": write_archive(policy_set.files, "r", signatures=token),
        "JWT": write_archive(policy_set.files, policy_set.revision, signatures=b'{"signatures": ["a.b"]}'),
    }
    for words, lie in lies.items():
        with pytest.raises(PolicyError, match=words) as caught:
            verify_bundle(lie, public, opa)
        assert caught.value.code == "policy.signature"
    with pytest.raises(PolicyError, match="verify JWT signature"):
        verify_bundle(signed, generate().public_key, opa)
    assert first.path != index.path


def test_a_signed_name_must_be_that_of_the_files(
    policy_set: PolicySet, opa: Binary, key: Path, public: PublicKey, tmp_path: Path
) -> None:
    # The key may sign what it likes; that a bundle calls itself something else is found all the same.
    twice = b'{"revision": "%s", "revision": "%s", "roots": ["placet"]}' % (
        (policy_set.revision.encode(),) * 2
    )
    manifests = (b'{"revision": "r", "roots": ["placet"]}', twice, None)
    for number, manifest in enumerate(manifests):
        folder = tmp_path / str(number)
        for file in policy_set.files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        if manifest is not None:
            (folder / MANIFEST).write_bytes(manifest)
        run(opa, ["sign", "-b", ".", "--signing-alg", "ES256", "--signing-key", str(key)], folder=folder)
        with pytest.raises(PolicyError, match="calls itself") as caught:
            verify_bundle(_packed(folder), public, opa)
        assert caught.value.code == "policy.signature"


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                tar.add(path, arcname=str(path.relative_to(folder)))
    return buffer.getvalue()


def test_opa_checks_with_p256_only(policy_set: PolicySet, opa: Binary, tmp_path: Path) -> None:
    other = generate("ed25519")
    save_private(tmp_path / "ed.key", other)
    with pytest.raises(PolicyError) as caught:
        sign_bundle(policy_set, tmp_path / "ed.key", opa)
    assert caught.value.code == "policy.key"
    with pytest.raises(PolicyError):
        verify_bundle(policy_set.archive, other.public_key, opa)


def test_a_key_that_others_may_read_or_that_is_not_there_signs_nothing(
    policy_set: PolicySet, opa: Binary, key: Path, tmp_path: Path
) -> None:
    key.chmod(0o640)
    for path, code in ((key, "key.permissions"), (tmp_path / "none", "key.missing")):
        with pytest.raises(KeyFileError) as caught:
            sign_bundle(policy_set, path, opa)
        assert caught.value.code == code


@pytest.mark.parametrize("end", ["echo no; exit 1", "exit 0"])
def test_an_opa_that_does_not_sign_is_an_error(
    policy_set: PolicySet, key: Path, tmp_path: Path, end: str
) -> None:
    fake = tmp_path / "opa"
    fake.write_text(f"#!/bin/sh\n{end}\n")
    fake.chmod(0o755)
    with pytest.raises(PolicyError) as caught:
        sign_bundle(policy_set, key, Binary(fake, "setting"))
    assert caught.value.code == "policy.unsigned"
