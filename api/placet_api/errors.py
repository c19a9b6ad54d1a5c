"""The doors' own errors, and the one table from any room's error to an exit code.

Exception
└── DoorError
    ├── UsageError          the call is wrong: exit 2
    └── ConfigurationError  placet.yaml, a variable or the project is wrong: exit 2
"""

from __future__ import annotations

from placet_attestations.errors import AttestationError, StoreError, VerificationError
from placet_engine.errors import ConfigurationError as EngineConfigurationError
from placet_engine.errors import EngineError, LogError, ProofError

ALLOW = 0
DENY = 1
USAGE = 2
CLOSED = 3
WARNED = 4


class DoorError(Exception):
    """Something a door found wrong before any room was asked.

    `code` is stable and dotted, `hint` says what to do next, `where` names the file, key or option.
    """

    def __init__(self, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.where})" if self.where else self.message


class UsageError(DoorError):
    """The command line or the call is wrong; nothing was done."""


class ConfigurationError(DoorError):
    """A setting, a project file or an anchor is wrong; nothing was done."""


HouseError = DoorError | AttestationError | EngineError
HOUSE_ERRORS = (DoorError, AttestationError, EngineError)


def exit_code(error: HouseError) -> int:
    """The exit code of interface.md section 3 for an error of any room.

    1: what was given does not verify. 2: it cannot be read, or the call is wrong. 3: the house could not evaluate.
    """
    match error:
        case VerificationError() | ProofError():
            return DENY
        case StoreError():
            return CLOSED
        case EngineConfigurationError() | LogError(code="log.not_found" | "log.ambiguous"):
            return USAGE
        case EngineError():
            return CLOSED
        case _:
            return USAGE
