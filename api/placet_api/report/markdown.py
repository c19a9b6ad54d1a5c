"""A decision as GitHub-flavoured markdown, for job summaries and tickets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from placet_api.printable import printable
from placet_api.report.shown import ASK_AGAIN, FAILING, MARKS, Shown, headline, shortest_way


def render(shown: Shown) -> str:
    """The whole report; text from evidence is escaped, so that it can form no markup of its own."""
    body = shown.body
    lines = [f"## {plain(headline(shown))}", ""]
    if body["cause"] == "error":
        error = body["error"]
        lines += [f"**{error['code']}**: {plain(error['message'])}", ""]
        lines += [f"{plain(error['hint'])}", ""] if error.get("hint") else []
    order = (*FAILING, "warn", "waived", "pass", "not_applicable")
    rows = sorted(body["checks"], key=lambda check: (order.index(check["status"]), check["code"]))
    if rows:
        lines += ["| | check | says | to do |", "|---|---|---|---|"]
        lines += [_row(shown, check) for check in rows]
        lines.append("")
    lines.append(f"Subject `{shown.subject}`")
    lines.append("")
    lines.append(f"Decision `{body['id']}`" + ("" if shown.entry is None else f", log entry {shown.entry}"))
    if shown.unknown:
        lines += ["", "Nobody who may has vouched for this artifact. The shortest way:", ""]
        lines += [
            f"{number}. {_code(command)}" for number, command in enumerate(shortest_way(shown), start=1)
        ]
        lines += ["", plain(ASK_AGAIN)]
    return "\n".join(lines) + "\n"


def _row(shown: Shown, check: Mapping[str, Any]) -> str:
    bad = check["status"] not in ("pass", "not_applicable")
    says = check.get("message") or check["title"]
    solution = shown.command(check.get("solution") or "") if bad else ""
    status = f"{MARKS[check['status']]} {check['status'].replace('_', ' ')}"
    return f"| {status} | `{check['code']}` | {plain(says)} | {plain(solution)} |"


def _flat(text: str) -> str:
    return printable(" ".join(text.split()))


def plain(text: str) -> str:
    """Words from evidence that can form no markup of their own."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~@])", r"\\\1", _flat(text))


def _code(text: str) -> str:
    """A code span whose fence is longer than any run of backticks in it (CommonMark 6.1)."""
    flat = _flat(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", flat)), default=0))
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"
