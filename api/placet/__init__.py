"""Placet: the admission gate for machine-learning artifacts. The same verbs as the command line, as functions.

    with placet.record("train", inputs=["data/train.csv"], code=".", parameters={"C": 1.0}, seeds={"numpy": 7}) as step:
        ...
        step.output("model.joblib", kind="model", name="churn-model")

    decision = placet.gate("promote/production", "model.joblib", context={"ticket": "CHG-1042"})
    decision.allowed, decision.reasons, decision.receipt

Importing this package costs nothing; each verb imports what it needs when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet_api.errors import DoorError
    from placet_api.face import GateDecision, Recorded, approve, attest, digest, gate, record, verify
    from placet_attestations.errors import AttestationError
    from placet_engine.errors import EngineError

__all__ = [
    "AttestationError",
    "DoorError",
    "EngineError",
    "GateDecision",
    "Recorded",
    "approve",
    "attest",
    "digest",
    "gate",
    "record",
    "verify",
]

_HOMES = {
    "AttestationError": "placet_attestations.errors",
    "DoorError": "placet_api.errors",
    "EngineError": "placet_engine.errors",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "placet_api.face")), name)
