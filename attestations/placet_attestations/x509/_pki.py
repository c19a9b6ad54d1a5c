"""A signer's certificate under an own PKI: its name, its use, the chain to a given authority, and when.

Nothing that the bundle brings is trusted: its certificates are ways to an authority of the root and no ends,
and what Fulcio would say in an extension is not read, for any authority can write it.
"""

from __future__ import annotations

from collections.abc import Sequence

from placet_attestations.errors import VerificationError
from placet_attestations.limits import Limits
from placet_attestations.roots.pki_root import PkiRoot
from placet_attestations.roots.trusted_root import Window
from placet_attestations.sigstore.verified_bundle import ProvedTime
from placet_attestations.x509._chains import check_code_signing, own_issuers, starts_of, window_of
from placet_attestations.x509._spiffe import is_spiffe, spiffe_mistake
from placet_attestations.x509._x509 import Leaf


def check_profile(leaf: Leaf, root: PkiRoot) -> None:
    """Raise VerificationError certificate.profile unless the leaf is for this use and names one URI or e-mail
    address, and certificate.spiffe for a SPIFFE ID that is none.
    """
    if leaf.name_kind == "other":
        raise _refused("certificate.profile", "its name is neither a URI nor an e-mail address")
    if root.usage == "code-signing" and not leaf.code_signing:
        raise _refused("certificate.profile", "it is not for code signing, and this root asks for that")
    if leaf.name_kind == "uri" and is_spiffe(leaf.identity):
        mistake = spiffe_mistake(leaf.identity)
        if mistake is not None:
            raise _refused("certificate.spiffe", f"{leaf.identity[:120]!a} is no SPIFFE ID: {mistake}")


def check_own_chain(
    leaf: Leaf, brought: tuple[bytes, ...], times: Sequence[ProvedTime], root: PkiRoot, limits: Limits
) -> Window | None:
    """Hold the chain against every proved time; where there is none, say when it is valid.

    VerificationError certificate.expired, certificate.chain.
    """
    for proved in times:
        if not leaf.valid_at(proved.time):
            raise _refused("certificate.expired", f"it was not valid at the time stamp's {proved.time}")
        chain = own_issuers(leaf, brought, root.authorities, proved.time, longest=limits.max_certificates)
        if root.usage == "code-signing":
            check_code_signing(chain)
    return None if times else _window(leaf, brought, root, limits)


def _window(leaf: Leaf, brought: tuple[bytes, ...], root: PkiRoot, limits: Limits) -> Window:
    """The span of the chain that lasts longest. A chain is valid from the last of its beginnings on, so looking
    at each beginning sees every chain.
    """
    starts = starts_of((*brought, *root.authorities))
    found: list[Window] = []
    refusals: list[VerificationError] = []
    for start in sorted({leaf.not_before, *(time for time in starts if leaf.valid_at(time))}):
        try:
            chain = own_issuers(leaf, brought, root.authorities, start, longest=limits.max_certificates)
            if root.usage == "code-signing":
                check_code_signing(chain)
        except VerificationError as error:
            refusals.append(error)
        else:
            found.append(window_of(leaf, chain))
    if not found:
        raise refusals[-1]
    return max(found, key=lambda window: (window.end, -window.start.timestamp()))


def _refused(code: str, why: str) -> VerificationError:
    return VerificationError(
        code,
        f"the certificate is not a signer's: {why}",
        where="certificate",
        hint="a signer of an own PKI has one URI or e-mail address as its name, a certificate for signatures, "
        "and a chain to an authority of the root",
    )
