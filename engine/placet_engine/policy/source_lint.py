"""What a Rego source must not hold though OPA compiles it: zones whose rules change, and sprintf that does
not fit.

Works on tokens, not on the syntax tree: OPA prints one file's tree a process, and what is looked for is
literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from placet_engine.policy.archive import PolicyFile

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)"""
    r"""|(?P<call>[A-Za-z_][A-Za-z0-9_.]*\()"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<comma>,)|(?P<other>.)""",
    re.DOTALL,
)
_ZONE: Final = re.compile(r"[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+|Local|[A-Z]{3,4}|[A-Z]{3}\d[A-Z]{3}")
_UTC: Final = frozenset({"UTC", "Etc/UTC"})
_VERB: Final = re.compile(r"%%|%[-+# 0]*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?(\[\d+\])?([a-zA-Z])")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def lint_sources(files: Iterable[PolicyFile]) -> list[str]:
    """One line for each fault in the Rego files: `file:line: what`."""
    return [
        f"{file.path}:{fault}"
        for file in files
        if file.path.endswith(".rego")
        for fault in _lint(file.data.decode("utf-8", "replace"))
    ]


def _lint(source: str) -> Iterator[str]:
    tokens = list(_tokens(source))
    for at, token in enumerate(tokens):
        if token.kind != "call":
            continue
        inside = _inside(tokens, at)
        if token.text.startswith("time."):
            yield from _zones(inside)
        elif token.text == "sprintf(":
            yield from _sprintf(token, inside)


def _tokens(source: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(source):
        kind = match.lastgroup or "other"
        if kind != "space":
            yield _Token(kind, match.group(), line)
        line += match.group().count("\n")


def _inside(tokens: Sequence[_Token], at: int) -> Sequence[_Token]:
    """The tokens between the bracket that `tokens[at]` opens and the one that closes it."""
    depth = 1
    for end in range(at + 1, len(tokens)):
        depth += _step(tokens[end])
        if depth == 0:
            return tokens[at + 1 : end]
    return tokens[at + 1 :]


def _step(token: _Token) -> int:
    return {"call": 1, "open": 1, "close": -1}.get(token.kind, 0)


def _zones(arguments: Sequence[_Token]) -> Iterator[str]:
    for token in arguments:
        name = token.text[1:-1]
        if token.kind == "text" and name not in _UTC and _ZONE.fullmatch(name):
            yield f"{token.line}: time zone {name!r}; only UTC gives the same answer everywhere"


def _sprintf(call: _Token, arguments: Sequence[_Token]) -> Iterator[str]:
    """Counts only what is literal: a format, and a list of values that opens and closes right there."""
    if len(arguments) < 4 or [token.kind for token in arguments[:2]] != ["text", "comma"]:
        return
    if arguments[2].text != "[" or len(_inside(arguments, 2)) != len(arguments) - 4:
        return
    matches = list(_VERB.finditer(arguments[0].text))
    if any(match.group(1) or "*" in match.group() for match in matches):
        return
    verbs = sum(match.group() != "%%" for match in matches)
    values = _count(_inside(arguments, 2))
    if verbs != values:
        yield f"{call.line}: sprintf has {verbs} verbs and {values} values"


def _count(items: Sequence[_Token]) -> int:
    depth, commas = 0, 0
    for token in items:
        depth += _step(token)
        commas += token.kind == "comma" and depth == 0
    trailing = bool(items) and items[-1].kind == "comma"
    return commas + bool(items) - trailing
