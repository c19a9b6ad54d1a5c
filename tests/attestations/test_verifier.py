"""The memory of verdicts: what it is keyed by, what bounds it, what it holds on to, and that it can be emptied."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from placet_attestations.errors import AttestationError, VerificationError
from placet_attestations.limits import Limits
from placet_attestations.trust import TrustPolicy, load_trust
from placet_attestations.verifier import Verifier
from placet_attestations.verify import VerifiedStatement, verify
from tests.builders import NOW, a_bundle, a_key, a_provenance, a_statement, a_subject, a_trust_policy
from tests.certified import ROOTS, a_realm, by_workflow

TRUST = a_trust_policy()
STRANGER = a_bundle(signer=a_key("stranger"))
URI = "https://example.org/other/v1"


def refused(verifier: Verifier, raw: bytes, trust: TrustPolicy = TRUST) -> AttestationError:
    with pytest.raises(AttestationError) as caught:
        verifier.verify(raw, trust)
    return caught.value


def test_a_changed_root_drops_what_rested_on_it(tmp_path: Path) -> None:
    verifier, raw, before = Verifier(), by_workflow(), a_realm(tmp_path)
    first = verifier.verify(raw, before)
    (tmp_path / "acme.json").write_bytes((tmp_path / "other.json").read_bytes())
    after = load_trust(tmp_path / "trust.yaml")
    assert after.digest == before.digest, "trust.yaml says the same"
    assert refused(verifier, raw, after).code in ("certificate.chain", "log.unknown")
    assert verifier.verify(raw, before) is first


def test_a_root_that_is_too_old_drops_what_rested_on_it(tmp_path: Path) -> None:
    dated = ROOTS.replace("file: acme.json", "file: acme.json, checked: 2026-11-01")
    trust, verifier, raw = a_realm(tmp_path, roots=dated), Verifier(), by_workflow()
    assert trust.at(NOW, None) is trust
    assert trust.at(NOW, timedelta(days=30)) is trust
    stale = trust.at(NOW, timedelta(days=20))
    assert verifier.verify(raw, trust).signer.id == "ci"
    error = refused(verifier, raw, stale)
    assert (type(error), error.code, error.where) == (VerificationError, "root.stale", "root acme")
    assert "in the 22 days since 2026-11-01T00:00:00Z, and it is used for 20 days" in error.message
    assert error.hint is not None
    assert "roots.error_days" in error.hint
    assert (stale.digest, stale.roots_pin) == (trust.digest, trust.roots_pin)
    assert stale.memory != trust.memory
    again = stale.at(NOW + timedelta(days=1), timedelta(days=20))
    assert (again.memory, again.roots) == (stale.memory, stale.roots)


def test_a_refusal_is_remembered_and_told_anew_each_time() -> None:
    verifier = Verifier()
    first, second = refused(verifier, STRANGER), refused(verifier, STRANGER)
    assert first is not second
    assert [(e.code, e.message, e.where, e.hint) for e in (first, second)] == [
        (first.code, first.message, first.where, first.hint)
    ] * 2
    tight = Verifier(Limits(max_bundle_bytes=10))
    assert refused(tight, a_bundle()).code == refused(tight, a_bundle()).code == "json.too_large"


def test_a_refusal_holds_on_to_nothing_of_whom_it_was_told() -> None:
    class Caller:
        """Somebody whose frame a traceback would keep."""

    verifier, caller = Verifier(), Caller()
    gone = weakref.ref(caller)

    def ask(who: object) -> str:
        return refused(verifier, STRANGER).code if who else ""

    for _ in range(2):
        assert ask(caller) == "signature.unknown_key"
    del caller
    gc.collect()
    assert gone() is None


def test_forgetting_is_for_good() -> None:
    verifier, raw = Verifier(), a_bundle()
    first = verifier.verify(raw, TRUST)
    verifier.forget()
    second = verifier.verify(raw, TRUST)
    assert second is not first
    assert verifier.verify(raw, TRUST) is second


def test_the_number_is_bounded_and_refusals_count() -> None:
    verifier, good = Verifier(remember=1), a_bundle()
    first = verifier.verify(good, TRUST)
    refused(verifier, STRANGER)
    assert verifier.verify(good, TRUST) is not first


SHAPES: dict[str, Callable[[int], bytes]] = {
    "small": lambda i: a_bundle(a_statement("dataset", [a_subject(f"{i}")])),
    "training": lambda i: a_bundle(
        a_statement(
            "training", [a_subject(f"{i}")], a_provenance("training", {f"d{j}": "code" for j in range(20)})
        ),
        a_key("ci"),
    ),
    "subjects": lambda i: a_bundle(a_statement("dataset", [a_subject(f"{i} {j}") for j in range(200)])),
    "lists": lambda i: a_bundle(a_statement(URI, [a_subject(f"{i}")], {"a": [[]] * 5000})),
    "objects": lambda i: a_bundle(a_statement(URI, [a_subject(f"{i}")], {"a": [{}] * 5000})),
    "keys": lambda i: a_bundle(
        a_statement(URI, [a_subject(f"{i}")], {"a": {f"{j}": 1 for j in range(5000)}})
    ),
    "refused": lambda i: a_bundle(a_statement("dataset", [a_subject(f"{i}")]), a_key("stranger")),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bytes_are_bounded_whatever_is_sent(shape: str) -> None:
    bundles = [SHAPES[shape](number) for number in range(24)]
    bound = 2_000_000 if len(bundles[0]) > 10_000 else 60_000
    verifier = Verifier(remember_bytes=bound)

    def ask(raw: bytes) -> None:
        with pytest.raises(AttestationError) if shape == "refused" else nullcontext():
            verifier.verify(raw, TRUST)

    ask(bundles[0])
    verifier.forget()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for raw in bundles:
            ask(raw)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0 < held <= bound
    verifier.forget()


def test_what_is_larger_than_the_memory_is_answered_and_not_kept() -> None:
    verifier, raw = Verifier(remember_bytes=100), a_bundle()
    assert verifier.verify(raw, TRUST) == verifier.verify(raw, TRUST)
    assert verifier.verify(raw, TRUST) is not verifier.verify(raw, TRUST)


def test_two_threads_that_verify_the_same_at_once_get_equal_answers_and_one_is_kept() -> None:
    verifier, raw, together = Verifier(), a_bundle(), Barrier(2)

    def ask(_: int) -> VerifiedStatement:
        together.wait()
        return verifier.verify(raw, TRUST)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(50):
            one, two = pool.map(ask, range(2))
            assert one == two
            assert verifier.verify(raw, TRUST) is verifier.verify(raw, TRUST)
            verifier.forget()


def test_it_does_not_travel_to_another_process() -> None:
    verifier, raw = Verifier(), a_bundle()
    assert verify(raw, TRUST) == verifier.verify(raw, TRUST)
    with pytest.raises(TypeError):
        pickle.dumps(verifier)
