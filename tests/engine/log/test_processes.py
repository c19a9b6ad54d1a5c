"""Several processes on one store, and killed ones: what was acknowledged is there, and the log is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from placet_engine.log.audit import verify_log
from placet_engine.log.head_file import HeadFile
from tests.engine.log.making import SIGNER, decision, open_log

ROOT = Path(__file__).parents[3]
FOREVER = 1_000_000


def start(folder: Path, name: str, threads: int, count: int) -> subprocess.Popen[str]:
    paths = [str(ROOT / room) for room in ("attestations", "engine")]
    code = f"import sys; sys.path[:0] = {paths!r}; import runpy; runpy.run_module({APPENDER!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, str(folder), name, str(threads), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


APPENDER = "tests.engine.log.appender"


def sound(folder: Path, acknowledged: set[str]) -> int:
    """Audit the log; how many entries it has."""
    kept = HeadFile(folder / "head", SIGNER.verifier).kept()
    with open_log(folder) as log:
        report = verify_log(log.store, SIGNER.verifier, kept=kept)
        assert report.ok, report.reason
        stored = {entry.columns.decision_id for entry in log.entries(0, report.entries)}
        assert acknowledged <= stored
        # The next batch is an ordinary one: recovery is no path of its own.
        assert log.append(decision(report.entries)).index == report.entries
    return report.entries


def test_two_processes_on_one_store(tmp_path: Path) -> None:
    processes = [start(tmp_path, name, 4, 30) for name in ("one", "two")]
    acknowledged: set[str] = set()
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0
        acknowledged |= set(said.splitlines())
    assert len(acknowledged) == 2 * 4 * 30
    # Three bundles are recorded once, whoever came first.
    assert sound(tmp_path, acknowledged) == 2 * 4 * 30 + 3


def test_processes_that_are_killed(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for round_, enough in enumerate((1, 7, 40, 90)):
        process = start(tmp_path, f"round{round_}", 4, FOREVER)
        assert process.stdout is not None
        for _ in range(enough):
            acknowledged.add(process.stdout.readline().strip())
        process.kill()
        # A line that was cut by the kill has no end; whoever read it does not count it as an answer.
        rest = process.stdout.read()
        acknowledged |= {line.strip() for line in rest.splitlines(keepends=True) if line.endswith("\n")}
        process.stdout.close()
        assert process.wait() == -9
        assert sound(tmp_path, acknowledged) >= len(acknowledged)


def test_two_processes_one_of_which_is_killed(tmp_path: Path) -> None:
    victim, survivor = start(tmp_path, "victim", 2, FOREVER), start(tmp_path, "survivor", 2, 40)
    assert victim.stdout is not None
    acknowledged = {victim.stdout.readline().strip() for _ in range(20)}
    victim.kill()
    victim.stdout.close()
    victim.wait()
    said, _ = survivor.communicate()
    assert survivor.returncode == 0
    assert len(said.splitlines()) == 80
    sound(tmp_path, acknowledged | set(said.splitlines()))
