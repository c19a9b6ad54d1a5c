"""sigstore-python's own Verifier over the same bundles: where it says yes so do we, and we differ only on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy
from sigstore_models.trustroot.v1 import TrustedRoot as Model

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.roots.trusted_root import TrustedRoot as Root
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.sigstore.verified_bundle import VerifiedCertificate
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.conformance.cases import Case, cases
from tests.conformance.roots import Instance, trusted_root, trusted_root_bytes
from tests.vectors import vectors_dir

pytestmark = pytest.mark.conformance

ANYBODY = CertificateIdentity(Match.pattern("^.*$"), Match.pattern("^.*$"))
# What it does not know: intoto entries, and windows that include their end.
WE_ALONE = {"intoto-with-custom-trust-root", "trust-root-tsa-validity-end-inclusive"}
# What it does not look at: which subjects a statement has (none of these is a statement about another file).
IT_ALONE: set[str] = set()


def stock_accepts(raw: bytes, root: bytes, artifact: bytes, who: policy.VerificationPolicy) -> bool:
    try:
        bundle = Bundle.from_json(raw)
        verifier = Verifier(trusted_root=TrustedRoot(Model.from_json(root)))
        if bundle._dsse_envelope is None:
            verifier.verify_artifact(artifact, bundle, who)
        else:
            verifier.verify_dsse(bundle, who)
    except (Error, ValueError):
        return False
    return True


def we_accept(raw: bytes, root: Root, artifact: Path | Digest | None, who: CertificateIdentity) -> bool:
    try:
        verify_bundle(raw, artifact=artifact, identity=who, root=root)
    except AttestationError:
        return False
    return True


def both(case: Case) -> tuple[bool, bool]:
    root = case.root.read_bytes() if case.root else trusted_root_bytes("production")
    raw = case.bundle.read_bytes()
    theirs = stock_accepts(
        raw, root, case.artifact.read_bytes(), policy.Identity(identity=case.identity, issuer=case.issuer)
    )
    try:
        parsed = Root.parse(root)
    except AttestationError:
        return theirs, False
    ours = we_accept(
        raw,
        parsed,
        case.artifact,
        CertificateIdentity.exactly(issuer=case.issuer, identity=case.identity),
    )
    return theirs, ours


def test_sigstore_python_agrees_on_the_conformance_cases() -> None:
    answers = {case.name: both(case) for case in cases() if case.key is None}
    assert {name for name, (theirs, ours) in answers.items() if ours and not theirs} == WE_ALONE
    assert {name for name, (theirs, ours) in answers.items() if theirs and not ours} == IT_ALONE
    assert sum(ours for _, ours in answers.values()) == 19


@pytest.mark.parametrize(
    ("name", "instance", "artifact", "theirs", "identity"),
    [
        (
            "conda-attestation",
            "production",
            "signed-package-2.1.0-hb0f4dca_0.conda",
            True,
            "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main",
        ),
        ("conda-attestation-rekor2", "staging", None, True, "jku@goto.fi"),
        ("cosign-v3-blob", "production", "cosign-v3-blob.txt", True, "w.vollprecht@gmail.com"),
        (
            "sigstore.js@2.0.0-provenance",
            "production",
            None,
            False,
            "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
        ),
    ],
)
def test_bundles_of_several_producers(
    name: str, instance: Instance, artifact: str | None, theirs: bool, identity: str
) -> None:
    folder = vectors_dir() / "bundles"
    raw = (folder / f"{name}.sigstore.json").read_bytes()
    path = folder / artifact if artifact else None
    found = verify_bundle(raw, artifact=path, identity=ANYBODY, root=trusted_root(instance))
    assert isinstance(found.signer, VerifiedCertificate)
    assert found.signer.identity == identity
    content = path.read_bytes() if path else b""
    assert stock_accepts(raw, trusted_root_bytes(instance), content, policy.UnsafeNoOp()) is theirs
    other: Instance = "staging" if instance == "production" else "production"
    assert not we_accept(raw, trusted_root(other), path, ANYBODY)


def test_model_signatures_of_openssf_by_certificate() -> None:
    oms = vectors_dir() / "oms"
    paths = [oms / "valid" / "sigstore.bundle.json", *sorted(oms.glob("historic/*-sigstore/model.sig"))]
    assert len(paths) == 3
    for path in paths:
        found = verify_bundle(path.read_bytes(), identity=ANYBODY, root=trusted_root("production"))
        assert found.payload is not None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bundle_cve_2022_36056.txt.sigstore", "log.body"),
        ("bundle_no_cert_v1.txt.sigstore", "bundle.certificate"),
        ("bundle_no_checkpoint.txt.sigstore", "bundle.proof"),
        ("bundle_no_log_entry.txt.sigstore", "log.missing"),
        ("bundle_v3_no_signed_time.txt.sigstore.json", "time.missing"),
    ],
)
def test_the_bad_bundles_of_sigstore_rust(name: str, code: str) -> None:
    # Each with the digest that it says itself, so that the file's absence is not what refuses it.
    import base64
    import json

    raw = (vectors_dir() / "bundles" / name).read_bytes()
    said = json.loads(raw)["messageSignature"]["messageDigest"]["digest"]
    artifact = Digest.from_hex(base64.b64decode(said).hex())
    for instance in ("production", "staging"):
        with pytest.raises(AttestationError) as caught:
            verify_bundle(raw, artifact=artifact, identity=ANYBODY, root=trusted_root(instance))
        seen = caught.value.code
        if instance == ("staging" if "cve" in name or "no_checkpoint" in name else "production"):
            assert seen == code


def test_githubs_private_attestation_as_far_as_its_root_goes() -> None:
    # That root lists time stamp authorities alone: the signature and the time hold, and nobody vouches for the name.
    folder = vectors_dir() / "bundles"
    raw = (folder / "github-private-attestation.sigstore.json").read_bytes()
    root = Root.load(folder / "github_trusted_root.json", without_log=True)
    who = CertificateIdentity(Match.nothing(), Match.exactly("https://dotcom.releases.github.com"))
    with pytest.raises(AttestationError) as caught:
        verify_bundle(raw, identity=who, root=root)
    assert caught.value.code == "certificate.window"
    with pytest.raises(AttestationError) as caught:
        verify_bundle(raw, identity=who, root=Root.load(folder / "github_trusted_root.json"))
    assert caught.value.code == "log.missing"
