"""`placet show`: one page on an artifact, as data and as words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet_api.logbook import rows
from placet_api.printable import printable
from placet_api.wiring import House


def page(house: House, text: str) -> dict[str, Any]:
    """Identity, names, statements, parents and decisions of one artifact."""
    resolved = house.resolve(text, reading=True)
    lineage = house.lineage(resolved.digest)
    node = lineage.artifacts[resolved.digest]
    return {
        "digest": resolved.digest,
        "kinds": list(node.kinds),
        "names": list(node.names),
        "aliases": list(node.aliases),
        "revoked": None if node.revoked is None else node.revoked.reason or "yes",
        "parents": list(node.parents),
        "statements": [
            {
                "statement": digest,
                "type": lineage.statements[digest].verified.type,
                "signer": lineage.statements[digest].verified.signer.id,
                "principal": lineage.statements[digest].verified.signer.principal,
                "since": lineage.statements[digest].arrived.since.isoformat(),
            }
            for digest in node.statements
        ],
        "refused": [
            {"code": finding.code, "text": finding.text, "statement": finding.statement}
            for finding in lineage.findings
            if finding.artifact == resolved.digest
        ],
        "decisions": rows(
            house.log,
            kind="decision",
            gate=None,
            subject=resolved.digest,
            verdict=None,
            since=None,
            until=None,
            limit=20,
        ),
    }


def words(found: dict[str, Any]) -> str:
    """The page for people."""
    lines = [f"{found['digest']}"]
    lines.append(f"  kind       {', '.join(found['kinds']) or 'unknown: nobody who may has vouched for it'}")
    lines.append(f"  called     {', '.join(found['names'] + found['aliases']) or '-'}")
    if found["revoked"] is not None:
        lines.append(f"  REVOKED    {found['revoked']}")
    lines.append(f"  made from  {len(found['parents'])} artifacts (placet lineage {found['digest'][:19]})")
    lines += [_statement(statement) for statement in found["statements"]]
    lines += [f"  ✗ {refused['code']}: {refused['text']}" for refused in found["refused"]]
    lines += [_decision(decision) for decision in found["decisions"]]
    return "".join(f"{printable(line)}\n" for line in lines)


def _statement(row: Mapping[str, Any]) -> str:
    who = f"{row['signer']} ({row['principal']})"
    return f"  ✓ {row['type']:<12} {who}  {row['since'][:19]}Z  {row['statement'][:19]}…"


def _decision(row: Mapping[str, Any]) -> str:
    return f"  {row['verdict']:<5} {row['gate']}  {str(row['time'])[:19]}Z  {row['decision']}"
