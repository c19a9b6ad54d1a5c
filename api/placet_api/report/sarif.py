"""A decision as SARIF 2.1.0, for code scanning and every viewer that reads it.

Passed checks are left out: a reader of code scanning takes each result for an alert.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from placet_api.printable import printable
from placet_api.report import markdown
from placet_api.report.shown import Shown, headline
from placet_api.version import VERSION

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"fail": "error", "skipped": "error", "warn": "warning", "waived": "note"}
_WELL = ("pass", "not_applicable")
_NO_PATH = "placet.yaml"  # where a project says what it is: the file to look at when no other one was named
_REFERENCE = re.compile("[a-z][a-z0-9+.-]+:")  # oci-layout:DIR and its like are no paths of a repository


def render(shown: Shown) -> str:
    """The whole log file: one run with a rule for each check and a result for each target that is not well."""
    body = shown.body
    rules = [_rule(shown, check) for check in body["checks"]]
    results = [
        result
        for index, check in enumerate(body["checks"])
        if check["status"] in _LEVELS
        for result in _results(shown, index, check)
    ]
    invocation: dict[str, Any] = {"executionSuccessful": body["cause"] != "error", "endTimeUtc": body["time"]}
    if body["cause"] == "error":
        error, index = body["error"], len(rules)
        rules.append(_error_rule(error))
        words = " ".join(filter(None, (error["message"], error.get("hint"))))
        results.append(_result(shown, index, error["code"], "error", shown.subject, words))
        invocation["toolExecutionNotifications"] = [
            {
                "level": "error",
                "message": {"text": _text(words)},
                "associatedRule": {"id": error["code"], "index": index},
                "timeUtc": body["time"],
            }
        ]
    driver = {"name": "Placet", "version": VERSION, "semanticVersion": VERSION, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {
            "id": f"placet/{_plain(body['gate'])}/",
            "description": {"text": _text(headline(shown))},
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "decision": body["id"],
            "entry": shown.entry,
            "subject": shown.subject,
            **{name: body[name] for name in ("verdict", "would", "mode", "dry_run")},
        },
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(shown: Shown, check: Mapping[str, Any]) -> dict[str, Any]:
    severity = "warning" if check["severity"] == "warning" else "error"
    title = _text(check["title"])
    rule: dict[str, Any] = {
        "id": check["code"],
        "name": _pascal(check["code"]),
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title.rstrip('.')}."},
        "defaultConfiguration": {"level": severity},
        "properties": {
            "tags": [*(check.get("requirements") or ()), *(check.get("controls") or ())],
            "problem.severity": severity,
        },
    }
    if check.get("solution"):
        solution = shown.command(check["solution"])
        rule["help"] = {"text": _text(solution), "markdown": markdown.plain(solution)}
    return rule


def _error_rule(error: Mapping[str, Any]) -> dict[str, Any]:
    words = _text(error.get("hint") or "The gate could not evaluate, so it is closed.")
    return {
        "id": error["code"],
        "name": _pascal(error["code"]),
        "shortDescription": {"text": "The gate could not evaluate"},
        "fullDescription": {"text": "The gate could not evaluate, so it is closed."},
        "help": {"text": words, "markdown": markdown.plain(error.get("hint") or words)},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [], "problem.severity": "error"},
    }


def _results(shown: Shown, index: int, check: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One result for each target: its words together, because the fingerprint is the target's."""
    targets: dict[str, list[str]] = {}
    bad: Sequence[Mapping[str, Any]] = [item for item in check["results"] if item["status"] not in _WELL]
    for item in bad or [{"target": shown.subject, "message": check.get("message")}]:
        said = targets.setdefault(item["target"], [])
        words = [item.get("message") or check.get("message") or check["title"], *(item.get("notes") or ())]
        said.extend(word for word in words if word not in said)
    made = []
    for target, said in targets.items():
        result = _result(shown, index, check["code"], _LEVELS[check["status"]], target, "; ".join(said))
        if check["status"] == "waived":
            waiver = check.get("waiver") or {}
            why = f"waived by {waiver.get('by', '?')} until {waiver.get('until', '?')}"
            suppression = {"kind": "external", "status": "accepted", "justification": _plain(why)}
            result["suppressions"] = [suppression]
        made.append(result)
    return made


def _result(shown: Shown, index: int, code: str, level: str, target: str, words: str) -> dict[str, Any]:
    fingerprint = hashlib.sha256(json.dumps([code, target]).encode()).hexdigest()
    where = {"artifactLocation": {"uri": _uri(shown)}, "region": {"startLine": 1}}
    named = {"fullyQualifiedName": _plain(target), "kind": "resource"}
    return {
        "ruleId": code,
        "ruleIndex": index,
        "level": level,
        "message": {"text": _text(words)},
        "locations": [{"physicalLocation": where, "logicalLocations": [named]}],
        "partialFingerprints": {"placet/v1": fingerprint},
    }


def _uri(shown: Shown) -> str:
    """A relative reference inside the repository (SARIF 3.4.3); code scanning refuses anything else."""
    try:
        called = shlex.split(shown.handle or "")
    except ValueError:
        return _NO_PATH
    path = PurePosixPath(*called[:1])
    if path.is_absolute() or ".." in path.parts or not path.parts or _REFERENCE.match(str(path)):
        return _NO_PATH
    return quote(str(path), safe="/", errors="replace")


def _pascal(code: str) -> str:
    return "".join(word.capitalize() for word in re.split("[._]", code))


def _plain(text: object) -> str:
    return printable(" ".join(str(text).split()))


def _text(text: object) -> str:
    """A message string: braces would be placeholders (3.11.5), brackets before a parenthesis a link (3.11.6)."""
    return _plain(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
