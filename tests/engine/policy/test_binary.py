from __future__ import annotations

from pathlib import Path

import pytest

from placet_attestations.digests import Digest
from placet_engine.errors import PolicyError
from placet_engine.policy.binary import NAME, TESTED_VERSION, Binary, Version, locate, parse_version
from placet_engine.policy.limits import PolicyLimits
from placet_engine.policy.tool import compile_error, probe_version, run


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def refused(code: str, setting: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        locate(setting)
    assert (caught.value.code, caught.value.where) == (code, str(setting))


def test_a_setting_alone_decides(tmp_path: Path) -> None:
    named = script(tmp_path / "my-opa", "#!/bin/sh\n")
    script(tmp_path / NAME, "#!/bin/sh\n")
    found = locate(named, scripts=tmp_path)
    assert (found.path, found.source) == (named, "setting")
    assert found.sha256 == Digest.of(b"#!/bin/sh\n")
    assert repr(found) == f"Binary({str(named)!r}, source='setting')"
    refused("opa.missing", tmp_path / "absent")
    refused("opa.missing", tmp_path)
    named.chmod(0o644)
    refused("opa.not_executable", named)


def test_the_environment_is_looked_through_and_path_is_not(tmp_path: Path) -> None:
    script(tmp_path / NAME, "#!/bin/sh\n")
    found = locate(scripts=tmp_path)
    assert (found.path, found.source) == (tmp_path / NAME, "environment")


def test_without_one_in_the_environment_there_is_none(tmp_path: Path) -> None:
    script(tmp_path / "opa", "#!/bin/sh\n")
    with pytest.raises(PolicyError) as caught:
        locate(scripts=tmp_path, distribution="no-such-distribution")
    assert caught.value.code == "opa.missing"
    assert "opa.path" in (caught.value.hint or "")


def test_the_list_of_installed_files_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "elsewhere-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"other.py,,\n../bin/{NAME},,\n")
    monkeypatch.syspath_prepend(site)
    (tmp_path / "bin").mkdir()
    installed = script(tmp_path / "bin" / NAME, "#!/bin/sh\n")
    assert locate(scripts=site, distribution="elsewhere").path == installed.resolve()
    (info / "RECORD").unlink()
    with pytest.raises(PolicyError):
        locate(scripts=site, distribution="elsewhere")


def test_a_binary_that_cannot_be_hashed_is_told(tmp_path: Path) -> None:
    gone = Binary(tmp_path / "gone", "setting")
    with pytest.raises(PolicyError) as caught:
        _ = gone.sha256
    assert (caught.value.code, caught.value.where) == ("opa.unreadable", str(tmp_path / "gone"))


def test_the_version_of_the_real_one_is_the_tested_one(opa: Binary) -> None:
    assert probe_version(opa) == Version(TESTED_VERSION, "v1", tested=True)


def test_what_is_no_opa_is_told() -> None:
    for output in ("", "Version: 3", "conftest 0.71"):
        with pytest.raises(PolicyError) as caught:
            parse_version(output)
        assert caught.value.code == "opa.version"
    assert not parse_version("Version: 0.1\nRego Version: v0\n").tested


def test_a_tool_gets_an_empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_TEST_SECRET", "secret")
    fake = locate(script(tmp_path / "opa", "#!/bin/sh\necho env:; /usr/bin/env\n"))
    assert b"PLACET_TEST_SECRET" not in run(fake, ["build"], folder=tmp_path)


def test_a_tool_that_hangs_is_ended(tmp_path: Path) -> None:
    fake = locate(script(tmp_path / "opa", "#!/bin/sh\nexec sleep 600\n"))
    with pytest.raises(PolicyError, match="opa build did not end") as caught:
        run(fake, ["build"], folder=tmp_path, limits=PolicyLimits(tool_timeout=0.05))
    assert caught.value.code == "opa.timeout"


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    fake = locate(script(tmp_path / "opa", "\x7fELF nonsense"))
    with pytest.raises(PolicyError) as caught:
        run(fake, ["build"], folder=tmp_path)
    assert caught.value.code == "opa.not_executable"


def test_a_failing_tool_is_quoted(tmp_path: Path) -> None:
    fake = locate(script(tmp_path / "opa", "#!/bin/sh\necho on stdout\nexit 2\n"))
    with pytest.raises(PolicyError, match="OPA refuses the policy set: on stdout"):
        run(fake, ["check"], folder=tmp_path)


def test_long_complaints_are_cut() -> None:
    assert compile_error("").message.endswith("OPA said nothing")
    message = compile_error("\n".join(f"line {i}" for i in range(50))).message
    assert message.endswith("line 19\n... and 30 lines more")
