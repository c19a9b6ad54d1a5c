"""OpenSSF Model Signing: what a signature lists, and a folder held against it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations._parts import PartsHasher
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, IdentityError, MalformedError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.oms import (
    GIT_PATHS,
    PREDICATE_TYPE,
    SIGNATURE_NAME,
    ModelDifferences,
    SignedModel,
    check_model,
    read_model,
)
from placet_attestations.statement import Statement, Subject
from placet_attestations.verify import verify
from tests.builders import a_bundle, a_key, a_trust_policy

FILES = {"config.json": b"{}", "weights/a.bin": b"0123456789", "weights/b.bin": b"\n"}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def serialization(**changes: Any) -> dict[str, Any]:
    """How files were hashed; a change to None leaves a member out."""
    whole = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, **changes}
    return {key: value for key, value in whole.items() if value is not None}


def digest_of(hash_type: str, data: bytes) -> str:
    if hash_type != "blake3":
        return hashlib.new(hash_type, data).hexdigest()
    digits: str = blake3.blake3(data).hexdigest()
    return digits


def resources(
    files: dict[str, bytes], hash_type: str = "sha256", shard: int | None = None
) -> list[dict[str, Any]]:
    """Written as the format says, and not as the code under test does it."""
    listed = []
    for name, data in files.items():
        pieces = [(0, len(data))]
        if shard:
            pieces = [(start, min(start + shard, len(data))) for start in range(0, len(data), shard)]
        for start, end in pieces:
            digest = digest_of(hash_type, data[start:end])
            label = f"{name}:{start}:{end}" if shard else name
            listed.append({"name": label, "algorithm": hash_type, "digest": digest})
    return listed


def root_of(listed: Sequence[Any]) -> Digest:
    try:
        digits = [item["digest"] for item in listed]
        return Digest.of(b"".join(map(bytes.fromhex, digits)))
    except (KeyError, TypeError, ValueError):
        return Digest.of(b"")


def statement(
    listed: Any = None, how: Any = None, *, subjects: Sequence[Subject] | None = None, **changes: Any
) -> Statement:
    listed = resources(FILES) if listed is None else listed
    given_root = root_of(listed) if isinstance(listed, list) else Digest.of(b"")
    predicate = {"resources": listed, "serialization": serialization() if how is None else how, **changes}
    return Statement.build(PREDICATE_TYPE, subjects or [Subject("model", given_root)], predicate)


def signed(files: dict[str, bytes], *, ignore: Sequence[str] | None = None, **how: Any) -> SignedModel:
    listed = resources(files, how.get("hash_type", "sha256"), how.get("shard_size"))
    ignored = None if ignore is None else list(ignore)
    return read_model(statement(listed, serialization(ignore_paths=ignored, **how)))


def code_of(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(AttestationError) as caught:
        call(*arguments, **named)
    assert caught.value.hint
    return caught.value.code


HOWS: list[dict[str, Any]] = [
    {},
    {"hash_type": "blake2b"},
    {"hash_type": "blake3"},
    {"method": "shards", "shard_size": 4},
    {"method": "shards", "shard_size": 4, "hash_type": "blake3"},
    {"method": "shards", "shard_size": 10},
    {"method": "shards", "shard_size": 1 << 40, "hash_type": "blake2b"},
]


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_the_folder_that_was_signed_is_the_model(tmp_path: Path, how: dict[str, Any]) -> None:
    model = signed(FILES, **how)
    assert check_model(write(tmp_path, FILES), model) == ModelDifferences((), (), (), ())
    assert check_model(tmp_path, model).none
    assert set(model.files) == set(FILES)


def test_blake3_is_the_one_of_its_specification(tmp_path: Path) -> None:
    # The first test vectors of the BLAKE3 team: no byte, and one zero.
    for data, digits in (
        (b"", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (b"\0", "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    ):
        path = write(tmp_path, {"x": data}) / "x"
        assert PartsHasher("blake3", None, most=1).hash(str(path), "") == (digits, len(data))


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_what_is_missing_extra_or_changed_is_named(tmp_path: Path, how: dict[str, Any]) -> None:
    write(tmp_path, {**FILES, "weights/a.bin": b"012345678X", "weights/new.bin": b"new"})
    (tmp_path / "config.json").unlink()
    found = check_model(tmp_path, signed(FILES, **how))
    assert found == ModelDifferences(("config.json",), ("weights/new.bin",), ("weights/a.bin",), ())
    assert not found.none


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("data", [b"012345678", b"0123456789a", b"0123956784"])
def test_a_longer_shorter_or_reordered_file_is_changed(
    tmp_path: Path, how: dict[str, Any], data: bytes
) -> None:
    write(tmp_path, {**FILES, "weights/a.bin": data})
    assert check_model(tmp_path, signed(FILES, **how)).changed == ("weights/a.bin",)


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_a_model_of_one_file_has_one_resource(tmp_path: Path, how: dict[str, Any]) -> None:
    path = write(tmp_path, {"m.bin": b"weights"}) / "m.bin"
    model = signed({".": b"weights"}, **how)
    assert check_model(path, model).none
    path.write_bytes(b"Weights")
    assert check_model(path, model).changed == (".",)
    # A folder is no file, and the other way round.
    assert check_model(tmp_path, model) == ModelDifferences((".",), ("m.bin",), (), ())
    assert not check_model(path, signed(FILES, **how)).none


def test_what_is_ignored_is_reported_and_not_read(tmp_path: Path) -> None:
    write(
        tmp_path, {**FILES, ".git/objects/x": b"", "ignore-me": b"", "model.sig": b"", "weights/cache/c": b""}
    )
    (tmp_path / ".git" / "link").symlink_to("/etc/passwd")
    (tmp_path / ".git" / "back\\slash").write_bytes(b"")
    os.mkfifo(tmp_path / "weights" / "cache" / "pipe")
    model = signed(FILES, ignore=["ignore-me", "weights/cache/", "../elsewhere", "/tmp/x"])
    found = check_model(tmp_path, model, ignore=[SIGNATURE_NAME, *GIT_PATHS])
    assert found == ModelDifferences((), (), (), (".git", "ignore-me", "model.sig", "weights/cache"))
    assert found.none
    assert check_model(write(tmp_path, {"ignore-me-too": b""}), model, ignore=[".git"]).extra == (
        "ignore-me-too",
        "model.sig",
    )


def test_who_ignores_a_listed_file_misses_it(tmp_path: Path) -> None:
    found = check_model(write(tmp_path, FILES), signed(FILES), ignore=["weights"])
    assert found == ModelDifferences(("weights/a.bin", "weights/b.bin"), (), (), ("weights",))


def test_links_are_not_followed_whatever_the_signature_allows(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "link").symlink_to("config.json")
    model = signed({**FILES, "link": b"{}"}, allow_symlinks=True)
    for how in ({}, {"hash_type": "blake2b"}):
        assert code_of(check_model, tmp_path, signed(FILES, **how)) == "tree.symlink"
    assert code_of(check_model, tmp_path, model) == "tree.symlink"
    (tmp_path / "link").unlink()
    assert code_of(check_model, tmp_path / "nothing", model) == "tree.missing"


def test_parts_vouch_for_no_empty_file_and_whole_files_do(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "__init__.py": b""})
    assert check_model(tmp_path, signed(FILES, method="shards", shard_size=4)).ignored == ("__init__.py",)
    assert check_model(tmp_path, signed(FILES)).extra == ("__init__.py",)
    assert check_model(tmp_path, signed({**FILES, "__init__.py": b""})).none


def test_a_gap_between_parts_is_a_change(tmp_path: Path) -> None:
    listed = resources(FILES, shard=4)
    del listed[2]
    how = serialization(method="shards", shard_size=4)
    found = check_model(write(tmp_path, FILES), read_model(statement(listed, how)))
    assert found.changed == ("weights/a.bin",)


def test_a_file_has_so_many_parts_and_no_more(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    model = signed(FILES, method="shards", shard_size=1)
    assert check_model(tmp_path, model, limits=Limits(max_tree_files=10)).none
    assert code_of(check_model, tmp_path, model, limits=Limits(max_tree_files=9)) == "tree.too_many"


def test_the_order_of_the_list_is_the_signers() -> None:
    listed = list(reversed(resources(FILES)))
    assert read_model(statement(listed)).files == read_model(statement()).files
    assert read_model(statement(listed)).root != read_model(statement()).root


def test_the_name_is_a_remark_and_members_of_later_versions_are_ignored() -> None:
    model = read_model(statement(subjects=[Subject("", root_of(resources(FILES)))], annotations={"card": 1}))
    assert model.name == ""
    assert model.ignored == ()


def changed(**changes: Any) -> list[Any]:
    """The resources with a member of the first changed, or left out."""
    first, *rest = resources(FILES)
    return [{key: value for key, value in {**first, **changes}.items() if value is not None}, *rest]


DIGEST = "a" * 64
MISTAKES: list[tuple[Any, Any, str]] = [
    ([], None, "empty"),
    ({}, None, "empty"),
    ("x", None, "empty"),
    ([1], None, "shape"),
    (changed(name=None), None, "resource"),
    (changed(name=5), None, "resource"),
    (changed(digest=None), None, "resource"),
    (changed(digest=["a"]), None, "resource"),
    (changed(digest="A" * 64), None, "resource"),
    (changed(digest="a" * 62), None, "resource"),
    (changed(digest="a" * 128), None, "resource"),
    (changed(algorithm=None), None, "resource"),
    (changed(algorithm="blake2b"), None, "resource"),
    (changed(name=""), None, "resource"),
    (changed(name="/etc/passwd"), None, "resource"),
    (changed(name="../x"), None, "resource"),
    (changed(name="a/./b"), None, "resource"),
    (changed(name="a//b"), None, "resource"),
    (changed(name="."), None, "resource"),
    (changed(name="weights/a.bin"), None, "resource_duplicate"),
    (None, [], "shape"),
    (None, {}, "shape"),
    (None, serialization(method=None), "shape"),
    (None, serialization(method=1), "shape"),
    (None, serialization(hash_type=None), "shape"),
    (None, serialization(allow_symlinks=None), "shape"),
    (None, serialization(allow_symlinks="false"), "shape"),
    (None, serialization(shard_size=4), "shape"),
    (None, serialization(method="shards"), "shape"),
    (None, serialization(method="shards", shard_size=0), "shape"),
    (None, serialization(method="shards", shard_size=True), "shape"),
    (None, serialization(method="shards", shard_size="4"), "shape"),
    (None, serialization(method="shards", shard_size=4.5), "shape"),
    (None, serialization(method="shards", shard_size=1e300), "shape"),
    (changed(algorithm="sha256-sharded-4"), None, "resource"),
    (None, serialization(method="shards", shard_size=4), "resource"),
    (None, serialization(ignore_paths="x"), "shape"),
    (None, serialization(ignore_paths=[5]), "ignore"),
    (None, serialization(ignore_paths=[""]), "ignore"),
    (None, serialization(ignore_paths=["."]), "ignore"),
    (None, serialization(ignore_paths=["./"]), "ignore"),
    (None, serialization(ignore_paths=["/"]), "ignore"),
    (None, serialization(ignore_paths=["weights"]), "ignore"),
    (None, serialization(ignore_paths=["weights/a.bin/"]), "ignore"),
]


@pytest.mark.parametrize(("listed", "how", "code"), MISTAKES)
def test_what_is_no_model_signature_is_refused(listed: Any, how: Any, code: str) -> None:
    made = statement(listed, how)
    assert code_of(read_model, made) == f"oms.{code}"
    # The same in the one way to a verified statement: a key alone makes it no evidence.
    assert code_of(verify, unchecked_bundle(made), a_trust_policy()) == f"oms.{code}"


def unchecked_bundle(made: Statement) -> bytes:
    from placet_attestations.bundle import make_bundle
    from placet_attestations.signing import sign_payload
    from placet_attestations.statement import PAYLOAD_TYPE

    return make_bundle(sign_payload(PAYLOAD_TYPE, made.raw, a_key("owner")), a_key("owner").public_key)


@pytest.mark.parametrize(
    "name", ["a.bin", "a.bin:0", "a.bin:0:0", "a.bin:01:4", "a.bin:0:+4", ":0:4", "../a:0:4"]
)
def test_a_part_names_its_bounds(name: str) -> None:
    listed = [{"name": name, "algorithm": "sha256", "digest": DIGEST}]
    assert (
        code_of(read_model, statement(listed, serialization(method="shards", shard_size=4))) == "oms.resource"
    )


def test_the_tool_writes_the_size_as_a_float_and_into_the_algorithm(tmp_path: Path) -> None:
    listed = [{**item, "algorithm": "sha256-sharded-4"} for item in resources(FILES, shard=4)]
    how = serialization(method="shards", shard_size=4.0)
    assert check_model(write(tmp_path, FILES), read_model(statement(listed, how))).none
    for algorithm in ("sha256-sharded-5", "sha256-sharded-4.0", "blake2b-sharded-4", None, 4):
        assert code_of(read_model, statement([{**listed[0], "algorithm": algorithm}], how)) == "oms.resource"


def test_one_part_is_listed_once() -> None:
    part = {"name": "a:0:4", "algorithm": "sha256", "digest": DIGEST}
    how = serialization(method="shards", shard_size=4)
    assert code_of(read_model, statement([part, part], how)) == "oms.resource_duplicate"


@pytest.mark.parametrize("change", [{"method": "model"}, {"hash_type": "blake3b"}, {"hash_type": "md5"}])
def test_another_way_to_hash_is_said_to_be_unsupported(change: dict[str, str]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read_model(statement(None, serialization(**change)))
    assert caught.value.code == "oms.unsupported"


def test_the_subject_must_be_the_root_of_the_list_and_alone() -> None:
    good = Subject("model", root_of(resources(FILES)))
    assert code_of(read_model, statement(subjects=[Subject("model", Digest.of(b"x"))])) == "oms.root"
    assert code_of(read_model, statement(subjects=[good, Subject("b", good.digest)])) == "oms.subject"


def test_another_predicate_is_no_model_signature() -> None:
    other = Statement.build("https://example.org/x/v1", statement().subjects, statement().predicate)
    assert code_of(read_model, other) == "oms.predicate_type"


def test_a_signed_model_is_a_verified_statement() -> None:
    verified = verify(a_bundle(statement()), a_trust_policy())
    assert (verified.type, verified.signer.id) == (PREDICATE_TYPE, "owner")
    assert read_model(verified.statement).files["config.json"] == hashlib.sha256(b"{}").hexdigest()


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=5), st.lists))
def test_any_predicate_is_read_or_refused(value: Any) -> None:
    for predicate in (
        {"resources": value, "serialization": serialization()},
        {"resources": resources(FILES), "serialization": {**serialization(), "ignore_paths": value}},
        {
            "resources": [{"name": value, "digest": DIGEST, "algorithm": "sha256"}],
            "serialization": serialization(),
        },
    ):
        document = json.loads(statement().raw) | {"predicate": predicate}
        try:
            read_model(Statement.parse(json.dumps(document).encode()))
        except MalformedError as error:
            assert error.code.startswith(("oms.", "json."))  # noqa: PT017


class Meddling:
    """Fills buffers as os.readv does, and does something else before the first of them."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        self._meddle: Callable[[], None] | None = meddle

    def __call__(self, descriptor: int, buffers: Sequence[memoryview]) -> int:
        meddle, self._meddle = self._meddle, None
        if meddle is not None:
            meddle()
        return os.readv(descriptor, buffers)


@pytest.mark.parametrize("data", [b"x", b"0123456789abcdef", b"9876543210"])
@pytest.mark.parametrize("size", [None, 4])
def test_a_file_that_is_written_meanwhile_has_no_parts(tmp_path: Path, data: bytes, size: int | None) -> None:
    path = write(tmp_path, FILES) / "weights" / "a.bin"
    os.utime(path, ns=(0, 0))

    def meddle() -> None:
        write(tmp_path, {"weights/a.bin": data})

    hasher = PartsHasher("sha256", size, most=99, read=Meddling(meddle))
    assert code_of(hasher.hash, str(path), "") == "file.changed"


def test_only_regular_files_have_parts(tmp_path: Path) -> None:
    hasher = PartsHasher("sha256", None, most=9)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    assert code_of(hasher.hash, str(tmp_path / "pipe"), "") == "tree.special_file"
    assert code_of(hasher.hash, str(tmp_path / "link"), "") == "tree.symlink"
    assert code_of(hasher.hash, str(tmp_path / "none"), "") == "tree.missing"

    def fails(descriptor: int, buffers: Sequence[memoryview]) -> int:
        raise OSError(5, "Input/output error")

    write(tmp_path, FILES)
    with pytest.raises(IdentityError, match="Input/output error"):
        PartsHasher("sha256", None, most=9, read=fails).hash(str(tmp_path / "config.json"), "")


def test_a_file_that_ends_early_has_no_parts(tmp_path: Path) -> None:
    path = write(tmp_path, FILES) / "config.json"
    hasher = PartsHasher("sha256", None, most=9, read=lambda descriptor, buffers: 0)
    assert code_of(hasher.hash, str(path), "") == "file.changed"
