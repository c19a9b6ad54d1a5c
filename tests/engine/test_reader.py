from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import StoreError
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.predicate_types import VERIFICATION_SUMMARY
from placet_attestations.strictjson import dumps
from placet_attestations.verify import verify
from placet_engine.errors import LogError
from placet_engine.facts import Question, build
from placet_engine.lineage.graph import trace
from placet_engine.lineage.reader import About
from tests.builders import (
    NOW,
    RULES,
    TEAM,
    a_bundle,
    a_digest,
    a_key,
    a_statement,
    a_subject,
    a_trust_policy,
)
from tests.engine.houses import (
    ARRIVAL,
    GATE,
    LOG_KEY,
    MODEL,
    House,
    evaluation,
    memory_house,
    signed,
    sqlite_house,
    story,
)
from tests.fakes.evidence import InMemoryEvidenceStore
from tests.fakes.log import MemoryLogStore

TRAINING = story()["training"]
UNKNOWN = "https://example.org/opinion/v1"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def house(tmp_path: Path) -> House:
    return memory_house(tmp_path)


def shelves(house: House) -> InMemoryEvidenceStore:
    assert isinstance(house.store, InMemoryEvidenceStore)
    return house.store


def codes(about: About) -> list[str]:
    return [finding.code for finding in about.findings]


def wrapped_anew(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """The same signed statement in three other wrappings that anybody can make: spaces, no hint, the twin signature."""
    document = json.loads(raw)
    spaced = json.dumps(document, indent=1).encode()
    document["verificationMaterial"]["publicKey"] = {}
    unhinted = dumps(document)
    envelope = document["dsseEnvelope"]["signatures"][0]
    envelope["sig"] = base64.b64encode(_twin(base64.b64decode(envelope["sig"]))).decode()
    return spaced, unhinted, dumps(document)


def _twin(der: bytes) -> bytes:
    """The other valid ECDSA signature over the same message: (r, n - s)."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    r, s = decode_dss_signature(der)
    return encode_dss_signature(r, P256_ORDER - s)


def test_nothing_is_known_of_a_stranger(house: House) -> None:
    assert house.reader.about(MODEL) == About((), (), complete=True)


def test_what_came_by_the_front_door_arrives_with_its_time(house: House) -> None:
    house.take(TRAINING)
    (arrived,) = house.reader.about(MODEL).arrived
    assert (arrived.verified.digest, arrived.since) == (Digest.of(TRAINING), ARRIVAL)


def test_statements_come_in_the_order_of_their_digests(house: House) -> None:
    taken = house.take(TRAINING, story()["approval"], story()["evaluation"])
    about = house.reader.about(MODEL)
    assert [item.verified.digest for item in about.arrived] == sorted(item.digest for item in taken)
    assert about.complete


def test_bytes_that_are_gone_are_an_error(house: House) -> None:
    house.take(TRAINING)
    shelves(house).bundles.clear()
    with pytest.raises(StoreError) as caught:
        house.reader.about(MODEL)
    assert (caught.value.code, bool(caught.value.hint)) == ("store.missing", True)


def test_bytes_that_changed_are_an_error(house: House) -> None:
    (taken,) = house.take(TRAINING)
    shelves(house).bundles[taken.digest] = TRAINING[:-1] + b" "
    with pytest.raises(StoreError) as caught:
        house.reader.about(MODEL)
    assert caught.value.code == "store.corrupt"


def test_bytes_that_do_not_verify_are_a_finding(house: House) -> None:
    junk = b"{}"
    forged = a_bundle(a_statement("approval", [a_subject("model")]), a_key("nobody"))
    for raw in (junk, forged):
        shelves(house).bundles[Digest.of(raw)] = raw
        shelves(house).subjects[MODEL].add(Digest.of(raw))
    about = house.reader.about(MODEL)
    assert about.arrived == ()
    found = {finding.statement: finding for finding in about.findings}
    assert found[Digest.of(junk)].code == "bundle.shape"
    assert found[Digest.of(forged)].code in ("signature.unknown_key", "signature.invalid")
    assert {finding.artifact for finding in about.findings} == {MODEL}


def test_an_index_that_ties_a_statement_to_another_artifact_is_a_finding(house: House) -> None:
    (taken,) = house.take(story()["raw"])
    shelves(house).subjects[MODEL].add(taken.digest)
    about = house.reader.about(MODEL)
    assert (about.arrived, codes(about)) == ((), ["evidence.index"])
    assert len(house.reader.about(a_digest("raw.csv")).arrived) == 1


def test_a_statement_without_an_arrival_is_a_finding(house: House) -> None:
    verified = verify(TRAINING, house.trust)
    shelves(house).put(TRAINING, verified)
    about = house.reader.about(MODEL)
    assert (about.arrived, codes(about)) == ((), ["evidence.unrecorded"])
    (finding,) = about.findings
    assert (finding.type, finding.signer, "placet add" in finding.text) == ("training", "ci", True)
    house.take(TRAINING)
    assert len(house.reader.about(MODEL).arrived) == 1, "coming in by the front door mends it"


def test_an_unknown_predicate_type_is_kept_and_satisfies_nothing(house: House) -> None:
    raw = a_bundle(a_statement(UNKNOWN, [a_subject("model", kind="model")], {"x": 1}), a_key("owner"))
    (taken,) = house.take(raw)
    assert house.store.get(taken.digest) == raw
    about = house.reader.about(MODEL)
    assert (about.arrived, codes(about)) == ((), ["predicate.unknown"])
    assert UNKNOWN in about.findings[0].text
    lineage = trace(MODEL, house.reader, house.trust)
    assert (lineage.statements, lineage.artifacts[MODEL].kinds) == ({}, ())
    question = Question(GATE, MODEL, NOW, None, {}, dry_run=False)
    facts = build(question, lineage, as_of=0, uses={})
    assert (facts["statements"], facts["by_type"]) == ({}, {})


def test_more_statements_than_the_limit_are_not_complete(tmp_path: Path) -> None:
    house = memory_house(tmp_path, limits=replace(DEFAULT_LIMITS, max_statements_per_artifact=2))
    house.take(TRAINING, story()["approval"])
    assert house.reader.about(MODEL).complete
    house.take(story()["evaluation"])
    about = house.reader.about(MODEL)
    assert (len(about.arrived), about.complete) == (2, False)


def test_a_log_that_cannot_prove_an_arrival_is_an_error(house: House) -> None:
    house.take(TRAINING)
    assert isinstance(house.log.store, MemoryLogStore)
    entry = house.log.store._entries[0]
    forged = replace(entry, columns=entry.columns._replace(evidence=Digest.of(story()["evaluation"])))
    house.log.store._entries[0] = forged
    shelves(house).put(story()["evaluation"], verify(story()["evaluation"], house.trust))
    with pytest.raises(LogError) as caught:
        house.reader.about(MODEL)
    assert caught.value.code == "log.corrupt"


def test_the_same_statement_in_another_wrapping_counts_once_as_it_came_first(house: House) -> None:
    first = story()["evaluation"]
    house.take(first)
    house.clock.move(hours=1)
    copies = wrapped_anew(first)
    taken = house.take(*copies)
    assert len({Digest.of(first), *(item.digest for item in taken)}) == 4, (
        "four bundles, and all of them verify"
    )
    about = house.reader.about(MODEL)
    assert [(item.verified.digest, item.since) for item in about.arrived] == [(Digest.of(first), ARRIVAL)]
    assert codes(about) == ["evidence.copy"] * 3
    assert {finding.signer for finding in about.findings} == {"evaluator"}


def test_a_clock_that_goes_back_a_little_does_not_make_the_copy_the_first(house: House) -> None:
    first = story()["evaluation"]
    house.take(first)
    house.clock.move(seconds=-4)
    house.take(*wrapped_anew(first))
    (arrived,) = house.reader.about(MODEL).arrived
    assert (arrived.verified.digest, arrived.since) == (Digest.of(first), ARRIVAL)


def test_the_same_words_of_two_signers_are_two_statements(tmp_path: Path) -> None:
    trust = a_trust_policy(signers=[*TEAM, {"id": "second", "principal": "second", "roles": ["evaluator"]}])
    house = memory_house(tmp_path, trust=trust)
    for signer in ("evaluator", "second"):
        house.take(signed("measurement", "model", signer, evaluation()))
    assert len(house.reader.about(MODEL).arrived) == 2


def test_the_same_words_signed_again_by_the_same_key_are_one_statement(house: House) -> None:
    house.take(*(signed("measurement", "model", "evaluator", evaluation()) for _ in range(3)))
    about = house.reader.about(MODEL)
    assert (len(about.arrived), codes(about)) == (1, ["evidence.copy"] * 2)


def test_the_reader_reads_a_real_store_and_a_real_log(tmp_path: Path) -> None:
    house = sqlite_house(tmp_path)
    house.take(*story().values())
    assert len(house.reader.about(MODEL).arrived) == 3
    assert house.log.verifier.vkey == LOG_KEY.verifier.vkey


SUMMARY_RULE = {"roles": ["gate"], "types": [VERIFICATION_SUMMARY], "kinds": ["model"]}


def a_summary(result: str) -> bytes:
    """What a gate, the key "dev", says about the model."""
    body = {
        "verifier": {"id": "https://example.org/verifier"},
        "resourceUri": "https://example.org/gates/register",
        "policy": {"uri": "https://example.org/policy"},
        "verificationResult": result,
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3" if result == "PASSED" else "FAILED"],
    }
    return a_bundle(a_statement(VERIFICATION_SUMMARY, [a_subject("model")], body), a_key("dev"))


@pytest.mark.parametrize("result", ["PASSED", "FAILED"])
def test_a_verification_summary_is_kept_and_read_by_no_rule(tmp_path: Path, result: str) -> None:
    house = memory_house(tmp_path, trust=a_trust_policy(rules=[*RULES, SUMMARY_RULE]))
    (taken,) = house.take(a_summary(result))
    lineage = trace(MODEL, house.reader, house.trust)
    (finding,) = lineage.findings
    assert (finding.code, finding.statement, finding.signer) == ("predicate.unread", taken.digest, "dev")
    assert finding.text == f"{result} for https://example.org/gates/register; kept, no rule reads it"
    assert (lineage.statements, lineage.artifacts[MODEL].kinds) == ({}, ())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rules": RULES}, "trust.role_missing"),
        ({"revoked": [{"signer": "dev", "from": "always"}]}, "trust.signer_revoked"),
        ({"signers": [*TEAM[:4], {**TEAM[4], "valid": {"until": "2026-01-01"}}]}, "trust.signer_expired"),
    ],
)
def test_a_summary_that_may_not_be_here_any_more_is_told_so(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    before = a_trust_policy(rules=[*RULES, SUMMARY_RULE])
    after = a_trust_policy(**{"rules": [*RULES, SUMMARY_RULE], **changes})
    house = memory_house(tmp_path, trust=before)
    house.take(a_summary("PASSED"))
    assert codes(replace(house.reader, trust=after).about(MODEL)) == [code]


def test_a_summary_without_an_arrival_is_a_finding_as_others_are(tmp_path: Path) -> None:
    house = memory_house(tmp_path, trust=a_trust_policy(rules=[*RULES, SUMMARY_RULE]))
    raw = a_summary("PASSED")
    shelves(house).put(raw, verify(raw, house.trust))
    assert codes(house.reader.about(MODEL)) == ["evidence.unrecorded"]
