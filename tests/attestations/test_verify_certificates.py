"""`verify` by certificate: whose it is, under which root, and when that is proved to have been."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from placet_attestations.admission import NO_KINDS, admit
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, IdentityError
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import VerifiedStatement, verify
from tests.builders import a_bundle, a_key
from tests.certified import (
    ACME,
    AUTHORITY,
    CLAIMS,
    OTHER,
    WORKFLOW,
    a_realm,
    by_managed_key,
    by_trainer,
    by_workflow,
    line_of,
    training,
)
from tests.fakes import pki
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW, Sigstore

MINUTE = timedelta(minutes=1)
PATTERN = WORKFLOW.replace("id: ci,", "id: any,").replace(
    f"identity: {IDENTITY}", r"identity_pattern: '^https://ci\.example/acme/.*$'"
)
TRAINER = f"{{id: trainer, principal: t, root: pki, identity: {pki.SPIFFE}, roles: [trainer]}}"
OWNER = "{id: owner, principal: o, key: owner.pub, root: acme, roles: [trainer]}"
LATE = datetime(2026, 11, 24, tzinfo=UTC)


def refused(raw: bytes, trust: TrustPolicy) -> AttestationError:
    with pytest.raises(AttestationError) as caught:
        verify(raw, trust)
    assert caught.value.hint
    return caught.value


def counts(verified: VerifiedStatement, trust: TrustPolicy, arrived: datetime) -> str:
    """`counts`, or the code that refuses it."""
    admission = admit(verified, trust, kinds=NO_KINDS, at=verified.existed(arrived))
    return admission.refused[0].code if admission.refused else "counts"


def test_a_workflow_is_who_trust_yaml_says(tmp_path: Path) -> None:
    verified = verify(by_workflow(), a_realm(tmp_path))
    assert (verified.signer.id, verified.signer.key, verified.window) == ("ci", None, None)
    assert verified.certificate is not None
    assert (verified.certificate.issuer, verified.certificate.identity) == (ISSUER, IDENTITY)
    assert verified.certificate.claims == {name: said for name, (_, said) in CLAIMS.items()}
    assert verified.proved is not None
    assert (verified.proved.time, verified.proved.source) == (NOW, "log")
    assert (verified.existed(LATE), verified.existed(NOW - MINUTE)) == (NOW, NOW - MINUTE)


def test_a_pattern_names_many_and_an_exact_entry_goes_before_it(tmp_path: Path) -> None:
    assert verify(by_workflow(), a_realm(tmp_path, PATTERN)).signer.id == "any"
    for signers in ((PATTERN, WORKFLOW), (WORKFLOW, PATTERN)):
        assert verify(by_workflow(), a_realm(tmp_path, *signers)).signer.id == "ci"


def test_two_patterns_that_both_fit_are_nobody(tmp_path: Path) -> None:
    second = PATTERN.replace("id: any", "id: all").replace("acme/.*", ".*")
    error = refused(by_workflow(), a_realm(tmp_path, PATTERN, second))
    assert error.code == "trust.signer_ambiguous"
    for name, where in (("any", "trust.yaml:9"), ("all", "trust.yaml:10")):
        assert f"{name} ({where})" in error.message
        assert f"id: {name}" in line_of(tmp_path, where)


def test_the_same_name_under_two_roots_is_two_signers(tmp_path: Path) -> None:
    elsewhere = WORKFLOW.replace("id: ci,", "id: foreign,").replace("root: acme", "root: other")
    trust = a_realm(tmp_path, WORKFLOW, elsewhere)
    assert verify(by_workflow(), trust).signer.id == "ci"
    assert verify(by_workflow(instance=OTHER), trust).signer.id == "foreign"
    # Where the pattern's root alone vouches for it, the exact entry of another root is not its owner.
    trust = a_realm(tmp_path, elsewhere, PATTERN)
    assert verify(by_workflow(), trust).signer.id == "any"
    # A root that vouches for both leaves it open who it is.
    twice = WORKFLOW.replace("id: ci,", "id: twice,").replace("root: acme", "root: both")
    assert refused(by_workflow(), a_realm(tmp_path, WORKFLOW, twice)).code == "trust.signer_ambiguous"


def test_nobody_is_believed_whom_the_root_does_not_vouch_for(tmp_path: Path) -> None:
    trust = a_realm(tmp_path)
    assert refused(by_workflow(instance=OTHER), trust).code == "certificate.chain"
    document = json.loads(by_workflow())
    entry = document["verificationMaterial"]["tlogEntries"][0]
    entry["inclusionPromise"]["signedEntryTimestamp"] = "AAAA"
    assert refused(json.dumps(document).encode(), trust).code == "log.proof"


def test_every_root_of_a_file_is_tried(tmp_path: Path) -> None:
    trust = a_realm(tmp_path, WORKFLOW.replace("root: acme", "root: both"))
    for instance in (ACME, OTHER):
        assert verify(by_workflow(instance=instance), trust).signer.id == "ci"
    # What the right root found wrong is told, not that another does not know it.
    document = json.loads(by_workflow())
    entry = document["verificationMaterial"]["tlogEntries"][0]
    entry["inclusionPromise"]["signedEntryTimestamp"] = "AAAA"
    assert refused(json.dumps(document).encode(), trust).code == "log.proof"
    nobody = refused(by_workflow(instance=Sigstore()), trust)
    assert nobody.code == "certificate.chain"


def test_claims_must_be_met_and_the_nearest_line_is_told(tmp_path: Path) -> None:
    asked = WORKFLOW.replace(
        "root: acme",
        "root: acme, claims: {runnerEnvironment: github-hosted, sourceRepositoryRef: {pattern: '^refs/tags/v.*$'}}",
    )
    trust = a_realm(tmp_path, asked)
    assert verify(by_workflow(), trust).signer.id == "ci"
    for name, (number, said) in {
        "runnerEnvironment": (11, "self-hosted"),
        "sourceRepositoryRef": (14, "refs/heads/main"),
    }.items():
        error = refused(by_workflow(claims={**CLAIMS, name: (number, said)}), trust)
        assert error.code == "signature.unknown_identity"
        assert f"nearest is trust.yaml:9 (ci), but the {name} is '{said}', not " in error.message
        assert "id: ci" in line_of(tmp_path, "trust.yaml:9")
    silent = {name: claim for name, claim in CLAIMS.items() if name != "runnerEnvironment"}
    assert (
        "the runnerEnvironment is '', not github-hosted" in refused(by_workflow(claims=silent), trust).message
    )


def test_a_stranger_hears_who_would_be_nearest(tmp_path: Path) -> None:
    far = "{id: far, principal: f, issuer: https://x, identity: y, root: acme, roles: [trainer]}"
    near = WORKFLOW.replace(IDENTITY, IDENTITY.replace("main", "release"))
    error = refused(by_workflow(), a_realm(tmp_path, far, near))
    assert error.code == "signature.unknown_identity"
    assert f"no signer of trust.yaml is '{IDENTITY}' of '{ISSUER}'" in error.message
    assert f"nearest is trust.yaml:10 (ci), but the identity is '{IDENTITY}', not " in error.message
    nobody = refused(by_workflow(), a_realm(tmp_path, OWNER))
    assert nobody.code == "signature.unknown_identity"
    assert "nearest" not in nobody.message


def test_a_root_of_which_nothing_is_in_use_proves_nothing(tmp_path: Path) -> None:
    trust = a_realm(tmp_path)
    problem = IdentityError("root.tuf_missing", "nothing was fetched yet", hint="placet trust refresh")
    roots = tuple(
        replace(root, roots=(), digest=Digest.of(b""), problem=problem) if root.id == "acme" else root
        for root in trust.roots
    )
    error = refused(by_workflow(), replace(trust, roots=roots))
    assert (error.code, error.where) == ("root.tuf_missing", "root acme")
    assert "nothing can be verified under the root acme: nothing was fetched yet" in error.message
    managed = a_realm(tmp_path, OWNER)
    error = refused(a_bundle(training()), replace(managed, roots=roots))
    assert error.code == "root.tuf_missing"


@pytest.mark.parametrize("root", ["acme", "both"])
def test_the_root_of_a_managed_key_proves_its_times(tmp_path: Path, root: str) -> None:
    trust = a_realm(tmp_path, OWNER.replace("root: acme", f"root: {root}"))
    plain = a_bundle(training())
    assert verify(plain, trust).proved is None
    logged = verify(by_managed_key(plain, logged=NOW), trust)
    stamp = verify(by_managed_key(plain, stamp=NOW + MINUTE), trust)
    both = verify(by_managed_key(plain, logged=NOW, stamp=NOW + MINUTE), trust)
    assert [found.existed(LATE) for found in (logged, stamp, both)] == [NOW, NOW + MINUTE, NOW]
    assert (logged.signer.id, logged.certificate, len(both.times)) == ("owner", None, 2)


def test_a_managed_keys_entry_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    trust, plain = a_realm(tmp_path, OWNER), a_bundle(training())
    other = json.loads(by_managed_key(a_bundle(training("other")), logged=NOW))["verificationMaterial"]
    document = json.loads(plain)
    document["verificationMaterial"]["tlogEntries"] = other["tlogEntries"]
    assert refused(json.dumps(document).encode(), trust).code == "log.body"
    without = a_realm(tmp_path, OWNER.replace("root: acme, ", ""))
    assert verify(json.dumps(document).encode(), without).proved is None, "no root, and nothing is proved"
    assert refused(a_bundle(training(), a_key("stranger")), trust).code == "signature.unknown_key"


def test_an_own_authority_without_time_stamps_leaves_it_to_the_arrival(tmp_path: Path) -> None:
    trust = a_realm(tmp_path, TRAINER)
    verified = verify(by_trainer(), trust)
    assert (verified.signer.id, verified.proved) == ("trainer", None)
    assert verified.certificate is not None
    assert (verified.certificate.issuer, verified.certificate.claims) == ("", {})
    assert verified.window is not None
    edges = (verified.window.start, verified.window.end)
    assert edges == (NOW - pki.DAY, NOW + pki.DAY)
    assert [counts(verified, trust, edge) for edge in edges] == ["counts", "counts"]
    second = timedelta(seconds=1)
    outside = (NOW - pki.DAY - second, NOW + pki.DAY + second)
    assert [counts(verified, trust, edge) for edge in outside] == ["trust.certificate_expired"] * 2


def test_an_own_authority_with_time_stamps_proves_the_time(tmp_path: Path) -> None:
    trust = a_realm(tmp_path, TRAINER.replace("root: pki", "root: stamped"))
    verified = verify(by_trainer(None, NOW), trust)
    assert (verified.window, verified.existed(LATE)) == (None, NOW)
    assert counts(verified, trust, LATE) == "counts"
    bare = verify(by_trainer(), trust)
    assert counts(bare, trust, LATE) == "trust.certificate_expired"


def test_a_spiffe_id_is_its_authoritys_alone(tmp_path: Path) -> None:
    trust = a_realm(tmp_path, TRAINER)
    stranger = pki.signer(pki.node("acme authority"))
    assert refused(by_trainer(leaf=stranger), trust).code == "certificate.chain"
    other = pki.signer(AUTHORITY, names=(x509.UniformResourceIdentifier(pki.SPIFFE + "2"),))
    error = refused(by_trainer(leaf=other), trust)
    assert error.code == "signature.unknown_identity"
    assert f"no signer of trust.yaml is '{pki.SPIFFE}2'; nearest is trust.yaml:9 (trainer)" in error.message
    # A public instance does not speak for the own authority, nor the other way round.
    mixed = a_realm(tmp_path, TRAINER.replace("root: pki", "issuer: https://x, root: acme"))
    assert refused(by_trainer(), mixed).code == "signature.unknown_identity"


def test_an_own_authority_cannot_speak_for_an_issuer(tmp_path: Path) -> None:
    from cryptography.x509 import ObjectIdentifier, UnrecognizedExtension

    from tests.certified import FULCIO
    from tests.fakes.der import utf8

    said = UnrecognizedExtension(ObjectIdentifier(f"{FULCIO}.8"), utf8(ISSUER))
    leaf = pki.signer(AUTHORITY, names=(x509.UniformResourceIdentifier(IDENTITY),), more=[(said, False)])
    trust = a_realm(tmp_path, WORKFLOW, TRAINER.replace(pki.SPIFFE, IDENTITY))
    verified = verify(by_trainer(leaf=leaf), trust)
    assert verified.signer.id == "trainer"
    assert verified.certificate is not None
    assert verified.certificate.issuer == ""
    assert refused(by_trainer(leaf=leaf), a_realm(tmp_path, WORKFLOW)).code == "bundle.material"


def test_a_signature_over_a_file_is_no_statement(tmp_path: Path) -> None:
    document = json.loads(by_workflow())
    signature = document.pop("dsseEnvelope")["signatures"][0]["sig"]
    digest = {"algorithm": "SHA2_256", "digest": b64encode(bytes(32)).decode()}
    document["messageSignature"] = {"messageDigest": digest, "signature": signature}
    error = refused(json.dumps(document).encode(), a_realm(tmp_path))
    assert (error.code, error.where) == ("bundle.message", "bundle")
