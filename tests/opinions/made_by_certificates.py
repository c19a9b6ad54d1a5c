"""Bundles of an instance of our own, right and wrong, as questions: what public instances never sign."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.der import utf8
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW, Leaf, SigningKey, new_key, text
from tests.fakes.timestamper import encoded
from tests.opinions.instance import (
    FULCIO,
    V03,
    Bundle,
    Instance,
    Made,
    as_chain,
    changed_entry,
    dsse_2,
    hashedrekord_1,
    hashedrekord_2,
    intoto_2,
    signature_of,
    signed_bytes,
    with_entries,
)
from tests.opinions.made_by_keys import ARTIFACT, STATEMENT
from tests.opinions.made_by_logs import wrong_log, wrong_time
from tests.opinions.questions import Identity, Question

WHO: Final = Identity(IDENTITY, ISSUER)


def certificate_questions() -> list[Question]:
    """All of them, by name, and over the file unless they say another thing."""
    made = Instance()
    usual = {"signer": WHO, "root": made.root(), "artifact": ARTIFACT}
    return [
        Question(f"certificates/{name}", json.dumps(bundle).encode(), **{**usual, **changes})
        for part in (_right, _keys, _rare, _content, _signer, _authority, wrong_time, wrong_log)
        for name, bundle, changes in part(made)
    ]


def _right(made: Instance) -> Made:
    dsse, blob = made.dsse(), made.blob()
    yield "dsse", dsse, {}
    yield "dsse over no file", dsse, {"artifact": None}
    yield "a file", blob, {}
    yield "dsse with a time stamp", made.stamped(dsse), {}
    yield "a file with a time stamp", made.stamped(blob), {}
    yield "intoto", made.logged(dsse, intoto_2(signature_of(dsse), made.leaf)), {}
    yield (
        "rekor 2, dsse",
        made.second_version(dsse, hashedrekord_2(signed_bytes(), signature_of(dsse), made.leaf)),
        {},
    )
    yield (
        "rekor 2, a file",
        made.second_version(blob, hashedrekord_2(ARTIFACT, signature_of(blob), made.leaf)),
        {},
    )
    yield "version 0.2", as_chain(dsse, V03.replace(".v0.3+json", "+json;version=0.2")), {}
    yield "version 0.1", as_chain(dsse, V03.replace(".v0.3+json", "+json;version=0.1")), {}
    unlogged = with_entries(made.stamped(dsse))
    yield "a time stamp and no log", unlogged, {"logged": False}
    leaf = made.new_leaf(logged=False)
    private = with_entries(made.stamped(made.dsse(leaf)))
    yield "nothing public", private, {"logged": False, "root": made.root(tlogs=[], ctlogs=[])}


def _keys(made: Instance) -> Made:
    curves = {"P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    keys: dict[str, SigningKey] = {
        **{name: ec.generate_private_key(curve) for name, curve in curves.items()},
        "RSA 2048": rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    leaves = {name: made.new_leaf(key=key) for name, key in keys.items()}
    for name, leaf in leaves.items():
        yield f"a key of {name}", made.dsse(leaf), {}
    for name, hash_ in (("P-384", hashes.SHA256()), ("RSA 2048", hashes.SHA512())):
        yield f"a key of {name} with {hash_.name}", made.over(STATEMENT.raw, leaves[name], hash_=hash_), {}


def _rare(made: Instance) -> Made:
    dsse, blob = made.dsse(), made.blob()
    signature = signature_of(dsse)
    yield "rekor 2, dsse 0.0.2", made.second_version(dsse, dsse_2(signature, made.leaf)), {}
    yield (
        "hashedrekord 0.0.1 over an envelope",
        made.logged(dsse, hashedrekord_1(signed_bytes(), signature, made.leaf)),
        {},
    )
    [entry] = dsse["verificationMaterial"]["tlogEntries"]
    yield "the same entry twice", with_entries(dsse, entry, entry), {}
    yield (
        "two entries",
        made.logged(
            dsse, intoto_2(signature, made.leaf), hashedrekord_1(signed_bytes(), signature, made.leaf)
        ),
        {},
    )
    yield "a chain in version 0.3", as_chain(dsse, V03), {}
    yield (
        "a chain with its root",
        as_chain(dsse, V03.replace(".v0.3+json", "+json;version=0.2"), encoded(made.sigstore.ca)),
        {},
    )
    no_digest = copy.deepcopy(blob)
    del no_digest["messageSignature"]["messageDigest"]
    yield "a file without its digest", no_digest, {}
    named = copy.deepcopy(dsse)
    named["dsseEnvelope"]["signatures"][0]["keyid"] = "somebody"
    yield "a key id that nobody signed", named, {}
    proofless = changed_entry(dsse, inclusionProof=None)
    yield "a promise and no proof", proofless, {}
    yield (
        "a promise and no proof, version 0.1",
        as_chain(proofless, V03.replace(".v0.3+json", "+json;version=0.1")),
        {},
    )


def _content(made: Instance) -> Made:
    dsse, blob = made.dsse(), made.blob()
    signature = signature_of(dsse)
    yield "dsse over another file", dsse, {"artifact": b"other"}
    yield "another file", blob, {"artifact": b"other"}
    lying = copy.deepcopy(blob)
    lying["messageSignature"]["messageDigest"]["digest"] = text(b"\0" * 32)
    yield "a file with another digest", lying, {}
    payload = copy.deepcopy(dsse)
    payload["dsseEnvelope"]["payload"] = text(b"{}")
    yield "another payload", payload, {"artifact": None}
    kind = copy.deepcopy(dsse)
    kind["dsseEnvelope"]["payloadType"] = "text/plain"
    yield "another payload type", kind, {}
    yield "a signed payload of text", made.over(b"text"), {"artifact": None}
    again = made.dsse()
    yield (
        "the entry of another signature",
        with_entries(dsse, *again["verificationMaterial"]["tlogEntries"]),
        {},
    )
    other = Leaf(made.leaf.key, made.new_leaf(key=made.leaf.key).certificate)
    yield "an entry with another certificate", made.logged(dsse, intoto_2(signature, other)), {}
    yield (
        "an entry of another file",
        made.logged(blob, hashedrekord_1(b"other", signature_of(blob), made.leaf)),
        {},
    )
    yield (
        "an entry of another kind",
        made.logged(dsse, {"apiVersion": "0.0.1", "kind": "rpm", "spec": {}}),
        {},
    )
    yield (
        "an entry that names another kind",
        changed_entry(dsse, kindVersion={"kind": "intoto", "version": "0.0.2"}),
        {},
    )
    stranger = replace(made.leaf, key=new_key())
    yield "a signature by another key", made.dsse(stranger), {}


def _signer(made: Instance) -> Made:
    dsse = made.dsse()
    yield "another identity", dsse, {"signer": Identity(f"{IDENTITY}/", ISSUER)}
    yield "an identity of other letters", dsse, {"signer": Identity(IDENTITY.upper(), ISSUER)}
    yield "the beginning of an identity", dsse, {"signer": Identity(IDENTITY[:-1], ISSUER)}
    yield "another issuer", dsse, {"signer": Identity(IDENTITY, f"{ISSUER}/")}
    uri = x509.UniformResourceIdentifier
    leaves = {
        "an address": (made.new_leaf(x509.RFC822Name("a@acme.example")), Identity("a@acme.example", ISSUER)),
        "a host": (made.new_leaf(x509.DNSName("acme.example")), Identity("acme.example", ISSUER)),
        "two names": (made.new_leaf(uri(IDENTITY), uri("https://other.example")), WHO),
        "two names, the second": (made.new_leaf(uri("https://other.example"), uri(IDENTITY)), WHO),
        "the issuer of the second version": (
            made.new_leaf(extensions={f"{FULCIO}.8": utf8(ISSUER)}),
            WHO,
        ),
        "no issuer": (made.new_leaf(extensions={}), WHO),
        "the issuer of the first version": (
            made.new_leaf(extensions={f"{FULCIO}.1": ISSUER.encode()}),
            WHO,
        ),
        "an authority's certificate": (made.new_leaf(is_ca=True), WHO),
        "a certificate for servers": (made.new_leaf(usage=ExtendedKeyUsageOID.SERVER_AUTH), WHO),
        "a certificate for any use": (made.new_leaf(usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), WHO),
        "a certificate for time stamps": (made.new_leaf(usage=ExtendedKeyUsageOID.TIME_STAMPING), WHO),
    }
    for name, (leaf, who) in leaves.items():
        yield name, made.dsse(leaf), {"signer": who}


def _authority(made: Instance) -> Made:
    sigstore, dsse = made.sigstore, made.dsse()
    yield "no certificate log", made.dsse(made.new_leaf(logged=False)), {}
    swapped = _replaced(dsse, made)
    yield "a certificate of another authority", swapped, {}
    yield "another root", dsse, {"root": json.dumps(made.stranger.root()).encode()}
    stranger = made.stranger.root()
    for member in ("tlogs", "ctlogs", "certificateAuthorities"):
        yield f"another root's {member}", dsse, {"root": made.root(**{member: stranger[member]})}
        yield f"a root without {member}", dsse, {"root": made.root(**{member: []})}
    start = (NOW - timedelta(days=365)).isoformat()
    before = {"start": start, "end": (NOW - timedelta(days=1)).isoformat()}
    after = {"start": (NOW + timedelta(days=1)).isoformat()}
    ends_now = {"start": start, "end": NOW.isoformat()}
    for who in ("ca", "log", "ct"):
        for when, window in (("retired", before), ("not yet there", after), ("to the second", ends_now)):
            root = json.dumps(sigstore.root(**{who: window})).encode()
            yield f"{who} {when}", dsse, {"root": root}


def _replaced(bundle: Bundle, made: Instance) -> Bundle:
    """The same with a certificate for the same key by an authority that nobody trusts."""
    leaf = Instance(made.stranger).new_leaf(key=made.leaf.key)
    return made.dsse(leaf)
