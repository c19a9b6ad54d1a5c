"""Policy: a set of Rego rules, the OPA that evaluates it, and the typed answer.

Names are imported when they are first used: importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet_engine.policy.answer import PolicyAnswer, parse_answer
    from placet_engine.policy.binary import Binary, locate
    from placet_engine.policy.bundle import PolicySet, load_policy_archive, load_policy_set
    from placet_engine.policy.child import ChildOpa
    from placet_engine.policy.port import Answer, PolicyEngine
    from placet_engine.policy.remote import RemoteOpa

_HOMES = {
    "Answer": "port",
    "Binary": "binary",
    "ChildOpa": "child",
    "PolicyAnswer": "answer",
    "PolicyEngine": "port",
    "PolicySet": "bundle",
    "RemoteOpa": "remote",
    "load_policy_archive": "bundle",
    "load_policy_set": "bundle",
    "locate": "binary",
    "parse_answer": "answer",
}

__all__ = [
    "Answer",
    "Binary",
    "ChildOpa",
    "PolicyAnswer",
    "PolicyEngine",
    "PolicySet",
    "RemoteOpa",
    "load_policy_archive",
    "load_policy_set",
    "locate",
    "parse_answer",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
