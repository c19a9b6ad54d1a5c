"""`verify_bundle`: from anybody's Sigstore bundle to who signed what, and when that is proved to have been.

The steps, in this order, the first that fails being the answer:

 1. read the bundle strictly (`sigstore_bundle.py`);
 2. the signer: the certificate's profile and identity, or the key that the caller names;
 3. the signature, over the envelope or over the file's digest;
 4. the times: RFC 3161 tokens, each by an authority of the root, and the log's own time where its promise is to be
    checked; for a certificate at least one, and it must be valid at each;
 5. the chain to an authority of the root that was in use at each time, and the certificate log's word (SCT);
 6. the log entry: inclusion, checkpoint, promise, by a log that was in use; and that it is about this
    signature (`_log_body.py`);
 7. the artifact: the one that was signed, or a subject of the statement.

A certificate's bundle without a log entry is refused, unless the root says `without_log`. A key's bundle may
come without log and time stamp: it then proves no time. Under an own PKI (`_pki.py`) there is no log, step 5 goes
by certificates that the bundle brings, and without a time stamp the chain's window stands for the times.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from placet_attestations.digests import Digest, hash_file
from placet_attestations.errors import MalformedError
from placet_attestations.keys import PublicKey
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.roots.trusted_root import Authority, TrustedRoot
from placet_attestations.sigstore import certificates
from placet_attestations.sigstore._log_body import Signed, check_body
from placet_attestations.sigstore._signed_content import check_signature, check_subject, payload_of, refused
from placet_attestations.sigstore.sigstore_bundle import (
    CertificateMaterial,
    KeyMaterial,
    SigstoreBundle,
    parse_sigstore_bundle,
)
from placet_attestations.sigstore.verified_bundle import SEAL, ProvedTime, VerifiedBundle, VerifiedCertificate
from placet_attestations.x509._chains import issuers
from placet_attestations.x509._pki import check_own_chain, check_profile
from placet_attestations.x509._x509 import Leaf, check_fulcio, is_self_issued, read_leaf, read_pinned
from placet_attestations.x509.identities import CertificateIdentity

# Their integrated time is signed by the log's promise; Rekor v2 has none (rekor-tiles, client guide).
_TIMED_KINDS: Final = frozenset({"hashedrekord/0.0.1", "dsse/0.0.1", "intoto/0.0.2"})


def verify_bundle(
    raw: bytes,
    *,
    artifact: Digest | Path | None = None,
    identity: CertificateIdentity | None = None,
    key: PublicKey | None = None,
    root: TrustedRoot | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedBundle:
    """Verify a bundle's bytes against one expected signer, as the steps above say.

    Give either `identity`, with `root`, or `key`, with or without. `artifact` is needed for a signature over a
    file, and for a statement it must be a subject. Raises MalformedError, UnsupportedError (well-formed, but
    not verified here), VerificationError; IdentityError for a path that cannot be read.
    """
    if (identity is None) is (key is None):
        raise _usage("give either an identity or a key")
    if identity is not None and root is None:
        raise _usage("an identity is verified against a trusted root")
    bundle = parse_sigstore_bundle(raw, limits)
    digest = hash_file(artifact)[0] if isinstance(artifact, Path) else artifact
    if key is not None:
        return verify_by_key(bundle, key, root, artifact=digest, limits=limits)
    assert identity is not None
    assert root is not None
    leaf = read_signer(bundle)
    _check_identity(leaf, identity)
    return verify_by_certificate(bundle, leaf, root, artifact=digest, limits=limits)


def read_signer(bundle: SigstoreBundle) -> Leaf:
    """Whom the bundle's certificate names. Nothing is believed yet: `verify_by_certificate` says whether.

    Raises VerificationError signer.kind for a bundle by a key, and what `_x509.read_leaf` does.
    """
    if isinstance(bundle.material, KeyMaterial):
        raise refused("signer.kind", "the bundle is signed by a key, and a certificate is expected")
    return read_leaf(bundle.material.leaf)


def read_chosen(bundle: SigstoreBundle, digests: Collection[str]) -> Leaf | None:
    """The bundle's certificate as one that is named by its digest, None when it is none of `digests`.

    Nothing is believed yet, as with `read_signer`. Raises what `_x509.read_pinned` does.
    """
    material = bundle.material
    if isinstance(material, KeyMaterial) or Digest.of(material.leaf) not in digests:
        return None
    return read_pinned(material.leaf)


def verify_by_certificate(
    bundle: SigstoreBundle,
    leaf: Leaf,
    root: TrustedRoot | PkiRoot,
    *,
    artifact: Digest | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedBundle:
    """Verify a bundle whose signer, `leaf`, was read from it, against a root; errors as `verify_bundle`.

    Whether that signer is the expected one is the caller's to ask, before or after.
    """
    material = bundle.material
    if isinstance(material, KeyMaterial) or material.leaf != leaf.der:
        raise _usage("the signer was not read from this bundle")
    if isinstance(root, PkiRoot):
        return _verify_by_pki(bundle, leaf.unclaimed, material.others, root, artifact, limits)
    _check_material(bundle, material)
    check_fulcio(leaf)
    if not bundle.entries and not root.without_log:
        raise refused("log.missing", "the bundle has no log entry, and this trusted root asks for one")
    signed = check_signature(bundle, artifact, leaf.key, leaf)
    times = _times(bundle, root)
    _check_times(leaf, times)
    _check_chain(leaf, times, root)
    _check_entries(bundle, signed, times, root, limits)
    check_subject(bundle, artifact, limits)
    return VerifiedBundle(bundle.digest, _named(leaf), times, payload_of(bundle), artifact, root.digest, SEAL)


def _verify_by_pki(
    bundle: SigstoreBundle,
    leaf: Leaf,
    brought: tuple[bytes, ...],
    root: PkiRoot,
    artifact: Digest | None,
    limits: Limits,
) -> VerifiedBundle:
    """Log entries are not read: an own PKI lists no log, so they prove nothing. Nor are time stamps where it
    lists nobody who makes them.
    """
    check_profile(leaf, root)
    check_signature(bundle, artifact, leaf.key, leaf)
    times = _stamped(bundle, root.timestampers) if root.timestampers else ()
    window = check_own_chain(leaf, brought, times, root, limits)
    check_subject(bundle, artifact, limits)
    return VerifiedBundle(
        bundle.digest, _named(leaf), times, payload_of(bundle), artifact, root.digest, SEAL, window
    )


def _named(leaf: Leaf) -> VerifiedCertificate:
    return VerifiedCertificate(
        leaf.issuer,
        leaf.identity,
        leaf.name_kind,
        leaf.claims,
        Digest.of(leaf.der).hex,
        leaf.key.fingerprint,
        leaf.not_before,
        leaf.not_after,
    )


def verify_by_key(
    bundle: SigstoreBundle,
    key: PublicKey,
    root: TrustedRoot | None,
    *,
    artifact: Digest | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedBundle:
    """Verify a bundle that no certificate names the signer of, by a key; errors as `verify_bundle`.

    Without a root, log entries and time stamps prove nothing and are not read.
    """
    if isinstance(bundle.material, CertificateMaterial):
        raise refused("signer.kind", "the bundle is signed with a certificate, and a key is expected")
    signed = check_signature(bundle, artifact, key, None)
    times = () if root is None else _times(bundle, root)
    if root is not None and bundle.entries:
        if not times:
            raise refused("time.missing", "no time is proved at which the log entry was made")
        _check_entries(bundle, signed, times, root, limits)
    check_subject(bundle, artifact, limits)
    digest = None if root is None else root.digest
    return VerifiedBundle(bundle.digest, key, times, payload_of(bundle), artifact, digest, SEAL)


def _check_material(bundle: SigstoreBundle, material: CertificateMaterial) -> None:
    # model-signing writes chains of an own PKI into v0.3; Sigstore's own bundles have none there.
    if material.is_chain and bundle.version == "0.3":
        raise MalformedError(
            "bundle.material",
            "v0.3 bundles of Sigstore have one certificate, v0.1 and v0.2 a chain",
            where="bundle",
            hint="is the signer one of an own PKI? Then its root is one with an authority",
        )
    # A root inside a bundle vouches for itself (protobuf-specs, X509CertificateChain).
    if any(is_self_issued(der) for der in material.others):
        raise refused("certificate.root", "the bundle brings a root certificate of its own")


def _check_identity(leaf: Leaf, expected: CertificateIdentity) -> None:
    if not expected.issuer(leaf.issuer):
        raise refused(
            "identity.issuer",
            f"the certificate's issuer is {leaf.issuer[:200]!a}, expected {expected.issuer.text}",
        )
    if not expected.identity(leaf.identity):
        raise refused(
            "identity.mismatch",
            f"the certificate is for {leaf.identity[:200]!a}, expected {expected.identity.text}",
        )


def _times(bundle: SigstoreBundle, root: TrustedRoot) -> tuple[ProvedTime, ...]:
    """Every time that somebody of the root vouches for; the log's own is checked with its entry."""
    times = [*_stamped(bundle, root.timestampers)]
    for entry in bundle.entries:
        if entry.promise is not None and entry.integrated:
            if entry.kind not in _TIMED_KINDS:
                raise refused("time.kind", f"an entry of kind {entry.kind[:60]!a} has no time of its own")
            times.append(ProvedTime(_instant(entry.integrated), "log"))
    return tuple(times)


def _stamped(bundle: SigstoreBundle, stampers: tuple[Authority, ...]) -> tuple[ProvedTime, ...]:
    return tuple(
        ProvedTime(certificates.verify_timestamp(token, bundle.signature, stampers), "timestamp")
        for token in bundle.timestamps
    )


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise refused("time.range", "the log's time is beyond the year 9999") from error


def _check_times(leaf: Leaf, times: Sequence[ProvedTime]) -> None:
    if not times:
        raise refused("time.missing", "neither a log nor a time stamp authority of the root proves a time")
    for proved in times:
        if not leaf.valid_at(proved.time):
            raise refused(
                "certificate.expired", f"the certificate was not valid at the {proved.source}'s {proved.time}"
            )


def _check_chain(leaf: Leaf, times: Sequence[ProvedTime], root: TrustedRoot) -> None:
    for proved in times:
        anchors = tuple(
            der
            for authority in root.authorities
            if authority.window.holds(proved.time)
            for der in authority.certificates
        )
        if not anchors:
            raise refused("certificate.window", f"no authority of the root was in use at {proved.time}")
        chain = issuers(leaf, anchors, proved.time)
        # Who keeps no public log need not keep one of certificates either; who lists one must show it.
        if root.certificate_logs or not root.without_log:
            certificates.verify_certificate_log(leaf, chain, root.certificate_logs)


def _check_entries(
    bundle: SigstoreBundle, signed: Signed, times: Sequence[ProvedTime], root: TrustedRoot, limits: Limits
) -> None:
    logged = [proved.time for proved in times if proved.source == "log"]
    for entry in bundle.entries:
        certificates.verify_entry(entry, root.logs, logged or [proved.time for proved in times])
        check_body(entry, signed, limits)


def _usage(message: str) -> MalformedError:
    return MalformedError("signer.usage", message, hint="identity and root, or key")
