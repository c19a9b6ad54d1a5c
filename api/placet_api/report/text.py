"""A decision for a terminal (interface.md section 3 shows one).

Names, tickets and notes come from evidence, hence from strangers: control characters are shown, never sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from placet_api.printable import printable as _safe
from placet_api.report.shown import ASK_AGAIN, FAILING, MARKS, Shown, headline, shortest_way

_MOST_QUIET = 4
_RED, _GREEN, _YELLOW, _DIM, _OFF = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def render(shown: Shown, *, colour: bool = False) -> str:
    """The whole report, with a newline at its end."""
    return "".join(f"{line}\n" for line in _lines(shown, colour))


def _lines(shown: Shown, colour: bool) -> list[str]:
    lines = [_paint(_safe(headline(shown)), _GREEN if shown.allowed else _RED, colour)]
    if shown.body["cause"] == "error":
        error = shown.body["error"]
        lines.append(f"  ✗ {error['code']}  {_safe(error['message'])}")
        if error.get("hint"):
            lines.append(f"      {_safe(error['hint'])}")
    quiet = shown.checks("not_applicable")
    named = () if len(quiet) > _MOST_QUIET else quiet
    width = max(
        (len(check["code"]) for check in (*shown.checks(*FAILING, "warn", "waived"), *named)), default=0
    )
    for check in (*shown.checks(*FAILING), *shown.checks("warn")):
        lines.extend(_failing(shown, check, width, colour))
    lines += [f"  w {check['code']:<{width}}  waived: {_message(check)}" for check in shown.checks("waived")]
    lines += [
        _paint(f"  ~ {check['code']:<{width}}  not applicable: {_reason(check)}", _DIM, colour)
        for check in named
    ]
    if len(quiet) > _MOST_QUIET:
        lines.append(
            _paint(
                f"  ~ {len(quiet)} checks have nothing to look at here (--output json lists them)",
                _DIM,
                colour,
            )
        )
    if shown.body["cause"] != "error":
        lines.append(f"  {_summary(shown)}")
    lines += [f"  → {_safe(item['code'])}  {_safe(item['message'])}" for item in shown.body["obligations"]]
    lines.append(_footer(shown))
    if shown.unknown:
        lines.append("Nobody who may has vouched for this artifact. The shortest way:")
        lines.extend(
            f"  {number}. {_safe(command)}" for number, command in enumerate(shortest_way(shown), start=1)
        )
        lines.append(ASK_AGAIN)
    return lines


def _failing(shown: Shown, check: Mapping[str, Any], width: int, colour: bool) -> Iterator[str]:
    mark = _paint(MARKS[check["status"]], _YELLOW if check["status"] == "warn" else _RED, colour)
    bad = [result for result in check["results"] if result["status"] not in ("pass", "not_applicable")]
    said: set[str] = set()
    for result in bad or [check]:
        message = _safe(result.get("message") or check["title"])
        if message in said:
            continue
        said.add(message)
        yield (
            f"  {mark} {check['code']:<{width}}  {message}"
            if len(said) == 1
            else f"    {'':<{width}}  {message}"
        )
        for note in result.get("notes") or ():
            yield f"      {_safe(note)}"
    if check.get("solution"):
        yield f"      {_safe(shown.command(check['solution']))}"


def _message(check: Mapping[str, Any]) -> str:
    return _safe(check.get("message") or check["title"])


def _reason(check: Mapping[str, Any]) -> str:
    for result in check["results"]:
        if result.get("message"):
            return _safe(result["message"])
    return _safe(check["title"])


def _summary(shown: Shown) -> str:
    passed = len(shown.checks("pass"))
    parts = [f"✓ {passed} check{'' if passed == 1 else 's'} passed"]
    for check in shown.checks("waived"):
        waiver = check.get("waiver") or {}
        parts.append(f"1 waived (until {waiver.get('until', '?')[:10]}, by {_safe(waiver.get('by', '?'))})")
    skipped = len(shown.checks("skipped"))
    if skipped:
        parts.append(f"{skipped} skipped")
    return ", ".join(parts)


def _footer(shown: Shown) -> str:
    parts = [f"decision {shown.body['id']}"]
    if shown.entry is not None:
        parts.append(f"log entry {shown.entry}")
    if shown.receipt is not None:
        parts.append(f"receipt {_safe(shown.receipt)}")
    return "  ".join(parts)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"{code}{text}{_OFF}" if colour else text
