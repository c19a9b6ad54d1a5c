"""The wheel, built from the source distribution and used where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from placet_build.module import read_module
from placet_build.prepare import OPA_MODULE, prepare
from placet_build.shipped import policy_files
from tests.build.places import ROOMS, ROOT

pytestmark = pytest.mark.xdist_group("wheel")


@dataclass(frozen=True, slots=True)
class Built:
    """The two archives, and an environment in which only the wheel makes Placet importable."""

    sdist: Path
    wheel: Path
    environment: Path
    empty: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run an installed program from an empty folder, with nothing of this process's environment."""
        program, *arguments = command
        return subprocess.run(
            [str(self.environment / "bin" / program), *arguments],
            cwd=self.empty,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.empty.parent)},
            capture_output=True,
            text=True,
            check=False,
        )

    def metadata(self) -> Message:
        """The wheel's METADATA."""
        return Parser().parsestr(self.member(".dist-info/METADATA"))

    def member(self, ending: str) -> str:
        """The text of the wheel's one file with that ending."""
        with zipfile.ZipFile(self.wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith(ending)]
            return archive.read(name).decode()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built once a session; OPA comes from the cache that the set-up filled."""
    prepare()
    folder = tmp_path_factory.mktemp("wheel")
    empty = folder / "empty"
    empty.mkdir()
    python("-m", "hatchling", "build", "-t", "sdist", "-d", str(folder))
    [sdist] = folder.glob("*.tar.gz")
    python("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(sdist))
    [wheel] = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python("-m", "pip", "--python", str(environment), "install", "-q", "--no-deps", "--no-index", str(wheel))
    borrow_dependencies(environment)
    return Built(sdist, wheel, environment, empty)


def python(*arguments: str) -> None:
    """Run this Python in the checkout; its words are shown when it fails."""
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def borrow_dependencies(environment: Path) -> None:
    """Put this environment's packages behind the other's own; what a .pth names runs no .pth itself."""
    [site_packages] = environment.glob("lib/python*/site-packages")
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "borrowed.pth").write_text("\n".join(sorted(ours)) + "\n")


def test_the_wheel_is_for_any_python_on_this_platform_only(built: Built) -> None:
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert built.wheel.name.endswith(f"-py3-none-{platform}.whl")
    assert "Root-Is-Purelib: false" in built.member(".dist-info/WHEEL").splitlines()


def test_the_wheel_says_its_licence_and_carries_opas(built: Built) -> None:
    metadata = built.metadata()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert built.member(".dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_text()
    assert "Apache License" in built.member("share/licenses/placet-opa/LICENSE")
    assert "github.com/spf13/cobra" in built.member("share/licenses/placet-opa/THIRD_PARTY_LICENSES")


def test_the_wheel_holds_the_rooms_and_the_policy_set_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if "-" not in top} == {*ROOMS, "placet_policies"}
    shipped = {f"placet_policies/{name}" for name in policy_files(ROOT / "policies")}
    assert {name for name in names if name.startswith("placet_policies/")} == shipped
    assert not [name for name in names if name.endswith("_test.rego")]
    for room, folder in ROOMS.items():
        schemas = {f"{room}/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*.json")}
        assert schemas <= set(names)
        assert f"{room}/py.typed" in names


def test_the_source_distribution_can_be_built_from(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "engine/opa/go.mod",
        "engine/opa/go.sum",
        "hatch_build.py",
        "build_backend/placet_build/backend.py",
    }
    assert needed <= names
    assert {"LICENSE", "README.md", "pyproject.toml", "Makefile"} <= names
    assert {f"policies/{name}" for name in policy_files(ROOT / "policies")} <= names


def test_opa_is_installed_at_the_pinned_version(built: Built) -> None:
    done = built.run("placet-opa", "version")
    assert f"Version: {read_module(OPA_MODULE).version.removeprefix('v')}" in done.stdout.splitlines()


def test_placet_imports_from_the_wheel_alone(built: Built) -> None:
    done = built.run(
        "python", "-c", "import placet, placet_engine; print(placet.__file__, placet_engine.__file__)"
    )
    assert done.returncode == 0, done.stderr
    assert str(ROOT) not in done.stdout
    assert done.stdout.count(str(built.environment)) == 2


@pytest.mark.parametrize("command", ["version", "doctor"])
def test_placet_runs_from_an_empty_folder(built: Built, command: str) -> None:
    done = built.run("placet", command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert built.metadata()["Version"] in done.stdout
    assert str(ROOT) not in done.stdout
