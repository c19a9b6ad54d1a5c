from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.strictjson import dumps
from placet_engine.errors import LogError, ProofError
from placet_engine.log.entry import DecisionRecord, Draft, decision_draft
from placet_engine.log.receipt import check_receipt, make_receipt
from tests.engine.log.making import (
    MODEL,
    NOW,
    ORIGIN,
    OTHER,
    SIGNER,
    decision,
    decision_id,
    evidence,
    open_log,
)


@pytest.fixture
def receipt(tmp_path: Path) -> bytes:
    with open_log(tmp_path) as log:
        log.append(evidence(1))
        index = log.append(decision(7, verdict="allow")).index
        log.append(decision(8))
        return log.receipt(index)


def refused(raw: bytes, **options: Any) -> str:
    with pytest.raises(ProofError) as caught:
        check_receipt(raw, SIGNER.verifier, **options)
    assert caught.value.hint
    return caught.value.code


def changed(raw: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    body = json.loads(raw)
    change(body)
    return json.dumps(body).encode()


def test_a_receipt_needs_the_key_of_the_log_and_nothing_else(receipt: bytes) -> None:
    checked = check_receipt(receipt, SIGNER.verifier)
    assert (checked.index, checked.size, checked.origin) == (1, 3, ORIGIN)
    assert checked.decision["id"] == decision_id(7)
    assert checked.columns.verdict == "allow"
    assert json.loads(checked.document) == checked.decision
    assert check_receipt(receipt, SIGNER.verifier, origin=ORIGIN) == checked


def test_it_gives_no_salt_but_the_decision_s_own(receipt: bytes) -> None:
    assert set(json.loads(receipt)["salts"]) == {"decision"}


def test_every_changed_byte_is_refused(receipt: bytes) -> None:
    """Byte by byte; a change in the spelling of the JSON around its strings may leave the same receipt."""
    original = json.loads(receipt)
    for at in range(len(receipt)):
        altered = receipt[:at] + bytes([receipt[at] ^ 1]) + receipt[at + 1 :]
        try:
            check_receipt(altered, SIGNER.verifier)
        except ProofError:
            continue
        assert json.loads(altered) == original


def test_another_key_or_origin(receipt: bytes) -> None:
    with pytest.raises(ProofError) as caught:
        check_receipt(receipt, OTHER.verifier)
    assert caught.value.code == "note.unsigned"
    assert refused(receipt, origin="example.org/other") == "checkpoint.origin"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: body.update(version=2), "receipt.malformed"),
        (lambda body: body.update(version=True), "receipt.malformed"),
        (lambda body: body.update(more=1), "receipt.malformed"),
        (lambda body: body.pop("salts"), "receipt.malformed"),
        (lambda body: body.update(salts=[]), "receipt.malformed"),
        (lambda body: body.update(salts={}), "receipt.malformed"),
        (lambda body: body.update(salts={"decision": "!"}), "receipt.malformed"),
        (lambda body: body.update(salts={"decision": b64encode(bytes(31)).decode()}), "receipt.malformed"),
        (lambda body: body.update(salts={"decision": b64encode(bytes(32)).decode()}), "receipt.commitment"),
        (lambda body: body.update(proof=1), "receipt.malformed"),
        (lambda body: body.update(proof=""), "proof.malformed"),
        (lambda body: body.update(decision={}), "receipt.malformed"),
        (lambda body: body.update(decision=body["decision"].replace("allow", "deny")), "receipt.commitment"),
    ],
)
def test_a_changed_receipt(receipt: bytes, change: Callable[[dict[str, Any]], None], code: str) -> None:
    assert refused(changed(receipt, change)) == code


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"version":1,"version":1}', b"\xff", b"[" * 100_000]
)
def test_bytes_that_are_no_receipt(raw: bytes) -> None:
    assert refused(raw) == "receipt.malformed"


def draft(document: bytes) -> Draft:
    return decision_draft(DecisionRecord(decision_id(1), NOW, "register", MODEL, "deny"), document)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"[]", "receipt.malformed"),
        (b"not JSON", "receipt.malformed"),
        (
            dumps({"id": decision_id(1), "gate": "register", "subject": MODEL, "verdict": "allow"}),
            "receipt.mismatch",
        ),
        (
            dumps({"id": decision_id(1), "gate": "register", "subject": {}, "verdict": "deny"}),
            "receipt.mismatch",
        ),
        (dumps({}), "receipt.mismatch"),
    ],
)
def test_a_log_that_recorded_something_else_than_it_answered(
    tmp_path: Path, document: bytes, code: str
) -> None:
    with open_log(tmp_path) as log:
        log.append(draft(document))
        assert refused(log.receipt(0)) == code


def test_a_document_may_name_its_subject_in_one_word(tmp_path: Path) -> None:
    document = dumps({"id": decision_id(1), "gate": "register", "subject": MODEL, "verdict": "deny"})
    with open_log(tmp_path) as log:
        log.append(draft(document))
        assert check_receipt(log.receipt(0), SIGNER.verifier).document == document


def test_an_entry_that_is_no_decision_has_no_receipt(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.append(evidence(1))
        payload = decision(1).payloads["decision"]
        assert refused(make_receipt(log.prove(0), payload)) == "receipt.malformed"
        with pytest.raises(LogError) as caught:
            log.receipt(0)
        assert caught.value.code == "log.not_found"


def test_a_leaf_that_does_not_parse(tmp_path: Path) -> None:
    odd = draft(b"{}")
    with open_log(tmp_path) as log:
        log.append(Draft(b"not a leaf", odd.columns, odd.payloads))
        assert refused(make_receipt(log.prove(0), odd.payloads["decision"])) == "receipt.malformed"
