"""The engine's one error tree.

::

    EngineError                 something the engine may tell a user
      LogError                  the decision log cannot do it, or cannot be believed
        ReservationConflict     the one thing that may be used once was used for something else
        ProofError              a note, checkpoint, proof or receipt that is not to be believed
      PolicyError               the policy set, OPA, or the answer it gave
      ConfigurationError        what the operator set up does not fit (keys, paths, origins)
      LimitError                a bound of this room was met

Foreign errors (SQLite, the file system, aiohttp, OPA) are translated into these once, at the edge, with the
cause chained.
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of all errors of this room.

    ``code`` is stable and dotted (``log.unwritable``), ``message`` says what happened, ``where`` names the
    file or entry, ``hint`` says what to do.
    """

    def __init__(self, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.where is None else f"{self.message} ({self.where})"


class LogError(EngineError):
    """The decision log refused: no decision may leave the house.

    Codes: ``log.unwritable`` (full disk, permissions; try again when it is fixed), ``log.locked`` (another
    process holds the store; try again), ``log.corrupt`` (the store contradicts itself or its signature; run
    ``placet log verify``), ``log.rolled_back`` (the store is behind a checkpoint that was signed; restore the
    newest copy), ``log.key_mismatch``, ``log.missing``, ``log.not_found``, ``log.ambiguous``,
    ``log.duplicate``, ``log.closed``, ``log.busy``, ``log.read_only``, ``clock.rolled_back`` (the clock
    stands behind the newest entry).
    """


class ReservationConflict(LogError):
    """Another entry reserved ``key`` first, for ``holder``; this draft was not logged. Deny, and log the denial."""

    def __init__(self, key: str, *, wanted: str, holder: str) -> None:
        super().__init__(
            "log.reserved",
            f"{key} was already used for {holder}, it cannot be used for {wanted}",
            hint="get a fresh statement for this subject and environment; one approval serves one of them",
        )
        self.key = key
        self.wanted = wanted
        self.holder = holder


class ProofError(LogError):
    """A note, checkpoint, proof or receipt does not hold: do not believe what it says.

    Codes: ``note.*``, ``checkpoint.*``, ``proof.*``, ``receipt.*``.
    """


class PolicyError(EngineError):
    """The policy set does not load, OPA cannot be asked, or its answer has not the agreed shape."""


class ConfigurationError(EngineError):
    """What the operator configured does not fit; nothing was decided. Change what ``hint`` names."""


class LimitError(EngineError):
    """An input is larger than this room accepts; nothing of it was used. Make it smaller."""
