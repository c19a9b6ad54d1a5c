"""trust.yaml: text in, typed records out, and for every mistake the line it stands on.

`schemas/trust.json` describes the same shape for editors; a test holds the two together. What cannot be right
is an error here, because a misspelt word in this file either locks people out or, in `revoked`, lets somebody
stay in.
"""

from __future__ import annotations

from pathlib import Path

from placet_attestations import strictyaml
from placet_attestations._files import read_bounded
from placet_attestations._trust_signers import KeyLoader, RootLoader, load_roots, read_roots, read_signers
from placet_attestations._trust_words import at, roles, texts, time
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.keys import Algorithm, PublicKey, load_public
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.predicate_types import KINDS, PREDICATE_TYPES, SHORT_TYPES, VERIFICATION_SUMMARY
from placet_attestations.roots.loading import LoadedRoot, RootSource, load_root
from placet_attestations.strictyaml import Node
from placet_attestations.suggest import closest, did_you_mean
from placet_attestations.trust import Revocation, Rule, SignerRecord, TrustPolicy

GATE_ROLE = "gate"
"""The role of callers of the gate and of verification summaries; it signs nothing else."""


def read_trust(path: Path, limits: Limits = DEFAULT_LIMITS, *, state: Path | None = None) -> TrustPolicy:
    """Read trust.yaml, the public keys and the roots it names, relative to its folder; refreshed roots lie in
    `state`.

    Raises IdentityError file.* when it cannot be read, and what `parse_trust` raises.
    """
    data = read_bounded(path, limits.max_trust_bytes)

    def load_key(name: str, algorithm: Algorithm | None) -> PublicKey:
        return load_public(path.parent / name, limits, algorithm=algorithm)

    def load(name: str, source: RootSource) -> LoadedRoot:
        return load_root(name, source, folder=path.parent, state=state, limits=limits)

    return parse_trust(data, load_key, load, file=path.name, limits=limits)


def parse_trust(
    data: bytes,
    load_key: KeyLoader,
    load: RootLoader | None = None,
    *,
    file: str = "trust.yaml",
    limits: Limits = DEFAULT_LIMITS,
) -> TrustPolicy:
    """Read the text of a trust.yaml; keys come from `load_key`, roots from `load` (without it there are none). Every
    error names `file` and the line.

    Raises MalformedError trust.* (strictyaml's, and value, signer, signer_duplicate, key_duplicate,
    identity_duplicate, root, root_duplicate, root_unknown, type_unknown, gate_role, signer_unknown), identity.*,
    and what `load` raises; UnsupportedError trust.version; KeyFileError key.*.
    """
    root = strictyaml.load(data, file=file, code="trust", max_bytes=limits.max_trust_bytes)
    top = root.members("trust.yaml", required=("version", "signers", "rules"), optional=("roots", "revoked"))
    version = top["version"].integer("version")
    if version != 1:
        raise UnsupportedError(
            "trust.version",
            f"version {version} of trust.yaml",
            where=top["version"].where,
            hint="this version of Placet reads version: 1",
        )
    sources = read_roots(top.get("roots"))
    signers = read_signers(top["signers"], load_key, sources)
    rules = tuple(_rule(node) for node in top["rules"].items("rules"))
    revoked = (
        tuple(_revocation(node, signers) for node in top["revoked"].items("revoked"))
        if "revoked" in top
        else ()
    )
    return TrustPolicy.of(data, signers, rules, revoked, load_roots(signers, sources, load or _no_root))


def _no_root(name: str, _source: RootSource) -> LoadedRoot:
    raise MalformedError(
        "trust.root", f"nothing is at hand for the root {name}", hint="read trust.yaml from its file"
    )


def _rule(node: Node) -> Rule:
    members = node.members(
        "a rule", required=("roles", "types", "kinds"), optional=("threshold", "may_name", "may_alias")
    )
    rule = Rule(
        roles=roles(members["roles"]),
        types=frozenset(_type(item) for item in members["types"].items("types", least=1)),
        kinds=frozenset(_kind(item) for item in members["kinds"].items("kinds", least=1)),
        threshold=members["threshold"].integer("threshold") if "threshold" in members else 1,
        may_name=texts(members["may_name"], "may_name") if "may_name" in members else (),
        may_alias=members["may_alias"].boolean("may_alias") if "may_alias" in members else False,
        where=node.where,
    )
    if rule.threshold < 1:
        raise members["threshold"].error("value", "threshold must be at least 1")
    if GATE_ROLE in rule.roles and rule.types != {VERIFICATION_SUMMARY}:
        raise node.error(
            "gate_role",
            f'the role "{GATE_ROLE}" signs verification summaries and nothing else',
            f"give another role, or types: [{VERIFICATION_SUMMARY}]",
        )
    return rule


def _type(node: Node) -> str:
    text = node.text("a type")
    if text in SHORT_TYPES:
        return text
    words = sorted(word for word, uri in PREDICATE_TYPES.items() if uri == text)
    if words:
        # By its URI a rule would cover statements of several words: whoever writes it must choose.
        raise node.error("type_unknown", f"{text} is written {' or '.join(words)} here", f"write {words[0]}")
    if ":" not in text:
        message = f"no statement is called {text[:60]!a}{did_you_mean(text, SHORT_TYPES)}"
        raise node.error(
            "type_unknown", message, f"use {', '.join(sorted(SHORT_TYPES))}, or a predicate type URI"
        )
    return text


def _kind(node: Node) -> str:
    text = node.text("a kind")
    if text not in KINDS:
        message = f"no artifact is of kind {text[:60]!a}{did_you_mean(text, KINDS)}"
        raise node.error("value", message, f"use {', '.join(sorted(KINDS))}")
    return text


def _revocation(node: Node, signers: tuple[SignerRecord, ...]) -> Revocation:
    members = node.members("a revocation", required=("from",), optional=("signer", "artifact", "reason"))
    if ("signer" in members) == ("artifact" in members):
        raise node.error("value", "a revocation names a signer or an artifact", "keep one of the two")
    revocation = Revocation(
        signer=members["signer"].text("signer") if "signer" in members else None,
        artifact=_digest(members["artifact"]) if "artifact" in members else None,
        since=None if members["from"].value == "always" else time(members["from"], "from"),
        reason=members["reason"].text("reason") if "reason" in members else "",
        where=node.where,
    )
    if revocation.signer is not None:
        _check_revoked_signer(members["signer"], revocation.signer, {signer.id for signer in signers})
    return revocation


def _check_revoked_signer(node: Node, name: str, known: set[str]) -> None:
    # A signer who has left the list may stay revoked. But a name one letter off revokes nobody, and nobody
    # notices.
    match = None if name in known else closest(name, sorted(known))
    if match is not None:
        raise node.error(
            "signer_unknown",
            f'no signer is called {name[:60]!a}; did you mean "{match}"?',
            "a signer who is gone needs no revocation: remove the line, or keep the signer's entry too",
        )


def _digest(node: Node) -> Digest:
    try:
        return Digest.parse(node.text("artifact"))
    except MalformedError as error:
        raise at(node, error) from error
