"""Who asks a service, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = {
    "submitter": "hands in attestations",
    "gate": "asks for decisions",
    "auditor": "reads the decision log",
    "admin": "reads the log, reloads the service",
}
READERS = frozenset(ROLES)
AUDITORS = frozenset({"auditor", "admin"})
"""Who may see decisions; whoever else may read sees evidence alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: an id that names no secret, the principal it belongs to, its roles here."""

    id: str
    principal: str
    roles: frozenset[str]
