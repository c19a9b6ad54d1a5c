"""The `roots:` and `signers:` of trust.yaml: who is meant by a key, and who by a certificate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from placet_attestations._trust_certificates import NAMED, read_certificate_signer
from placet_attestations._trust_words import roles, texts, time, word
from placet_attestations.errors import AttestationError, KeyFileError
from placet_attestations.keys import ALGORITHMS, Algorithm, PublicKey
from placet_attestations.roots.loading import LoadedRoot, Pki, RootFile, RootSource, Shipped, Tuf
from placet_attestations.roots.shipped_roots import SHIPPED
from placet_attestations.strictyaml import Node
from placet_attestations.suggest import did_you_mean
from placet_attestations.trust import PUBLIC_GOOD, SignerRecord

KeyLoader: TypeAlias = Callable[[str, Algorithm | None], PublicKey]
"""The key of a `key:` entry, by its text and the `algorithm:` beside it."""

RootLoader: TypeAlias = Callable[[str, RootSource], LoadedRoot]
"""The root of an id and where it comes from."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_ROOT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WAYS: Final = ("file", "tuf", "authority")
_USAGES: Final = ("code-signing", "any")


def read_roots(node: Node | None) -> Mapping[str, tuple[RootSource, Node]]:
    """The sources of all roots: those listed, and the shipped ones, which may go unsaid."""
    found: dict[str, tuple[RootSource, Node]] = {}
    for item in () if node is None else node.items("roots"):
        members = item.members(
            "a root",
            required=("id",),
            optional=(
                *_WAYS,
                "refresh",
                "without_log",
                "bootstrap",
                "target",
                "timestamps",
                "usage",
                "checked",
            ),
        )
        name = word(members["id"], "a root's id", _ROOT_ID, "lower-case letters, digits and hyphens")
        if name in found:
            raise item.error("root_duplicate", f'two roots have the id "{name}"', "give one another id")
        found[name] = _source(name, item, members), item
    return found


def _source(name: str, item: Node, members: Mapping[str, Node]) -> RootSource:
    ways = [way for way in _WAYS if way in members]
    if len(ways) > 1 or (not ways and name not in SHIPPED):
        raise item.error(
            "root",
            f'the root "{name}" needs one of {", ".join(_WAYS)}',
            f"shipped, and needing none, are {', '.join(sorted(SHIPPED))}",
        )
    way = ways[0] if ways else "shipped"
    allowed = _BESIDE[way]
    for key in members:
        if key not in ("id", way, *allowed):
            raise members[key].error(
                "root", f"{key} means nothing for this root", f"beside it: {', '.join(allowed)}"
            )
    return _SOURCES[way](members)


def _shipped(members: Mapping[str, Node]) -> RootSource:
    return Shipped(members["id"].text("id"), "refresh" in members and members["refresh"].boolean("refresh"))


def _file(members: Mapping[str, Node]) -> RootSource:
    return RootFile(
        _path(members, "file"),
        without_log="without_log" in members and members["without_log"].boolean("without_log"),
        checked=_optional_time(members, "checked"),
    )


def _tuf(members: Mapping[str, Node]) -> RootSource:
    if "bootstrap" not in members:
        raise members["tuf"].error(
            "missing_key", "a tuf root has no bootstrap", "add  bootstrap: FILE, its first root.json"
        )
    target = members["target"].text("target") if "target" in members else "trusted_root.json"
    return Tuf(members["tuf"].text("tuf"), _path(members, "bootstrap"), target)


def _pki(members: Mapping[str, Node]) -> RootSource:
    usage = members["usage"].text("usage") if "usage" in members else "code-signing"
    for known in _USAGES:
        if usage == known:
            return Pki(
                _path(members, "authority"),
                _path(members, "timestamps") if "timestamps" in members else None,
                known,
                checked=_optional_time(members, "checked"),
            )
    raise members["usage"].error("value", f"{usage[:60]!a} is no usage", f"use {' or '.join(_USAGES)}")


_SOURCES: Final[Mapping[str, Callable[[Mapping[str, Node]], RootSource]]] = {
    "shipped": _shipped,
    "file": _file,
    "tuf": _tuf,
    "authority": _pki,
}
_BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "shipped": ("refresh",),
    "file": ("without_log", "checked"),
    "tuf": ("bootstrap", "target"),
    "authority": ("timestamps", "usage", "checked"),
}


def _path(members: Mapping[str, Node], name: str) -> Path:
    return Path(members[name].text(name))


def _optional_time(members: Mapping[str, Node], name: str) -> datetime | None:
    return time(members[name], name) if name in members else None


def read_signers(
    node: Node, load_key: KeyLoader, roots: Mapping[str, tuple[RootSource, Node]]
) -> tuple[SignerRecord, ...]:
    """The signers, each once: by id, by key, and by what a certificate must say."""
    signers: list[SignerRecord] = []
    for item in node.items("signers"):
        signer = _signer(item, load_key, roots)
        for other in signers:
            if other.id == signer.id:
                raise item.error(
                    "signer_duplicate", f'two signers have the id "{signer.id}"', "give one another id"
                )
            if signer.key is not None and other.key is not None and other.key.der == signer.key.der:
                message = f'"{other.id}" and "{signer.id}" have the same key'  # whatever each is used with
                raise item.error(
                    "key_duplicate", message, "a key is one signer: merge the two, or make another key"
                )
            if other.mark == signer.mark:
                message = f'"{other.id}" and "{signer.id}" are the same identity'
                raise item.error("identity_duplicate", message, "an identity is one signer: merge the two")
        signers.append(signer)
    return tuple(signers)


def _signer(node: Node, load_key: KeyLoader, roots: Mapping[str, tuple[RootSource, Node]]) -> SignerRecord:
    members = node.members(
        "a signer",
        required=("id", "principal", "roles"),
        optional=("key", "algorithm", *NAMED, "root", "builders", "valid"),
    )
    named = [name for name in NAMED if name in members]
    if ("key" in members) == bool(named):
        raise node.error(
            "signer",
            "a signer has either a key or an identity",
            "keep  key:  or  issuer: and identity:  (or certificate:)",
        )
    if named and "algorithm" in members:
        raise members["algorithm"].error("signer", "algorithm means nothing without key")
    root = _root(members, roots, default=PUBLIC_GOOD if named else None)
    source = roots[root][0] if root is not None and root in roots else None
    start, end = _window(members["valid"]) if "valid" in members else (None, None)
    return SignerRecord(
        id=word(members["id"], "an id", _ID, "letters, digits and . _ - @ +"),
        principal=members["principal"].text("principal"),
        key=_key(members, load_key) if "key" in members else None,
        roles=roles(members["roles"]),
        builders=frozenset(texts(members["builders"], "builders")) if "builders" in members else frozenset(),
        valid_from=start,
        valid_until=end,
        certificate=read_certificate_signer(node, members, source) if named else None,
        root=root,
        where=node.where,
    )


def _root(
    members: Mapping[str, Node], roots: Mapping[str, tuple[RootSource, Node]], *, default: str | None
) -> str | None:
    if "root" not in members:
        return default
    name, known = members["root"].text("root"), sorted({*roots, *SHIPPED})
    if name not in known:
        message = f"no root is called {name[:60]!a}{did_you_mean(name, known)}"
        raise members["root"].error("root_unknown", message, f"the roots are {', '.join(known)}")
    if default is None and name in roots and isinstance(roots[name][0], Pki):
        message = f"{name} vouches for certificates, and this signer has a key"
        raise members["root"].error("root", message, "leave root out: the key is trusted by itself")
    return name


def load_roots(
    signers: tuple[SignerRecord, ...], roots: Mapping[str, tuple[RootSource, Node]], load: RootLoader
) -> tuple[LoadedRoot, ...]:
    """Every listed root, and the shipped ones that signers use; errors name the root's line."""
    used = {signer.root for signer in signers if signer.root is not None}
    found = []
    for name in sorted({*roots, *used}):
        source, node = roots.get(name, (Shipped(name), None))
        try:
            found.append(load(name, source))
        except AttestationError as error:
            if node is None or (error.where is not None and error.where.startswith(f"{node.file}:")):
                raise
            message = f"the root {name} cannot be used: {error.message}"
            raise type(error)(error.code, message, where=node.where, hint=error.hint) from error
    return tuple(found)


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
    start, end = _optional_time(members, "from"), _optional_time(members, "until")
    if start is not None and end is not None and start >= end:
        raise node.error("value", "the signer is never valid: until is not after from")
    return start, end
