"""Where custom resources name images: the setting `kubernetes.paths` and its small language.

A path is names with dots between them; `[*]` after a name means every item of that list: `spec.workers[*].image`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from placet_api.admission.review import MalformedReviewError
from placet_api.errors import ConfigurationError

CODE: Final = "kubernetes.paths"
EACH: Final = "[*]"
BUILT_IN_GROUPS: Final = frozenset({"", "apps", "batch"})

_KEYS: Final = frozenset({"group", "kind", "images"})
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,62})((?:\[\*\])?)", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_MAX_STEPS: Final = 32

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """By API group and kind: the paths of its images; a path's steps are names and `[*]`."""

    by_kind: Mapping[tuple[str, str], tuple[Path, ...]]


def parse(items: Iterable[Any], where: str) -> Paths:
    """Read the setting; raises `ConfigurationError` `kubernetes.paths`.

    Kinds of Kubernetes itself are refused: their places are known, and no setting may hide one.
    """
    by_kind: dict[tuple[str, str], tuple[Path, ...]] = {}
    for index, item in enumerate(items):
        place = f"{where}[{index}]"
        if not isinstance(item, Mapping):
            raise _wrong("a row is group, kind and images", place)
        if unknown := sorted(str(key) for key in item if key not in _KEYS):
            raise _wrong(f"unknown key {unknown[0]}", place)
        key = _word(item, "group", place), _word(item, "kind", place)
        if key[0] in BUILT_IN_GROUPS:
            raise _wrong(f"the group {key[0]} is known already", place)
        if key in by_kind:
            raise _wrong(f"{key[1]} of {key[0]} stands here twice", place)
        by_kind[key] = _paths(item.get("images"), place)
    return Paths(by_kind)


def values(tree: object, path: Path, uid: str) -> Iterator[tuple[str, object]]:
    """Every value at a path with its place; nothing where a name is absent or null.

    Raises `ReviewError` `admission.malformed` where the object has another shape than the path.
    """
    found: list[tuple[str, Any]] = [("", tree)]
    for step in path:
        following: list[tuple[str, Any]] = []
        for where, value in found:
            if step == EACH:
                following += _each(value, where, uid)
            elif isinstance(value, dict):
                inner = value.get(step)
                following += [] if inner is None else [(f"{where}.{step}".lstrip("."), inner)]
            else:
                raise _shape(f"{where or 'the object'} is not an object", uid)
        found = following
    yield from found


def _each(value: object, where: str, uid: str) -> list[tuple[str, Any]]:
    if not isinstance(value, list):
        raise _shape(f"{where} is not a list", uid)
    return [(f"{where}[{index}]", item) for index, item in enumerate(value)]


def _shape(message: str, uid: str) -> MalformedReviewError:
    return MalformedReviewError("admission.malformed", f"{message}, as kubernetes.paths says", uid)


def _wrong(message: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        CODE,
        message,
        where=where,
        hint="a row looks like {group: serving.kserve.io, kind: InferenceService, images: [spec.model.image]}",
    )


def _word(item: Mapping[str, Any], key: str, where: str) -> str:
    value = item.get(key)
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise _wrong(f"{key} is the name of an API {key}", where)


def _paths(value: object, where: str) -> tuple[Path, ...]:
    if not isinstance(value, list) or not value:
        raise _wrong("images is a list of paths", where)
    return tuple(_path(text, where) for text in value)


def _path(text: object, where: str) -> Path:
    steps: list[str] = []
    for part in text.split(".") if isinstance(text, str) else ():
        match = _STEP.fullmatch(part)
        if match is None:
            raise _wrong("a path is names with dots between them; [*] is every item of a list", where)
        steps += [step for step in match.groups() if step]
    if not steps or len(steps) > _MAX_STEPS:
        raise _wrong(f"a path has 1 to {_MAX_STEPS} steps", where)
    return tuple(steps)
