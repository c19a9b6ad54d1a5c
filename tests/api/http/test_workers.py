"""Several workers of one service: real processes, one store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

import pytest

from placet_api.errors import BusyError, ConfigurationError
from placet_api.http.board import Board
from placet_api.http.line import Report, pair
from placet_api.http.listening import open_doors
from placet_api.http.place import Place as Seat
from placet_api.http.shared_rates import SharedRates
from placet_api.http.worker import SIGHUP, WorkerService, as_started
from placet_api.project import Project, open_project
from placet_api.wiring import open_house
from tests.api.http.parents import mute
from tests.api.http.serving import (
    Answer,
    Serving,
    alive,
    descendants,
    serving,
    started,
    wait_until,
)
from tests.api.projects import GATE, TICKET, call, done
from tests.saying import PATIENCE
from tests.tls import Authority

pytestmark = pytest.mark.xdist_group("http")
QUESTION = "/v1/decisions"


class Place:
    """A copy of the ready-made project, with a short folder for temporary files, and with tokens."""

    def __init__(self, folder: Path, temporary: str) -> None:
        self.folder = folder
        self.temporary = Path(temporary)
        self.model = done("digest", "model.json", folder=folder).out.split()[0]
        self.gate = self._token("gate")
        self.admin = self._token("admin", "auditor")

    def variables(self, count: int) -> dict[str, str]:
        return {
            "PLACET_HTTP_WORKERS": str(count),
            "TMPDIR": str(self.temporary),
            "PLACET_HTTP_RATE": "100000",
        }

    def ask(self, running: Serving) -> Answer:
        question = {"gate": GATE, "subject": {"digest": self.model}, "context": {"ticket": TICKET}}
        return running.post(QUESTION, question, self.gate)

    def verdicts(self, running: Serving, count: int) -> set[str]:
        """Of so many decisions, four at a time."""
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: self.ask(running), range(count)))
        assert {answer.status for answer in answers} == {200}, answers
        return {answer.json["decision"]["verdict"] for answer in answers}

    def revoke(self) -> None:
        trust = self.folder / "trust.yaml"
        revoked = f"revoked:\n  - {{artifact: {self.model}, from: always, reason: retracted}}\n"
        trust.write_text(trust.read_text().replace("revoked: []\n", revoked))

    def pardon(self) -> None:
        trust = self.folder / "trust.yaml"
        head, _, _ = trust.read_text().partition("revoked:\n")
        trust.write_text(f"{head}revoked: []\n")

    def reloads(self, running: Serving) -> list[str]:
        """Why, as the log says, the first one first."""
        rows = running.get("/v1/decisions?kind=reload", self.admin).json["items"]
        leaves = [json.loads(raw) for raw in self._leaves(running)]
        assert len(rows) == len([leaf for leaf in leaves if leaf["type"] == "reload"])
        return [leaf["why"] for leaf in leaves if leaf["type"] == "reload"]

    def _leaves(self, running: Serving) -> list[bytes]:
        size = int(running.get("/checkpoint", self.admin).body.split(b"\n")[1])
        raw = running.get(f"/tile/entries/000.p/{size}", self.admin).body
        leaves = []
        while raw:
            length = int.from_bytes(raw[:2], "big")
            leaves.append(raw[2 : 2 + length])
            raw = raw[2 + length :]
        return leaves

    def _token(self, *roles: str) -> str:
        given = [part for role in roles for part in ("--role", role)]
        return done("token", "new", f"{roles[0]}@example.org", *given, folder=self.folder).out.strip()


@pytest.fixture
def place(ready: Path, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "churn"
    shutil.copytree(ready, folder)
    with TemporaryDirectory(prefix="w-") as temporary:
        yield Place(folder, temporary)


def counted(running: Serving, place: Place) -> float:
    """The decisions that `/metrics` tells of."""
    wanted = f'placet_requests_total{{path="{QUESTION}",status="200"}}'
    lines = running.get("/metrics", place.admin).body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))


def generations(running: Serving, place: Place) -> list[str]:
    """The reloads of each worker that `/metrics` tells of."""
    lines = running.get("/metrics", place.admin).body.decode().splitlines()
    return sorted(line for line in lines if line.startswith("placet_generation{"))


def has_told(running: Serving, count: int) -> bool:
    """Whether its log tells of so many decisions."""
    return sum(f'"POST {QUESTION}"' in line for line in running.lines) == count


def who_answered(running: Serving) -> set[int]:
    """The workers that told of a decision."""
    return {json.loads(line)["worker"] for line in running.lines if f'"POST {QUESTION}"' in line}


def test_two_workers_judge_over_one_store_and_their_numbers_are_added_up(place: Place) -> None:
    asked = 0
    with serving(place.folder, **place.variables(2)) as running:
        pids = running.pids_of(1, 2)
        assert set(pids.values()) <= descendants(running.process.pid)
        while who_answered(running) != {1, 2}:
            asked += 20
            assert place.verdicts(running, 20) == {"allow"}
            wait_until(partial(has_told, running, asked))
        assert counted(running, place) == asked
        assert running.get("/readyz").json == {"ready": True, "missing": {}}
        everybody = descendants(running.process.pid)
        assert len(everybody) == 4  # two workers, each with an OPA
        assert running.end() == 0
    assert not [pid for pid in everybody if alive(pid)]
    assert list(place.temporary.iterdir()) == []
    assert call("log", "verify", folder=place.folder).code == 0
    rows = done("log", "list", "--json", "--limit", "1000", folder=place.folder).json
    assert sum(row["gate"] == GATE for row in rows) == asked


def test_a_killed_worker_is_replaced_and_what_it_counted_stays(place: Place) -> None:
    with serving(place.folder, **place.variables(2)) as running:
        pids = running.pids_of(1, 2)
        assert place.verdicts(running, 8) == {"allow"}
        os.kill(pids[1], signal.SIGKILL)
        running.wait_for("a worker ended")
        assert place.verdicts(running, 8) == {"allow"}
        again = running.pids_of(1)
        assert again[1] != pids[1]
        assert place.verdicts(running, 8) == {"allow"}
        assert counted(running, place) == 24
        os.kill(pids[2], signal.SIGTERM)  # whoever ends one by hand gets another one, too
        assert running.pids_of(2)[2] != pids[2]
        assert place.verdicts(running, 8) == {"allow"}
        assert counted(running, place) == 32
        assert running.end(signal.SIGINT) == 0
    assert list(place.temporary.iterdir()) == []
    assert call("log", "verify", folder=place.folder).code == 0


def test_a_killed_parent_leaves_nobody(place: Place) -> None:
    running = started(place.folder, **place.variables(2))
    running.pids_of(1, 2)
    everybody = descendants(running.process.pid)
    assert len(everybody) == 4
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not any(alive(pid) for pid in everybody))


def test_a_reload_reaches_every_worker(place: Place) -> None:
    with serving(place.folder, **place.variables(2)) as running:
        pids = running.pids_of(1, 2)
        assert place.verdicts(running, 8) == {"allow"}
        place.revoke()
        running.process.send_signal(signal.SIGHUP)
        assert reloaded(running) | reloaded(running) == {1, 2}
        assert place.verdicts(running, 12) == {"deny"}
        assert sorted(place.reloads(running)) == ["SIGHUP, worker 1", "SIGHUP, worker 2"]
        both = [f'placet_generation{{pid="{number}"}} 1.0' for number in (1, 2)]
        wait_until(lambda: generations(running, place) == both)
        # Asked over HTTP one worker reloads, and the other one hears of it.
        place.pardon()
        assert running.post("/v1/reload", {}, place.admin).status == 200
        (other,) = reloaded(running)
        assert place.verdicts(running, 12) == {"allow"}
        third, fourth = sorted(place.reloads(running)[2:])
        assert third.startswith("SIGHUP, worker")
        assert fourth.startswith("asked over HTTP, worker ")  # and the log names nobody
        (asked,) = (json.loads(line) for line in running.lines if "asked for a reload" in line)
        assert asked["caller"].startswith("token:")
        # Whoever takes a place reads the files as they are; then the others do, too.
        place.revoke()
        os.kill(pids[other], signal.SIGKILL)
        assert reloaded(running) == {3 - other}
        assert place.verdicts(running, 12) == {"deny"}
        assert running.end() == 0
    assert call("log", "verify", folder=place.folder).code == 0


def reloaded(running: Serving) -> set[int]:
    return {json.loads(running.wait_for('"reloaded"'))["worker"]}


def test_a_worker_that_is_behind_is_told_of_and_catches_up(place: Place) -> None:
    with serving(place.folder, **place.variables(2)) as running:
        pids = running.pids_of(1, 2)
        assert place.verdicts(running, 8) == {"allow"}
        os.kill(pids[2], signal.SIGSTOP)
        place.revoke()
        pending = running.post("/v1/reload?timeout=0.1s", {}, place.admin)
        assert (pending.status, pending.code, pending.json["workers"]) == (503, "http.reload_pending", [2])
        ready = running.get("/readyz")
        assert (ready.status, list(ready.json["missing"])) == (503, ["reload"])
        # When it looks, somebody is writing: it refuses, and is asked again without anybody's doing.
        good = (place.folder / "trust.yaml").read_text()
        (place.folder / "trust.yaml").write_text("version: 7\n")
        os.kill(pids[2], signal.SIGCONT)
        assert json.loads(running.wait_for("the reload was refused"))["worker"] == 2
        (place.folder / "trust.yaml").write_text(good)
        wait_until(lambda: running.get("/readyz").status == 200)
        assert place.verdicts(running, 16) == {"deny"}
        assert running.post("/v1/reload?timeout=soon", {}, place.admin).code == "http.query"
        assert running.post("/v1/reload", {}, place.admin).status == 200
        assert running.end() == 0
    assert call("log", "verify", folder=place.folder).code == 0


def test_a_refused_reload_changes_nothing_in_any_worker(place: Place) -> None:
    with serving(place.folder, **place.variables(2)) as running:
        running.pids_of(1, 2)
        good = (place.folder / "trust.yaml").read_text()
        (place.folder / "trust.yaml").write_text("version: 7\n")
        running.process.send_signal(signal.SIGHUP)
        refused = [json.loads(running.wait_for("the reload was refused"))["worker"] for _ in range(2)]
        assert sorted(refused) == [1, 2]
        assert place.verdicts(running, 8) == {"allow"}
        (place.folder / "trust.yaml").write_text(good)
        assert running.end() == 0


def test_what_was_acknowledged_is_logged_when_the_service_ends(place: Place) -> None:
    running = started(place.folder, **place.variables(2))
    acknowledged: list[str] = []

    def ask() -> None:
        try:
            told = place.ask(running)
        except OSError:
            return
        if told.status == 200:
            acknowledged.append(told.json["decision"]["id"])

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask) for _ in range(40)]
        asked[5].result()
        assert running.end() == 0
    logged = {
        row["decision"] for row in done("log", "list", "--json", "--limit", "99", folder=place.folder).json
    }
    assert acknowledged
    assert set(acknowledged) <= logged
    assert call("log", "verify", folder=place.folder).code == 0


def test_both_doors_are_served_by_all(place: Place) -> None:
    leaf = Authority.make(place.temporary / "ca").issue_server("placet")
    hook = {
        "PLACET_KUBERNETES_LISTEN": "127.0.0.1:0",
        "PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert),
        "PLACET_KUBERNETES_KEY": str(leaf.key),
    }
    with serving(place.folder, **place.variables(2), **hook) as running:
        running.pids_of(1, 2)
        assert running.hook.startswith("https://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(running.hook.rpartition(":")[2])), PATIENCE):
            assert running.end() == 0


def test_the_rate_is_that_of_the_whole_service(place: Place) -> None:
    slow = place.variables(2) | {"PLACET_HTTP_RATE": "0.001"}  # and so a burst of one
    with serving(place.folder, **slow) as running:
        running.pids_of(1, 2)
        answers = [running.get("/v1/policies", place.gate).status for _ in range(8)]
    assert answers == [200] + [429] * 7


def ran(place: Place, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "placet", "serve", "--listen", "127.0.0.1:0", *options],
        cwd=place.folder,
        env={**os.environ, **place.variables(2), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def opas_in(folder: Path) -> list[str]:
    """The command lines that name this folder, as each OPA's does."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in line:
            found.append(repr(line))
    return found


def test_what_is_wrong_at_the_start_is_said_once_and_nobody_is_left(place: Place) -> None:
    (place.folder / "trust.yaml").write_text("version: 7\n")
    ended = ran(place)
    assert ended.returncode == 2, ended
    assert ended.stderr.count("placet: trust.") == 1
    assert "placet serves" not in ended.stderr
    assert list(place.temporary.iterdir()) == []
    assert opas_in(place.temporary) == []


def test_more_workers_than_make_sense_are_refused(place: Place) -> None:
    ended = ran(place, "--workers", "65")
    assert (ended.returncode, "http.workers" in ended.stderr) == (2, True), ended
    assert ran(place, "--workers", "0").returncode == 2


def test_a_worker_that_cannot_be_replaced_ends_the_service(place: Place) -> None:
    running = started(place.folder, **place.variables(2))
    pids = running.pids_of(1, 2)
    everybody = descendants(running.process.pid)
    good = (place.folder / "trust.yaml").read_text()
    (place.folder / "trust.yaml").write_text("version: 7\n")
    os.kill(pids[2], signal.SIGKILL)
    running.wait_for("http.workers_die")
    assert running.process.wait(PATIENCE) == 3
    assert sum("a worker ended" in line for line in running.lines) == 4
    assert sum('"code": "trust.' in line for line in running.lines) == 3
    wait_until(lambda: not any(alive(pid) for pid in everybody))
    assert list(place.temporary.iterdir()) == []
    (place.folder / "trust.yaml").write_text(good)
    assert call("log", "verify", folder=place.folder).code == 0


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("mute", 3, "http.worker: worker 1 did not start: exit 7"),
        ("orphaned", 3, "the parent is gone"),
        ("failing", 3, "a worker failed inside Placet"),
        ("refusing", 2, "trust.syntax: no YAML (trust.yaml)\n  write YAML"),
        ("full", 3, "it could not be started: Too many open files"),
        ("quick", 3, "http.workers_die: worker 1 ended 5 times in a row"),
    ],
)
def test_workers_that_misbehave_end_the_service(kind: str, code: int, words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.api.http.parents", kind],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == code, ended
    assert words in ended.stderr
    assert ("open" in ended.stdout.splitlines()) == (kind == "quick")


@contextmanager
def a_parent(kind: str) -> Iterator[subprocess.Popen[str]]:
    """A running parent of such workers; killed in the end, so that nobody waits for its words for ever."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "tests.api.http.parents", kind], stdout=pipe, stderr=pipe, text=True
    ) as parent:
        watchdog = Timer(PATIENCE, parent.kill)
        watchdog.start()
        try:
            yield parent
        finally:
            watchdog.cancel()
            parent.kill()


def next_of(parent: subprocess.Popen[str]) -> str:
    assert parent.stdout is not None
    return parent.stdout.readline().strip()


def test_workers_that_do_not_end_are_killed() -> None:
    with a_parent("stubborn") as parent:
        assert next_of(parent) == "open"
        everybody = descendants(parent.pid)
        parent.send_signal(signal.SIGTERM)
        _, said = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, len(everybody)) == (3, 3)
    assert "http.drain" in said
    assert not any(alive(pid) for pid in everybody)


def test_what_a_dead_worker_leaves_behind_is_no_zombie() -> None:
    with a_parent("leaving") as parent:
        assert next_of(parent) == "open"
        left = int(next_of(parent))
        wait_until(lambda: not Path(f"/proc/{left}").exists())
        parent.send_signal(signal.SIGTERM)
        parent.communicate(timeout=PATIENCE)


def test_workers_that_die_together_are_all_taken_leave_of() -> None:
    with a_parent("hasty") as parent:
        assert next_of(parent) == "open"
        parent.send_signal(signal.SIGSTOP)
        everybody = descendants(parent.pid)
        for pid in everybody:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in everybody))
        parent.send_signal(signal.SIGCONT)
        _, said = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, "http.workers_die" in said) == (3, True)


@pytest.mark.parametrize(("kind", "pauses"), [("slow", 1), ("slow_second", 2)])
def test_a_start_may_be_ended(kind: str, pauses: int) -> None:
    with a_parent(kind) as parent:
        assert [next_of(parent) for _ in range(pauses)] == ["starting"] * pauses
        parent.send_signal(signal.SIGTERM)
        told, said = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, said) == (0, "")
    assert "open" not in told


def test_a_reload_that_comes_too_early_is_not_lost() -> None:
    with a_parent("late") as parent:
        assert next_of(parent) == "open"
        parent.send_signal(signal.SIGHUP)
        for pid in descendants(parent.pid):
            os.kill(pid, signal.SIGUSR1)
        assert sorted(next_of(parent) for _ in range(3)) == ["1 reloads", "2 reloads", "3 reloads"]
        parent.send_signal(signal.SIGTERM)
        parent.communicate(timeout=PATIENCE)


def heard_until(parent: subprocess.Popen[str], words: str) -> list[str]:
    """What it says until these words."""
    heard: list[str] = []
    while words not in heard:
        heard.append(next_of(parent))
        assert heard[-1], heard
    return heard


def test_a_worker_that_goes_on_refusing_what_others_judge_by_is_replaced() -> None:
    with a_parent("torn") as parent:
        heard = heard_until(parent, "2 again")
        assert heard.count("2 refuses") >= 4
        assert "2 stays" in heard  # so it was killed
        parent.send_signal(signal.SIGTERM)
        _, said = parent.communicate(timeout=PATIENCE)
    assert parent.returncode == 0, said
    assert "is replaced" in said


def test_a_worker_that_refused_is_asked_until_it_agrees() -> None:
    with a_parent("yielding") as parent:
        heard = heard_until(parent, "2 is asked 3")
        parent.send_signal(signal.SIGTERM)
        _, said = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, said) == (0, "")
    assert [line for line in heard if line != "open"] == [f"2 is asked {count}" for count in (1, 2, 3)]


def test_what_all_refuse_is_asked_of_nobody_again() -> None:
    with a_parent("united") as parent:
        assert next_of(parent) == "open"
        serving_now = descendants(parent.pid)
        for _ in range(6):  # more often than one may refuse what another one judges by
            parent.send_signal(signal.SIGHUP)
            assert sorted(next_of(parent) for _ in range(3)) == [f"{n} refuses" for n in (1, 2, 3)]
        assert descendants(parent.pid) == serving_now
        parent.send_signal(signal.SIGTERM)
        assert parent.communicate(timeout=PATIENCE) == ("", "")


def test_a_reload_that_found_no_turn_is_no_refusal(project: Path) -> None:
    found = open_project(project, {}, os.environ)
    mine, theirs = pair(1, Board(1))
    with (
        closing(mine),
        closing(theirs),
        open_house(found) as house,
        closing(SharedRates(1, burst=1)) as rates,
        closing(WorkerService(found, lambda: found, house, theirs, 1, rates)) as service,
    ):
        service.reload("a test")
        (began, told), _ = mine.read()
        assert (began.kind, told.kind, service.behind()) == ("reloading", "rules", ())
        service.end_soon()
        with pytest.raises(BusyError):
            service.reload(SIGHUP)
        assert (mine.read(), service.behind()) == (([], True), ())


def test_the_board_says_who_does_not_judge_as_one_does() -> None:
    board = Board(3)
    assert (board.behind(1), board.apart()) == ((1, 2, 3), False)  # nobody has said anything
    board.write(1, "old", changing=False)
    board.write(2, "old", changing=False)
    assert (board.behind(1), board.apart()) == ((3,), False)  # it may have read anything
    board.write(3, "old", changing=True)
    assert (board.behind(1), board.apart()) == ((3,), False)
    board.write(3, "new", changing=False)
    assert (board.behind(1), board.behind(3), board.apart()) == ((3,), (1, 2), True)
    board.write(1, "new", changing=True)
    assert board.behind(1) == (1, 2)
    board.write(1, "new", changing=False)
    board.write(2, "new", changing=False)
    assert (board.behind(1), board.apart()) == ((), False)
    board.clear(2)
    assert (board.behind(1), board.apart()) == ((2,), False)


def test_a_line_that_is_cut_ends_a_waiting_worker_and_hinders_nobody_else() -> None:
    mine, theirs = pair(1, Board(1))
    theirs.ready()
    theirs.rules("x")
    assert mine.read() == ([Report("ready"), Report("rules", "x")], True)
    mine.close()
    theirs.kept()
    with pytest.raises(SystemExit):
        theirs.wait_for_go()
    theirs.close()
    mine, theirs = pair(1, Board(1))
    theirs.close()
    mine.go()
    assert mine.read() == ([], False)
    mine.close()


def test_a_fork_that_fails_leaves_the_place_empty() -> None:
    def no_room() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    empty = Seat(1, Board(1))
    with pytest.raises(OSError, match="temporarily unavailable"):
        empty.fork(mute, lambda: None, again=False, fork=no_room)
    empty.go()
    empty.close()
    assert (empty.pid, empty.line, empty.read()) == (0, None, [])


def a_project(folder: Path) -> Project:
    return open_project(folder, {"http.listen": "127.0.0.1:0"}, {})


def test_who_takes_a_place_reads_the_files_but_for_what_a_start_reads(project: Path) -> None:
    (project / "placet.yaml").write_text("limits: {facts: 1}\nhttp: {queue: 5}\n")
    before = a_project(project)
    (project / "placet.yaml").write_text("limits: {facts: 2}\nhttp: {queue: 6}\n")
    settings = as_started(before, a_project(project)).settings
    assert (settings.values["limits.facts"], settings.values["http.queue"]) == (2, 5)
    (project / "placet.yaml").unlink()
    with pytest.raises(ConfigurationError) as caught:
        as_started(before, a_project(project))
    assert caught.value.code == "settings.vanished"


def test_an_address_that_is_taken_is_refused(project: Path) -> None:
    with open_doors(a_project(project)) as first:
        port = first.main.socket.getsockname()[1]
        taken = open_project(project, {"http.listen": f"127.0.0.1:{port}"}, {})
        with open_doors(taken) as second:  # bound twice, which Linux allows while nobody listens
            first.listen()
            with pytest.raises(ConfigurationError, match="cannot listen"):
                second.listen()
        with pytest.raises(ConfigurationError, match="cannot listen"), open_doors(taken):
            pass


def test_nothing_is_accepted_before_somebody_can_answer(project: Path) -> None:
    with open_doors(a_project(project)) as doors, closing(socket.socket()) as client:
        assert client.connect_ex(doors.main.socket.getsockname()) != 0
        doors.listen()
        told: list[str] = []
        doors.tell(told.append)
        assert told == [f"serves http://127.0.0.1:{doors.main.socket.getsockname()[1]}"]
        client.connect(doors.main.socket.getsockname())
