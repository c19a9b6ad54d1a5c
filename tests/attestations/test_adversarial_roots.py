"""Roots that are wrong, and instances that lie: each refused by the step that sees it, under its code.

An instance in this process signs honestly; then one thing is not as it should be. The unchanged one verifies.
"""

from __future__ import annotations

import copy
import json
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from placet_attestations.errors import AttestationError
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.x509.identities import CertificateIdentity
from tests.attestations.test_pki_leaf_keys import recorded_by
from tests.fakes.pki import DAY, node
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW, Leaf, Sigstore, authority, new_key, spki, text
from tests.fakes.timestamper import encoded

Json = dict[str, Any]
WHO = CertificateIdentity.exactly(issuer=ISSUER, identity=IDENTITY)
PAYLOAD = b'{"subject": []}'
HONEST = Sigstore()
LEAF = HONEST.leaf()
LATER = NOW + timedelta(minutes=1)
PAST = {"start": (NOW - 9 * DAY).isoformat(), "end": (NOW - DAY).isoformat()}
FUTURE = {"start": (NOW + DAY).isoformat()}
NAMES = {"ca": "certificateAuthorities", "log": "tlogs", "ct": "ctlogs", "tsa": "timestampAuthorities"}


def signed(leaf: Leaf = LEAF) -> Json:
    """With a log's time and a time stamp."""
    bundle = HONEST.sign(leaf, PAYLOAD)
    HONEST.stamp(bundle, b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]), LATER)
    return bundle


def check(bundle: Json, root: Json) -> None:
    trusted = TrustedRoot.parse(json.dumps(root).encode())
    verify_bundle(json.dumps(bundle).encode(), identity=WHO, root=trusted)


def windows(what: str, window: dict[str, str]) -> tuple[Json, Json]:
    return signed(), HONEST.root(**{what: window})


def proof_of(bundle: Json) -> Json:
    found: Json = bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    return found


def checkpoint(note: str, *, root_hash: bytes | None = None, size: int | None = None) -> tuple[Json, Json]:
    bundle = signed()
    proof = proof_of(bundle)
    proof["checkpoint"]["envelope"] = note
    if root_hash is not None:
        proof["rootHash"] = text(root_hash)
    if size is not None:
        proof["treeSize"] = str(size)
    return bundle, HONEST.root()


def real_root() -> bytes:
    return b64decode(proof_of(signed())["rootHash"])


def keys_of(root: Json, member: str, key: Any) -> Json:
    root[member][0]["publicKey"]["rawBytes"] = text(spki(key))
    return root


def other_logs_checkpoint() -> tuple[Json, Json]:
    """Two logs of one root; the entry says the first, the tree is signed by the second."""
    second = Sigstore()
    bundle = signed()
    proof = proof_of(bundle)
    proof["checkpoint"]["envelope"] = second.checkpoint(b64decode(proof["rootHash"]), 1)
    root = HONEST.root()
    root["tlogs"] += second.root()["tlogs"]
    return bundle, root


def others_promise() -> tuple[Json, Json]:
    bundle, other = signed(), Sigstore().sign(LEAF, PAYLOAD)
    [entry], [theirs] = (item["verificationMaterial"]["tlogEntries"] for item in (bundle, other))
    entry["inclusionPromise"] = theirs["inclusionPromise"]
    return bundle, HONEST.root()


def others_stamp() -> tuple[Json, Json]:
    bundle = HONEST.sign(LEAF, PAYLOAD)
    Sigstore().stamp(bundle, b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]), LATER)
    return bundle, HONEST.root()


def lone_stamper() -> tuple[Json, Json]:
    root = HONEST.root()
    root["timestampAuthorities"][0]["certChain"]["certificates"].pop()
    return signed(), root


def rekor_2(note: Callable[[bytes], str]) -> tuple[Json, Json]:
    bundle = recorded_by(HONEST, LEAF, PAYLOAD)
    proof = proof_of(bundle)
    proof["checkpoint"]["envelope"] = note(b64decode(proof["rootHash"]))
    return bundle, HONEST.root()


def rogue(**parts: Any) -> Sigstore:
    """The honest logs and time stamps, and another certificate authority of the same name."""
    return Sigstore(
        log_key=HONEST.log_key, ct_key=HONEST.ct_key, tsa_key=HONEST.tsa_key, **{"ca_key": new_key(), **parts}
    )


def by_rogue(leaf: Leaf) -> tuple[Json, Json]:
    return signed(leaf), HONEST.root()


def in_chain(leaf: Leaf, *others: x509.Certificate) -> tuple[Json, Json]:
    bundle = signed(leaf)
    material = bundle["verificationMaterial"]
    chain = [material.pop("certificate"), *({"rawBytes": text(encoded(item))} for item in others)]
    material["x509CertificateChain"] = {"certificates": chain}
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
    return bundle, HONEST.root()


def self_signed() -> Leaf:
    """The signer is its own authority, under the name of the honest one."""
    key = new_key()
    return rogue(ca_key=key).leaf(key=key)


def issued_by_a_signer() -> tuple[Json, Json]:
    above = rogue()
    above.ca = LEAF.certificate  # an honest signer that certifies
    above.ca_key = LEAF.key  # type: ignore[assignment]
    return in_chain(above.leaf(), LEAF.certificate)


def listed(member: str, mine: dict[str, str], theirs: dict[str, str]) -> tuple[Json, Json]:
    """The honest one under a window that has passed, and another under one that is open."""
    root = HONEST.root()
    [entry] = root[NAMES[member]]
    [other] = Sigstore().root()[NAMES[member]]
    for item, window in ((entry, mine), (other, theirs)):
        item.get("publicKey", item)["validFor"] = window  # a log's is its key's
    root[NAMES[member]] = [entry, other]
    return signed(), root


def twice(member: str, first_is_wrong: bool) -> tuple[Json, Json]:
    root = HONEST.root()
    [right] = root[member]
    wrong = copy.deepcopy(right)
    wrong["publicKey"]["rawBytes"] = text(spki(new_key()))
    root[member] = [wrong, right] if first_is_wrong else [right, wrong]
    return signed(), root


def with_authority(certificate: x509.Certificate) -> tuple[Json, Json]:
    root = HONEST.root()
    root["certificateAuthorities"][0]["certChain"]["certificates"] = [
        {"rawBytes": text(encoded(certificate))}
    ]
    return signed(), root


def honest_ca(**changes: Any) -> x509.Certificate:
    return node("acme root", key=HONEST.ca_key, **changes).certificate


def swapped() -> tuple[Json, Json]:
    root = HONEST.root()
    root["tlogs"], root["ctlogs"] = root["ctlogs"], root["tlogs"]
    return signed(), root


OPEN = {"start": (NOW - 9 * DAY).isoformat()}
CASES: dict[str, tuple[Callable[[], tuple[Json, Json]], str | None]] = {
    "honest": (lambda: (signed(), HONEST.root()), None),
    "honest, its chain in v0.2": (lambda: in_chain(LEAF), None),
    "honest, Rekor v2": (lambda: rekor_2(lambda real: HONEST.checkpoint(real, 1)), None),
    "honest, its authority listed anew": (lambda: with_authority(honest_ca()), None),
    "CA retired": (lambda: windows("ca", PAST), "certificate.window"),
    "CA not yet in use": (lambda: windows("ca", FUTURE), "certificate.window"),
    "log retired": (lambda: windows("log", PAST), "log.window"),
    "log not yet in use": (lambda: windows("log", FUTURE), "log.window"),
    "CT log retired": (lambda: windows("ct", PAST), "certificate_log.window"),
    "CT log not yet in use": (lambda: windows("ct", FUTURE), "certificate_log.window"),
    "TSA retired": (lambda: windows("tsa", PAST), "timestamp.unknown"),
    "TSA not yet in use": (lambda: windows("tsa", FUTURE), "timestamp.unknown"),
    "CA's certificate expired": (lambda: with_authority(honest_ca(end=NOW - DAY)), "certificate.chain"),
    "CA's certificate of later": (lambda: with_authority(honest_ca(start=NOW + DAY)), "certificate.chain"),
    "CA of the same name": (lambda: with_authority(authority("acme root", new_key())), "certificate.chain"),
    "CA that may not certify": (lambda: with_authority(honest_ca(signs=False)), "certificate.chain"),
    "CA that is none": (lambda: with_authority(honest_ca(ca=False)), "certificate.chain"),
    "TSA without anybody above it": (lone_stamper, "timestamp.unknown"),
    "log's ID with another key": (
        lambda: (signed(), keys_of(HONEST.root(), "tlogs", new_key())),
        "log.proof",
    ),
    "log's ID with the CT log's key": (
        lambda: (signed(), keys_of(HONEST.root(), "tlogs", HONEST.ct_key)),
        "log.proof",
    ),
    "CT log's ID with another key": (
        lambda: (signed(), keys_of(HONEST.root(), "ctlogs", new_key())),
        "certificate.sct",
    ),
    "CT log's ID with the log's key": (
        lambda: (signed(), keys_of(HONEST.root(), "ctlogs", HONEST.log_key)),
        "certificate.sct",
    ),
    "log and CT log in each other's place": (swapped, "certificate_log.unknown"),
    "no log listed": (lambda: (signed(), {**HONEST.root(), "tlogs": []}), "log.unknown"),
    "no CT log listed": (lambda: (signed(), {**HONEST.root(), "ctlogs": []}), "certificate_log.unknown"),
    "two keys under the log's ID, the wrong one first": (lambda: twice("tlogs", True), "log.ambiguous"),
    "two keys under the log's ID, the right one first": (lambda: twice("tlogs", False), "log.ambiguous"),
    "two keys under the CT log's ID": (lambda: twice("ctlogs", False), "certificate_log.ambiguous"),
    "checkpoint of another root": (lambda: checkpoint(HONEST.checkpoint(b"\1" * 32, 1)), "log.proof"),
    "checkpoint and proof of another root": (
        lambda: checkpoint(HONEST.checkpoint(b"\1" * 32, 1), root_hash=b"\1" * 32),
        "log.proof",
    ),
    "checkpoint of another size": (lambda: checkpoint(HONEST.checkpoint(real_root(), 2)), "log.proof"),
    "checkpoint and proof of another size": (
        lambda: checkpoint(HONEST.checkpoint(real_root(), 2), size=2),
        "log.proof",
    ),
    "checkpoint signed under another name": (
        lambda: checkpoint(HONEST.checkpoint(real_root(), 1, signer="other.example")),
        "log.proof",
    ),
    "checkpoint of another log, a trusted one": (other_logs_checkpoint, "log.proof"),
    "checkpoint of another log, an unknown one": (
        lambda: checkpoint(Sigstore().checkpoint(real_root(), 1)),
        "log.proof",
    ),
    "checkpoint of another origin, Rekor v2": (
        lambda: rekor_2(
            lambda real: HONEST.checkpoint(real, 1, origin="other.example", signer="other.example")
        ),
        "log.proof",
    ),
    "promise of another log": (others_promise, "log.proof"),
    "time stamp of another instance": (others_stamp, "timestamp.unknown"),
    "signer certifies itself": (lambda: by_rogue(self_signed()), "certificate.chain"),
    "signer certifies itself and brings that": (
        lambda: in_chain(self_signed(), authority("acme root", new_key())),
        "certificate.root",
    ),
    "signer is an authority": (lambda: by_rogue(HONEST.leaf(is_ca=True)), "certificate.profile"),
    "signer of an unknown authority": (lambda: by_rogue(rogue().leaf()), "certificate.chain"),
    "the honest root in the bundle": (lambda: in_chain(LEAF, HONEST.ca), "certificate.root"),
    "signed by a signer's certificate": (issued_by_a_signer, "certificate.chain"),
    "CA under a window that has passed, beside another": (
        lambda: listed("ca", PAST, OPEN),
        "certificate.chain",
    ),
    "TSA under a window that has passed, beside another": (
        lambda: listed("tsa", PAST, OPEN),
        "timestamp.unknown",
    ),
    "log under a window that has passed, beside another": (lambda: listed("log", PAST, OPEN), "log.window"),
    "CT log under a window that has passed, beside another": (
        lambda: listed("ct", PAST, OPEN),
        "certificate_log.window",
    ),
    "a window that ends before it starts": (
        lambda: windows("ca", {"start": PAST["end"], "end": PAST["start"]}),
        "root.shape",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_roots(name: str, record_property: Callable[[str, object], None]) -> None:
    build, code = CASES[name]
    bundle, root = build()
    if code is None:
        check(bundle, root)
    else:
        with pytest.raises(AttestationError) as caught:
            check(bundle, root)
        assert caught.value.code == code
        assert caught.value.hint
    record_property("conformance", f"adversarial roots: {name}: {code or 'accepted'}")
