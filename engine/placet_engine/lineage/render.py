"""A lineage as text, JSON or Graphviz DOT, and the words that every drawing shares. Reads only.

Names come from evidence, so they are escaped for each format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from placet_attestations.digests import Digest
from placet_attestations.times import format_time
from placet_engine.lineage.model import Artifact, Lineage


def as_text(lineage: Lineage) -> str:
    """An indented tree from the subject back; an artifact that stands further up is named, not drawn again."""
    drawn: set[Digest] = set()
    lines = list(_tree(lineage, lineage.subject, 0, drawn))
    if lineage.cycle:
        lines.append(f"cycle: {', '.join(short(digest) for digest in lineage.cycle)}")
    if lineage.truncated:
        lines.append("truncated: the lineage is larger than the limits")
    return "\n".join(lines) + "\n"


def _tree(lineage: Lineage, subject: Digest, depth: int, drawn: set[Digest]) -> Iterator[str]:
    stack = [(subject, depth)]
    while stack:
        digest, depth = stack.pop()
        node = lineage.artifacts.get(digest)
        again = "" if digest not in drawn else "  (see above)"
        yield f"{'  ' * depth}{_label(lineage, digest)}{again}"
        if node is None or again:
            continue
        drawn.add(digest)
        for statement in node.statements:
            verified = lineage.statements[statement].verified
            yield f"{'  ' * depth}  · {verified.type} by {verified.signer.id}"
        stack.extend((parent, depth + 1) for parent in reversed(node.parents))


def _label(lineage: Lineage, digest: Digest) -> str:
    node = lineage.artifacts.get(digest)
    if node is None:
        return f"?  {short(digest)}"
    return f"{what(node)}  {plain(called(lineage, node))}  {short(digest)}"


def what(node: Artifact) -> str:
    """What an artifact is: the kinds that were claimed, else the roles under which it was used."""
    return "/".join(node.kinds or node.roles) or "unknown"


def called(lineage: Lineage, node: Artifact) -> str:
    """What an artifact is called: by its own statements, else by a statement that depends on it, else `-`."""
    if node.names:
        return " or ".join(node.names)
    for other in lineage.statements.values():
        for item in other.verified.dependencies:
            if item.digest == node.digest and item.name:
                return item.name
    return "-"


def as_json(lineage: Lineage) -> str:
    """Artifacts with kinds, names, statements and parents; statements with type, signer and arrival; the findings."""
    document = {
        "subject": lineage.subject,
        "artifacts": {
            digest: {
                "kinds": node.kinds,
                "names": node.names,
                "aliases": node.aliases,
                "roles": node.roles,
                "parents": node.parents,
                "statements": node.statements,
                "distance": node.distance,
                "revoked": node.revoked is not None,
            }
            for digest, node in lineage.artifacts.items()
        },
        "statements": {
            digest: {
                "type": item.verified.type,
                "signer": item.verified.signer.id,
                "principal": item.verified.signer.principal,
                "since": format_time(item.arrived.since),
                "subjects": sorted(item.roles),
            }
            for digest, item in lineage.statements.items()
        },
        "findings": [
            {
                "code": finding.code,
                "text": finding.text,
                "statement": finding.statement,
                "artifact": finding.artifact,
            }
            for finding in lineage.findings
        ],
        "cycle": lineage.cycle,
        "truncated": lineage.truncated,
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_dot(lineage: Lineage) -> str:
    """A digraph for Graphviz: edges point from an artifact to what it was made from."""
    lines = ["digraph lineage {", "  rankdir=RL;", '  node [shape=box, fontname="sans-serif"];']
    for digest, node in lineage.artifacts.items():
        label = json.dumps(f"{what(node)}\n{plain(called(lineage, node))}\n{short(digest)}")
        lines.append(f'  "{digest}" [label={label}];')
    for digest, node in lineage.artifacts.items():
        lines.extend(f'  "{digest}" -> "{parent}";' for parent in node.parents)
    return "\n".join([*lines, "}"]) + "\n"


def short(digest: Digest) -> str:
    """A digest for reading: the algorithm and twelve digits."""
    return f"sha256:{digest.hex[:12]}…"


def plain(text: str) -> str:
    """Words from evidence with everything that is not printable as an escape."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
