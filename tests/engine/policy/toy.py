"""A small policy set of our own, so that these tests do not rest on the shipped one."""

from __future__ import annotations

from pathlib import Path

MAIN = """\
# METADATA
# title: Toy
# description: The smallest policy set that Placet accepts.
package placet.main

import data.placet.settings

# METADATA
# title: Decision
# description: Undefined without `x`, an error for a number that is none, slow when there is `work`.
# entrypoint: true
decision := {"seen": input.x, "limit": settings.limit, "word": "é", "reported": reported} if {
	to_number(object.get(input, "number", "1")) >= 0
	work := numbers.range(1, object.get(input, "work", 1))
	every i in work {
		every j in work {
			i + j > 0
		}
	}
	reported := count(data.placet.rules.first.report)
}
"""

RULE = """\
# METADATA
# title: First
# description: The only topic.
package placet.rules.first

# METADATA
# title: There is something
# description: Says so.
# custom:
#   code: first.there
#   failure_msg: "nothing for {subject}"
#   not_applicable: nothing to look at
#   messages:
#     gone: "{subject} is gone"
#   notes:
#     seen: "seen by {signer}"
#   solution: "bring it:  placet add {path}"
#   severity: error
#   controls: [ISO-1]
#   requirements: [R1]
#   collections: [base]
#   depends_on: []
#   effective_on: "2026-01-01T00:00:00Z"
#   supersedes: true
report contains {"code": rego.metadata.rule().custom.code} if input.x
"""

INDEX = """\
{
  "rules": {
    "first.there": {
      "collections": [
        "base"
      ],
      "controls": [
        "ISO-1"
      ],
      "depends_on": [],
      "effective_on": "2026-01-01T00:00:00Z",
      "failure_msg": "nothing for {subject}",
      "requirements": [
        "R1"
      ],
      "severity": "error",
      "solution": "bring it:  placet add {path}",
      "supersedes": true,
      "title": "There is something",
      "topic": "first"
    }
  }
}
"""

SETTINGS = """\
limit: 3
gates:
  register: {collections: [base], mode: enforce}
unwaivable: [first.there]
"""

SCHEMA = """\
{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "limit": {"type": "integer"},
    "gates": {
      "type": "object",
      "propertyNames": {"enum": ["register", "recheck"]},
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "collections": {"type": "array"},
          "mode": {"enum": ["enforce", "warn"]}
        },
        "patternProperties": {"^x_": {}}
      }
    },
    "unwaivable": {"type": "array", "items": {"type": "string"}}
  }
}
"""

FILES = {
    "placet/main/main.rego": MAIN,
    "placet/rules/first/first.rego": RULE,
    "placet/index/data.json": INDEX,
    "placet/settings/data.yaml": SETTINGS,
    "schemas/settings.json": SCHEMA,
}


def write_toy(folder: Path, changes: dict[str, str | None] | None = None) -> Path:
    """The toy policy set in `folder`, with some files changed or left out."""
    for path, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    return folder
