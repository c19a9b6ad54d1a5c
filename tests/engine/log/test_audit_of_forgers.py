"""Logs whose owner wrote what no writer of ours would, and a store that does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from placet_engine.errors import LogError
from placet_engine.log.audit import verify_log
from placet_engine.log.entry import Draft, Payload, Reservation
from tests.engine.log.making import SIGNER, decision, evidence, seal
from tests.fakes.log import MemoryLogStore


def forged(*drafts: Draft) -> MemoryLogStore:
    """A store with these drafts, each in a batch of its own and duly signed."""
    store = MemoryLogStore()
    for number, draft in enumerate(drafts):
        store.append([draft], seal(Path(f"/nonexistent/{number}")))
    return store


def test_a_leaf_that_is_none() -> None:
    store = forged(evidence(1), Draft(b"{}", evidence(2).columns))
    report = verify_log(store, SIGNER.verifier)
    assert (report.ok, report.first_bad) == (False, 1)


def test_two_leaves_that_reserve_one_thing() -> None:
    honest = decision(2, reserve={"approval": "b"})
    lying = Draft(honest.leaf, honest.columns, honest.payloads, (Reservation("other", "b"),))
    store = forged(decision(1, reserve={"approval": "a"}), lying)
    report = verify_log(store, SIGNER.verifier)
    assert (report.ok, report.first_bad) == (False, 1)
    assert "an earlier entry reserved" in (report.reason or "")


def test_an_idempotent_reservation_is_sound() -> None:
    store = forged(decision(1, reserve={"approval": "a"}), decision(2, reserve={"approval": "a"}))
    assert verify_log(store, SIGNER.verifier).ok


def test_a_payload_that_is_not_committed_to() -> None:
    draft = evidence(1)
    store = forged(Draft(draft.leaf, draft.columns, {"note": Payload.of(b"")}))
    report = verify_log(store, SIGNER.verifier)
    assert (report.ok, report.first_bad) == (False, 0)


class UnreadableStore(MemoryLogStore):
    """A store whose disk stops answering."""

    code = "log.unreadable"

    def payloads(self, index: int) -> dict[str, Payload]:
        raise LogError(self.code, "no answer", hint="this is a test")


def test_a_store_that_does_not_answer_is_no_verdict() -> None:
    store = UnreadableStore()
    store.append([decision(1)], seal(Path("/nonexistent")))
    with pytest.raises(LogError) as caught:
        verify_log(store, SIGNER.verifier)
    assert caught.value.code == "log.unreadable"
