from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.kubernetes.child import Child
from tests.kubernetes.waiting import until


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    starter = f"""
        import sys
        from pathlib import Path
        from tests.kubernetes.child import Child
        print(Child.start(["/bin/sleep", "600"], Path({str(tmp_path)!r})).pid, flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(starter)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid)
        parent.send_signal(signal.SIGKILL)
    until(lambda: not running(pid))


def test_a_server_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    child = Child.start(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], tmp_path)
    until(lambda: child.words() == "deaf\n")
    assert child.resident() > 0
    child.stop(patience=0.2)
    assert not child.alive()
    assert child.resident() == 0
    child.stop()
