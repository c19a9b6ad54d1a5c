"""A decision as JUnit XML: one test case a check, so that any CI shows it.

There is no standard; the shape is the one that Jenkins' and GitLab's readers accept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from placet_api.report.shown import Shown

# XML 1.0 section 2.2: characters that no document may hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(shown: Shown) -> str:
    """The whole report as one `testsuites` document."""
    body = shown.body
    checks = body["checks"]
    failed = len(shown.checks("fail", "skipped"))
    errors = 1 if body["cause"] == "error" else 0
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=_clean(f"placet {body['gate']} {shown.label}"),
        tests=str(len(checks) + errors),
        failures=str(failed),
        errors=str(errors),
        skipped=str(len(shown.checks("not_applicable"))),
        timestamp=body["time"],
    )
    properties = ElementTree.SubElement(suite, "properties")
    facts = {
        "decision": body["id"],
        "subject": shown.subject,
        "verdict": body["verdict"],
        "dry_run": body["dry_run"],
        "policy": body["policy"]["revision"],
    }
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=_clean(str(value)))
    if errors:
        case = ElementTree.SubElement(suite, "testcase", classname="placet", name=body["error"]["code"])
        ElementTree.SubElement(
            case, "error", message=_clean(body["error"]["message"]), type=body["error"]["code"]
        )
    for check in checks:
        _case(suite, check)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, check: Mapping[str, Any]) -> None:
    topic, _, _ = check["code"].partition(".")
    case = ElementTree.SubElement(suite, "testcase", classname=f"placet.{topic}", name=check["code"])
    message = _clean(str(check.get("message") or check["title"]))
    match check["status"]:
        case "fail" | "skipped":
            failure = ElementTree.SubElement(case, "failure", message=message, type=check["code"])
            failure.text = _clean(str(check.get("solution") or ""))
        case "not_applicable":
            ElementTree.SubElement(case, "skipped", message=message)
        case "warn" | "waived":
            ElementTree.SubElement(case, "system-out").text = f"{check['status']}: {message}"
        case _:
            pass


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
