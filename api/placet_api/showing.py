"""`placet show`: one page on an artifact, as data and as words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from placet_api.logbook import rows
from placet_api.printable import printable
from placet_api.wiring import House
from placet_attestations.times import format_time
from placet_engine.lineage.summaries import UNREAD

_MOST = 20  # decisions on one page
WITHHELD: Final = MappingProxyType({"decisions": "only auditors see them"})


def page(house: House, text: str, *, decisions: bool = True) -> dict[str, Any]:
    """Identity, names, statements, parents and decisions of one artifact.

    Without `decisions`, `withheld` says in their place which member is not there, and why.
    """
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
                "since": format_time(lineage.statements[digest].arrived.since),
            }
            for digest in node.statements
        ],
        "refused": [
            {"code": finding.code, "text": finding.text, "statement": finding.statement}
            for finding in lineage.findings
            if finding.artifact == resolved.digest
        ],
        **(_decisions(house, resolved.digest) if decisions else {"withheld": dict(WITHHELD)}),
    }


def _decisions(house: House, subject: str) -> dict[str, Any]:
    # One more than is shown says whether there are older ones.
    found = rows(house.log, kind="decision", subject=subject, limit=_MOST + 1)
    return {"decisions": found[:_MOST], "older": len(found) > _MOST}


def words(found: dict[str, Any]) -> str:
    """The page for people."""
    lines = [f"{found['digest']}"]
    lines.append(f"  kind       {', '.join(found['kinds']) or 'unknown: nobody who may has vouched for it'}")
    lines.append(f"  called     {', '.join(found['names'] + found['aliases']) or '-'}")
    if found["revoked"] is not None:
        lines.append(f"  REVOKED    {found['revoked']}")
    lines.append(f"  made from  {len(found['parents'])} artifacts (placet lineage {found['digest'][:19]})")
    lines += [_statement(statement) for statement in found["statements"]]
    lines += [_refused(refused) for refused in found["refused"]]
    lines += [_decision(decision) for decision in found.get("decisions", ())]
    lines += [f"  {member}: {why}" for member, why in found.get("withheld", {}).items()]
    if found.get("older"):
        lines.append(f"  … and older ones:  placet log list --limit 1000 --subject {found['digest']}")
    return "".join(f"{printable(line)}\n" for line in lines)


def _statement(row: Mapping[str, Any]) -> str:
    who = f"{row['signer']} ({row['principal']})"
    return f"  ✓ {row['type']:<12} {who}  {row['since'][:19]}Z  {row['statement'][:19]}…"


def _refused(row: Mapping[str, Any]) -> str:
    # Kept under a rule of trust.yaml and read by none of the policy: no fault.
    return f"  {'·' if row['code'] == UNREAD else '✗'} {row['code']}: {row['text']}"


def _decision(row: Mapping[str, Any]) -> str:
    dry = " (dry run)" if row.get("dry_run") else ""
    return f"  {row['verdict']:<5}{dry} {row['gate']}  {str(row['time'])[:19]}Z  {row['decision']}"
