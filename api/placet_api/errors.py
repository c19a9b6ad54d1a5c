"""The doors' own errors, and the one table from any room's error to an exit code.

Exception
└── DoorError
    ├── UsageError          the call is wrong: exit 2, HTTP 400 (404 for *.not_found, 413 for *.too_large)
    ├── ConfigurationError  placet.yaml, a variable or the project is wrong: exit 2, HTTP 500
    ├── AccessError         the caller is unknown, may not do this, or asks too often: exit 2, HTTP 401, 403, 429
    ├── BusyError           no room for another request: exit 3, HTTP 503
    └── ServiceError        a service could not be reached, or did not answer as one does: exit 3
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


class AccessError(DoorError):
    """Who asks is not known (`access.*`, 401), may not ask this (`access.forbidden`, 403) or too often (429).

    `status` is the HTTP status; `after` are the seconds after which asking again makes sense.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 401,
        hint: str | None = None,
        after: float | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.status = status
        self.after = after


class BusyError(DoorError):
    """The house is full or closing: nothing was done, and nothing was allowed."""


class ServiceError(DoorError):
    """A service did not answer, or not as a Placet service does. It has allowed nothing."""


HouseError = DoorError | AttestationError | EngineError
HOUSE_ERRORS = (DoorError, AttestationError, EngineError)


def exit_code(error: HouseError) -> int:
    """The exit code of interface.md section 3 for an error of any room.

    1: what was given does not verify. 2: it cannot be read, or the call is wrong. 3: the house could not evaluate.
    """
    match error:
        case VerificationError() | ProofError():
            return DENY
        case StoreError() | BusyError() | ServiceError():
            return CLOSED
        case EngineConfigurationError() | LogError(code="log.not_found" | "log.ambiguous"):
            return USAGE
        case EngineError():
            return CLOSED
        case _:
            return USAGE
