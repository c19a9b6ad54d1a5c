"""The tamper-evident decision log: a Merkle tree of small leaves, signed heads, receipts that check offline.

`log.py` is the door for the engine, `audit.py` and `receipt.py` are the doors for whoever checks. Names are
resolved on first use, so that importing this folder loads no cryptography.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet_engine.log.audit import AuditReport as AuditReport
    from placet_engine.log.audit import verify_log as verify_log
    from placet_engine.log.entry import Appended as Appended
    from placet_engine.log.entry import Draft as Draft
    from placet_engine.log.entry import Entry as Entry
    from placet_engine.log.entry import Payload as Payload
    from placet_engine.log.entry import Reservation as Reservation
    from placet_engine.log.entry import decision_draft as decision_draft
    from placet_engine.log.entry import evidence_draft as evidence_draft
    from placet_engine.log.head_file import HeadFile as HeadFile
    from placet_engine.log.keyfile import create_log_key as create_log_key
    from placet_engine.log.keyfile import load_log_key as load_log_key
    from placet_engine.log.keyfile import load_verifier as load_verifier
    from placet_engine.log.log import DecisionLog as DecisionLog
    from placet_engine.log.note import NoteSigner as NoteSigner
    from placet_engine.log.note import NoteVerifier as NoteVerifier
    from placet_engine.log.proof import Proof as Proof
    from placet_engine.log.receipt import CheckedReceipt as CheckedReceipt
    from placet_engine.log.receipt import check_receipt as check_receipt
    from placet_engine.log.receipt import make_receipt as make_receipt
    from placet_engine.log.store import Head as Head
    from placet_engine.log.store import LogStore as LogStore
    from placet_engine.log.writer import LogWriter as LogWriter

_HOME = {
    "Appended": "entry",
    "AuditReport": "audit",
    "CheckedReceipt": "receipt",
    "DecisionLog": "log",
    "Draft": "entry",
    "Entry": "entry",
    "Head": "store",
    "HeadFile": "head_file",
    "LogStore": "store",
    "LogWriter": "writer",
    "NoteSigner": "note",
    "NoteVerifier": "note",
    "Payload": "entry",
    "Proof": "proof",
    "Reservation": "entry",
    "check_receipt": "receipt",
    "create_log_key": "keyfile",
    "decision_draft": "entry",
    "evidence_draft": "entry",
    "load_log_key": "keyfile",
    "load_verifier": "keyfile",
    "make_receipt": "receipt",
    "verify_log": "audit",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
