"""Every file of the vectors' `bundles` and `oms`: verified, or refused by a named step, a line of the table each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.oms import read_model
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_bundle import parse_sigstore_bundle
from placet_attestations.sigstore.sigstore_verify import read_signer, verify_by_certificate
from placet_attestations.sigstore.verified_bundle import VerifiedCertificate
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import verify
from placet_attestations.x509.identities import CertificateIdentity
from tests.vector_trust import by_name, model_authority, model_signers, root_of, said_digest
from tests.vectors import vectors_dir

pytestmark = pytest.mark.conformance

# The root under which each is asked about, and whom it names, or the code of the step that refuses it.
BUNDLES: Final = {
    "bundle_cve_2022_36056.txt.sigstore": ("staging", "log.body"),
    "bundle_no_cert_v1.txt.sigstore": ("staging", "bundle.certificate"),
    "bundle_no_checkpoint.txt.sigstore": ("staging", "bundle.proof"),
    "bundle_no_log_entry.txt.sigstore": ("staging", "log.missing"),
    "bundle_v3_no_signed_time.txt.sigstore.json": ("staging", "time.missing"),
    "conda-attestation-rekor2.sigstore.json": ("staging", "jku@goto.fi"),
    "conda-attestation.sigstore.json": (
        "public-good",
        "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main",
    ),
    "cosign-v3-blob.sigstore.json": ("public-good", "w.vollprecht@gmail.com"),
    # Its root lists no authority for certificates: signature and time hold, and nobody vouches for the name.
    "github-private-attestation.sigstore.json": ("github", "certificate.window"),
    "sigstore.js@2.0.0-provenance.sigstore.json": (
        "public-good",
        "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
    ),
}
# What is signed, and what is trusted: no bundles themselves.
BESIDE: Final = {
    "cosign-v3-blob.txt": "cosign-v3-blob.sigstore.json",
    "signed-package-2.1.0-hb0f4dca_0.conda": "conda-attestation.sigstore.json",
    "github_trusted_root.json": "github-private-attestation.sigstore.json",
}
MODELS: Final = {
    "historic/v1.0.0-certificate/model.sig": "chain",
    "historic/v1.0.0-elliptic-key/model.sig": "key",
    "historic/v1.0.0-sigstore/model.sig": "keyless",
    "historic/v1.0.1-certificate/model.sig": "chain",
    "historic/v1.0.1-elliptic-key/model.sig": "key",
    "historic/v1.0.1-sigstore/model.sig": "keyless",
    "invalid-payload/wrong-predicate.bundle.json": "signature.invalid",
    "invalid/empty.bundle.json": "json.syntax",
    "invalid/missing-envelope.bundle.json": "bundle.content",
    "invalid/missing-tlog-entries.bundle.json": "log.missing",
    "invalid/missing-verification-material.bundle.json": "bundle.shape",
    "valid/certificate.bundle.json": "chain",
    "valid/key.bundle.json": "key",
    "valid/sigstore.bundle.json": "keyless",
}


def answer(name: str, artifact: Digest | None = None) -> str:
    raw = (vectors_dir() / "bundles" / name).read_bytes()
    (root,) = root_of(BUNDLES[name][0], vectors_dir()).roots
    assert isinstance(root, TrustedRoot)
    try:
        parsed = parse_sigstore_bundle(raw)
        found = verify_by_certificate(
            parsed, read_signer(parsed), root, artifact=artifact or said_digest(raw)
        )
    except AttestationError as error:
        return error.code
    assert isinstance(found.signer, VerifiedCertificate)
    assert found.times
    return found.signer.identity


def test_every_file_has_a_row() -> None:
    there = {path.name for path in (vectors_dir() / "bundles").iterdir()}
    assert there == BUNDLES.keys() | BESIDE.keys()
    assert set(BESIDE.values()) <= BUNDLES.keys()
    oms = vectors_dir() / "oms"
    signed = {str(path.relative_to(oms)) for path in oms.rglob("*") if path.suffix in (".json", ".sig")}
    assert {name for name in signed if not name.startswith("schemas/")} == MODELS.keys()


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle(name: str, record_property: Callable[[str, object], None]) -> None:
    root, expected = BUNDLES[name]
    assert answer(name) == expected
    how = "refused" if re.fullmatch(r"[a-z_]+\.[a-z_]+", expected) else "verified"
    record_property("conformance", f"bundles: {name} ({root}): {how}, {expected}")


@pytest.mark.parametrize("name", ["cosign-v3-blob.txt", "signed-package-2.1.0-hb0f4dca_0.conda"])
def test_a_file_that_was_signed(name: str, record_property: Callable[[str, object], None]) -> None:
    bundle = BESIDE[name]
    content = (vectors_dir() / "bundles" / name).read_bytes()
    assert answer(bundle, Digest.of(content)) == BUNDLES[bundle][1]
    assert answer(bundle, Digest.of(content[:-1])) == "artifact.mismatch"
    record_property("conformance", f"bundles: {name}: what {bundle} is about, and changed it is not")


def test_a_root_for_time_alone(record_property: Callable[[str, object], None]) -> None:
    (root,) = root_of("github", vectors_dir()).roots
    assert isinstance(root, TrustedRoot)
    assert (len(root.timestampers), root.authorities, root.logs) == (5, (), ())
    record_property(
        "conformance", "bundles: github_trusted_root.json: five time stamp authorities, nothing else"
    )


def model_trust() -> TrustPolicy:
    """The signers of all models: the key, the one who has an e-mail address, and the certificate of the chains."""
    folder = vectors_dir()
    who = CertificateIdentity.exactly(
        issuer="https://sigstore.verify.ibm.com/oauth2", identity="stefanb@us.ibm.com"
    )
    signers = (*model_signers(folder), by_name("keyless", "public-good", who))
    return TrustPolicy.of(b"", signers, (), (), (root_of("public-good", folder), model_authority(folder)))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_signature(name: str, record_property: Callable[[str, object], None]) -> None:
    try:
        verified = verify((vectors_dir() / "oms" / name).read_bytes(), model_trust())
    except AttestationError as error:
        found, line = error.code, f"refused, {error.code}"
    else:
        assert read_model(verified.statement).files
        found, line = verified.signer.id, f"verified by {verified.signer.id}"
    assert found == MODELS[name]
    record_property("conformance", f"oms: {name}: {line}")
