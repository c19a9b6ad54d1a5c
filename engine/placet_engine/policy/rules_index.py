"""The index of all rules, `placet/index/data.json`: generated from the METADATA, checked in, compared on
acceptance.

The Rego knows from it which codes a gate's collections expect, so that a rule that reports nothing is
noticed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from placet_engine.policy.archive import PolicyFile
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet, load_policy_set
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.rule_words import RuleWords, inspect, read_rules

INDEX_FILE: Final = "placet/index/data.json"


def index_bytes(rules: Iterable[RuleWords]) -> bytes:
    """The content of the index file: sorted keys, two spaces, a newline at the end."""
    document = {"rules": {rule.code: rule.row() for rule in rules}}
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode("utf-8")


def rules_of(
    policy_set: PolicySet, opa: Binary, *, limits: PolicyLimits = DEFAULT_POLICY_LIMITS
) -> tuple[RuleWords, ...]:
    """All rules of a policy set with their words, for `placet policy list` and `show`.

    Raises PolicyError policy.compile, policy.metadata, opa.*.
    """
    with tempfile.TemporaryDirectory(prefix="placet-inspect-") as folder:
        archive = Path(folder) / "bundle.tar.gz"
        archive.write_bytes(policy_set.archive)
        return read_rules(inspect(archive, opa, limits=limits))


def write_index(folder: Path, opa: Binary) -> None:
    """Generate the index file of the policy set in `folder` anew. Raises PolicyError as `rules_of`."""
    content = index_bytes(rules_of(load_policy_set(folder), opa))
    (folder / INDEX_FILE).parent.mkdir(exist_ok=True)
    (folder / INDEX_FILE).write_bytes(content)


def index_drift(folder: Path, opa: Binary) -> tuple[str, ...]:
    """How the index file in `folder` differs from the rules, a line for each code; () when it does not."""
    policy_set = load_policy_set(folder)
    return drift(policy_set.files, rules_of(policy_set, opa))


def drift(files: Sequence[PolicyFile], rules: Sequence[RuleWords]) -> tuple[str, ...]:
    """As `index_drift`, of a policy set's files and rules that are already read."""
    written = next((file.data for file in files if file.path == INDEX_FILE), None)
    if written is None:
        return (f"{INDEX_FILE} is missing",)
    if written == index_bytes(rules):
        return ()
    indexed = _rows(written)
    if indexed is None:
        return (f"{INDEX_FILE} is not an index",)
    actual = {rule.code: rule.row() for rule in rules}
    lines = [f"{code} is not in the index" for code in actual if code not in indexed]
    lines += [f"{code} is in the index, but no rule has it" for code in indexed if code not in actual]
    lines += [
        f"{code} has other words in the index"
        for code in actual
        if indexed.get(code, actual[code]) != actual[code]
    ]
    return tuple(sorted(lines)) or (f"{INDEX_FILE} is not written as it would be generated",)


def _rows(data: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(data)
    except ValueError:
        return None
    rows = document.get("rules") if isinstance(document, dict) else None
    return rows if isinstance(rows, dict) else None
