"""Small makers for the tests of the log: a key, drafts, logs over a store in memory or in a file."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from placet_attestations.digests import Digest
from placet_attestations.strictjson import dumps
from placet_engine.log.entry import DecisionRecord, Draft, Reservation, decision_draft, evidence_draft
from placet_engine.log.head_file import HeadFile
from placet_engine.log.log import DecisionLog
from placet_engine.log.note import NoteSigner
from placet_engine.log.seal import LogSeal

ORIGIN = "example.org/placet"
SIGNER = NoteSigner.of(ORIGIN, bytes(32))
OTHER = NoteSigner.of(ORIGIN, bytes([1] * 32))
NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
MODEL = Digest.of(b"model")


def bundle(number: int) -> Digest:
    return Digest.of(f"bundle {number}".encode())


def evidence(number: int, time: datetime = NOW) -> Draft:
    return evidence_draft(bundle(number), "https://placet.dev/attestation/dataset/v1", time)


def decision(
    number: int,
    *,
    verdict: str = "deny",
    time: datetime = NOW,
    gate: str = "promote/production",
    subject: str = MODEL,
    reserve: dict[str, str] | None = None,
    strict_clock: bool = False,
) -> Draft:
    record = DecisionRecord(
        id=decision_id(number),
        time=time,
        gate=gate,
        subject=subject,
        verdict=verdict,
        reservations=tuple(Reservation(key, value) for key, value in (reserve or {}).items()),
        fields={"reasons": ["data.origin_known"]},
    )
    return decision_draft(
        record,
        document(record),
        input=b'{"version":1}',
        answer=b'{"verdict":"deny"}',
        strict_clock=strict_clock,
    )


def document(record: DecisionRecord) -> bytes:
    return dumps(
        {
            "id": record.id,
            "gate": record.gate,
            "subject": {"digest": record.subject},
            "verdict": record.verdict,
        }
    )


def decision_id(number: int) -> str:
    return f"01930000-0000-7000-8000-{number:012d}"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def seal(folder: Path, signer: NoteSigner = SIGNER) -> LogSeal:
    return LogSeal(signer, ORIGIN, HeadFile(folder / "head", signer.verifier))


def open_log(folder: Path, signer: NoteSigner = SIGNER) -> DecisionLog:
    return DecisionLog.open(folder / "log.db", key=signer, head=folder / "head")


def filled(folder: Path, entries: int = 11) -> None:
    """A closed log: evidence and decisions in turns, every fourth decision with a reservation."""
    with open_log(folder) as log:
        for number in range(entries):
            if number % 3 == 0:
                log.append(evidence(number, later(number)))
            else:
                reserve = {f"approval {number}": "production"} if number % 4 == 0 else None
                log.append(decision(number, time=later(number), reserve=reserve))


def tamper(folder: Path, sql: str, *values: object) -> None:
    """Change a closed log's database as somebody with write access would."""
    with closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as connection:
        changed = connection.execute(sql, values)
        assert changed.rowcount != 0, f"the statement changed nothing: {sql}"


def flip(data: bytes, at: int = 0) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


@contextmanager
def bounded_files(most: int) -> Iterator[Callable[[], None]]:
    """No file of this process may grow beyond that: the kernel refuses, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def lift() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield lift
    finally:
        lift()
