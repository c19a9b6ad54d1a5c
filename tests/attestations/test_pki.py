"""Signers of an own PKI: whom a given authority vouches for, by which chain, and when."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.limits import Limits
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.roots.trusted_root import TrustedRoot, Window
from placet_attestations.sigstore.sigstore_bundle import SigstoreBundle, parse_sigstore_bundle
from placet_attestations.sigstore.sigstore_verify import read_signer, verify_by_certificate
from placet_attestations.sigstore.verified_bundle import VerifiedBundle, VerifiedCertificate
from tests.fakes.der import utf8
from tests.fakes.pki import CODE, DAY, SPIFFE, Node, bundle, node, signer, stamped, stamper
from tests.fakes.sigstore import NOW, Sigstore, text

DIGEST = Digest.of(b"weights")
PAYLOAD = json.dumps({"subject": [{"digest": {"sha256": DIGEST.hex}}]}).encode()
ROOT = node("root")
MIDDLE = node("middle", ROOT)
LEAF = signer(MIDDLE)
TSA_ROOT = node("tsa root")
TSA, TSA_NODE = stamper(TSA_ROOT)
TSA_PEM = TSA_NODE.pem + TSA_ROOT.pem
UNDER_ROOT = PkiRoot.parse(ROOT.pem)
STAMPED = PkiRoot.parse(ROOT.pem, TSA_PEM)
FULCIO = "1.3.6.1.4.1.57264.1"


def read(document: dict[str, Any]) -> SigstoreBundle:
    return parse_sigstore_bundle(json.dumps(document).encode())


def check(
    document: dict[str, Any], root: PkiRoot | TrustedRoot = UNDER_ROOT, **changes: Any
) -> VerifiedBundle:
    parsed = read(document)
    return verify_by_certificate(parsed, read_signer(parsed), root, **changes)


def code_of(document: dict[str, Any], root: PkiRoot | TrustedRoot = UNDER_ROOT, **changes: Any) -> str:
    with pytest.raises(AttestationError) as caught:
        check(document, root, **changes)
    assert caught.value.hint
    return caught.value.code


def under(leaf: Node, *brought: Node, anchors: tuple[Node, ...] = (ROOT,)) -> Callable[[], VerifiedBundle]:
    root = PkiRoot.parse(b"".join(anchor.pem for anchor in anchors))
    return lambda: check(bundle(leaf, PAYLOAD, *brought), root)


def test_a_signer_whom_the_authority_vouches_for() -> None:
    for version in ("0.1", "0.2", "0.3"):
        found = check(bundle(LEAF, PAYLOAD, MIDDLE, version=version), artifact=DIGEST)
        assert isinstance(found.signer, VerifiedCertificate)
        assert (found.signer.issuer, found.signer.identity, found.signer.name_kind) == ("", SPIFFE, "uri")
        assert (found.payload, found.times, found.root) == (PAYLOAD, (), UNDER_ROOT.digest)
        assert found.window == Window(NOW - DAY, NOW + DAY)
    assert code_of(bundle(LEAF, PAYLOAD, MIDDLE), artifact=Digest.of(b"x")) == "artifact.mismatch"


def test_one_certificate_without_a_chain() -> None:
    leaf = signer(ROOT)
    document = bundle(leaf, PAYLOAD)
    [only] = document["verificationMaterial"].pop("x509CertificateChain")["certificates"]
    document["verificationMaterial"]["certificate"] = only
    assert check(document).window == Window(NOW - DAY, NOW + DAY)


def test_what_is_signed_is_what_was_signed() -> None:
    document = bundle(LEAF, PAYLOAD, MIDDLE)
    document["dsseEnvelope"]["payload"] = bundle(LEAF, b"{}", MIDDLE)["dsseEnvelope"]["payload"]
    assert code_of(document) == "signature.invalid"
    parsed, other = read(bundle(LEAF, PAYLOAD, MIDDLE)), read(bundle(signer(MIDDLE), PAYLOAD, MIDDLE))
    with pytest.raises(AttestationError) as caught:
        verify_by_certificate(parsed, read_signer(other), UNDER_ROOT)
    assert caught.value.code == "signer.usage"


def test_a_chain_in_v03_is_for_own_pkis_alone() -> None:
    instance = Sigstore()
    public = TrustedRoot.parse(json.dumps(instance.root()).encode())
    document = instance.sign(instance.leaf(), PAYLOAD)
    material = document["verificationMaterial"]
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    assert code_of(document, public) == "bundle.material"


def test_time_stamps_prove_the_time() -> None:
    later = NOW + timedelta(seconds=5)
    found = check(stamped(bundle(LEAF, PAYLOAD, MIDDLE), TSA, NOW, later), STAMPED)
    assert [(proved.time, proved.source) for proved in found.times] == [
        (NOW, "timestamp"),
        (later, "timestamp"),
    ]
    assert found.window is None
    # Without a time stamp the window is said; where the root lists nobody who stamps, none is read.
    assert check(bundle(LEAF, PAYLOAD, MIDDLE), STAMPED).window is not None
    assert check(stamped(bundle(LEAF, PAYLOAD, MIDDLE), TSA, NOW)).times == ()
    for instant in (NOW - DAY, NOW + DAY):
        check(stamped(bundle(LEAF, PAYLOAD, MIDDLE), TSA, instant), STAMPED)
    for instant in (NOW - DAY - timedelta(seconds=1), NOW + DAY + timedelta(seconds=1)):
        document = stamped(bundle(LEAF, PAYLOAD, MIDDLE), TSA, instant)
        assert code_of(document, STAMPED) == "certificate.expired"
        # The good one beside it does not make up for it.
        document = stamped(bundle(LEAF, PAYLOAD, MIDDLE), TSA, NOW, instant)
        assert code_of(document, STAMPED) == "certificate.expired"


def test_time_stamps_of_others_prove_nothing() -> None:
    stranger, _ = stamper(node("tsa root"))
    relative, _ = stamper(TSA_ROOT)
    document = bundle(LEAF, PAYLOAD, MIDDLE)
    for by in (stranger, relative):
        assert code_of(stamped(document, by, NOW), STAMPED) == "timestamp.unknown"
    assert code_of(stamped(document, TSA, NOW + 101 * DAY), STAMPED) == "timestamp.unknown"
    other = bundle(signer(MIDDLE), PAYLOAD, MIDDLE)
    token = stamped(other, TSA, NOW)["verificationMaterial"]["timestampVerificationData"]
    document["verificationMaterial"]["timestampVerificationData"] = token
    assert code_of(document, STAMPED) == "timestamp.unknown"


def test_one_of_several_time_stamp_authorities() -> None:
    second, second_node = stamper(TSA_ROOT)
    root = PkiRoot.parse(ROOT.pem, second_node.pem + TSA_PEM)
    for by in (TSA, second):
        assert len(check(stamped(bundle(LEAF, PAYLOAD, MIDDLE), by, NOW), root).times) == 1


OLD_MIDDLE = node("middle", ROOT, key=MIDDLE.key, end=NOW - timedelta(hours=1))
NEW_MIDDLE = node("middle", ROOT, key=MIDDLE.key, start=NOW)
RIVAL = node("root")
CROSS = node("middle", RIVAL, key=MIDDLE.key, end=NOW + timedelta(hours=2))


def test_the_window_is_of_the_whole_chain_and_the_longest_one() -> None:
    assert under(LEAF, OLD_MIDDLE)().window == Window(NOW - DAY, NOW - timedelta(hours=1))
    assert under(LEAF, NEW_MIDDLE)().window == Window(NOW, NOW + DAY)
    assert under(LEAF, OLD_MIDDLE, NEW_MIDDLE)().window == Window(NOW, NOW + DAY)
    assert under(LEAF, NEW_MIDDLE, OLD_MIDDLE)().window == Window(NOW, NOW + DAY)
    assert under(LEAF, MIDDLE, CROSS, anchors=(ROOT, RIVAL))().window == Window(NOW - DAY, NOW + DAY)


def test_cross_signed_by_one_who_is_trusted() -> None:
    assert under(LEAF, MIDDLE, CROSS, anchors=(RIVAL,))().window == Window(
        NOW - DAY, NOW + timedelta(hours=2)
    )
    assert under(LEAF, CROSS, MIDDLE)().window == Window(NOW - DAY, NOW + DAY)


def test_an_intermediate_as_the_authority() -> None:
    assert under(LEAF, anchors=(MIDDLE,))().window == Window(NOW - DAY, NOW + DAY)
    # Whatever else stands in the bundle, a root of its own among it.
    assert under(LEAF, MIDDLE, ROOT, anchors=(MIDDLE,))().window == Window(NOW - DAY, NOW + DAY)


LOWER = node("lower", MIDDLE)
MAIL = x509.RFC822Name("ml@acme.example")


def limited(*, permitted: list[x509.GeneralName] | None = None, excluded: Any = None) -> Node:
    constraints = x509.NameConstraints(permitted, excluded)
    return node("middle", ROOT, key=MIDDLE.key, more=((constraints, True),))


CHAINS: dict[str, tuple[Callable[[], VerifiedBundle], str | None]] = {
    "two intermediates": (under(signer(LOWER), LOWER, MIDDLE), None),
    "in the other order": (under(signer(LOWER), MIDDLE, LOWER), None),
    "no intermediate": (under(LEAF), "certificate.chain"),
    "another root": (under(LEAF, MIDDLE, anchors=(node("root"),)), "certificate.chain"),
    "its own root in the bundle": (under(LEAF, MIDDLE, ROOT, anchors=(node("x"),)), "certificate.chain"),
    "the same name, another key": (under(LEAF, node("middle", ROOT)), "certificate.chain"),
    "intermediate of another chain": (under(LEAF, node("middle", RIVAL)), "certificate.chain"),
    "intermediate that is no authority": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, ca=False)),
        "certificate.chain",
    ),
    "intermediate without basic constraints": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, ca=None)),
        "certificate.chain",
    ),
    "intermediate that may not certify": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, signs=False)),
        "certificate.chain",
    ),
    "a signer that certifies": (under(signer(LEAF), LEAF, MIDDLE), "certificate.chain"),
    "path length kept": (under(LEAF, MIDDLE, anchors=(node("root", key=ROOT.key, length=1),)), None),
    "path length exceeded at the root": (
        under(LEAF, MIDDLE, anchors=(node("root", key=ROOT.key, length=0),)),
        "certificate.chain",
    ),
    "path length exceeded below": (
        under(signer(LOWER), LOWER, node("middle", ROOT, key=MIDDLE.key, length=0)),
        "certificate.chain",
    ),
    "mail permitted": (
        under(signer(MIDDLE, names=(MAIL,)), limited(permitted=[x509.RFC822Name("acme.example")])),
        None,
    ),
    "mail not permitted": (
        under(signer(MIDDLE, names=(MAIL,)), limited(permitted=[x509.RFC822Name("other.example")])),
        "certificate.chain",
    ),
    "mail excluded": (
        under(signer(MIDDLE, names=(MAIL,)), limited(excluded=[x509.RFC822Name("acme.example")])),
        "certificate.chain",
    ),
    "constraints over URIs are not understood": (
        under(LEAF, limited(permitted=[x509.UniformResourceIdentifier("acme.example")])),
        "certificate.chain",
    ),
    "expired root": (
        under(LEAF, MIDDLE, anchors=(node("root", key=ROOT.key, end=NOW - 2 * DAY),)),
        "certificate.chain",
    ),
    "expired intermediate": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, end=NOW - 2 * DAY)),
        "certificate.chain",
    ),
    "intermediate of later": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, start=NOW + 2 * DAY)),
        "certificate.chain",
    ),
    "authority for other uses": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, use=(ExtendedKeyUsageOID.SERVER_AUTH,))),
        "certificate.chain",
    ),
    "authority for code signing": (under(LEAF, node("middle", ROOT, key=MIDDLE.key, use=CODE)), None),
    "authority for any use": (
        under(LEAF, node("middle", ROOT, key=MIDDLE.key, use=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))),
        None,
    ),
    "critical extension that nobody knows": (
        under(
            signer(
                MIDDLE, more=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True),)
            ),
            MIDDLE,
        ),
        "certificate.chain",
    ),
    "without key identifiers": (under(signer(MIDDLE, identifier=False), MIDDLE), None),
    "weak authority": (
        under(
            signer(weak := node("weak", key=rsa.generate_private_key(65537, 1024))),
            anchors=(weak,),
        ),
        "certificate.chain",
    ),
    "an intermediate that is no certificate": (
        lambda: check(bundle(LEAF, PAYLOAD, _Garbage())),  # type: ignore[arg-type]
        "certificate.syntax",
    ),
}


class _Garbage:
    der = b"\x30\x03abc"


@pytest.mark.parametrize("name", CHAINS)
def test_chains(name: str, record_property: Callable[[str, object], None]) -> None:
    build, code = CHAINS[name]
    if code is None:
        assert build().window is not None
    else:
        with pytest.raises(AttestationError) as caught:
            build()
        assert caught.value.code == code
        assert caught.value.hint
    record_property("conformance", f"own PKI: {name}: {code or 'accepted'}")


def test_an_intermediate_that_was_expired_at_the_proved_time() -> None:
    document = stamped(bundle(LEAF, PAYLOAD, OLD_MIDDLE), TSA, NOW)
    assert code_of(document, STAMPED) == "certificate.chain"
    check(stamped(bundle(LEAF, PAYLOAD, OLD_MIDDLE), TSA, NOW - timedelta(hours=2)), STAMPED)
    # Every time must have a chain, and each may have its own.
    document = stamped(bundle(LEAF, PAYLOAD, OLD_MIDDLE, NEW_MIDDLE), TSA, NOW - timedelta(hours=2), NOW)
    assert len(check(document, STAMPED).times) == 2
    document = stamped(bundle(LEAF, PAYLOAD, OLD_MIDDLE), TSA, NOW - timedelta(hours=2), NOW)
    assert code_of(document, STAMPED) == "certificate.chain"


def test_chains_are_so_long_and_no_longer() -> None:
    document = bundle(signer(LOWER), PAYLOAD, LOWER, MIDDLE)
    assert check(document, limits=Limits(max_certificates=4)).window is not None
    assert code_of(document, limits=Limits(max_certificates=3)) == "certificate.chain"


def names(*listed: x509.GeneralName) -> Node:
    return signer(MIDDLE, names=listed)


URI, DNS = x509.UniformResourceIdentifier, x509.DNSName("ml.acme.example")


@pytest.mark.parametrize(
    ("leaf", "identity"),
    [
        (names(URI(SPIFFE), DNS, DNS), SPIFFE),
        (names(DNS, MAIL), "ml@acme.example"),
        (names(URI("https://ci.acme.example/train")), "https://ci.acme.example/train"),
        (names(URI("spiffe://a/b/C.d_e-f/9")), "spiffe://a/b/C.d_e-f/9"),
        (names(URI("spiffe://" + "a" * 255 + "/" + "b" * 1783)), "spiffe://" + "a" * 255 + "/" + "b" * 1783),
        (signer(MIDDLE, name="somebody else"), SPIFFE),
    ],
)
def test_the_one_name_is_the_identity(leaf: Node, identity: str) -> None:
    found = check(bundle(leaf, PAYLOAD, MIDDLE))
    assert isinstance(found.signer, VerifiedCertificate)
    assert (found.signer.issuer, found.signer.identity) == ("", identity)


FULCIO_NAME = x509.OtherName(x509.ObjectIdentifier(f"{FULCIO}.7"), utf8("somebody"))


@pytest.mark.parametrize(
    "leaf",
    [
        names(URI(SPIFFE), URI("https://ci.acme.example")),
        names(URI(SPIFFE), MAIL),
        names(MAIL, MAIL),
        names(DNS),
        names(URI("")),
        names(FULCIO_NAME),
        names(x509.OtherName(x509.ObjectIdentifier("1.2.3"), utf8("somebody"))),
        signer(MIDDLE, name="nobody", names=()),
        signer(MIDDLE, ca=True),
        signer(MIDDLE, usage=False),
        signer(MIDDLE, ca=True, signs=False),
        signer(MIDDLE, signs=True),
        signer(MIDDLE, crl=True),
        signer(MIDDLE, use=()),
        signer(MIDDLE, use=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        signer(MIDDLE, use=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        node("root", names=(URI(SPIFFE),), use=CODE),
    ],
)
def test_certificates_that_are_not_a_signers(leaf: Node) -> None:
    assert code_of(bundle(leaf, PAYLOAD, MIDDLE)) == "certificate.profile"


@pytest.mark.parametrize(
    "identity",
    [
        "spiffe://acme.example",
        "spiffe://acme.example/",
        "spiffe://acme.example/a/",
        "spiffe://acme.example//a",
        "spiffe://acme.example/./a",
        "spiffe://acme.example/a/..",
        "spiffe:///a",
        "spiffe:acme.example/a",
        "spiffe:/acme.example/a",
        "SPIFFE://acme.example/a",
        "Spiffe://acme.example/a",
        "spiffe://Acme.example/a",
        "spiffe://acme.example:443/a",
        "spiffe://user@acme.example/a",
        "spiffe://[::1]/a",
        "spiffe://acme%2eexample/a",
        "spiffe://acme.example/a?b",
        "spiffe://acme.example/a#b",
        "spiffe://acme.example/a%2Fb",
        "spiffe://acme.example/a b",
        "spiffe://acme.example?a/b",
        "spiffe://acme.example#a/b",
        "spiffe://acme.example/a\n",
        "spiffe://" + "a" * 256 + "/b",
        "spiffe://" + "a" * 255 + "/" + "b" * 1784,
    ],
)
def test_what_is_no_spiffe_id(identity: str) -> None:
    assert code_of(bundle(names(URI(identity)), PAYLOAD, MIDDLE)) == "certificate.spiffe"


def test_usage_any_takes_a_workloads_certificate() -> None:
    anything = PkiRoot.parse(ROOT.pem, usage="any")
    use = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    middle = node("middle", ROOT, key=MIDDLE.key, use=use)
    for leaf in (signer(MIDDLE, use=use), signer(MIDDLE, use=()), signer(MIDDLE, use=use, critical_use=True)):
        assert code_of(bundle(leaf, PAYLOAD, middle)) == "certificate.profile"
        assert check(bundle(leaf, PAYLOAD, middle), anything).window is not None
        root = PkiRoot.parse(ROOT.pem, TSA_PEM, "any")
        assert check(stamped(bundle(leaf, PAYLOAD, middle), TSA, NOW), root).window is None
    assert code_of(bundle(signer(MIDDLE, signs=True), PAYLOAD, MIDDLE), anything) == "certificate.profile"


def test_what_fulcio_would_say_is_not_read_from_an_own_pki() -> None:
    said = (f"{FULCIO}.8", utf8("https://issuer.example")), (f"{FULCIO}.12", utf8("https://acme.example"))
    more = [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), der), False) for oid, der in said]
    document = bundle(signer(MIDDLE, more=more), PAYLOAD, MIDDLE)
    assert read_signer(read(document)).issuer == "https://issuer.example"
    assert read_signer(read(document)).unclaimed.issuer == ""
    found = check(document)
    assert isinstance(found.signer, VerifiedCertificate)
    assert (found.signer.issuer, dict(found.signer.claims)) == ("", {})


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 3072)],
    ids=["p384", "rsa"],
)
def test_authorities_with_other_keys(key: Any) -> None:
    root = node("root", key=key)
    check(bundle(signer(root), PAYLOAD), PkiRoot.parse(root.pem))
    leaf = signer(root, key=ed25519.Ed25519PrivateKey.generate())
    check(bundle(leaf, PAYLOAD), PkiRoot.parse(root.pem))


def test_log_entries_prove_nothing_under_an_own_pki() -> None:
    instance = Sigstore()
    document = bundle(LEAF, PAYLOAD, MIDDLE)
    entry = instance.entry({"kind": "dsse", "apiVersion": "0.0.1", "spec": {}})
    document["verificationMaterial"]["tlogEntries"] = [entry]
    assert check(document, STAMPED).times == ()


def test_what_was_verified_cannot_be_made_otherwise() -> None:
    found = check(bundle(LEAF, PAYLOAD, MIDDLE))
    assert copy.copy(found) is found
    assert copy.deepcopy(found) is found
    for make in (
        lambda: VerifiedBundle(found.digest, found.signer, (), None, None, None, object()),
        lambda: dataclasses.replace(found, payload=b""),  # type: ignore[call-arg]
        lambda: pickle.dumps(found),
        found.__getstate__,
        lambda: found.__setstate__(()),
        lambda: type("Mine", (VerifiedBundle,), {}),
    ):
        with pytest.raises((TypeError, ValueError)):
            make()


def test_roots_are_read_from_files(tmp_path: Path) -> None:
    own, stamps = tmp_path / "root.pem", tmp_path / "tsa.pem"
    own.write_bytes(b"# the authority of acme\n" + ROOT.pem + b"\n" + MIDDLE.pem + ROOT.pem)
    stamps.write_bytes(TSA_PEM)
    root = PkiRoot.load(own, stamps, "any")
    assert root.authorities == (ROOT.der, MIDDLE.der)
    assert [authority.certificates for authority in root.timestampers] == [(TSA_NODE.der, TSA_ROOT.der)]
    digests = {
        root.digest,
        PkiRoot.load(own, stamps).digest,
        PkiRoot.load(own).digest,
        PkiRoot.parse(own.read_bytes() + b"\n", TSA_PEM, "any").digest,
        PkiRoot.parse(own.read_bytes(), TSA_PEM + b"\n", "any").digest,
    }
    assert len(digests) == 5
    with pytest.raises(AttestationError) as caught:
        PkiRoot.load(tmp_path / "none.pem")
    assert caught.value.code == "file.missing"


LONG = b"".join(node(str(number)).pem for number in range(3))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((b"",), "pki.certificates"),
        ((b"text alone",), "pki.certificates"),
        ((ROOT.pem.replace(b"END", b"ENDE"),), "pki.certificates"),
        ((ROOT.pem + b"-----BEGIN CERTIFICATE-----\n",), "pki.certificates"),
        ((ROOT.pem.replace(b"CERTIFICATE", b"PRIVATE KEY"),), "pki.certificates"),
        ((b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",), "pki.certificates"),
        ((b"-----BEGIN CERTIFICATE-----\nA!AA\n-----END CERTIFICATE-----\n",), "pki.certificates"),
        ((b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",), "pki.certificates"),
        ((LONG, None, "any", Limits(max_certificates=2)), "pki.certificates"),
        ((ROOT.pem, None, "any", Limits(max_certificate_bytes=len(ROOT.der) - 1)), "pki.certificates"),
        ((LEAF.pem,), "pki.not_ca"),
        ((ROOT.pem + LEAF.pem,), "pki.not_ca"),
        ((TSA_PEM,), "pki.not_ca"),
        ((node("x", signs=False).pem,), "pki.not_ca"),
        ((node("x", ca=None, signs=True).pem,), "pki.not_ca"),
        ((ROOT.pem, TSA_NODE.pem), "pki.timestamps"),
        ((ROOT.pem, TSA_ROOT.pem), "pki.timestamps"),
        ((ROOT.pem, TSA_PEM + LEAF.pem), "pki.timestamps"),
        ((ROOT.pem, b""), "pki.certificates"),
        ((ROOT.pem, None, "tls"), "pki.usage"),
    ],
)
def test_files_that_are_no_root(arguments: tuple[Any, ...], code: str) -> None:
    with pytest.raises(AttestationError) as caught:
        PkiRoot.parse(*arguments)
    assert caught.value.code == code
    assert caught.value.hint


def test_limits_at_each() -> None:
    assert len(PkiRoot.parse(LONG, limits=Limits(max_certificates=3)).authorities) == 3
    PkiRoot.parse(ROOT.pem, limits=Limits(max_certificate_bytes=len(ROOT.der)))


def test_the_window_holds_both_ends() -> None:
    window = check(bundle(LEAF, PAYLOAD, MIDDLE)).window
    assert window is not None
    second = timedelta(seconds=1)
    inside: list[datetime] = [NOW - DAY, NOW, NOW + DAY]
    assert all(window.holds(instant) for instant in inside)
    assert not any(window.holds(instant) for instant in (NOW - DAY - second, NOW + DAY + second))


def test_no_flipped_bit_of_a_chain_makes_another_signer() -> None:
    document = bundle(LEAF, PAYLOAD, MIDDLE)
    honest = check(document)
    chain = document["verificationMaterial"]["x509CertificateChain"]["certificates"]
    for place, item in enumerate((LEAF, MIDDLE)):
        # How many bits of the signature's last byte do not count: where they are 0 anyway, X.509 is read so too.
        unused = len(item.der) - len(item.certificate.signature) - 1
        accepted = set()
        for position in range(len(item.der)):
            damaged = bytearray(item.der)
            damaged[position] ^= 1 << position % 8
            chain[place] = {"rawBytes": text(bytes(damaged))}
            try:
                found = check(document)
            except AttestationError:
                pass
            else:
                accepted.add(position)
                assert (found.payload, found.window) == (honest.payload, honest.window)
                assert isinstance(found.signer, VerifiedCertificate)
                assert found.signer.identity == SPIFFE
        assert accepted <= {unused}
        chain[place] = {"rawBytes": text(item.der)}


def test_the_chain_above_a_time_stamp_authority() -> None:
    middle, gone = node("tsa middle", TSA_ROOT), node("tsa root", end=NOW - DAY)
    cases: list[tuple[Node, bytes, dict[str, Any], bool]] = [
        (middle, TSA_ROOT.pem + middle.pem, {}, True),
        (middle, middle.pem + TSA_ROOT.pem, {}, True),
        (TSA_ROOT, node("other").pem + TSA_ROOT.pem, {}, True),
        (node("tsa root"), TSA_ROOT.pem, {}, False),
        (gone, gone.pem, {}, False),
        (TSA_ROOT, TSA_ROOT.pem, {"critical_use": False}, False),
        (TSA_ROOT, TSA_ROOT.pem, {"end": NOW - DAY}, False),
    ]
    for above, pem, changes, good in cases:
        by, its = stamper(above, **changes)
        root = PkiRoot.parse(ROOT.pem, its.pem + pem)
        document = stamped(bundle(LEAF, PAYLOAD, MIDDLE), by, NOW)
        if good:
            assert len(check(document, root).times) == 1
        else:
            assert code_of(document, root) == "timestamp.unknown"
