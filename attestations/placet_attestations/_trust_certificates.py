"""The part of a signer in trust.yaml that says which certificates are its own: by their names, or one by its digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.roots.loading import Pki, RootFile, RootSource
from placet_attestations.strictyaml import Node
from placet_attestations.trust import CertificateSigner
from placet_attestations.x509._x509 import CLAIM_NAMES
from placet_attestations.x509.identities import CertificateIdentity, Match

NAMED: Final = ("issuer", "issuer_pattern", "identity", "identity_pattern", "claims", "certificate")
"""The members of an entry that say so."""


def read_certificate_signer(
    node: Node, members: Mapping[str, Node], source: RootSource | None
) -> CertificateSigner:
    """The members of NAMED that a signer's entry has; `source` is that of its root, None for one that is shipped."""
    own = isinstance(source, Pki)
    # GitHub's instance for releases writes no issuer: leaving it out says that the certificate must name none.
    nameless = isinstance(source, RootFile) and source.without_log
    if "certificate" in members:
        return _pinned(members, own=own)
    issuer = _one_of(node, members, "issuer", needed=not own and not nameless)
    if own and issuer is not None:
        raise node.error("signer", "an authority of one's own is the issuer", "leave issuer out")
    identity = _one_of(node, members, "identity", needed=True)
    assert identity is not None
    claims = members["claims"].members("claims", optional=sorted(CLAIM_NAMES)) if "claims" in members else {}
    if own and claims:
        raise members["claims"].error("signer", "only Fulcio's certificates have claims", "leave claims out")
    return CertificateSigner(
        CertificateIdentity(Match.nothing() if issuer is None else issuer, identity),
        tuple((name, _claim(value)) for name, value in claims.items()),
    )


def _pinned(members: Mapping[str, Node], *, own: bool) -> CertificateSigner:
    """One certificate, whatever it says: only under an authority of one's own, for Fulcio's live ten minutes."""
    node, beside = members["certificate"], [name for name in NAMED[:-1] if name in members]
    if beside:
        raise members[beside[0]].error(
            "signer", f"{beside[0]} means nothing beside certificate", "keep one of the two"
        )
    if not own:
        raise node.error(
            "signer",
            "a certificate is listed under an authority of one's own",
            "add  root:  with an authority",
        )
    try:
        return CertificateSigner.pin(Digest.parse(node.text("certificate")))
    except MalformedError as error:
        hint = "write sha256: and the digest of its DER: `openssl x509 -in FILE -outform DER | sha256sum`"
        raise node.error("value", error.message, hint) from error


def _one_of(node: Node, members: Mapping[str, Node], name: str, *, needed: bool) -> Match | None:
    exact, pattern = members.get(name), members.get(f"{name}_pattern")
    if exact is not None and pattern is not None:
        raise pattern.error("signer", f"{name} is given twice", f"keep {name} or {name}_pattern")
    if exact is not None:
        return Match.exactly(exact.text(name))
    if pattern is not None:
        return _pattern(pattern)
    if needed:
        raise node.error(
            "missing_key", f"a signer by certificate has no {name}", f"add  {name}: …  (or {name}_pattern)"
        )
    return None


def _claim(node: Node) -> Match:
    if isinstance(node.value, Mapping):
        return _pattern(node.members("a claim", required=("pattern",))["pattern"])
    return Match.exactly(node.text("a claim"))


def _pattern(node: Node) -> Match:
    try:
        return Match.pattern(node.text("a pattern"))
    except MalformedError as error:
        raise MalformedError(error.code, error.message, where=node.where, hint=error.hint) from error
