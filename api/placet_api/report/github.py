"""A decision as GitHub workflow commands, as a step's summary, and as a step's outputs.

A line that starts with `::` is an order to the runner. So every line here is one that this file began, and words
from evidence are escaped, never lines of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from placet_api.printable import printable
from placet_api.report import markdown
from placet_api.report.shown import FAILING, Shown, headline

SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes that the runner takes as one step's summary; it drops a larger one whole."""

_CUT = b"\n(cut here: the step's summary has no more room)\n"


def render(shown: Shown) -> str:
    """The headline and each check that somebody should look at, one workflow command a line.

    The bad news comes first: the runner shows ten annotations of a kind and step. What fails without denying, in a
    gate that only warns, is a warning.
    """
    body = shown.body
    lines = [_command("notice" if shown.allowed else "error", f"Placet {body['gate']}", [headline(shown)])]
    if body["cause"] == "error":
        error = body["error"]
        lines.append(_command("error", error["code"], [error["message"], error.get("hint")]))
    level = "warning" if shown.allowed else "error"
    lines += [_check(level, shown, check) for check in shown.checks(*FAILING)]
    lines += [_check("warning", shown, check) for check in shown.checks("warn")]
    lines += [_waived(check) for check in shown.checks("waived")]
    return "".join(f"{line}\n" for line in lines)


def append_summary(path: Path, shown: Shown) -> str | None:
    """Append the markdown report to a step's summary. Words when it could not be, or not whole; never an error.

    A summary is for reading: the verdict is given already and must not change with the disk.
    """
    text = markdown.render(shown).encode()
    try:
        with path.open("ab") as file:
            room = SUMMARY_LIMIT - file.tell()
            whole = len(text) <= room
            file.write(text if whole else _shortened(text, room))
    except OSError as error:
        return f"cannot write the step summary: {error.strerror or error}"
    return None if whole else "the step summary is full: the report is cut there"


def append_outputs(path: Path, shown: Shown) -> str | None:
    """Append `verdict`, `decision`, `entry` and `receipt` to a step's outputs. Words when that failed; never an error.

    Without outputs a later step reads no verdict, which is none to go on with.
    """
    values = {
        "verdict": "allow" if shown.allowed else "deny",
        "decision": str(shown.body["id"]),
        "entry": "" if shown.entry is None else str(shown.entry),
        "receipt": shown.receipt or "",
    }
    # A value of two lines would be an output of somebody else's choice.
    lines = [f"{name}={value if value.isprintable() else ''}\n" for name, value in values.items()]
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))
    except OSError as error:
        return f"cannot write the step outputs: {error.strerror or error}"
    return None


def _shortened(text: bytes, room: int) -> bytes:
    """Whole lines of the text that fit with a word about the rest; nothing where not even that fits."""
    kept = text[: max(room - len(_CUT), 0)]
    return kept[: kept.rfind(b"\n") + 1] + _CUT if room >= len(_CUT) else b""


def _check(level: str, shown: Shown, check: Mapping[str, Any]) -> str:
    said = [check.get("message") or check["title"]]
    for result in check["results"]:
        if result["status"] not in ("pass", "not_applicable"):
            said += [result.get("message"), *(result.get("notes") or ())]
    if check.get("solution"):
        said.append(shown.command(check["solution"]))
    return _command(level, check["code"], said)


def _waived(check: Mapping[str, Any]) -> str:
    waiver = check.get("waiver") or {}
    who = f"waived by {waiver.get('by', '?')} until {waiver.get('until', '?')}"
    return _command("notice", check["code"], [check.get("message") or check["title"], who])


def _command(level: str, title: str, said: Sequence[str | None]) -> str:
    lines = dict.fromkeys(printable(" ".join(words.split())) for words in said if words)
    return f"::{level} title={_property(printable(title))}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
