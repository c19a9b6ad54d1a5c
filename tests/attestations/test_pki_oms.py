"""Model signatures by certificate: other people's files, each verified or refused for a reason that is named."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from placet_attestations.errors import AttestationError
from placet_attestations.oms import GIT_PATHS, SIGNATURE_NAME, check_model, read_model
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.sigstore.sigstore_bundle import CertificateMaterial, parse_sigstore_bundle
from placet_attestations.sigstore.sigstore_verify import read_signer, verify_by_certificate
from placet_attestations.sigstore.verified_bundle import VerifiedCertificate
from placet_attestations.statement import Statement
from tests.conformance.roots import trusted_root
from tests.fakes.pki import bundle, node, signer
from tests.vectors import vectors_dir

pytestmark = pytest.mark.conformance

WHO = ("https://sigstore.verify.ibm.com/oauth2", "stefanb@us.ibm.com")
SIGSTORE = [
    "valid/sigstore.bundle.json",
    "historic/v1.0.0-sigstore/model.sig",
    "historic/v1.0.1-sigstore/model.sig",
]
CERTIFICATE = [
    "valid/certificate.bundle.json",
    "historic/v1.0.0-certificate/model.sig",
    "historic/v1.0.1-certificate/model.sig",
]


def oms(name: str) -> Path:
    return vectors_dir() / "oms" / name


@pytest.mark.parametrize("name", SIGSTORE)
def test_keyless_model_signatures(name: str, record_property: Callable[[str, object], None]) -> None:
    parsed = parse_sigstore_bundle(oms(name).read_bytes())
    found = verify_by_certificate(parsed, read_signer(parsed), trusted_root("production"))
    assert isinstance(found.signer, VerifiedCertificate)
    assert (found.signer.issuer, found.signer.identity) == WHO
    assert found.payload is not None
    assert read_model(Statement.parse(found.payload)).files
    record_property("conformance", f"oms by certificate: {name}: accepted")


@pytest.mark.parametrize("version", ["v1.0.0", "v1.0.1"])
def test_a_historic_model_is_what_was_signed(tmp_path: Path, version: str) -> None:
    source = oms(f"historic/{version}-sigstore")
    parsed = parse_sigstore_bundle((source / "model.sig").read_bytes())
    payload = verify_by_certificate(parsed, read_signer(parsed), trusted_root("production")).payload
    assert payload is not None
    model = read_model(Statement.parse(payload))
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    left_out = [SIGNATURE_NAME, "ignore-me", *GIT_PATHS]
    assert check_model(tmp_path, model, ignore=left_out).none
    (tmp_path / "signme-1").write_bytes(b"changed")
    assert check_model(tmp_path, model, ignore=left_out).changed == ("signme-1",)


@pytest.mark.parametrize("name", CERTIFICATE)
def test_the_chains_of_model_signing_name_nobody(name: str) -> None:
    """Their signer's certificate says that it is an authority's and has no alternative name: trust.yaml can list
    it by its digest alone (`test_bundle_vectors.py` does). By names it is nobody's.
    """
    parsed = parse_sigstore_bundle(oms(name).read_bytes())
    assert isinstance(parsed.material, CertificateMaterial)
    assert (parsed.version, len(parsed.material.others), parsed.entries) == ("0.3", 1, ())
    with pytest.raises(AttestationError) as caught:
        read_signer(parsed)
    assert caught.value.code == "certificate.profile"
    assert caught.value.hint


def test_the_same_chain_with_a_signer_who_has_a_name() -> None:
    """Their authorities are read as they are; a signer's certificate as it should be makes such a signature
    hold.
    """
    keys = oms("historic/keys")
    theirs = PkiRoot.load(keys / "ca-cert.pem")
    assert PkiRoot.parse((keys / "int-ca-cert.pem").read_bytes()).digest != theirs.digest
    for file in ("signing-key-cert.pem", "signing-key-pub.pem"):
        with pytest.raises(AttestationError):
            PkiRoot.load(keys / file)
    payload = json.loads(oms("valid/key.bundle.json").read_bytes())["dsseEnvelope"]["payload"]
    root = node("root")
    middle = node("middle", root)
    document = bundle(signer(middle), b64decode(payload), middle)
    own = PkiRoot.parse(root.pem)
    parsed = parse_sigstore_bundle(json.dumps(document).encode())
    found = verify_by_certificate(parsed, read_signer(parsed), own)
    assert found.payload is not None
    assert read_model(Statement.parse(found.payload)).files
    with pytest.raises(AttestationError) as caught:
        verify_by_certificate(parsed, read_signer(parsed), theirs)
    assert caught.value.code == "certificate.chain"


def test_what_the_specification_calls_invalid() -> None:
    root = trusted_root("production")
    found = {}
    for path in [*oms("invalid").iterdir(), *oms("invalid-payload").iterdir()]:
        try:
            parsed = parse_sigstore_bundle(path.read_bytes())
            verify_by_certificate(parsed, read_signer(parsed), root)
        except AttestationError as error:
            found[path.name.removesuffix(".bundle.json")] = error.code
    assert found == {
        "empty": "json.syntax",
        "missing-envelope": "bundle.content",
        "missing-tlog-entries": "log.missing",
        "missing-verification-material": "bundle.shape",
        "wrong-predicate": "signer.kind",  # by a key
    }
