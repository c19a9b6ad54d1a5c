"""OPA itself believes a bundle of ours only with our signature: proved with the OPA that polls."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from placet_api.policy_bundles import opa_key
from placet_attestations.keys import generate, load_public, save_private, save_public
from placet_engine.policy.archive import SIGNATURES, PolicyFile, unpack, write_archive
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import PolicySet, load_policy_set
from placet_engine.policy.bundle_signature import key_id, sign_bundle
from placet_engine.policy.port import Answer, Undefined, Unreachable, WrongBundle
from placet_engine.policy.remote import RemoteOpa
from placet_engine.policy.shipped import shipped_policies
from tests.engine.policy.processes import eventually
from tests.saying import PATIENCE
from tests.sidecar.opa import Shelf, Sidecar, configuration, polling, reserved_port, shelf
from tests.tls import Authority, Leaf


@pytest.fixture(scope="module")
def opa() -> Binary:
    return locate()


@pytest.fixture(scope="module")
def policy_set() -> PolicySet:
    return load_policy_set(shipped_policies())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> Leaf:
    return authority.issue_server("here")


@pytest.fixture
def liar(leaf: Leaf) -> Iterator[Shelf]:
    with shelf(b"", leaf.server_context()) as serving:
        yield serving


def a_key(folder: Path, name: str) -> Path:
    signer = generate()
    save_private(folder / name, signer)
    save_public(folder / f"{name}.pub", signer.public_key)
    return folder / name


def tampered(policy_set: PolicySet, signed: bytes) -> bytes:
    """One byte of one rule changed, manifest, revision and signature as they were, the archive made anew."""
    rule = next(file for file in policy_set.files if file.path.endswith("lineage.rego"))
    turned = PolicyFile(rule.path, rule.data.replace(b"allowed) == 0", b"allowed) != 0"))
    assert sum(a != b for a, b in zip(rule.data, turned.data, strict=True)) == 1
    files = [turned if file is rule else file for file in policy_set.files]
    return write_archive(files, policy_set.revision, signatures=unpack(signed)[SIGNATURES].data)


@contextmanager
def an_opa(
    folder: Path, authority: Authority, leaf: Leaf, url: str, *keys: Path, scope: str | None = None
) -> Iterator[Sidecar]:
    """An OPA that believes bundles of these keys."""
    known = [load_public(key.with_name(f"{key.name}.pub")) for key in keys]
    (folder / "token").write_text("placet_aaaaaaaaaaaa_bbbb")
    named = {key_id(public): opa_key(public) for public in known}
    config = configuration(url, authority.certificate, folder / "token", named, scope=scope)
    with reserved_port() as port, polling(folder / "opa", config, leaf, port) as running:
        yield running


def first_answer(engine: RemoteOpa) -> Answer:
    """What OPA answers as soon as it listens: it fetches bundles already before that."""
    answers: list[Answer] = []

    def answered() -> bool:
        answers.append(engine.ask(b"{}", timeout=PATIENCE))
        return not isinstance(answers[-1], Unreachable)

    eventually(answered, "OPA listens", PATIENCE)
    return answers[-1]


def test_a_signed_bundle_is_taken_and_one_with_another_byte_is_not(
    opa: Binary,
    policy_set: PolicySet,
    authority: Authority,
    leaf: Leaf,
    liar: Shelf,
    tmp_path: Path,
) -> None:
    key = a_key(tmp_path, "bundle")
    signed = sign_bundle(policy_set, key, opa).archive
    liar.data = tampered(policy_set, signed)
    with an_opa(tmp_path, authority, leaf, liar.url, key) as sidecar:
        assert "lineage.rego: digest mismatch" in sidecar.wait_for("Bundle load failed")
        with RemoteOpa(sidecar.url, revision=policy_set.revision, ca=authority.certificate) as engine:
            assert first_answer(engine) == WrongBundle("")
            liar.data = signed
            engine.wait_ready(PATIENCE)
            assert engine.ask(b"{}", timeout=PATIENCE) == Undefined()
            liar.data = tampered(policy_set, signed)
            sidecar.wait_for("digest mismatch")
            # What it had goes on.
            assert engine.ask(b"{}", timeout=PATIENCE) == Undefined()


def test_a_new_key_takes_the_place_of_the_old_one(
    opa: Binary, policy_set: PolicySet, authority: Authority, leaf: Leaf, liar: Shelf, tmp_path: Path
) -> None:
    old, new = a_key(tmp_path, "old"), a_key(tmp_path, "new")
    liar.data = sign_bundle(policy_set, old, opa).archive
    with (
        an_opa(tmp_path, authority, leaf, liar.url, old, new) as sidecar,
        RemoteOpa(sidecar.url, revision=policy_set.revision, ca=authority.certificate) as engine,
    ):
        engine.wait_ready(PATIENCE)
        liar.data = sign_bundle(policy_set, new, opa).archive
        sidecar.wait_for("Bundle loaded and activated successfully")
        asked = liar.asked
        eventually(lambda: liar.asked > asked + 1, "it polls again", PATIENCE)
        assert engine.ask(b"{}", timeout=PATIENCE) == Undefined()
        assert not any("Bundle load failed" in line for line in sidecar.lines)


def test_the_mere_presence_of_the_setting_asks_for_a_signature(
    opa: Binary, policy_set: PolicySet, authority: Authority, leaf: Leaf, liar: Shelf, tmp_path: Path
) -> None:
    key = a_key(tmp_path, "bundle")
    liar.data = policy_set.archive
    with an_opa(tmp_path, authority, leaf, liar.url, key) as sidecar:
        assert "missing .signatures.json" in sidecar.wait_for("Bundle load failed")


def unsigned(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    return policy_set.archive


def of_another_key(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    """It even calls itself by the id of the right key."""
    signed = sign_bundle(policy_set, a_key(key.parent, "another"), opa).archive
    claims = json.loads(unpack(signed)[SIGNATURES].data)["signatures"][0].split(".")
    body = json.loads(base64.urlsafe_b64decode(claims[1] + "=="))
    body["keyid"] = key_id(load_public(key.with_name("bundle.pub")))
    claims[1] = base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")
    token = json.dumps({"signatures": [".".join(claims)]}).encode()
    return write_archive(policy_set.files, policy_set.revision, signatures=token)


def of_an_unknown_key(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    return sign_bundle(policy_set, a_key(key.parent, "another"), opa).archive


def of_another_scope(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    return sign_bundle(policy_set, key, opa, scope="another").archive


def of_no_scope(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    return sign_bundle(policy_set, key, opa).archive


def with_one_file_more(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    token = unpack(sign_bundle(policy_set, key, opa, scope="gate").archive)[SIGNATURES].data
    more = PolicyFile("placet/more.rego", b"package placet.more\n")
    return write_archive([*policy_set.files, more], policy_set.revision, signatures=token)


def with_one_file_less(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    token = unpack(sign_bundle(policy_set, key, opa, scope="gate").archive)[SIGNATURES].data
    return write_archive(policy_set.files[:-1], policy_set.revision, signatures=token)


def with_another_revision(policy_set: PolicySet, key: Path, opa: Binary) -> bytes:
    token = unpack(sign_bundle(policy_set, key, opa, scope="gate").archive)[SIGNATURES].data
    return write_archive(policy_set.files, "f" * 64, signatures=token)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (unsigned, "missing .signatures.json"),
        (of_another_key, "failed to verify JWT signature"),
        (of_an_unknown_key, "not found"),
        (of_another_scope, "scope mismatch"),
        (of_no_scope, "scope mismatch"),
        (with_one_file_more, "not included in bundle signature"),
        (with_one_file_less, "not found in the target bundle"),
        (with_another_revision, ".manifest: digest mismatch"),
    ],
)
def test_opa_refuses_what_the_key_did_not_sign(
    opa: Binary,
    policy_set: PolicySet,
    authority: Authority,
    leaf: Leaf,
    liar: Shelf,
    tmp_path: Path,
    make: Callable[[PolicySet, Path, Binary], bytes],
    words: str,
) -> None:
    key = a_key(tmp_path, "bundle")
    liar.data = make(policy_set, key, opa)
    with an_opa(tmp_path, authority, leaf, liar.url, key, scope="gate") as sidecar:
        assert words in sidecar.wait_for("Bundle load failed")
        with RemoteOpa(sidecar.url, revision=policy_set.revision, ca=authority.certificate) as engine:
            assert first_answer(engine) == WrongBundle("")
            liar.data = sign_bundle(policy_set, key, opa, scope="gate").archive
            engine.wait_ready(PATIENCE)
