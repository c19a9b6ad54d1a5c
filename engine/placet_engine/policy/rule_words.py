"""The words of the rules: what their METADATA says, read through `opa inspect`, and whether it says enough.

A rule is what carries `custom.code`. Its words make the index that the Rego looks things up in, the catalogue
of `placet policy list`, and every message a user reads; so they are complete, or the policy set is not
accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from placet_engine.errors import PolicyError
from placet_engine.policy.answer_shape import CODE
from placet_engine.policy.binary import Binary
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.tool import run

ENTRYPOINT: Final = "data.placet.main.decision"
SEVERITIES: Final = ("error", "warning")

_SELF = "policy."  # codes of the policy set's checks on itself: asked at every gate, so in no collection
_BRACES = re.compile(r"\{[a-z][a-z0-9_]*\}")
_VERB = re.compile(r"%[0-9.+#-]*[a-zA-Z]\b")


@dataclass(frozen=True, slots=True)
class RuleWords:
    """One rule: the words of its METADATA, and where it stands."""

    code: str
    title: str
    description: str
    topic: str
    collections: tuple[str, ...]
    severity: str
    requirements: tuple[str, ...]
    controls: tuple[str, ...]
    solution: str
    failure_msg: str
    depends_on: tuple[str, ...]
    effective_on: str | None
    supersedes: bool
    texts: tuple[str, ...]
    """Every text that reaches a user: failure_msg, solution, messages, notes, not_applicable."""
    where: str
    """File and line."""

    def row(self) -> dict[str, Any]:
        """What the index says of it. Optional words are absent when the rule does not have them."""
        row: dict[str, Any] = {
            "title": self.title,
            "topic": self.topic,
            "collections": list(self.collections),
            "severity": self.severity,
            "requirements": list(self.requirements),
            "controls": list(self.controls),
            "solution": self.solution,
            "failure_msg": self.failure_msg,
            "depends_on": list(self.depends_on),
        }
        if self.effective_on is not None:
            row["effective_on"] = self.effective_on
        if self.supersedes:
            row["supersedes"] = True
        return row


def inspect(
    archive: Path, opa: Binary, *, limits: PolicyLimits = DEFAULT_POLICY_LIMITS
) -> list[dict[str, Any]]:
    """Every annotation of the bundle in the file `archive`. Raises PolicyError policy.compile, opa.*."""
    output = run(opa, ["inspect", "-a", "-f", "json", archive.name], folder=archive.parent, limits=limits)
    annotations: list[dict[str, Any]] = json.loads(output).get("annotations") or []
    return annotations


def read_rules(annotations: Iterable[Mapping[str, Any]]) -> tuple[RuleWords, ...]:
    """The rules among the annotations, sorted by code.

    Raises PolicyError policy.metadata when words are missing or contradict each other: all faults, a line
    each.
    """
    faults: list[str] = []
    found: dict[str, RuleWords] = {}
    for item in annotations:
        custom = item["annotations"].get("custom") or {}
        if "code" not in custom:
            continue
        rule = _rule(item, custom)
        faults += [f"{rule.where}: {fault}" for fault in _faults(rule)]
        if rule.code in found:
            faults.append(f"{rule.where}: code {rule.code} is also in {found[rule.code].where}")
        found[rule.code] = rule
    for rule in found.values():
        faults += [
            f"{rule.where}: depends_on names {code}, which no rule has"
            for code in rule.depends_on
            if code not in found
        ]
    if faults:
        raise metadata_error(faults)
    return tuple(found[code] for code in sorted(found))


def check_entrypoint(annotations: Iterable[Mapping[str, Any]]) -> None:
    """Exactly one rule is the entrypoint, the one Placet asks. Raises PolicyError policy.entrypoint."""
    found = [_reference(item) for item in annotations if item["annotations"].get("entrypoint")]
    if found != [ENTRYPOINT]:
        raise PolicyError(
            "policy.entrypoint",
            f"entrypoints of the policy set: {', '.join(found) or 'none'}",
            hint=f"mark {ENTRYPOINT}, and only it, with  # entrypoint: true",
        )


def metadata_error(faults: Sequence[str]) -> PolicyError:
    """All faults in one error."""
    return PolicyError(
        "policy.metadata",
        "the policy set says too little, or what it must not: " + "\n".join(faults),
        hint="placet policy show RULE prints a rule that has all words",
    )


def _reference(item: Mapping[str, Any]) -> str:
    return ".".join(str(part["value"]) for part in item["path"])


def _rule(item: Mapping[str, Any], custom: Mapping[str, Any]) -> RuleWords:
    annotations, location = item["annotations"], item["location"]
    spoken = [custom.get("failure_msg"), custom.get("solution"), custom.get("not_applicable")]
    for group in ("messages", "notes"):
        spoken += list((custom.get(group) or {}).values())
    effective_on = custom.get("effective_on")
    return RuleWords(
        code=_text(custom["code"]),
        title=_text(annotations.get("title")),
        description=_text(annotations.get("description")),
        topic=_text(item["path"][-2]["value"]),
        collections=_texts(custom.get("collections")),
        severity=_text(custom.get("severity")),
        requirements=_texts(custom.get("requirements")),
        controls=_texts(custom.get("controls")),
        solution=_text(custom.get("solution")),
        failure_msg=_text(custom.get("failure_msg")),
        depends_on=_texts(custom.get("depends_on")),
        effective_on=None if effective_on is None else _text(effective_on),
        supersedes=custom.get("supersedes") is True,
        texts=tuple(str(text) for text in spoken if text is not None),
        where=f"{location['file']}:{location['row']}",
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _faults(rule: RuleWords) -> list[str]:
    faults = [
        f"{rule.code or 'a rule'} has no {name}"
        for name in ("title", "description", "failure_msg", "solution")
        if not getattr(rule, name)
    ]
    if not CODE.fullmatch(rule.code):
        faults.append(f"code {rule.code!r} is not dotted lower-case words")
    if rule.severity not in SEVERITIES:
        faults.append(f"{rule.code} has severity {rule.severity!r}, not one of {', '.join(SEVERITIES)}")
    if not rule.collections and not rule.code.startswith(_SELF):
        faults.append(f"{rule.code} is in no collection, so no gate would ever ask it")
    if rule.effective_on is not None and not _is_time(rule.effective_on):
        faults.append(f"{rule.code} has effective_on {rule.effective_on!r}, not a time in UTC")
    for text in rule.texts:
        faults += [f"{rule.code}: {fault} in {text!r}" for fault in _text_faults(text)]
    return faults


def _is_time(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text) is not None


def _text_faults(text: str) -> list[str]:
    """Placeholders are `{name}`; a stray brace or a sprintf verb would reach the user as it stands."""
    faults = []
    if re.search(r"[{}]", _BRACES.sub("", text)):
        faults.append("a brace that is no {placeholder}")
    if verb := _VERB.search(text):
        faults.append(f"{verb.group()} where a {{placeholder}} belongs")
    return faults
