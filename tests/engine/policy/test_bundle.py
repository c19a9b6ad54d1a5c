from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.digests import Digest
from placet_attestations.trees import identify
from placet_engine.errors import PolicyError
from placet_engine.policy.archive import PolicyFile, read_archive, write_archive
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet, load_policy_archive, load_policy_set, revision_of
from placet_engine.policy.limits import PolicyLimits
from placet_engine.policy.tool import run
from tests.engine.policy.toy import MAIN, write_toy

BUILD = """
import os, sys, time
from pathlib import Path
from placet_engine.policy.bundle import load_policy_set
os.umask(int(sys.argv[2], 8)); time.tzset()
sys.stdout.buffer.write(load_policy_set(Path(sys.argv[1])).archive)
"""


def test_a_policy_set_is_its_rego_and_data_files(toy: Path, policy_set: PolicySet) -> None:
    assert [file.path for file in policy_set.files] == [
        "placet/index/data.json",
        "placet/main/main.rego",
        "placet/rules/first/first.rego",
        "placet/settings/data.yaml",
    ]
    assert policy_set.files[1].data == MAIN.encode()
    assert policy_set.ignored == ("schemas/",)
    assert policy_set.settings_schema == (toy / "schemas/settings.json").read_bytes()
    assert policy_set.settings_sha256 == Digest.of((toy / "placet/settings/data.yaml").read_bytes())
    assert policy_set.archive_sha256 == Digest.of(policy_set.archive)
    assert policy_set.settings()["limit"] == 3


def test_the_revision_is_the_identity_of_the_unpacked_bundle(policy_set: PolicySet, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(policy_set.archive)) as tar:
        tar.extractall(tmp_path, filter="data")
    (tmp_path / ".manifest").unlink()
    assert identify(tmp_path).digest.hex == policy_set.revision


def test_the_archive_depends_on_the_files_alone(tmp_path: Path) -> None:
    archives = []
    for name, mask, zone, when in (
        ("one", "022", "UTC", 0),
        ("other/deeper", "077", "Asia/Tokyo", 2_000_000_000),
    ):
        folder = write_toy(tmp_path / name)
        for path in folder.rglob("*"):
            os.utime(path, (when, when))
        built = subprocess.run(
            [sys.executable, "-c", BUILD, folder, mask],
            env={"PYTHONPATH": os.pathsep.join(sys.path), "TZ": zone},
            capture_output=True,
            check=True,
        )
        archives.append(built.stdout)
    assert archives[0] == archives[1]


def test_another_byte_is_another_revision(policy_set: PolicySet, tmp_path: Path) -> None:
    other = load_policy_set(write_toy(tmp_path, {"placet/main/main.rego": MAIN + "\n"}))
    assert other.revision != policy_set.revision
    assert other.archive_sha256 != policy_set.archive_sha256


def test_opa_reads_the_archive_and_its_manifest(policy_set: PolicySet, opa: Binary, tmp_path: Path) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(policy_set.archive)
    told = run(opa, ["inspect", "-f", "json", "bundle.tar.gz"], folder=tmp_path).decode()
    assert policy_set.revision in told
    assert '"roots": [\n      "placet"\n    ]' in told


def test_an_archive_is_read_back_to_the_same_revision(policy_set: PolicySet) -> None:
    again = load_policy_archive(policy_set.archive)
    assert (again.revision, again.archive) == (policy_set.revision, policy_set.archive)
    assert again.settings_schema is None


def test_an_archive_that_others_packed_is_read(
    policy_set: PolicySet, opa: Binary, toy: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy / "placet", tmp_path / "in" / "placet")
    (tmp_path / "in" / "placet" / "settings" / "data.yaml").unlink()
    run(opa, ["build", "-b", ".", "-o", str(tmp_path / "out.tar.gz")], folder=tmp_path / "in")
    again = load_policy_archive((tmp_path / "out.tar.gz").read_bytes())
    assert MAIN.encode() in [file.data for file in again.files]


NAMES = st.from_regex(r"placet/[a-z]{1,8}(/[a-z]{1,8}){0,2}\.rego", fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=200_000), max_size=4))
def test_what_is_archived_comes_back(files: dict[str, bytes]) -> None:
    written = tuple(PolicyFile(path, data) for path, data in sorted(files.items()))
    archive = write_archive(reversed(written), "r")
    assert read_archive(archive) == written
    assert gzip.decompress(archive)[257:262] == b"ustar"


def test_what_is_no_archive_is_refused(policy_set: PolicySet) -> None:
    good = policy_set.archive
    for bad in (b"", b"nonsense", good[:-9], good + b"x", gzip.compress(b"no tar " * 200)):
        with pytest.raises(PolicyError) as caught:
            read_archive(bad)
        assert caught.value.code == "policy.archive"


def _tar(*members: tuple[str, bytes, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "target"
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        [("placet/a.rego", tarfile.SYMTYPE, b"")],
        [("placet/a.rego", tarfile.LNKTYPE, b"")],
        [("placet/a.rego", tarfile.FIFOTYPE, b"")],
        [("placet/a.rego", tarfile.REGTYPE, b"1"), ("/placet/a.rego", tarfile.REGTYPE, b"2")],
        [("placet/../../a.rego", tarfile.REGTYPE, b"1")],
    ],
)
def test_special_and_repeated_members_are_refused(members: list[tuple[str, bytes, bytes]]) -> None:
    with pytest.raises(PolicyError, match="not a policy archive"):
        read_archive(_tar(*members))


def test_folders_in_an_archive_are_passed_over() -> None:
    packed = _tar(("placet", tarfile.DIRTYPE, b""), ("./placet/a.rego", tarfile.REGTYPE, b"1"))
    assert read_archive(packed) == (PolicyFile("placet/a.rego", b"1"),)


def test_an_archive_is_bounded() -> None:
    bomb = gzip.compress(b"\0" * 3_000_000)
    with pytest.raises(PolicyError, match="more than 1,000,000 bytes") as caught:
        read_archive(bomb, PolicyLimits(max_policy_bytes=1_000_000))
    assert caught.value.code == "policy.too_large"
    two = _tar(("a", tarfile.REGTYPE, b"1"), ("b", tarfile.REGTYPE, b"2"))
    with pytest.raises(PolicyError, match="more than 1 files"):
        read_archive(two, PolicyLimits(max_policy_files=1))


def test_a_set_without_rego_is_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy_archive(_tar(("placet/data.json", tarfile.REGTYPE, b"{}")))
    assert caught.value.code == "policy.empty"


def test_a_name_without_identity_is_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        revision_of((PolicyFile("placet/a\nb.rego", b""),))
    assert caught.value.code == "policy.file_name"
