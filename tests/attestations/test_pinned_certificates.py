"""Signers that are one certificate, named by its digest: whatever it says, under an authority of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.roots.trusted_root import TrustedRoot, Window
from placet_attestations.sigstore.sigstore_bundle import parse_sigstore_bundle
from placet_attestations.sigstore.sigstore_verify import read_chosen, verify_by_certificate
from placet_attestations.trust import TrustPolicy, load_trust
from placet_attestations.verify import verify
from tests.builders import a_statement
from tests.fakes.pki import CODE, DAY, SPIFFE, Node, bundle, node, signer
from tests.fakes.sigstore import NOW, Sigstore

PAYLOAD = a_statement().raw
ROOT = node("root")
MIDDLE = node("middle", ROOT)
LEAF = signer(MIDDLE)


def nameless(issuer: Node, **changes: Any) -> Node:
    """As model-signing's own: it calls itself an authority, and has no name but its subject's, its issuer's."""
    claims = (x509.BasicConstraints(True, None), True)
    usual = {"ca": None, "more": (claims,), "use": CODE, "start": NOW - DAY, "end": NOW + DAY}
    return node("middle", issuer, **{**usual, **changes})


NAMELESS = nameless(MIDDLE)


def pin(leaf: Node) -> str:
    return Digest.of(leaf.der)


def trusting(folder: Path, *signers: dict[str, Any], **root: Any) -> TrustPolicy:
    (folder / "root.pem").write_bytes(ROOT.pem)
    listed = [
        {"id": f"s{index}", "principal": "p", "root": "pki", "roles": ["x"], **entry}
        for index, entry in enumerate(signers)
    ]
    text = {"version": 1, "roots": [{"id": "pki", "authority": "root.pem", **root}], "rules": []}
    path = folder / "trust.yaml"
    path.write_text(json.dumps({**text, "signers": listed}))
    return load_trust(path)


def signed_by(leaf: Node, *brought: Node) -> bytes:
    return json.dumps(bundle(leaf, PAYLOAD, *brought)).encode()


def refusal(raw: bytes, trust: TrustPolicy) -> str:
    with pytest.raises(AttestationError) as caught:
        verify(raw, trust)
    return caught.value.code


def test_the_certificate_is_its_own_name(tmp_path: Path) -> None:
    trust = trusting(tmp_path, {"certificate": pin(NAMELESS)})
    found = verify(signed_by(NAMELESS, MIDDLE), trust)
    assert (found.statement.raw, found.signer.id, found.times) == (PAYLOAD, "s0", ())
    assert found.certificate is not None
    assert (found.certificate.issuer, found.certificate.identity) == ("", pin(NAMELESS))
    assert found.window == Window(NOW - DAY, NOW + DAY)
    # One that has a name is named by its digest as well, and then by nothing else.
    assert verify(signed_by(LEAF, MIDDLE), trusting(tmp_path, {"certificate": pin(LEAF)})).signer.id == "s0"


def test_no_other_certificate_is_this_signer(tmp_path: Path) -> None:
    trust = trusting(tmp_path, {"certificate": pin(NAMELESS)})
    twin = nameless(MIDDLE, key=NAMELESS.key)  # of the same key and name
    assert refusal(signed_by(twin, MIDDLE), trust) == "certificate.profile"
    assert refusal(signed_by(LEAF, MIDDLE), trust) == "signature.unknown_identity"
    # A name that spells the digest is a name.
    impostor = signer(MIDDLE, names=(x509.UniformResourceIdentifier(pin(NAMELESS)),))
    assert refusal(signed_by(impostor, MIDDLE), trust) == "signature.unknown_identity"
    raw = json.loads(signed_by(NAMELESS, MIDDLE))
    raw["dsseEnvelope"]["signatures"] = bundle(LEAF, PAYLOAD)["dsseEnvelope"]["signatures"]
    assert refusal(json.dumps(raw).encode(), trust) == "signature.invalid"


def test_a_chosen_certificate_has_no_other_name(tmp_path: Path) -> None:
    """Neither a pattern nor its digest written as an identity makes a nameless certificate somebody's."""
    for identity in ({"identity": pin(NAMELESS)}, {"identity_pattern": "^.*$"}):
        trust = trusting(tmp_path, identity)
        assert refusal(signed_by(NAMELESS, MIDDLE), trust) == "certificate.profile"
        both = trusting(tmp_path, identity, {"certificate": pin(NAMELESS)})
        assert verify(signed_by(NAMELESS, MIDDLE), both).signer.id == "s1"
    both = trusting(tmp_path, {"identity": SPIFFE}, {"certificate": pin(LEAF)})
    assert verify(signed_by(LEAF, MIDDLE), both).signer.id == "s1"
    assert len({entry.mark for entry in both.signers}) == 2


def test_the_chain_the_use_and_the_window_are_asked_as_ever(tmp_path: Path) -> None:
    trust = trusting(tmp_path, {"certificate": pin(NAMELESS)})
    assert refusal(signed_by(NAMELESS), trust) == "certificate.chain"  # nobody between it and the root
    stranger = node("root")
    foreign = nameless(stranger)
    assert (
        refusal(signed_by(foreign), trusting(tmp_path, {"certificate": pin(foreign)})) == "certificate.chain"
    )
    other_use = nameless(ROOT, use=())
    listed = {"certificate": pin(other_use)}
    assert refusal(signed_by(other_use), trusting(tmp_path, listed)) == "certificate.profile"
    assert verify(signed_by(other_use), trusting(tmp_path, listed, usage="any")).signer.id == "s0"
    for certifies in (nameless(ROOT, signs=True), nameless(ROOT, crl=True), nameless(ROOT, usage=False)):
        trust = trusting(tmp_path, {"certificate": pin(certifies)})
        assert refusal(signed_by(certifies), trust) == "certificate.profile"
    over = nameless(ROOT, start=NOW - DAY * 300, end=NOW - DAY * 200)
    assert refusal(signed_by(over), trusting(tmp_path, {"certificate": pin(over)})) == "certificate.chain"


def test_a_chosen_leaf_vouches_for_nobody() -> None:
    """It is chosen to sign statements; a certificate below it has no chain."""
    below = signer(NAMELESS)
    parsed = parse_sigstore_bundle(signed_by(below, NAMELESS, MIDDLE))
    leaf = read_chosen(parsed, {pin(below)})
    assert leaf is not None
    with pytest.raises(AttestationError, match="vouches"):
        verify_by_certificate(parsed, leaf, PkiRoot.parse(ROOT.pem))
    assert read_chosen(parsed, {pin(NAMELESS)}) is None


def test_sigstores_own_certificates_are_never_chosen_so() -> None:
    instance = Sigstore()
    made = instance.leaf()
    parsed = parse_sigstore_bundle(json.dumps(instance.sign(made, PAYLOAD)).encode())
    leaf = read_chosen(parsed, {Digest.of(made.der)})
    assert leaf is not None
    with pytest.raises(AttestationError) as caught:
        verify_by_certificate(parsed, leaf, TrustedRoot.parse(json.dumps(instance.root()).encode()))
    assert caught.value.code == "certificate.profile"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"certificate": pin(LEAF), "root": "public-good"}, "trust.signer"),
        ({"certificate": pin(LEAF), "identity": SPIFFE}, "trust.signer"),
        ({"certificate": pin(LEAF), "claims": {}}, "trust.signer"),
        ({"certificate": pin(LEAF)[:-1]}, "trust.value"),
        ({"certificate": "leaf.pem"}, "trust.value"),
        ({"certificate": pin(LEAF).upper()}, "trust.value"),
        ({"certificate": pin(LEAF), "key": "k.pub"}, "trust.signer"),
    ],
)
def test_mistakes_in_trust_yaml(tmp_path: Path, entry: dict[str, Any], code: str) -> None:
    with pytest.raises(AttestationError) as caught:
        trusting(tmp_path, entry)
    assert caught.value.code == code
    assert caught.value.hint
    assert "trust.yaml:" in str(caught.value.where)


def test_one_certificate_is_one_signer(tmp_path: Path) -> None:
    with pytest.raises(AttestationError) as caught:
        trusting(tmp_path, {"certificate": pin(LEAF)}, {"certificate": pin(LEAF)})
    assert caught.value.code == "trust.identity_duplicate"
