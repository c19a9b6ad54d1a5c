"""trust.yaml: text in, typed records out, and for every mistake the line it stands on.

`schemas/trust.json` describes the same shape for editors; a test holds the two together. What cannot be right
is an error here, because a misspelt word in this file either locks people out or, in `revoked`, lets somebody
stay in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from placet_attestations import strictyaml
from placet_attestations._files import read_bounded
from placet_attestations.digests import Digest
from placet_attestations.errors import KeyFileError, MalformedError, UnsupportedError
from placet_attestations.keys import ALGORITHMS, Algorithm, PublicKey, load_public
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.predicate_types import KINDS, PREDICATE_TYPES, SHORT_TYPES, VERIFICATION_SUMMARY
from placet_attestations.strictyaml import Node
from placet_attestations.suggest import closest, did_you_mean
from placet_attestations.times import parse_date, parse_time
from placet_attestations.trust import Revocation, Rule, SignerRecord, TrustPolicy

KeyLoader: TypeAlias = Callable[[str, Algorithm | None], PublicKey]
"""The key of a `key:` entry, by its text and the `algorithm:` beside it."""

GATE_ROLE = "gate"
"""The role of callers of the gate and of verification summaries; it signs nothing else."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_ROLE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYLESS = ("issuer", "identity", "identity_pattern")


def read_trust(path: Path, limits: Limits = DEFAULT_LIMITS) -> TrustPolicy:
    """Read trust.yaml and the public keys it names, relative to its folder.

    Raises IdentityError file.* when it cannot be read, and what `parse_trust` raises.
    """
    data = read_bounded(path, limits.max_trust_bytes)

    def load_key(name: str, algorithm: Algorithm | None) -> PublicKey:
        return load_public(path.parent / name, limits, algorithm=algorithm)

    return parse_trust(data, load_key, file=path.name, limits=limits)


def parse_trust(
    data: bytes, load_key: KeyLoader, *, file: str = "trust.yaml", limits: Limits = DEFAULT_LIMITS
) -> TrustPolicy:
    """Read the text of a trust.yaml; keys come from `load_key`. Every error names `file` and the line.

    Raises MalformedError trust.* (strictyaml's, and value, signer_duplicate, key_duplicate, type_unknown,
    gate_role, signer_unknown); UnsupportedError trust.version, trust.keyless; KeyFileError key.*.
    """
    root = strictyaml.load(data, file=file, code="trust", max_bytes=limits.max_trust_bytes)
    top = root.members("trust.yaml", required=("version", "signers", "rules"), optional=("revoked",))
    version = top["version"].integer("version")
    if version != 1:
        raise UnsupportedError(
            "trust.version",
            f"version {version} of trust.yaml",
            where=top["version"].where,
            hint="this version of Placet reads version: 1",
        )
    signers = _signers(top["signers"], load_key)
    rules = tuple(_rule(node) for node in top["rules"].items("rules"))
    revoked = (
        tuple(_revocation(node, signers) for node in top["revoked"].items("revoked"))
        if "revoked" in top
        else ()
    )
    return TrustPolicy.of(data, signers, rules, revoked)


def _signers(node: Node, load_key: KeyLoader) -> tuple[SignerRecord, ...]:
    signers: list[SignerRecord] = []
    for item in node.items("signers"):
        signer = _signer(item, load_key)
        for other in signers:
            if other.id == signer.id:
                raise item.error(
                    "signer_duplicate", f'two signers have the id "{signer.id}"', "give one another id"
                )
            if other.key.der == signer.key.der:  # whatever each is used with: a key counts once
                message = f'"{other.id}" and "{signer.id}" have the same key'
                raise item.error(
                    "key_duplicate", message, "a key is one signer: merge the two, or make another key"
                )
        signers.append(signer)
    return tuple(signers)


def _signer(node: Node, load_key: KeyLoader) -> SignerRecord:
    for word in _KEYLESS:
        if isinstance(node.value, dict) and word in node.value:
            raise UnsupportedError(
                "trust.keyless",
                f"a signer with {word}: keyless signers are not verified by this version",
                where=node.value[word].where,
                hint="give the signer a key:  key: keys/NAME.pub",
            )
    members = node.members(
        "a signer", required=("id", "principal", "key", "roles"), optional=("algorithm", "builders", "valid")
    )
    start, end = _window(members["valid"]) if "valid" in members else (None, None)
    return SignerRecord(
        id=_word(members["id"], "an id", _ID, "letters, digits and . _ - @ +"),
        principal=members["principal"].text("principal"),
        key=_key(members, load_key),
        roles=_roles(members["roles"]),
        builders=frozenset(_texts(members["builders"], "builders")) if "builders" in members else frozenset(),
        valid_from=start,
        valid_until=end,
    )


def _key(members: Mapping[str, Node], load_key: KeyLoader) -> PublicKey:
    node = members["key"]
    algorithm = _algorithm(members["algorithm"]) if "algorithm" in members else None
    try:
        return load_key(node.text("key"), algorithm)
    except KeyFileError as error:
        raise KeyFileError(error.code, error.message, where=node.where, hint=error.hint) from error


def _algorithm(node: Node) -> Algorithm:
    text = node.text("algorithm")
    for algorithm in ALGORITHMS:
        if text == algorithm:
            return algorithm
    message = f"no key is used with {text[:60]!a}{did_you_mean(text, ALGORITHMS)}"
    raise node.error("value", message, f"use {', '.join(ALGORITHMS)}")


def _window(node: Node) -> tuple[datetime | None, datetime | None]:
    members = node.members("valid", optional=("from", "until"))
    start = _time(members["from"], "from") if "from" in members else None
    end = _time(members["until"], "until") if "until" in members else None
    if start is not None and end is not None and start >= end:
        raise node.error("value", "the signer is never valid: until is not after from")
    return start, end


def _rule(node: Node) -> Rule:
    members = node.members(
        "a rule", required=("roles", "types", "kinds"), optional=("threshold", "may_name", "may_alias")
    )
    rule = Rule(
        roles=_roles(members["roles"]),
        types=frozenset(_type(item) for item in members["types"].items("types", least=1)),
        kinds=frozenset(_kind(item) for item in members["kinds"].items("kinds", least=1)),
        threshold=members["threshold"].integer("threshold") if "threshold" in members else 1,
        may_name=_texts(members["may_name"], "may_name") if "may_name" in members else (),
        may_alias=members["may_alias"].boolean("may_alias") if "may_alias" in members else False,
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
        since=None if members["from"].value == "always" else _time(members["from"], "from"),
        reason=members["reason"].text("reason") if "reason" in members else "",
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
        raise _at(node, error) from error


def _time(node: Node, what: str) -> datetime:
    text = node.text(what)
    try:
        return parse_date(text) if len(text) == len("2026-01-01") else parse_time(text)
    except MalformedError as error:
        raise _at(node, error) from error


def _at(node: Node, error: MalformedError) -> MalformedError:
    return MalformedError(error.code, error.message, where=node.where, hint=error.hint)


def _roles(node: Node) -> frozenset[str]:
    items = node.items("roles", least=1)
    return frozenset(_word(item, "a role", _ROLE, "lower-case letters, digits and hyphens") for item in items)


def _texts(node: Node, what: str) -> tuple[str, ...]:
    return tuple(item.text(what) for item in node.items(what))


def _word(node: Node, what: str, pattern: re.Pattern[str], rule: str) -> str:
    text = node.text(what)
    if not pattern.fullmatch(text):
        raise node.error("value", f"{text[:60]!a} is not {what}: use {rule}")
    return text
