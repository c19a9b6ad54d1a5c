"""A process that appends to a log from some threads and says what was acknowledged, one decision id a line.

    python -m tests.engine.log.appender FOLDER NAME THREADS COUNT

It is killed at any moment by `test_processes.py`. COUNT is for each thread.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from placet_attestations.digests import Digest
from placet_engine.log.entry import DecisionRecord, Reservation, decision_draft, evidence_draft
from tests.engine.log.making import NOW, open_log


def main(folder: Path, name: str, threads: int, count: int) -> None:
    """Append decisions, every tenth with the arrival of a bundle that the other processes record as well."""
    saying = Lock()
    with open_log(folder) as log, ThreadPoolExecutor(threads) as pool:

        def work(thread: int) -> None:
            for number in range(count):
                if number % 10 == 0:
                    log.append(
                        evidence_draft(Digest.of(f"{number}".encode()), "https://example.org/type", NOW)
                    )
                once = (Reservation(f"{name} {thread} {number}", "production"),)
                record = DecisionRecord(f"{name}-{thread}-{number}", NOW, "register", "subject", "deny", once)
                log.append(decision_draft(record, b"{}", input=b"i" * 2000))
                with saying:
                    sys.stdout.write(f"{record.id}\n")
                    sys.stdout.flush()

        for _ in pool.map(work, range(threads)):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
