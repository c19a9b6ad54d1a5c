"""Who vouches for a signer's certificate: chains of X.509 to what somebody trusts, at one instant (RFC 5280).

cryptography's verifier checks signatures, validity of every certificate, basic constraints and path length, key
usage, name constraints (of a kind that it does not know, such as those over URIs, it refuses the chain). What
it leaves out stands here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from placet_attestations.errors import VerificationError
from placet_attestations.roots.trusted_root import Window
from placet_attestations.x509._foreign import foreign
from placet_attestations.x509._x509 import Leaf, read_certificate

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import PolicyBuilder


def issuers(leaf: Leaf, anchors: tuple[bytes, ...], instant: datetime) -> Sequence[Certificate]:
    """The chain above the leaf, its issuer first, to one of `anchors` (DER); VerificationError
    certificate.chain.

    Each anchor is trusted by itself, intermediates too: a trusted root lists what it trusts.
    """
    with _step():
        return _policy(anchors).time(instant).build_client_verifier().verify(leaf.certificate, []).chain[1:]


def own_issuers(
    leaf: Leaf, brought: Iterable[bytes], anchors: tuple[bytes, ...], instant: datetime, *, longest: int
) -> Sequence[Certificate]:
    """As `issuers`, by way of certificates that a bundle brings, none of which is trusted by itself.

    A chain of more than `longest` certificates, the leaf's and the anchor's among them, is refused.
    """
    with _step():
        between = [read_certificate(der) for der in brought]
        verifier = _own_policy(anchors, pinned=leaf.pinned).time(instant).build_client_verifier()
        chain = verifier.verify(leaf.certificate, between).chain
        if len(chain) > longest:
            raise ValueError(f"a chain of {len(chain)} certificates, the limit is {longest}")
        return chain[1:]


def window_of(leaf: Leaf, chain: Sequence[Certificate]) -> Window:
    """When all of the chain is valid at once; both ends included."""
    starts = [leaf.not_before, *(certificate.not_valid_before_utc for certificate in chain)]
    ends = [leaf.not_after, *(certificate.not_valid_after_utc for certificate in chain)]
    return Window(max(starts), min(ends))


def starts_of(certificates: Iterable[bytes]) -> set[datetime]:
    """When each of the certificates begins to be valid; MalformedError certificate.syntax."""
    return {read_certificate(der).not_valid_before_utc for der in certificates}


def check_code_signing(chain: Sequence[Certificate]) -> None:
    """Raise VerificationError certificate.chain when an authority of the chain is limited to other uses.

    RFC 5280 leaves open what extended key usage means in an authority; who sets it there means a limit.
    """
    from cryptography.x509 import ExtendedKeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    fitting = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    with _step():
        for certificate in chain:
            for extension in certificate.extensions:
                if isinstance(extension.value, ExtendedKeyUsage) and fitting.isdisjoint(extension.value):
                    raise ValueError("an authority of the chain is not for code signing")


@functools.lru_cache(maxsize=64)
def _policy(anchors: tuple[bytes, ...]) -> PolicyBuilder:
    from cryptography.x509 import ExtendedKeyUsage
    from cryptography.x509.verification import Criticality, ExtensionPolicy

    # The default wants client authentication; code signing is looked for in the leaf (_x509.py).
    ca = ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
    ee = ExtensionPolicy.webpki_defaults_ee().may_be_present(ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
    return _store_of(anchors).extension_policies(ca_policy=ca, ee_policy=ee)


@functools.lru_cache(maxsize=64)
def _own_policy(anchors: tuple[bytes, ...], *, pinned: bool) -> PolicyBuilder:
    from cryptography.x509 import (
        AuthorityKeyIdentifier,
        BasicConstraints,
        ExtendedKeyUsage,
        SubjectAlternativeName,
    )
    from cryptography.x509.verification import Criticality, ExtensionPolicy

    # SPIFFE lets the use be critical. Key identifiers are hints for building chains, and many authorities that
    # people make for themselves write none.
    usage = Criticality.AGNOSTIC
    ca = ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, usage, None)
    ee = (
        ExtensionPolicy.webpki_defaults_ee()
        .may_be_present(ExtendedKeyUsage, usage, None)
        .may_be_present(AuthorityKeyIdentifier, Criticality.NON_CRITICAL, None)
    )
    if pinned:  # what it says of itself is not asked (_x509.read_pinned); the chain above it is as any other
        ee = ee.may_be_present(BasicConstraints, usage, None).may_be_present(
            SubjectAlternativeName, usage, None
        )
    return _store_of(anchors).extension_policies(ca_policy=ca, ee_policy=ee)


def _store_of(anchors: tuple[bytes, ...]) -> PolicyBuilder:
    from cryptography.x509.verification import PolicyBuilder, Store

    return PolicyBuilder().store(Store([read_certificate(der) for der in anchors]))


def _step() -> AbstractContextManager[None]:
    return foreign(
        lambda why: VerificationError(
            "certificate.chain",
            f"no certificate authority of the trusted root vouches for the signer's certificate: {why}",
            where="certificate",
            hint="is it the trusted root of the instance that issued the certificate?",
        )
    )
