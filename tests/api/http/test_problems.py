from __future__ import annotations

import json
import logging
import sys

import pytest

from placet_api.errors import AccessError, BusyError, ConfigurationError, HouseError, ServiceError, UsageError
from placet_api.http.jsonlog import JsonLines, write_json_lines
from placet_api.http.problems import problem, status_of
from placet_attestations.errors import IdentityError, MalformedError, StoreError, VerificationError
from placet_engine.errors import LimitError, LogError, PolicyError, ProofError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AccessError("access.missing", "who"), 401),
        (AccessError("access.forbidden", "no", status=403), 403),
        (UsageError("http.body", "odd"), 400),
        (UsageError("artifact.unknown", "none"), 404),
        (UsageError("http.too_large", "large"), 413),
        (ConfigurationError("http.issuers", "odd"), 500),
        (BusyError("http.overloaded", "full"), 503),
        (ServiceError("service.unreachable", "gone"), 503),
        (StoreError("store.full", "full"), 503),
        (LogError("log.unwritable", "full"), 503),
        (LogError("log.not_found", "none"), 404),
        (VerificationError("verify.signature", "bad"), 422),
        (ProofError("proof.root", "bad"), 422),
        (LimitError("request.too_large", "large"), 413),
        (MalformedError("json.syntax", "odd"), 422),
        (MalformedError("json.too_large", "large"), 413),
        (IdentityError("tree.empty", "empty"), 422),
        (PolicyError("policy.compile", "odd"), 503),
    ],
)
def test_each_error_has_its_status(error: HouseError, status: int) -> None:
    assert status_of(error) == status
    told, body = problem(error, refused=[])
    found = json.loads(body)
    assert told == status == found["status"]
    assert found["code"] == error.code
    assert found["refused"] == []
    assert "hint" not in found


def test_the_operators_log_is_one_object_a_line() -> None:
    try:
        raise ValueError("odd\nline")
    except ValueError:
        record = logging.LogRecord(
            "placet.http", logging.ERROR, __file__, 1, "it %s", ("failed",), sys.exc_info()
        )
    record.placet = {"decision": "0193"}
    line = JsonLines().format(record)
    told = json.loads(line)
    assert "\n" not in line
    assert (told["message"], told["decision"], told["level"]) == ("it failed", "0193", "error")
    assert "ValueError" in told["trace"]


def test_the_log_goes_to_one_place() -> None:
    write_json_lines()
    write_json_lines()
    logger = logging.getLogger("placet")
    assert len(logger.handlers) == 1
    logger.handlers.clear()
