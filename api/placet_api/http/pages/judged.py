"""The lineage as a decision saw it, read back from the facts that OPA was asked with.

The log keeps those facts and its leaf commits to them, so what is drawn is what was judged, whatever was added, revoked
or re-read since. Only for drawing and telling: nothing here is verified evidence, and nothing may be judged by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import loads
from placet_attestations.times import format_time, parse_time
from placet_attestations.trust import Revocation
from placet_engine.lineage.model import Artifact, Lineage
from placet_engine.lineage.render import called, what

_DEPTH = 128  # the deepest predicate, and the facts around it


@dataclass(frozen=True, slots=True)
class Said:
    """One statement behind a decision: what it is, about what, who signed, since when it is proved to be there."""

    digest: str
    type: str
    subjects: tuple[str, ...]
    signers: tuple[str, ...]
    since: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Evidence that did not count, and why."""

    code: str
    text: str
    statement: str | None
    signer: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """A lineage to draw, the statements behind it, and what did not count."""

    lineage: Lineage
    statements: tuple[Said, ...]
    findings: tuple[Refused, ...]


def of_facts(data: bytes) -> Known:
    """What the facts of one decision say. Raises `ValueError` when they have not the shape that this version reads."""
    try:
        return _known(loads(data, max_bytes=len(data), max_depth=_DEPTH, where="input"))
    except (AttributeError, KeyError, TypeError, MalformedError) as error:
        raise ValueError("the facts have another shape") from error


def of_lineage(lineage: Lineage) -> Known:
    """The same of a lineage that was walked just now."""
    statements = tuple(
        Said(
            digest,
            item.verified.type,
            tuple(_label(lineage, subject) for subject in sorted(item.roles)),
            (f"{item.verified.signer.principal} ({item.verified.signer.id})",),
            format_time(item.arrived.since),
        )
        for digest, item in lineage.statements.items()
    )
    findings = tuple(Refused(item.code, item.text, item.statement, item.signer) for item in lineage.findings)
    return Known(lineage, statements, findings)


def _known(facts: Any) -> Known:
    names = _names_in_use(facts["statements"].values())
    artifacts = {
        Digest.parse(digest): _artifact(Digest.parse(digest), node, names.get(digest))
        for digest, node in facts["artifacts"].items()
    }
    walk = facts["lineage"]
    lineage = Lineage(
        Digest.parse(facts["subject"]),
        artifacts,
        {},
        cycle=tuple(map(Digest.parse, walk["cycle"])),
        truncated=walk["truncated"],
    )
    statements = tuple(_said(lineage, digest, item) for digest, item in facts["statements"].items())
    findings = tuple(
        Refused(item["code"], item["text"], item.get("statement"), item.get("signer"))
        for item in facts["findings"]
    )
    return Known(lineage, statements, findings)


def _artifact(digest: Digest, node: Mapping[str, Any], used_as: str | None) -> Artifact:
    name, revoked = node.get("name") or used_as, node.get("revoked")
    return Artifact(
        digest,
        node["distance"],
        kinds=tuple(node["kinds"]),
        names=() if name is None else (name,),
        aliases=tuple(node["aliases"]),
        statements=tuple(map(Digest.parse, node["statements"])),
        parents=tuple(map(Digest.parse, node["parents"])),
        roles=tuple(node["roles"]),
        revoked=None if revoked is None else _revocation(digest, revoked),
    )


def _revocation(digest: Digest, told: Mapping[str, str]) -> Revocation:
    since = None if told["since"] == "always" else parse_time(told["since"])
    return Revocation(None, digest, since, told["reason"])


def _names_in_use(statements: Any) -> dict[str, str]:
    """How statements call what they depend on: the name of an artifact that nobody named by a statement of its own."""
    found: dict[str, str] = {}
    for item in statements:
        for digest, used in (item["body"].get("dependencies") or {}).items():
            found.setdefault(digest, used["name"])
    return found


def _said(lineage: Lineage, digest: str, item: Mapping[str, Any]) -> Said:
    return Said(
        digest,
        item["short_type"],
        tuple(_label(lineage, Digest.parse(subject)) for subject in item["subjects"]),
        tuple(f"{who['principal']} ({who['id']}) as {', '.join(who['roles'])}" for who in item["signers"]),
        item["since"],
    )


def _label(lineage: Lineage, digest: Digest) -> str:
    node = lineage.artifacts.get(digest)
    return digest if node is None else f"{what(node)} {called(lineage, node)}"
