from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from placet_build.errors import BuildError
from tests.build.fake_go import FakeGo
from tests.kubernetes.binaries import KUBERNETES, MODULE, binaries


def test_three_programs_are_compiled_once_even_when_two_ask_at_once(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go")
    environ = go.environ(tmp_path / "home")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(binaries, [environ, environ])
    assert first == second
    assert go.calls().count("build") == 3
    for program in (first.etcd, first.kube_apiserver, first.kubectl):
        assert program.stat().st_mode & 0o111 == 0o111
    first.etcd.write_text("damaged")
    assert binaries(environ) == first
    assert go.calls().count("build") == 6


def test_what_cannot_be_compiled_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go", failure="the proxy is away")
    with pytest.raises(BuildError, match="the proxy is away"):
        binaries(go.environ(tmp_path / "home"))
    assert [path.name for path in (tmp_path / "home/.cache/placet/controlplane").iterdir()] == [".lock"]


def test_every_part_of_kubernetes_is_replaced_by_itself_at_the_release() -> None:
    lines = (MODULE / "go.mod").read_text().splitlines()
    [release] = {line.split()[1] for line in lines if line.split()[:1] == [KUBERNETES]}
    parts = [line.split() for line in lines if " => " in line]
    assert len(parts) > 25
    for name, _, other, version in parts:
        assert (other, version) == (name, f"v0{release.removeprefix('v1')}")
