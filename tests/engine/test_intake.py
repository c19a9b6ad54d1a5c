from __future__ import annotations

import json
from pathlib import Path

import pytest

from placet_attestations.bundle import make_bundle
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, StoreError, UnsupportedError, VerificationError
from placet_attestations.predicate_types import VERIFICATION_SUMMARY
from placet_attestations.signing import sign_payload
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.verifier import Verifier
from placet_attestations.verify import VerifiedStatement
from placet_engine.errors import LogError
from placet_engine.intake import Intake
from placet_engine.lineage.graph import trace
from tests.builders import RULES, TEAM, a_bundle, a_digest, a_key, a_statement, a_subject, a_trust_policy
from tests.engine.houses import ARRIVAL, MODEL, House, memory_house, signed, story
from tests.fakes.evidence import InMemoryEvidenceStore
from tests.fakes.log import MemoryLogStore

TRAINING = story()["training"]
UNKNOWN = "https://example.org/opinion/v1"


class FullStore(InMemoryEvidenceStore):
    """A store without room."""

    def put(self, raw: bytes, verified: VerifiedStatement) -> bool:
        raise StoreError("store.full", "the disk is full", hint="make room")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return memory_house(tmp_path)


def memory_log(house: House) -> MemoryLogStore:
    assert isinstance(house.log.store, MemoryLogStore)
    return house.log.store


def test_what_is_taken_in_is_kept_and_its_arrival_logged(house: House) -> None:
    (taken,) = house.take(TRAINING)
    assert (taken.digest, taken.new, taken.entry) == (Digest.of(TRAINING), True, 0)
    assert taken.verified.type == "training"
    assert house.store.get(taken.digest) == TRAINING
    assert house.log.evidence_time(taken.digest) == ARRIVAL


def test_twice_is_once_and_the_first_arrival_counts(house: House) -> None:
    (first,) = house.take(TRAINING)
    house.clock.move(days=1)
    (again,) = house.take(TRAINING)
    assert (again.entry, again.new) == (first.entry, False)
    assert house.log.head().size == 1
    assert house.log.evidence_time(first.digest) == ARRIVAL


def test_who_has_no_role_for_this_type_hears_it_at_once(house: House) -> None:
    with pytest.raises(VerificationError) as caught:
        house.take(signed("approval", "model", "owner"))
    assert caught.value.code == "trust.role_missing"
    (rule,) = [rule for rule in house.trust.rules if "approval" in rule.types]
    assert caught.value.message == (
        f"owner (roles: data-owner; {house.trust.signers[0].where}) may not make approval statements:"
        f" that needs one of the roles approver ({rule.where})"
    )
    assert caught.value.hint
    assert list(house.store.all()) == []
    assert house.log.head().size == 0


def test_a_type_that_trust_yaml_does_not_speak_of_is_refused_with_that_reason(tmp_path: Path) -> None:
    house = memory_house(tmp_path, trust=a_trust_policy(rules=RULES[:1]))
    with pytest.raises(VerificationError) as caught:
        house.take(TRAINING)
    assert caught.value.code == "trust.role_missing"
    assert caught.value.message.endswith("that needs a rule in trust.yaml, and there is none")


def test_a_signer_whose_time_is_over_is_taken_in_and_does_not_count(tmp_path: Path) -> None:
    # Kept, for the proof of an earlier time may come; admission judges it by its arrival.
    signers = [dict(signer) for signer in TEAM]
    signers[1]["valid"] = {"until": "2026-11-01"}
    house = memory_house(tmp_path, trust=a_trust_policy(signers=signers))
    house.take(TRAINING)
    lineage = trace(MODEL, house.reader, house.trust)
    assert [finding.code for finding in lineage.findings] == ["trust.signer_expired"]


def test_an_unknown_predicate_type_is_kept(house: House) -> None:
    raw = a_bundle(a_statement(UNKNOWN, [a_subject("model")], {"x": 1}), a_key("dev"))
    (taken,) = house.take(raw)
    assert (taken.verified.type, taken.new) == (UNKNOWN, True)
    assert house.store.get(taken.digest) == raw


def test_what_does_not_verify_is_not_kept(house: House) -> None:
    stranger = a_bundle(a_statement(), a_key("nobody"))
    refusals: list[tuple[bytes, type[Exception]]] = [
        (b"{}", MalformedError),
        (stranger, VerificationError),
        (TRAINING.replace(b"bundle.v0.3", b"bundle.v0.9"), UnsupportedError),
    ]
    for raw, error in refusals:
        with pytest.raises(error):
            house.take(raw)
    assert list(house.store.all()) == []
    assert house.log.head().size == 0


def test_a_crash_between_keeping_and_logging_leaves_nothing_that_counts_and_coming_again_mends_it(
    house: House,
) -> None:
    memory_log(house).fail("lost")
    with pytest.raises(LogError) as caught:
        house.take(TRAINING)
    assert caught.value.code == "log.unwritable"
    assert house.store.get(Digest.of(TRAINING)) == TRAINING
    about = house.reader.about(MODEL)
    assert (about.arrived, [finding.code for finding in about.findings]) == ((), ["evidence.unrecorded"])

    house.clock.move(hours=2)
    (taken,) = house.take(TRAINING)
    assert not taken.new
    (arrived,) = house.reader.about(MODEL).arrived
    assert arrived.since == house.clock(), "what was not logged did not arrive"


def test_a_commit_whose_answer_got_lost_is_found_again(house: House) -> None:
    memory_log(house).fail("kept")
    with pytest.raises(LogError):
        house.take(TRAINING)
    (taken,) = house.take(TRAINING)
    assert (taken.entry, house.log.head().size) == (0, 1)


def test_a_store_that_cannot_keep_it_logs_nothing(house: House) -> None:
    full = Intake(house.trust, Verifier(), FullStore(), house.log, house.clock)
    with pytest.raises(StoreError) as caught:
        full.take_in(TRAINING)
    assert caught.value.code == "store.full"
    assert house.log.head().size == 0


def test_a_clock_set_back_records_no_arrival(house: House) -> None:
    house.take(story()["raw"])
    house.clock.move(seconds=-6)
    with pytest.raises(LogError) as caught:
        house.take(TRAINING)
    assert (caught.value.code, bool(caught.value.hint)) == ("clock.rolled_back", True)
    assert house.reader.about(MODEL).arrived == ()
    house.clock.move(seconds=1)
    house.take(TRAINING)
    assert len(house.reader.about(MODEL).arrived) == 1


def test_a_statement_about_several_artifacts_is_found_by_each(house: House) -> None:
    house.take(story()["raw"], story()["splitting"])
    for name in ("train.csv", "test.csv"):
        assert len(house.reader.about(a_digest(name)).arrived) == 1


SUMMARY = {
    "verifier": {"id": "https://example.org/verifier"},
    "resourceUri": "https://example.org/gates/register",
    "policy": {"uri": "https://example.org/policy"},
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
}


def test_a_verification_summary_wants_a_rule_as_other_types_do(tmp_path: Path) -> None:
    raw = a_bundle(a_statement(VERIFICATION_SUMMARY, [a_subject("model")], SUMMARY), a_key("dev"))
    without, gate = (
        memory_house(tmp_path),
        {"roles": ["gate"], "types": [VERIFICATION_SUMMARY], "kinds": ["model"]},
    )
    with pytest.raises(VerificationError) as caught:
        without.take(raw)
    assert (caught.value.code, list(without.store.all())) == ("trust.role_missing", [])
    (taken,) = memory_house(tmp_path, trust=a_trust_policy(rules=[*RULES, gate])).take(raw)
    assert taken.new


def envelope_of(raw: bytes) -> dict[str, object]:
    envelope: dict[str, object] = json.loads(raw)["dsseEnvelope"]
    return envelope


def test_a_bare_envelope_is_kept_as_it_came(house: House) -> None:
    bare = json.dumps(envelope_of(TRAINING), indent=1).encode()
    (taken,) = house.take(bare)
    (again,) = house.take(bare)
    assert (taken.verified.signer.id, taken.new, again.new) == ("ci", True, False)
    assert house.store.get(taken.digest) == bare


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payload": "e30="}, "signature.unknown_key"),
        ({"payload": "?"}, "dsse.base64"),
        ({"payloadType": "text/plain"}, "dsse.payload_type"),
        ({"signatures": []}, "dsse.no_signature"),
        ({"signatures": [{"sig": "AA=="}, {"sig": "AA=="}]}, "dsse.signatures"),
    ],
)
def test_an_envelope_that_does_not_hold_becomes_nothing(
    house: House, changes: dict[str, object], code: str
) -> None:
    raw = json.dumps(envelope_of(TRAINING) | changes).encode()
    with pytest.raises((MalformedError, VerificationError)) as caught:
        house.take(raw)
    assert (caught.value.code, bool(caught.value.hint), list(house.store.all())) == (code, True, [])


def test_what_only_mentions_a_payload_type_is_no_envelope(house: House) -> None:
    for raw in (b'["payloadType"]', b'{"x":{"payloadType":1}}'):
        with pytest.raises(MalformedError) as caught:
            house.take(raw)
        assert caught.value.code == "bundle.shape"


def test_a_statement_about_nothing_that_we_know_is_refused(house: House) -> None:
    statement = json.loads(a_statement("training").raw)
    statement["subject"][0]["digest"] = {"sha512": "5" * 128}
    payload = json.dumps(statement).encode()
    key = a_key("ci")
    raw = make_bundle(sign_payload(PAYLOAD_TYPE, payload, key), key.public_key)
    with pytest.raises(UnsupportedError) as caught:
        house.take(raw)
    assert (caught.value.code, bool(caught.value.hint), list(house.store.all())) == (
        "statement.no_sha256",
        True,
        [],
    )
