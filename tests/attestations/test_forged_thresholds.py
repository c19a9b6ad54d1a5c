"""A threshold of two is not met by one actor, however the one dresses up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from placet_attestations._voices import count_voices
from placet_attestations.admission import admit_all
from placet_attestations.bundle import make_bundle
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, Signature, pae, verify_envelope
from placet_attestations.errors import AttestationError, VerificationError
from placet_attestations.keys import PublicKey
from placet_attestations.roots.loading import Pki, load_root
from placet_attestations.statement import PAYLOAD_TYPE, Statement
from placet_attestations.trust import CertificateSigner, SignerRecord, TrustPolicy
from placet_attestations.verify import VerifiedStatement, verify
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.builders import (
    NOW,
    RULES,
    TEAM,
    a_key,
    a_statement,
    a_subject,
    a_trust_policy,
    a_verified,
)
from tests.fakes import pki
from tests.fakes.sigstore import NOW as SIGNED

pytestmark = pytest.mark.conformance


@pytest.fixture(autouse=True)
def _told(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Each is a line of `make conformance`, printed when it passed."""
    words = request.node.name.removeprefix("test_").replace("_", " ")
    record_property("conformance", f"thresholds: {words}")


MODEL = a_subject("model", kind="model")
APPROVAL = next(place for place, rule in enumerate(RULES) if "approval" in rule["types"])
SECOND = {"id": "second", "principal": "second@example.org", "roles": ["approver"]}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HOUR = timedelta(hours=1)
AUTHORITY = pki.node("root")


def trusting(*signers: Mapping[str, Any], revoked: Sequence[Mapping[str, Any]] = ()) -> TrustPolicy:
    """The team, these signers, and two approvers needed."""
    rules = [{**rule, "threshold": 2} if place == APPROVAL else rule for place, rule in enumerate(RULES)]
    return a_trust_policy(signers=[*TEAM, *signers], rules=rules, revoked=revoked)


def outcomes(trust: TrustPolicy, *approvals: tuple[VerifiedStatement, datetime]) -> list[str]:
    """For each approval of one model `counts`, or the code under which it does not."""
    training = a_verified("training", [MODEL], by="ci", trust=trust)
    judged = admit_all([(training, NOW - HOUR), *approvals], trust).admissions[1:]
    return ["counts" if item.roles else item.refused[0].code for item in judged]


def approval(by: str, trust: TrustPolicy, **changes: Any) -> VerifiedStatement:
    return a_verified("approval", [a_subject("model")], by=by, trust=trust, **changes)


def test_two_principals_meet_it() -> None:
    trust = trusting(SECOND)
    assert (
        outcomes(trust, (approval("approver", trust), NOW), (approval("second", trust), NOW))
        == ["counts"] * 2
    )


def test_one_key_under_two_names_is_no_trust_policy() -> None:
    for spelling in ("keys/approver.pub", "other/folder/approver.pub"):
        with pytest.raises(AttestationError) as caught:
            trusting({**SECOND, "key": spelling})
        assert caught.value.code == "trust.key_duplicate"


def test_one_key_under_two_names_counts_once_even_in_a_policy_made_without_a_file() -> None:
    file = trusting(SECOND)
    key = a_key("approver").public_key
    twin = SignerRecord("second", "second@example.org", key, frozenset({"approver"}))
    others = tuple(signer for signer in file.signers if signer.id != "second")
    for signers in ((*others, twin), (twin, *others)):
        trust = TrustPolicy(signers, file.rules, (), Digest.of(b"made"))
        once, again = approval("approver", trust), approval("approver", trust, reason="again")
        assert outcomes(trust, (once, NOW), (again, NOW)) == ["trust.threshold"] * 2


def test_two_keys_of_one_principal_count_once() -> None:
    trust = trusting({**SECOND, "principal": "approver@example.org"})
    both = (approval("approver", trust), NOW), (approval("second", trust), NOW + HOUR)
    assert outcomes(trust, *both) == ["trust.threshold"] * 2


def test_one_key_signing_twice_counts_once() -> None:
    trust = trusting(SECOND)
    twice = (approval("approver", trust), NOW), (approval("approver", trust, reason="again"), NOW + HOUR)
    assert outcomes(trust, *twice) == ["trust.threshold"] * 2


def test_the_other_spelling_of_a_signature_counts_once() -> None:
    trust = trusting(SECOND)
    made = a_statement("approval", [a_subject("model")])
    signer = a_key("approver")
    r, s = decode_dss_signature(signer.sign(pae(PAYLOAD_TYPE, made.raw)))
    bundles = [
        make_bundle(
            Envelope(PAYLOAD_TYPE, made.raw, (Signature(encode_dss_signature(r, value)),)), signer.public_key
        )
        for value in (s, ORDER - s)
    ]
    one, other = (verify(raw, trust) for raw in bundles)
    assert (one.digest != other.digest, one.said == other.said) == (True, True)
    assert outcomes(trust, (one, NOW), (other, NOW)) == ["trust.threshold"] * 2


@pytest.mark.parametrize("hint", [None, "second", "approver", "nobody"])
def test_a_hint_makes_nobody_else_of_a_signer(hint: str | None) -> None:
    trust = trusting(SECOND)
    made = a_statement("approval", [a_subject("model")], a_statement("approval").predicate)
    envelope = Envelope(
        PAYLOAD_TYPE, made.raw, (Signature(a_key("approver").sign(pae(PAYLOAD_TYPE, made.raw))),)
    )
    claimed = a_key(hint or "approver").public_key
    verified = verify(make_bundle(envelope, claimed), trust)
    assert verified.signer.id == "approver"
    assert outcomes(trust, (approval("approver", trust), NOW), (verified, NOW)) == ["trust.threshold"] * 2


# The time that is proved is that of arrival in the log: for who shows a signature after the revocation, later.
@pytest.mark.parametrize(
    ("since", "proved", "second"),
    [
        ("2026-11-23T21:30:00Z", NOW - timedelta(microseconds=1), "counts"),
        ("2026-11-23T21:30:00Z", NOW, "trust.signer_revoked"),
        ("2026-11-23T21:30:00Z", NOW + HOUR, "trust.signer_revoked"),
        ("always", NOW - timedelta(days=300), "trust.signer_revoked"),
        ("always", NOW + HOUR, "trust.signer_revoked"),
    ],
)
def test_a_revoked_key_counts_with_a_time_proved_before_and_not_without(
    since: str, proved: datetime, second: str
) -> None:
    trust = trusting(SECOND, revoked=[{"signer": "second", "from": since}])
    first = "counts" if second == "counts" else "trust.threshold"
    approvals = (approval("approver", trust), NOW), (approval("second", trust), proved)
    assert outcomes(trust, *approvals) == [first, second]


def test_a_time_that_the_signer_writes_proves_nothing() -> None:
    trust = trusting(SECOND, revoked=[{"signer": "second", "from": "2026-11-23"}])
    early = approval("second", trust, validFrom="2026-01-01T00:00:00Z")
    assert outcomes(trust, (approval("approver", trust), NOW), (early, NOW)) == [
        "trust.threshold",
        "trust.signer_revoked",
    ]


def test_a_revoked_key_does_not_come_back_in_another_spelling() -> None:
    trust = trusting(SECOND, revoked=[{"signer": "second", "from": "always"}])
    plain = a_key("second").public_key.der
    header, point = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200"), plain[-64:]
    compressed = PublicKey.from_der(header + bytes([2 + point[-1] % 2]) + point[:32])
    assert trust.signer_of(compressed.fingerprint) == trust.signer_of(a_key("second").public_key.fingerprint)


def two(*keys: PublicKey) -> str:
    """What an envelope that the approver signed three times says to a threshold of two."""
    made = Statement.parse(a_statement("approval").raw)
    message, signer = pae(PAYLOAD_TYPE, made.raw), a_key("approver")
    signatures = tuple(Signature(signer.sign(message), keyid) for keyid in (None, "approver", "second"))
    envelope = Envelope(PAYLOAD_TYPE, made.raw, signatures)
    with pytest.raises(VerificationError) as caught:
        verify_envelope(envelope, keys, payload_types=[PAYLOAD_TYPE], threshold=2)
    return caught.value.code


def test_an_envelope_counts_keys_and_never_key_ids() -> None:
    approver, second = a_key("approver").public_key, a_key("second").public_key
    assert two(approver) == two(approver, approver) == two(approver, second) == "dsse.threshold"
    assert two(second) == "dsse.signature"


def certified_team(folder: Path, *named: CertificateSigner, principal: str = "") -> TrustPolicy:
    """The team and further approvers by certificates of AUTHORITY; one principal each, or the one that is given."""
    (folder / "root.pem").write_bytes(AUTHORITY.pem)
    root = load_root("pki", Pki(Path("root.pem")), folder=folder, state=None)
    team = trusting()
    further = [
        SignerRecord(
            f"c{index}", principal or f"c{index}", None, frozenset({"approver"}), certificate=one, root="pki"
        )
        for index, one in enumerate(named)
    ]
    return TrustPolicy.of(b"", (*team.signers, *further), team.rules, (), (root,))


def approved_by(leaf: pki.Node, trust: TrustPolicy) -> VerifiedStatement:
    raw = approval("approver", trust).statement.raw
    return verify(json.dumps(pki.bundle(leaf, raw)).encode(), trust)


BY_NAME = CertificateSigner(CertificateIdentity(Match.nothing(), Match.exactly(pki.SPIFFE)))


def test_a_certificate_for_a_listed_key_is_nobody_elses(tmp_path: Path) -> None:
    """One key, listed by itself for one principal and by its certificate for another: by name, and by digest."""
    private = load_pem_private_key(a_key("approver").private_pem(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    leaf, other = pki.signer(AUTHORITY, key=private), pki.signer(AUTHORITY)
    for named in (BY_NAME, CertificateSigner.pin(Digest.of(leaf.der))):
        with pytest.raises(VerificationError, match="the key of approver") as caught:
            approved_by(leaf, certified_team(tmp_path, named))
        assert caught.value.code == "trust.signer_ambiguous"
        same = certified_team(tmp_path, named, principal="approver@example.org")
        both = (approval("approver", same), SIGNED), (approved_by(leaf, same), SIGNED)
        assert outcomes(same, *both) == ["trust.threshold"] * 2
    trust = certified_team(tmp_path, BY_NAME)
    both = (approval("approver", trust), SIGNED), (approved_by(other, trust), SIGNED)
    assert outcomes(trust, *both) == ["counts"] * 2


def test_two_certificates_for_one_key_are_one_voice(tmp_path: Path) -> None:
    first = pki.signer(AUTHORITY)
    again, other = pki.signer(AUTHORITY, key=first.key), pki.signer(AUTHORITY)
    pins = [CertificateSigner.pin(Digest.of(leaf.der)) for leaf in (first, again, other)]
    trust = certified_team(tmp_path, *pins)
    one, two, three = ((approved_by(leaf, trust), SIGNED) for leaf in (first, again, other))
    assert outcomes(trust, one, two) == ["trust.threshold"] * 2
    assert outcomes(trust, one, three) == outcomes(trust, two, three) == ["counts"] * 2
    assert outcomes(trust, one, two, three) == ["counts"] * 3


@pytest.mark.parametrize(
    ("voices", "count"),
    [
        ("", 0),
        ("a1 a1", 1),
        ("a1 a2", 1),
        ("a1 b1", 1),
        ("a1 b2", 2),
        ("a1 a2 b1", 2),
        ("a1 a2 b1 b2", 2),
        ("a1 a2 a3 b3 c3", 2),
        ("a1 b1 b2 c2 c3", 3),
        ("a1 a2 b1 c2", 2),
    ],
)
def test_voices_differ_in_principal_and_key(voices: str, count: int) -> None:
    pairs = [(voice[0], voice[1]) for voice in voices.split()]
    assert count_voices(pairs) == count_voices(reversed(pairs)) == count
