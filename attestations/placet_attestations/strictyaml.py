"""YAML that says what it seems to say: a small tree with line numbers, or an error with one.

The text is read event by event and never constructed to objects, so no tag can make anything, and nesting is
bounded before it can exhaust a stack (libyaml's own composer crashes the process at a few ten thousand
levels). Only mappings with text keys, lists and scalars are accepted; duplicate keys, aliases, merge keys and
tags are refused. yaml is imported when the first file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from placet_attestations.errors import MalformedError
from placet_attestations.suggest import did_you_mean

if TYPE_CHECKING:
    from yaml.events import Event

_INTEGER = re.compile(r"0|[1-9][0-9]{0,14}")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MAX_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the file. `code` is the first part of its error codes, such as `trust`; lines count from
    1.
    """

    value: str | tuple[Node, ...] | Mapping[str, Node]
    line: int
    file: str = field(repr=False)
    code: str = field(repr=False)
    plain: bool = False  # a scalar without quotes

    @property
    def where(self) -> str:
        """`trust.yaml:12`."""
        return f"{self.file}:{self.line}"

    def error(self, code: str, message: str, hint: str | None = None) -> MalformedError:
        """An error at this line; `code` is the part after the dot."""
        return MalformedError(f"{self.code}.{code}", message, where=self.where, hint=hint)

    def members(
        self, what: str, *, required: Iterable[str] = (), optional: Iterable[str] = ()
    ) -> Mapping[str, Node]:
        """The members of a mapping with just these keys; raises .type, .unknown_key, .missing_key."""
        if not isinstance(self.value, Mapping):
            raise self.error("type", f"{what} must be a mapping (key: value)")
        required = tuple(required)
        known = (*required, *optional)
        for key, node in self.value.items():
            if key not in known:
                message = f"{what} has an unknown key {_shown(key)}{did_you_mean(key, known)}"
                raise node.error("unknown_key", message, f"known keys: {', '.join(known)}")
        for key in required:
            if key not in self.value:
                raise self.error("missing_key", f"{what} has no {key}", f"add  {key}: …")
        return self.value

    def items(self, what: str, *, least: int = 0) -> tuple[Node, ...]:
        """The items of a list of at least this many; raises .type."""
        if not isinstance(self.value, tuple):
            raise self.error("type", f"{what} must be a list")
        if len(self.value) < least:
            raise self.error("type", f"{what} must not be empty")
        return self.value

    def text(self, what: str) -> str:
        """A scalar that is not empty, as it is written; raises .type."""
        if not isinstance(self.value, str) or not self.value or (self.plain and self.value in _NULLS):
            raise self.error("type", f"{what} must be text")
        return self.value

    def integer(self, what: str) -> int:
        """A plain whole number, not negative; raises .type."""
        if not isinstance(self.value, str) or not self.plain or not _INTEGER.fullmatch(self.value):
            raise self.error("type", f"{what} must be a whole number")
        return int(self.value)

    def boolean(self, what: str) -> bool:
        """A plain `true` or `false`; raises .type. `yes` and `on` are text to half of all readers, so to us
        too.
        """
        if not self.plain or self.value not in ("true", "false"):
            raise self.error("type", f"{what} must be true or false")
        return self.value == "true"


def load(data: bytes, *, file: str, code: str, max_bytes: int) -> Node:
    """Read one YAML document. `file` is how errors name it, `code` the first part of their codes.

    Raises MalformedError .too_large, .encoding, .syntax, .duplicate_key, .alias, .tag, .too_deep, .empty.
    """
    top = Node("", 1, file, code)
    if len(data) > max_bytes:
        raise top.error(
            "too_large", f"{len(data):,} bytes, the limit is {max_bytes:,}", "is it the right file?"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise top.error("encoding", f"byte {error.start} is not UTF-8", "save the file as UTF-8") from error
    import yaml

    builder = _Builder(file, code)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise builder.error("syntax", line, f"not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:  # such a character, or an escape beyond Unicode
        raise top.error("syntax", "not YAML: it holds a character that YAML does not allow") from error
    if builder.root is None:
        raise top.error("empty", "the file is empty")
    return builder.root


class _Builder:
    """Puts events together to nodes on a stack of its own: as deep as we allow, not as deep as C can go."""

    def __init__(self, file: str, code: str) -> None:
        self.root: Node | None = None
        self._file = file
        self._code = code
        self._open: list[_Open] = []

    def take(self, event: Event) -> None:
        from yaml import events

        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, events.AliasEvent):
            raise self.error("alias", line, "aliases (*name) are not accepted", "write the value out")
        if isinstance(event, (events.SequenceEndEvent, events.MappingEndEvent)):
            self._place(self._close())
        elif isinstance(event, events.NodeEvent):
            self._check(event, line)
            if isinstance(event, events.ScalarEvent):
                self._place(self._node(event.value, line, plain=not event.style))
            else:
                self._open.append(_Open(line, isinstance(event, events.MappingStartEvent)))
        elif isinstance(event, events.DocumentStartEvent) and self.root is not None:
            raise self.error("syntax", line, "a second document begins here", "keep one document in the file")

    def error(self, code: str, line: int, message: str, hint: str | None = None) -> MalformedError:
        return Node("", line, self._file, self._code).error(code, message, hint)

    def _check(self, event: Event, line: int) -> None:
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            raise self.error("tag", line, f"the tag {_shown(tag)} is not accepted", "leave the tag out")
        if len(self._open) >= _MAX_DEPTH:
            raise self.error("too_deep", line, f"nested deeper than {_MAX_DEPTH} levels")

    def _node(
        self, value: str | tuple[Node, ...] | Mapping[str, Node], line: int, *, plain: bool = False
    ) -> Node:
        return Node(value, line, self._file, self._code, plain)

    def _close(self) -> Node:
        done = self._open.pop()
        return self._node(done.members if done.mapping else tuple(done.items), done.line)

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node, parent)
        else:
            # A member is found by its key: that is the line to show, also when its value begins below.
            parent.members[str(parent.key.value)] = self._node(node.value, parent.key.line, plain=node.plain)
            parent.key = None

    def _key(self, node: Node, parent: _Open) -> Node:
        if not isinstance(node.value, str) or (node.plain and node.value in ("<<", *_NULLS)):
            raise node.error("type", "a key must be text")
        if node.value in parent.members:
            first = parent.members[node.value].line
            message = f"the key {_shown(node.value)} stands twice, first in line {first}"
            raise node.error("duplicate_key", message, "keep one of them")
        return node


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    line: int
    mapping: bool
    key: Node | None = None
    items: list[Node] = field(default_factory=list)
    members: dict[str, Node] = field(default_factory=dict)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...").replace("'", '"')
