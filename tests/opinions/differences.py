"""Where another verifier says another thing than Placet, and why: all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Verifier = Literal["sigstore-python", "npm", "cosign"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason: the questions that it is about, and who says the opposite of Placet there."""

    reason: str
    questions: tuple[str, ...]
    who: tuple[Verifier, ...]


def _each(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}/{name}" for name in names)


# Placet accepts, they refuse.
STRICTER: Final = (
    Difference(
        "sigstore-python takes no time from the log for intoto entries; npm's provenance has these",
        (
            "conformance/intoto-with-custom-trust-root",
            "bundles/sigstore.js@2.0.0-provenance.sigstore.json by production",
            "certificates/intoto",
        ),
        ("sigstore-python",),
    ),
    Difference(
        "sigstore-python ends a time stamp authority's window before its last second; the suite includes it",
        _each("conformance", "trust-root-tsa-validity-end-inclusive"),
        ("sigstore-python",),
    ),
    Difference(
        "sigstore-python matches Fulcio's first issuer extension alone, and Fulcio writes the second beside it",
        _each("certificates", "the issuer of the second version"),
        ("sigstore-python",),
    ),
    Difference(
        "they hash with SHA-256 under every key, and P-384 signs SHA-384 (protobuf-specs, algorithm registry)",
        (*_each("keys", "P-384", "P-384 over the file"), "oms/valid/key.bundle.json"),
        ("npm", "cosign"),
    ),
    Difference(
        "the same under a certificate, where cosign hashes with SHA-384",
        _each("certificates", "a key of P-384"),
        ("sigstore-python", "npm"),
    ),
    Difference(
        "sigstore-python verifies envelopes by keys on curves alone",
        _each("certificates", "a key of RSA 2048", "a key of Ed25519"),
        ("sigstore-python",),
    ),
    Difference(
        "SHA-256 as above, for npm; to cosign publicKey has a member that its format does not know",
        _each("oms/historic", "v1.0.0-elliptic-key/model.sig", "v1.0.1-elliptic-key/model.sig"),
        ("npm", "cosign"),
    ),
    Difference(
        "they have no PSS: a key of RSA is PKCS #1 v1.5 to them",
        _each("keys", "RSA 2048 PSS", "RSA 2048 PSS over the file"),
        ("npm", "cosign"),
    ),
    Difference(
        "npm reads no bundle with an empty payload; DSSE signs it",
        _each("dsse", "empty-payload"),
        ("npm",),
    ),
    Difference(
        "they want the digest written beside the signature; it proves nothing, for the file is hashed",
        _each("certificates", "a file without its digest"),
        ("npm", "cosign"),
    ),
    Difference(
        "cosign skips a signature with another key id than it computes; DSSE says that is an unauthenticated hint",
        _each("certificates", "a key id that nobody signed"),
        ("cosign",),
    ),
    Difference(
        "npm compares the note's signer with the log's address; the key's hint and its signature say it all",
        _each("certificates", "the checkpoint of another name"),
        ("npm",),
    ),
)

# Placet refuses, they accept.
LAXER: Final = (
    Difference(
        "they leave to their callers which files a statement is about",
        (
            "bundles/conda-attestation.sigstore.json over another file",
            "certificates/dsse over another file",
        ),
        ("sigstore-python", "npm"),
    ),
    Difference(
        "as above; sigstore-python has no keys",
        _each("keys", *(f"{key} over another file" for key in ("P-256", "Ed25519", "RSA 2048", "RSA 3072"))),
        ("npm",),
    ),
    Difference(
        "npm leaves the payload's type to its callers; here it must be a statement's",
        _each("dsse", "non-ascii-payload-type", "empty-payload-type"),
        ("npm",),
    ),
    Difference(
        "P-384 with SHA-256 is no algorithm of Sigstore's registry",
        _each("keys", "P-384 with SHA-256"),
        ("npm", "cosign"),
    ),
    Difference(
        "P-521 is no algorithm here, and with SHA-256 none of Sigstore's registry",
        _each("certificates", "a key of P-521"),
        ("sigstore-python", "npm", "cosign"),
    ),
    Difference(
        "JavaScript's reader drops unknown members and the first of two equal ones",
        _each("keys", "an unknown member", "a member twice"),
        ("npm",),
    ),
    Difference(
        "npm takes a log without a start for one from the beginning of time; the suite refuses it",
        _each("conformance", "trust-root-tlog-missing-validity-start_fail"),
        ("npm",),
    ),
    Difference(
        "no log makes such entries: Rekor v2 has no dsse, Rekor v1 hashes files in a hashedrekord",
        _each("certificates", "rekor 2, dsse 0.0.2", "hashedrekord 0.0.1 over an envelope"),
        ("npm",),
    ),
    Difference(
        "a chain in a bundle must not hold a root (protobuf-specs); they drop or ignore it",
        _each("certificates", "a chain with its root"),
        ("sigstore-python", "npm", "cosign"),
    ),
    Difference(
        "a proof is asked for here in version 0.1 too, where its format lets a promise do",
        _each("certificates", "a promise and no proof, version 0.1"),
        ("npm", "cosign"),
    ),
    Difference(
        "npm compares the signature and not the certificate of an entry",
        _each("certificates", "an entry with another certificate"),
        ("npm",),
    ),
    Difference(
        "cosign reads the entry's own body alone, and not what the bundle says of its kind",
        _each("certificates", "an entry that names another kind"),
        ("cosign",),
    ),
    Difference(
        "a certificate for two names has no one signer; Fulcio makes none",
        _each("certificates", "two names"),
        ("sigstore-python", "npm", "cosign"),
    ),
    Difference("as above", _each("certificates", "two names, the second"), ("sigstore-python",)),
    Difference(
        "a signer's certificate is no authority's, and says code signing (Fulcio's profile)",
        _each("certificates", "an authority's certificate", "a certificate for any use"),
        ("npm", "cosign"),
    ),
    Difference(
        "npm looks at no extended key usage",
        _each("certificates", "a certificate for servers", "a certificate for time stamps"),
        ("npm",),
    ),
    Difference(
        "sigstore-python does not hold the windows of authorities and logs against the time of signing",
        _each(
            "certificates",
            *(f"{who} {when}" for who in ("ca", "log", "ct") for when in ("retired", "not yet there")),
        ),
        ("sigstore-python",),
    ),
    Difference(
        "sigstore-python passes over a time stamp that does not hold when the log proves a time",
        _each("certificates", "a stranger's time stamp", "the time stamp of another signature"),
        ("sigstore-python",),
    ),
    Difference(
        "they compare the checkpoint's root hash alone: its size may differ from the proof's",
        _each("certificates", "the checkpoint of another size"),
        ("sigstore-python", "cosign"),
    ),
    Difference(
        "the checkpoint's origin is not held against the name of its signer for Rekor v1",
        _each("certificates", "the checkpoint of another origin"),
        ("sigstore-python", "npm", "cosign"),
    ),
    Difference(
        "npm proves inclusion in the checkpoint's tree and does not read the proof's own root hash and size",
        _each("certificates", "a proof with another root hash", "a proof with another size"),
        ("npm",),
    ),
)


def explained() -> Mapping[tuple[str, str], str]:
    """Who, and about which question: what they say where Placet says the opposite."""
    words = ((STRICTER, "refuses"), (LAXER, "accepts"))
    return {
        (who, name): word
        for table, word in words
        for item in table
        for who in item.who
        for name in item.questions
    }
