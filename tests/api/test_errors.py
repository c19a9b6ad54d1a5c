from __future__ import annotations

import pytest

from placet_api.errors import (
    CLOSED,
    DENY,
    HOUSE_ERRORS,
    USAGE,
    AccessError,
    BusyError,
    ConfigurationError,
    DoorError,
    HouseError,
    ServiceError,
    UsageError,
    exit_code,
)
from placet_attestations import errors as attestations
from placet_engine import errors as engine

TABLE: list[tuple[HouseError, int]] = [
    (UsageError("usage.x", "x"), USAGE),
    (ConfigurationError("settings.x", "x"), USAGE),
    (AccessError("access.missing", "x"), USAGE),
    (BusyError("http.overloaded", "x"), CLOSED),
    (ServiceError("service.unreachable", "x"), CLOSED),
    (attestations.VerificationError("signature.invalid", "x"), DENY),
    (attestations.MalformedError("json.syntax", "x"), USAGE),
    (attestations.UnsupportedError("bundle.unsupported", "x"), USAGE),
    (attestations.IdentityError("tree.missing", "x"), USAGE),
    (attestations.KeyFileError("key.missing", "x"), USAGE),
    (attestations.StoreError("store.full", "x"), CLOSED),
    (engine.LogError("log.unwritable", "x"), CLOSED),
    (engine.LogError("log.corrupt", "x"), CLOSED),
    (engine.LogError("log.rolled_back", "x"), CLOSED),
    (engine.LogError("log.not_found", "x"), USAGE),
    (engine.LogError("log.ambiguous", "x"), USAGE),
    (engine.ReservationConflict("key", wanted="a", holder="b"), CLOSED),
    (engine.ProofError("receipt.commitment", "x"), DENY),
    (engine.PolicyError("opa.missing", "x"), CLOSED),
    (engine.LimitError("facts.too_large", "x"), CLOSED),
    (engine.ConfigurationError("logkey.missing", "x"), USAGE),
]


@pytest.mark.parametrize(("error", "code"), TABLE, ids=lambda value: getattr(value, "code", str(value)))
def test_each_error_has_its_exit_code_and_none_is_an_allow(error: HouseError, code: int) -> None:
    assert exit_code(error) == code
    assert isinstance(error, HOUSE_ERRORS)


def leaves(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(leaves(below) for below in kind.__subclasses__()))


def test_no_error_of_any_room_was_forgotten_here() -> None:
    known = {type(error) for error, _ in TABLE}
    every = set().union(*(leaves(base) for base in HOUSE_ERRORS))
    bases = {DoorError, attestations.AttestationError, engine.EngineError}
    ours = {kind for kind in every if kind.__module__.startswith("placet_") and kind.__name__[0] != "_"}
    inner = {kind for kind in ours if kind.__module__.partition(".")[2] != "errors"}
    assert ours - bases - known - inner == set()


def test_an_error_says_where() -> None:
    assert str(UsageError("a.b", "it broke", where="file:3")) == "it broke (file:3)"
    error = ConfigurationError("a.b", "it broke", hint="mend it")
    assert (str(error), error.hint, error.where) == ("it broke", "mend it", None)
