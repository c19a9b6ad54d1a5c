"""Whose signature is it: trust.yaml's signers tried on one bundle, by key or by certificate.

A hint saves time and never changes the answer. A certificate's names are read first, for they cost little, and
believed last: when the root that the signer's entry names vouches for the certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope
from placet_attestations.errors import AttestationError, UnsupportedError, VerificationError
from placet_attestations.keys import PublicKey
from placet_attestations.limits import Limits
from placet_attestations.roots.loading import LoadedRoot, Pki
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.roots.trusted_root import TrustedRoot, Window
from placet_attestations.sigstore.sigstore_bundle import CertificateMaterial, KeyMaterial, SigstoreBundle
from placet_attestations.sigstore.sigstore_verify import (
    read_chosen,
    read_signer,
    verify_by_certificate,
    verify_by_key,
)
from placet_attestations.sigstore.verified_bundle import ProvedTime, VerifiedBundle, VerifiedCertificate
from placet_attestations.trust import CertificateSigner, SignerRecord, TrustPolicy
from placet_attestations.x509._schemes import check_digest
from placet_attestations.x509._x509 import Leaf

# What a root says about bundles that another root may vouch for.
_NOT_MINE = frozenset(
    {"certificate.chain", "certificate.window", "log.unknown", "log.missing", "timestamp.unknown"}
)


@dataclass(frozen=True, slots=True)
class Found:
    """The signer of a bundle, and what its root proves."""

    signer: SignerRecord
    times: tuple[ProvedTime, ...] = ()
    certificate: VerifiedCertificate | None = None
    window: Window | None = None


def find_signer(bundle: SigstoreBundle, envelope: Envelope, trust: TrustPolicy, limits: Limits) -> Found:
    """The one signer of trust.yaml whose signature this is.

    Raises VerificationError signature.unknown_key, signature.unknown_identity, signature.invalid,
    trust.signer_ambiguous, root.*, and the codes of the steps in `sigstore_verify.py`.
    """
    if isinstance(bundle.material, CertificateMaterial):
        return _by_certificate(bundle, trust, limits)
    message, signature = envelope.pae, envelope.signatures[0].sig
    signer = _by_key(bundle.material, lambda key: key.verify(signature, message), trust)
    return _dated(signer, bundle, trust, limits)


def find_file_signer(bundle: SigstoreBundle, artifact: Digest, trust: TrustPolicy, limits: Limits) -> Found:
    """The same of a signature over a file with this digest, whose bundle does not name another.

    Raises as `find_signer`, and UnsupportedError signature.unsupported when the bundle names a key of an algorithm
    for which the file's SHA-256 is not enough.
    """
    if isinstance(bundle.material, CertificateMaterial):
        return _by_certificate(bundle, trust, limits, artifact)
    signature, sha256 = bundle.signature, bytes.fromhex(artifact.hex)
    unanswered: dict[str, UnsupportedError] = {}

    def made(key: PublicKey) -> bool:
        try:
            return check_digest(key, signature, sha256) is not None
        except UnsupportedError as error:
            unanswered[key.fingerprint] = error
            return False

    try:
        signer = _by_key(bundle.material, made, trust)
    except VerificationError:
        hinted = trust.hinted(bundle.material.hint)
        if hinted is not None and hinted.mark in unanswered:
            raise unanswered[hinted.mark] from None
        raise
    return _dated(signer, bundle, trust, limits, artifact)


def _dated(
    signer: SignerRecord,
    bundle: SigstoreBundle,
    trust: TrustPolicy,
    limits: Limits,
    artifact: Digest | None = None,
) -> Found:
    """A signer by key with the times that its root proves, if it has one."""
    if signer.root is None:
        return Found(signer)
    key = signer.key
    assert key is not None

    def check(root: TrustedRoot | PkiRoot) -> VerifiedBundle:
        assert isinstance(root, TrustedRoot)  # trust.yaml is refused when a key's root is an own PKI
        return verify_by_key(bundle, key, root, artifact=artifact, limits=limits)

    return Found(signer, _under(_usable(signer.root, trust), check).times)


def _by_key(material: KeyMaterial, made: Callable[[PublicKey], bool], trust: TrustPolicy) -> SignerRecord:
    for candidate in _candidates(material.hint, trust):
        if candidate.key is not None and made(candidate.key):
            return candidate
    hinted = trust.hinted(material.hint)
    if hinted is not None:
        raise VerificationError(
            "signature.invalid",
            f"the signature does not hold: the bundle names the key of {hinted.id}",
            where="bundle",
            hint="the content changed after it was signed, or another key signed it",
        )
    raise VerificationError(
        "signature.unknown_key",
        "no key of trust.yaml made this signature",
        where="bundle",
        hint="the signer must be listed in trust.yaml: `placet trust explain` shows who is",
    )


def _candidates(hint: str | None, trust: TrustPolicy) -> Iterator[SignerRecord]:
    # All keys in the end, the named one first.
    first = trust.hinted(hint)
    if first is not None:
        yield first
    yield from (signer for signer in trust.signers if signer is not first)


def _by_certificate(
    bundle: SigstoreBundle, trust: TrustPolicy, limits: Limits, artifact: Digest | None = None
) -> Found:
    leaf = read_chosen(bundle, trust.pinned) or read_signer(bundle)
    named = [signer for signer in trust.signers if _differs(signer, leaf, trust) == ()]
    if not named:
        raise _unknown(leaf, trust)

    def check(root: TrustedRoot | PkiRoot) -> VerifiedBundle:
        return verify_by_certificate(bundle, leaf, root, artifact=artifact, limits=limits)

    errors: list[AttestationError] = []
    # Who is named exactly goes before patterns: those are asked only where none of the others is vouched for.
    for exact in (True, False):
        tried = [signer for signer in named if _is_exact(signer) is exact]
        proofs = _proofs([str(signer.root) for signer in tried], trust, check, errors)
        if proofs:
            signer = _one([signer for signer in tried if signer.root in proofs], leaf)
            proof = proofs[str(signer.root)]
            assert isinstance(proof.signer, VerifiedCertificate)
            _check_key(signer, leaf, trust)
            return Found(signer, proof.times, proof.signer, proof.window)
    raise _telling(errors)


def _proofs(
    roots: Iterable[str],
    trust: TrustPolicy,
    check: Callable[[TrustedRoot | PkiRoot], VerifiedBundle],
    errors: list[AttestationError],
) -> dict[str, VerifiedBundle]:
    """What those of these roots say that vouch for the certificate; why the others do not goes into `errors`."""
    found: dict[str, VerifiedBundle] = {}
    for name in dict.fromkeys(roots):
        try:
            found[name] = _under(_usable(name, trust), check)
        except AttestationError as error:
            errors.append(error)
    return found


def _is_exact(signer: SignerRecord) -> bool:
    return signer.certificate is not None and signer.certificate.exact


def _differs(signer: SignerRecord, leaf: Leaf, trust: TrustPolicy) -> tuple[str, ...] | None:
    """What of the certificate is not as this signer's must be; None for signers by key."""
    # The digest of a certificate is no name that another certificate could bear, nor a name's pattern's business.
    if signer.certificate is None or signer.certificate.pinned is not leaf.pinned:
        return None
    root = trust.root(str(signer.root))
    own = root is not None and isinstance(root.source, Pki)
    # An own authority may write any issuer into its certificates: it is the issuer itself.
    return signer.certificate.differs("" if own else leaf.issuer, leaf.identity, {} if own else leaf.claims)


def _one(signers: list[SignerRecord], leaf: Leaf) -> SignerRecord:
    if len(signers) > 1:
        raise VerificationError(
            "trust.signer_ambiguous",
            f"{leaf.identity[:200]!a} is more than one signer: "
            f"{' and '.join(f'{signer.id} ({signer.where})' for signer in signers)}",
            where="trust.yaml",
            hint="let one entry name it exactly, or narrow the patterns",
        )
    return signers[0]


def _check_key(signer: SignerRecord, leaf: Leaf, trust: TrustPolicy) -> None:
    """A key that is listed by itself is its principal's, whatever a certificate of it says: else one key would be
    two approvers, or its owner another than who asks.
    """
    listed = trust.signer_of(leaf.key.fingerprint)
    if listed is not None and listed.principal != signer.principal:
        raise VerificationError(
            "trust.signer_ambiguous",
            f"the certificate of {signer.id} ({signer.where}) is for the key of {listed.id} ({listed.where}), "
            "who is another principal",
            where="trust.yaml",
            hint="a key has one owner: give both entries one principal, or let one of them make another key",
        )


def _usable(name: str, trust: TrustPolicy) -> LoadedRoot:
    root = trust.root(name)
    assert root is not None  # trust.yaml is refused when it names a root that is not there
    if not root.roots:
        problem = root.problem
        assert problem is not None  # nothing is in use, and somebody knows why
        raise VerificationError(
            problem.code,
            f"nothing can be verified under the root {root.id}: {problem.message}",
            where=f"root {root.id}",
            hint=problem.hint,
        )
    return root


def _under(loaded: LoadedRoot, check: Callable[[TrustedRoot | PkiRoot], VerifiedBundle]) -> VerifiedBundle:
    """What the first of the roots in the file says that can vouch for it."""
    errors: list[AttestationError] = []
    for root in loaded.roots:
        try:
            return check(root)
        except AttestationError as error:
            errors.append(error)
    raise _telling(errors)


def _telling(errors: list[AttestationError]) -> AttestationError:
    """The error of the root that got furthest: the first that is not about being another's."""
    return next((error for error in errors if error.code not in _NOT_MINE), errors[0])


def _unknown(leaf: Leaf, trust: TrustPolicy) -> VerificationError:
    near = _nearest(leaf, trust)
    return VerificationError(
        "signature.unknown_identity",
        f"no signer of trust.yaml is {leaf.identity[:200]!a}"
        + (f" of {leaf.issuer[:200]!a}" if leaf.issuer else "")
        + ("" if near is None else f"; nearest is {near}"),
        where="bundle",
        hint="the signer must be listed in trust.yaml: `placet trust explain` shows who is",
    )


def _nearest(leaf: Leaf, trust: TrustPolicy) -> str | None:
    found = [(differs, signer) for signer in trust.signers if (differs := _differs(signer, leaf, trust))]
    if not found:
        return None
    differs, signer = min(found, key=lambda pair: len(pair[0]))
    assert isinstance(signer.certificate, CertificateSigner)
    return f"{signer.where} ({signer.id}), but the {', and the '.join(differs)}"
