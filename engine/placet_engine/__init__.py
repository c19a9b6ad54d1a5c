"""The engine: what follows from the evidence, and how it is remembered.

This is the room's door. Names are resolved on first use, so that importing the room costs nothing: no
cryptography, no JSON Schema, no HTTP client is loaded before somebody needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet_engine.errors import ConfigurationError as ConfigurationError
    from placet_engine.errors import EngineError as EngineError
    from placet_engine.errors import LimitError as LimitError
    from placet_engine.errors import LogError as LogError
    from placet_engine.errors import PolicyError as PolicyError
    from placet_engine.log.audit import AuditReport as AuditReport
    from placet_engine.log.audit import verify_log as verify_log
    from placet_engine.log.log import DecisionLog as DecisionLog
    from placet_engine.log.receipt import CheckedReceipt as CheckedReceipt
    from placet_engine.log.receipt import check_receipt as check_receipt
    from placet_engine.log.writer import LogWriter as LogWriter

_HOME = {
    "AuditReport": "placet_engine.log.audit",
    "CheckedReceipt": "placet_engine.log.receipt",
    "ConfigurationError": "placet_engine.errors",
    "DecisionLog": "placet_engine.log.log",
    "EngineError": "placet_engine.errors",
    "LimitError": "placet_engine.errors",
    "LogError": "placet_engine.errors",
    "LogWriter": "placet_engine.log.writer",
    "PolicyError": "placet_engine.errors",
    "check_receipt": "placet_engine.log.receipt",
    "verify_log": "placet_engine.log.audit",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - one list, in one place


def __getattr__(name: str) -> object:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
