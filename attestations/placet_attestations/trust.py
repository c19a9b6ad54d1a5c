"""The trust policy: who is who, who may say what about which kind, and what no longer counts.

Values only. `trust_file.py` reads them from YAML, `admission.py` applies them to statements.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from placet_attestations.digests import Digest
from placet_attestations.keys import PublicKey
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots.loading import LoadedRoot, digest_of, pin_of, unless_stale
from placet_attestations.x509.identities import CertificateIdentity, Match

PUBLIC_GOOD: Final = "public-good"
"""The root of keyless signers that name no other: the public Sigstore instance."""


@dataclass(frozen=True, slots=True)
class CertificateSigner:
    """Whom a certificate must name. An authority of one's own is the issuer: `identity.issuer` is then nothing."""

    identity: CertificateIdentity
    claims: tuple[tuple[str, Match], ...] = ()  # Fulcio's claims by name, all of which must be met
    pinned: bool = False  # `identity` is the digest of one certificate, whatever that one says

    @classmethod
    def pin(cls, certificate: Digest) -> Self:
        """Exactly this certificate, by the SHA-256 of its DER; its authority is the issuer."""
        return cls(CertificateIdentity(Match.nothing(), Match.exactly(certificate)), pinned=True)

    def differs(self, issuer: str, identity: str, claims: Mapping[str, str]) -> tuple[str, ...]:
        """What of a certificate is not as it must be, in words; empty when it is this signer's."""
        asked = [("issuer", self.identity.issuer, issuer), ("identity", self.identity.identity, identity)]
        asked += [(name, match, claims.get(name, "")) for name, match in self.claims]
        return tuple(
            f"{name} is {actual[:200]!a}, not {match.text}"
            for name, match, actual in asked
            if not match(actual)
        )

    @property
    def exact(self) -> bool:
        """Whether issuer and identity are whole texts, which go before patterns."""
        return not (self.identity.issuer.is_pattern or self.identity.identity.is_pattern)

    @property
    def mark(self) -> str:
        """The same for the same demands, hex."""
        texts = [(match.is_pattern, match.text) for match in (self.identity.issuer, self.identity.identity)]
        claims = sorted((name, match.is_pattern, match.text) for name, match in self.claims)
        said = repr((texts, claims)) + (" pinned" if self.pinned else "")
        return Digest.of(said.encode()).hex


@dataclass(frozen=True, slots=True)
class SignerRecord:
    """One trusted key, or one name that an authority may vouch for. Several may belong to one principal; quorums
    and separation count principals.
    """

    id: str
    principal: str
    key: PublicKey | None  # None when it signs by certificate
    roles: frozenset[str]
    builders: frozenset[str] = frozenset()  # builder ids it may claim in provenance; none when empty
    valid_from: datetime | None = None  # inclusive
    valid_until: datetime | None = None  # exclusive
    certificate: CertificateSigner | None = None
    root: str | None = None  # whose certificates count; of a key: whose log and time stamps prove its times
    where: str = field(default="trust.yaml", compare=False)

    @property
    def mark(self) -> str:
        """What tells this signer from others, whatever it is called: its key's fingerprint, or the root and the
        name, in hex.
        """
        if self.key is not None:
            return self.key.fingerprint
        assert self.certificate is not None
        return Digest.of(f"{self.root} {self.certificate.mark}".encode()).hex

    def valid_at(self, instant: datetime) -> bool:
        """Whether a signature proved to exist at this time was made inside the signer's window."""
        return (self.valid_from is None or self.valid_from <= instant) and (
            self.valid_until is None or instant < self.valid_until
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Signers with one of `roles` may make statements of these short types about artifacts of these kinds."""

    roles: frozenset[str]
    types: frozenset[str]
    kinds: frozenset[str]
    threshold: int = 1  # distinct principals that must say it about the same artifact
    may_name: tuple[str, ...] = ()  # patterns, `*` stands for any characters
    may_alias: bool = False
    where: str = field(default="trust.yaml", compare=False)

    def allows_name(self, name: str) -> bool:
        """Whether this rule lets an artifact be called so."""
        return any(_pattern(glob).fullmatch(name) for glob in self.may_name)

    def allows_alias(self, alias: str) -> bool:
        """Whether this rule lets an artifact have this alias: `name@version`, or another name, of a name it
        may give.
        """
        return self.may_alias and self.allows_name(alias.partition("@")[0])


@dataclass(frozen=True, slots=True)
class Revocation:
    """Exactly one of `signer` and `artifact`. `since` is None for always: then nothing ever counted."""

    signer: str | None
    artifact: Digest | None
    since: datetime | None
    reason: str = ""
    where: str = field(default="trust.yaml", compare=False)

    def covers(self, instant: datetime) -> bool:
        """Whether what was proved at this time no longer counts."""
        return self.since is None or self.since <= instant


@dataclass(frozen=True, slots=True)
class Grant:
    """One row of `placet trust explain`: this signer may say this about these kinds, by this rule."""

    signer: str
    principal: str
    roles: tuple[str, ...]
    type: str
    kinds: tuple[str, ...]
    threshold: int
    may_name: tuple[str, ...]
    may_alias: bool


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The whole of one trust.yaml. `digest` pins the file and every key it names, so it changes when a key
    file does; `memory` also the roots as they are now.
    """

    signers: tuple[SignerRecord, ...]
    rules: tuple[Rule, ...]
    revoked: tuple[Revocation, ...]
    digest: Digest
    roots: tuple[LoadedRoot, ...] = ()
    memory: Digest = field(init=False, repr=False, compare=False)
    """What a verdict about a bundle rests on, apart from the bundle."""
    _by_mark: dict[str, SignerRecord] = field(init=False, repr=False, compare=False)
    _by_hint: dict[str, SignerRecord] = field(init=False, repr=False, compare=False)
    counting: frozenset[int] = field(init=False, repr=False, compare=False)
    """Indexes of the rules that ask for more than one principal."""
    pinned: frozenset[str] = field(init=False, repr=False, compare=False)
    """Digests of the certificates that are signers by themselves."""

    def __post_init__(self) -> None:
        by_mark = {signer.mark: signer for signer in self.signers}
        by_hint = {hint: signer for signer in self.signers for hint in _hints(signer.key)}
        object.__setattr__(self, "memory", _memory(self.digest, self.roots))
        object.__setattr__(self, "_by_mark", by_mark)
        object.__setattr__(self, "_by_hint", by_hint)
        counting = frozenset(index for index, rule in enumerate(self.rules) if rule.threshold > 1)
        object.__setattr__(self, "counting", counting)
        certificates = (signer.certificate for signer in self.signers)
        pinned = frozenset(
            one.identity.identity.text for one in certificates if one is not None and one.pinned
        )
        object.__setattr__(self, "pinned", pinned)

    @classmethod
    def of(
        cls,
        source: bytes,
        signers: tuple[SignerRecord, ...],
        rules: tuple[Rule, ...],
        revoked: tuple[Revocation, ...],
        roots: tuple[LoadedRoot, ...] = (),
    ) -> Self:
        """A policy pinned over the bytes it was read from and the key of each signer, in order."""
        lines = ["placet trust v1", Digest.of(source)]
        lines += [f"{signer.id} {signer.mark}" for signer in signers]
        return cls(signers, rules, revoked, Digest.of("\n".join([*lines, ""]).encode()), roots)

    def at(self, now: datetime, error: timedelta | None) -> Self:
        """The policy as it may be used at this time: roots that are older than `error` are out of use."""
        roots = tuple(unless_stale(root, now, error) for root in self.roots)
        return self if roots == self.roots else replace(self, roots=roots)

    @property
    def roots_pin(self) -> str:
        """What was chosen to vouch for certificates and times, the same after a refresh; `none` without roots."""
        if not self.roots:
            return "none"
        return pin_of(self.roots)

    def root(self, name: str) -> LoadedRoot | None:
        """The root of this name."""
        return next((root for root in self.roots if root.id == name), None)

    def signer_of(self, mark: str) -> SignerRecord | None:
        """The signer with this mark; a key's is the SHA-256 of its SPKI in hex."""
        return self._by_mark.get(mark)

    def hinted(self, hint: str | None) -> SignerRecord | None:
        """The signer whose key a bundle's hint names, in the spelling of any known writer. Proves nothing."""
        return None if hint is None else self._by_hint.get(hint)

    def signer_revocation(self, signer: str, at: datetime) -> Revocation | None:
        """The revocation under which a signature of this signer, proved at `at`, does not count."""
        return next((entry for entry in self.revoked if entry.signer == signer and entry.covers(at)), None)

    def artifact_revoked(self, digest: str) -> Revocation | None:
        """The earliest revocation of an artifact, also one that lies ahead: policy compares its time with
        `now`.
        """
        found = [entry for entry in self.revoked if entry.artifact == digest]
        return min(found, key=_since, default=None)

    def explain(
        self, *, signer: str | None = None, short_type: str | None = None, kind: str | None = None
    ) -> tuple[Grant, ...]:
        """Who may say what, one row for each signer, type and rule; narrowed to what is given. In order of
        the file.
        """
        return tuple(
            Grant(
                record.id,
                record.principal,
                tuple(sorted(record.roles & rule.roles)),
                short,
                tuple(sorted(rule.kinds)),
                rule.threshold,
                rule.may_name,
                rule.may_alias,
            )
            for record in self.signers
            if signer in (None, record.id)
            for rule in self.rules
            if record.roles & rule.roles and (kind is None or kind in rule.kinds)
            for short in sorted(rule.types)
            if short_type in (None, short)
        )

    def remarks(self) -> tuple[str, ...]:
        """What is no error and may be a mistake, for `placet trust check`: rules that let nobody say anything."""
        found: list[str] = []
        for number, rule in enumerate(self.rules, 1):
            principals = {signer.principal for signer in self.signers if signer.roles & rule.roles}
            what = f"rule {number} ({', '.join(sorted(rule.roles))}: {', '.join(sorted(rule.types))})"
            if not principals:
                found.append(f"{what}: no signer has any of its roles")
            elif len(principals) < rule.threshold:
                found.append(f"{what}: needs {rule.threshold} principals and has {len(principals)}")
        return tuple(found)


def recognised(trust: TrustPolicy, signer: str) -> str | None:
    """By what a signer is known who signs by certificate, in words; None for one who signs by key."""
    record = next((record for record in trust.signers if record.id == signer), None)
    if record is None or record.certificate is None:
        return None
    wanted = record.certificate
    issuer = f" of {wanted.identity.issuer.text}" if wanted.identity.issuer.text else ""
    claims = "".join(f", {name} {match.text}" for name, match in wanted.claims)
    return f"{wanted.identity.identity.text}{issuer}{claims}, vouched for by the root {record.root}"


def load_trust(path: Path, limits: Limits = DEFAULT_LIMITS, *, state: Path | None = None) -> TrustPolicy:
    """Read trust.yaml with the keys and roots it names, relative to its folder; `state` is where refreshed roots
    lie. Errors as `trust_file.read_trust`.
    """
    from placet_attestations.trust_file import read_trust

    return read_trust(path, limits, state=state)


def _since(entry: Revocation) -> tuple[bool, float]:
    return (entry.since is not None, entry.since.timestamp() if entry.since else 0.0)


def _memory(digest: Digest, roots: Iterable[LoadedRoot]) -> Digest:
    return Digest.of(f"placet verdicts v1\n{digest}\n{digest_of(roots)}\n".encode())


def _hints(key: PublicKey | None) -> Iterable[str]:
    if key is None:
        return
    yield key.hint  # cosign, sigstore-go, ours: base64 of SHA-256 over the DER
    yield key.fingerprint
    yield hashlib.sha256(key.pem.encode()).hexdigest()  # model-signing: hex of SHA-256 over the PEM text


@functools.cache
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")), re.DOTALL)
