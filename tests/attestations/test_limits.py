"""Every limit of `Limits`: what is exactly as large passes that step, one more is refused by name and number."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, VerificationError
from placet_attestations.keys import load_private, load_public
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.reading import read_signed
from placet_attestations.requests import authenticate, sign_request
from placet_attestations.roots.loading import RootFile, load_root
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.roots.tuf_chain import TufChain
from placet_attestations.roots.tuf_mirror import Mirror
from placet_attestations.sigstore.sigstore_verify import read_signer, verify_by_certificate
from placet_attestations.statement import PAYLOAD_TYPE, Statement
from placet_attestations.trust import load_trust
from placet_attestations.trust_file import parse_trust
from tests.builders import a_key, a_statement, a_trust_policy, trust_text
from tests.fakes.pki import bundle as pki_bundle
from tests.fakes.pki import node, signer
from tests.fakes.sigstore import NOW, Sigstore, pep740, text
from tests.tuf_repository import NAME, Repository

INSTANCE = Sigstore()
PAYLOAD = a_statement().raw
BUNDLE = INSTANCE.sign(INSTANCE.leaf(), PAYLOAD)
ROOT = INSTANCE.root()
CHAIN = "application/vnd.dev.sigstore.bundle+json;version=0.2"
TRUST = a_trust_policy()


def copied(document: dict[str, Any]) -> Any:
    return json.loads(json.dumps(document))


def padded(raw: bytes, size: int) -> bytes:
    """The same JSON or PEM in as many bytes."""
    assert len(raw) <= size
    return raw + b"\n" * (size - len(raw))


def read(document: object) -> None:
    read_signed(json.dumps(document).encode())


def nested(depth: int, _: Path) -> None:
    """An envelope with a member that is ignored, and only its nesting counts."""
    envelope = json.dumps(BUNDLE["dsseEnvelope"])[:-1]
    read_signed(f'{envelope}, "more": {"[" * (depth - 1)}{"]" * (depth - 1)}}}'.encode())


def bundle_with(change: Callable[[dict[str, Any], int], object]) -> Callable[[int, Path], None]:
    """Reads the bundle after a change that brings so many or so much of something."""

    def step(size: int, _: Path) -> None:
        document = copied(BUNDLE)
        change(document, size)
        read(document)

    return step


def chain(document: dict[str, Any], count: int) -> None:
    material = document["verificationMaterial"]
    document["mediaType"] = CHAIN
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")] * count}


def entry(document: dict[str, Any]) -> Any:
    return document["verificationMaterial"]["tlogEntries"][0]


def stamps(document: dict[str, Any], *tokens: bytes) -> None:
    listed = [{"signedTimestamp": text(token)} for token in tokens]
    document["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": listed}


def pep740_certificate(size: int, _: Path) -> None:
    document = pep740(BUNDLE)
    document["verification_material"]["certificate"] = text(bytes(size))
    read(document)


def envelope_signatures(count: int, _: Path) -> None:
    """A bare envelope of several is for `containers.py` to split: reading one signed thing refuses it later."""
    from placet_attestations.envelope import Envelope

    Envelope.from_json({"payloadType": PAYLOAD_TYPE, "payload": "", "signatures": [{"sig": "AA=="}] * count})


def root_certificates(count: int, _: Path) -> None:
    document = copied(ROOT)
    listed = document["certificateAuthorities"][0]["certChain"]
    listed["certificates"] *= count
    TrustedRoot.parse(json.dumps(document).encode())


def pki_certificates(count: int, _: Path) -> None:
    PkiRoot.parse(node("root").pem * count)


def pki_certificate(size: int, _: Path) -> None:
    """Read up to the point where the bytes are taken for a certificate, which they are not."""
    pem = b"-----BEGIN CERTIFICATE-----\n" + b64encode(bytes(size)) + b"\n-----END CERTIFICATE-----\n"
    try:
        PkiRoot.parse(pem)
    except AttestationError as error:
        if "the limit is" in error.message:
            raise


def root_bytes(size: int, folder: Path) -> None:
    (folder / "root.json").write_bytes(padded(json.dumps(ROOT).encode(), size))
    load_root("acme", RootFile(Path("root.json")), folder=folder, state=None)


def pki_bytes(size: int, folder: Path) -> None:
    (folder / "root.pem").write_bytes(padded(node("root").pem, size))
    PkiRoot.load(folder / "root.pem")


def roots(count: int, folder: Path) -> None:
    (folder / "roots.jsonl").write_bytes((json.dumps(ROOT).encode() + b"\n") * count)
    load_root("acme", RootFile(Path("roots.jsonl")), folder=folder, state=None)


def tuf_root_bytes(size: int, _: Path) -> None:
    repository = Repository(b"{}", now=NOW)
    repository.rotate("root")
    TufChain(repository.bootstrap, NAME).add_root(padded(repository.files["2.root.json"], size))


def tuf_timestamp_bytes(size: int, _: Path) -> None:
    repository = Repository(b"{}", now=NOW)
    TufChain(repository.bootstrap, NAME).set_timestamp(padded(repository.files["timestamp.json"], size))


def tuf_roots(count: int, _: Path) -> None:
    repository = Repository(b"{}", now=NOW)
    walk = TufChain(repository.bootstrap, NAME)
    for version in range(2, count + 2):
        repository.root.version = version
        walk.add_root(repository.publish_root(repository.keys["root"]))


def tuf_mirror_bytes(size: int, _: Path) -> None:
    Mirror.parse(padded(Mirror((), b"", b"", b"", b"").dump(), size))


def subjects(count: int, _: Path) -> None:
    document = json.loads(PAYLOAD)
    document["subject"] = [
        {"name": str(number), "digest": {"sha256": Digest.of(b"%d" % number).hex}} for number in range(count)
    ]
    Statement.parse(json.dumps(document).encode())


def trust_bytes(size: int, _: Path) -> None:
    parse_trust(padded(trust_text(), size), lambda path, _: a_key(Path(path).stem).public_key)


def trust_file_bytes(size: int, folder: Path) -> None:
    empty = b"version: 1\nsigners: []\nrules: []\n"
    (folder / "trust.yaml").write_bytes(padded(empty, size))
    load_trust(folder / "trust.yaml")


def public_key_bytes(size: int, folder: Path) -> None:
    (folder / "key.pub").write_bytes(padded(a_key().public_key.pem.encode(), size))
    load_public(folder / "key.pub")


def private_key_bytes(size: int, folder: Path) -> None:
    path = folder / "key"
    path.touch(mode=0o600)
    path.write_bytes(padded(a_key().private_pem(), size))
    load_private(path)


def request_bytes(size: int, _: Path) -> None:
    asked: dict[str, Any] = {"gate": "g", "subject": str(Digest.of(b"")), "context": {}}
    now: datetime = NOW
    raw = sign_request(a_key("owner"), **asked, nonce="n", now=now)
    authenticate(padded(raw, size), TRUST, **asked, now=now)


@dataclass(frozen=True, slots=True)
class Row:
    """A limit: `step` does what it bounds with so many or so much; `names` what was too much in the refusal."""

    field: str
    code: str
    names: str
    step: Callable[[int, Path], None]


ROWS = (
    Row(
        "max_bundle_bytes",
        "json.too_large",
        "bundle",
        lambda size, _: void(read_signed(padded(json.dumps(BUNDLE).encode(), size))),
    ),
    Row(
        "max_statement_bytes",
        "json.too_large",
        "statement",
        lambda size, _: void(Statement.parse(padded(PAYLOAD, size))),
    ),
    Row("max_json_depth", "json.too_deep", "bundle", nested),
    Row("max_certificates", "bundle.certificate", "x509CertificateChain", bundle_with(chain)),
    Row("max_certificates", "root.shape", "certChain", root_certificates),
    Row("max_certificates", "pki.certificates", "certificates", pki_certificates),
    Row(
        "max_certificate_bytes",
        "bundle.certificate",
        "rawBytes",
        bundle_with(lambda it, n: it["verificationMaterial"]["certificate"].update(rawBytes=text(bytes(n)))),
    ),
    Row("max_certificate_bytes", "bundle.certificate", "certificate", pep740_certificate),
    Row("max_certificate_bytes", "pki.certificates", "certificate", pki_certificate),
    Row(
        "max_signatures",
        "bundle.signatures",
        "signatures of dsseEnvelope",
        bundle_with(lambda it, n: it["dsseEnvelope"].update(signatures=it["dsseEnvelope"]["signatures"] * n)),
    ),
    Row("max_envelope_signatures", "dsse.too_many_signatures", "signatures", envelope_signatures),
    Row(
        "max_log_entries",
        "bundle.entries",
        "tlogEntries",
        bundle_with(lambda it, n: it["verificationMaterial"].update(tlogEntries=[entry(it)] * n)),
    ),
    Row(
        "max_proof_hashes",
        "bundle.proof",
        "inclusionProof",
        bundle_with(lambda it, n: entry(it)["inclusionProof"].update(hashes=[text(bytes(32))] * n)),
    ),
    Row(
        "max_checkpoint_bytes",
        "bundle.proof",
        "checkpoint",
        bundle_with(lambda it, n: entry(it)["inclusionProof"]["checkpoint"].update(envelope="x" * n)),
    ),
    Row(
        "max_timestamps",
        "bundle.timestamps",
        "rfc3161Timestamps",
        bundle_with(lambda it, n: stamps(it, *(b"%d" % number for number in range(n)))),
    ),
    Row(
        "max_timestamp_bytes",
        "bundle.timestamps",
        "signedTimestamp",
        bundle_with(lambda it, n: stamps(it, bytes(n))),
    ),
    Row("max_root_bytes", "file.too_large", "root.json", root_bytes),
    Row("max_root_bytes", "file.too_large", "root.pem", pki_bytes),
    Row(
        "max_root_bytes",
        "json.too_large",
        "trusted root",
        lambda size, _: void(TrustedRoot.parse(padded(json.dumps(ROOT).encode(), size))),
    ),
    Row("max_roots", "root.count", "trusted roots", roots),
    Row("max_tuf_bytes", "root.tuf_size", "root.json", tuf_root_bytes),
    Row("max_tuf_timestamp_bytes", "root.tuf_size", "timestamp.json", tuf_timestamp_bytes),
    Row("max_tuf_roots", "root.tuf_size", "root.json", tuf_roots),
    Row("max_tuf_mirror_bytes", "json.too_large", "fetched root", tuf_mirror_bytes),
    Row("max_subjects", "statement.too_many_subjects", "subject", subjects),
    Row("max_trust_bytes", "trust.too_large", "trust.yaml", trust_bytes),
    Row("max_trust_bytes", "file.too_large", "trust.yaml", trust_file_bytes),
    Row("max_key_bytes", "key.unreadable", "key.pub", public_key_bytes),
    Row("max_key_bytes", "key.malformed", "key", private_key_bytes),
    Row("max_request_bytes", "json.too_large", "gate request", request_bytes),
)


def void(_: object) -> None:
    """For a row that reads something and asks nothing of it."""


# What bounds no parsing and no verification: the test that shows it.
ELSEWHERE = {
    "max_pieces": "attestations/test_containers.py test_bounds",
    "max_container_bytes": "attestations/test_containers.py test_bounds",
    "max_statements_per_artifact": (
        "engine/test_reader.py test_more_statements_than_the_limit_are_not_complete"
    ),
    "max_lineage_depth": "engine/test_graph.py test_a_lineage_deeper_than_the_limit_is_truncated",
    "max_lineage_artifacts": (
        "engine/test_graph.py test_a_lineage_with_more_artifacts_than_the_limit_is_truncated"
    ),
    "max_tree_files": "attestations/test_trees.py test_too_many_files",
    "max_tree_depth": "attestations/test_trees.py test_too_deep",
    "max_manifest_bytes": "api/test_large_files.py test_a_manifest_has_a_limit",
    "max_oci_document_bytes": "attestations/test_oci.py test_documents_are_bounded",
    "max_oci_layers": "attestations/test_oci.py test_layers_are_bounded",
    "max_table_bytes": "api/test_large_files.py test_a_table_has_a_limit",
    "max_table_classes": "attestations/test_evaluation.py test_the_number_of_classes_is_a_limit",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.field}-{row.code}-{row.step.__name__}")
def test_at_the_limit_and_one_past_it(row: Row, tmp_path: Path) -> None:
    limit = getattr(DEFAULT_LIMITS, row.field)
    row.step(limit, tmp_path)
    with pytest.raises(AttestationError) as caught:
        row.step(limit + 1, tmp_path)
    assert caught.value.code == row.code
    assert caught.value.hint
    assert row.names in f"{caught.value} {caught.value.where}"
    assert str(limit) in caught.value.message.replace(",", "")


def own_chain(length: int) -> None:
    """So many certificates from the signer's to the authority's."""
    above = [node("root")]
    for number in range(length - 2):
        above.append(node(f"middle {number}", above[-1]))
    made = pki_bundle(signer(above[-1]), PAYLOAD, *above[1:])
    parsed = read_signed(json.dumps(made).encode())
    verify_by_certificate(parsed, read_signer(parsed), PkiRoot.parse(above[0].pem))


def test_a_chain_of_ones_own_at_the_limit_and_one_past_it() -> None:
    own_chain(DEFAULT_LIMITS.max_certificates)
    # The verifier of X.509 says so itself; below its limit ours does (`test_pki.py`).
    with pytest.raises(VerificationError, match="exceeds max depth") as caught:
        own_chain(DEFAULT_LIMITS.max_certificates + 1)
    assert caught.value.code == "certificate.chain"


def test_every_limit_is_tested() -> None:
    names = {field.name for field in fields(Limits)}
    here = {row.field for row in ROWS}
    assert here <= names
    assert names - here <= ELSEWHERE.keys()
    assert not here & ELSEWHERE.keys()
    for name in names - here:
        path, test = ELSEWHERE[name].split()
        source = (Path(__file__).parents[1] / path).read_text()
        assert f"def {test}(" in source, name
        assert name in source, name
