"""sigstore-conformance's bundle-verify cases, and real bundles of several producers, through `verify_bundle`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from placet_attestations.digests import Digest, hash_file
from placet_attestations.errors import AttestationError
from placet_attestations.keys import load_public
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.sigstore.verified_bundle import VerifiedBundle
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.conformance.cases import Case, cases
from tests.conformance.roots import trusted_root

pytestmark = pytest.mark.conformance

CLIENT = Path(__file__).parents[1] / "conformance" / "client"
ANYBODY = CertificateIdentity(Match.pattern("^.*$"), Match.pattern("^.*$"))

# What is wrong with each, and which step must see it: a refusal for another reason would prove nothing.
STEPS = {
    "bundle-empty-certificate-chain_fail": "bundle.certificate",
    "bundle-from-wrong-instance_fail": "certificate.chain",
    "bundle-invalid-base64-signature_fail": "bundle.base64",
    "bundle-malformed-json_fail": "json.syntax",
    "bundle-negative-log-index_fail": "bundle.number",
    "bundle-unknown-version_fail": "bundle.unsupported",
    "bundle-with-root-cert_fail": "bundle.proof",  # and no checkpoint either, which is seen first
    "checkpoint-bad-keyhint_fail": "log.proof",
    "checkpoint-wrong-roothash_fail": "log.proof",
    "dsse-invalid-sig_fail": "signature.invalid",
    "dsse-mismatch-envelope_fail": "log.body",
    "dsse-mismatch-sig_fail": "log.body",
    "inclusion-proof-corrupted-hash_fail": "log.proof",
    "incorrect-public-key_fail": "log.proof",
    "integrated-time-in-future_fail": "certificate.expired",
    "intoto-expired-certificate_fail": "certificate.expired",
    "intoto-log-entry-mismatch_fail": "log.body",
    "intoto-missing-inclusion-proof_fail": "bundle.proof",
    "intoto-set-outside-signing-cert-validity_fail": "certificate.expired",
    "intoto-tsa-timestamp-outside-cert-validity_fail": "certificate.expired",
    "invalid-checkpoint-signature_fail": "log.proof",
    "invalid-ct-key_fail": "certificate_log.unknown",
    "invalid-inclusion-proof_fail": "bundle.proof",
    "managed-key-no-key_fail": "signer.kind",
    "managed-key-wrong-key_fail": "key.malformed",  # its point is not on the curve
    "message-digest-mismatch_fail": "artifact.mismatch",
    "rekor2-checkpoint-missing-log-signature_fail": "log.proof",
    "rekor2-checkpoint-missing-origin_fail": "log.proof",
    "rekor2-checkpoint-missing-root-hash_fail": "log.proof",
    "rekor2-checkpoint-missing-size_fail": "log.proof",
    "rekor2-checkpoint-no-matching-signature_fail": "log.proof",
    "rekor2-dsse-invalid-sig_fail": "signature.invalid",
    "rekor2-dsse-mismatch-envelope_fail": "log.body",
    "rekor2-dsse-mismatch-sig_fail": "log.body",
    "rekor2-no-inclusion-proof_fail": "bundle.proof",
    "rekor2-no-timestamp_fail": "time.missing",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "timestamp.unknown",
    "rekor2-timestamp-outside-tsa-cert-validity_fail": "timestamp.unknown",
    "rekor2-timestamp-payload-mismatch_fail": "timestamp.unknown",
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": "timestamp.syntax",  # its CMS is not DER
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "timestamp.unknown",
    "rekor2-timestamp-with-incorrect-time_fail": "bundle.base64",  # broken into lines; see below for the time
    "set-invalid-signature_fail": "log.proof",
    "signature-mismatch_fail": "signature.invalid",
    "trust-root-tlog-missing-validity-start_fail": "root.shape",
    "wrong-hashedrekord-artifact_fail": "log.body",
    "wrong-hashedrekord-cert-and-sig_fail": "log.body",
    "wrong-hashedrekord-entry_fail": "log.body",
    "wrong-material_fail": "artifact.mismatch",
}


def verify(case: Case, artifact: Digest | Path, raw: bytes | None = None) -> VerifiedBundle:
    identity = CertificateIdentity.exactly(issuer=case.issuer, identity=case.identity)
    return verify_bundle(
        case.bundle.read_bytes() if raw is None else raw,
        artifact=artifact,
        identity=None if case.key else identity,
        key=load_public(case.key) if case.key else None,
        root=TrustedRoot.load(case.root) if case.root else trusted_root("production"),
    )


def by_path(case: Case) -> Path:
    return case.artifact


def by_digest(case: Case) -> Digest:
    return hash_file(case.artifact)[0]


def refusal(call: Callable[[], object]) -> str:
    """The code of the refusal, `""` for none."""
    try:
        call()
    except AttestationError as error:
        return error.code
    return ""


@pytest.mark.parametrize("named", [by_path, by_digest])
def test_bundle_verify(
    named: Callable[[Case], Digest | Path], record_property: Callable[[str, object], None]
) -> None:
    every = cases()
    answers = {case.name: refusal(lambda case=case: verify(case, named(case))) for case in every}  # type: ignore[misc]
    expected = {case.name: "" if case.is_good else STEPS[case.name] for case in every}
    right = sum(bool(answers[case.name]) is not case.is_good for case in every)
    assert answers == expected
    assert (right, len(every)) == (70, 70)
    line = f"sigstore-conformance {named.__name__}: {right} of {len(every)} bundle-verify cases"
    record_property("conformance", line)


def test_the_client_speaks_the_suites_protocol() -> None:
    chosen = {"happy-path-v0.3", "signature-mismatch_fail", "managed-key-happy-path", "rekor2-happy-path"}
    for case in (case for case in cases() if case.name in chosen):
        who = (
            ["--key", str(case.key)]
            if case.key
            else ["--certificate-identity", case.identity, "--certificate-oidc-issuer", case.issuer]
        )
        root = ["--trusted-root", str(case.root)] if case.root else []
        for named in (by_path, by_digest):
            words = ["verify-bundle", "--bundle", str(case.bundle), *who, *root, str(named(case))]
            done = subprocess.run(
                [sys.executable, str(CLIENT), *words], capture_output=True, text=True, check=False
            )
            assert done.returncode == (0 if case.is_good else 1), (case.name, done.stderr)


def test_a_time_stamp_outside_the_certificate_is_refused_for_its_time() -> None:
    case = next(case for case in cases() if case.name == "rekor2-timestamp-with-incorrect-time_fail")
    document = json.loads(case.bundle.read_bytes())
    [token] = document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    token["signedTimestamp"] = token["signedTimestamp"].replace("\n", "")
    raw = json.dumps(document).encode()
    assert refusal(lambda: verify(case, case.artifact, raw)) == "certificate.expired"
