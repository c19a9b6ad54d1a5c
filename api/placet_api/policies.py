"""The policy set as the doors use it: loading with the project's overlay, acceptance, catalogue, tests, build."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet_api.errors import ConfigurationError, UsageError
from placet_api.paths import is_file
from placet_api.project import Project
from placet_attestations.strictjson import JsonObject
from placet_engine.policy.bundle import PolicySet, load_policy_archive, load_policy_set
from placet_engine.policy.shipped import shipped_capabilities, shipped_policies, shipped_settings_schema

if TYPE_CHECKING:
    from placet_engine.policy.accept import Acceptance
    from placet_engine.policy.binary import Binary

INDEX = "placet/index/data.json"
_ALWAYS = {"title", "topic", "requirements"}  # what each rule of an index has


def folder_of(project: Project, folder: Path | None = None) -> Path:
    """The policy folder that counts: the one given, the setting, the shipped one."""
    return folder or project.optional_path("policies") or shipped_policies()


def load(project: Project) -> PolicySet:
    """The policy set with the settings overlay, if there is one."""
    path = project.optional_path("settings")
    if path is None:
        return _load(folder_of(project), None)
    from placet_api.yaml_file import read_mapping

    return _load(folder_of(project), read_mapping(path))


def _load(where: Path, overlay: JsonObject | None) -> PolicySet:
    """From a folder, or from a bundle that `placet policy build` or `sign` wrote."""
    if is_file(where):
        return load_policy_archive(read_bundle(where), overlay=overlay)
    return load_policy_set(where, overlay=overlay)


def read_bundle(path: Path) -> bytes:
    """The bytes of a bundle file. Raises `UsageError` policy.unreadable, policy.too_large."""
    from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS

    most = DEFAULT_POLICY_LIMITS.max_policy_bytes
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UsageError(
            "policy.unreadable", f"no policy bundle: {error.strerror}", where=str(path)
        ) from error
    if len(data) > most:
        raise UsageError("policy.too_large", f"more than {most:,} bytes", where=str(path))
    return data


def unwaivable(project: Project) -> tuple[str, ...]:
    """The rules that no waiver sets aside, by the policy set's settings."""
    codes = load(project).settings().get("unwaivable")
    return tuple(map(str, codes)) if isinstance(codes, list) else ()


def gates_of(policy: PolicySet) -> frozenset[str]:
    """The gates that the policy set's settings name."""
    gates = policy.settings().get("gates")
    return frozenset(gates) if isinstance(gates, Mapping) else frozenset()


def accepted(policy: PolicySet, binary: Binary) -> Acceptance:
    """Compile the policy set under the capabilities, unless this user's cache remembers that it was.

    The cache is the user's, not the project's: what is judged must not bring its own acceptance.
    """
    from placet_engine.policy.accept import accept
    from placet_engine.policy.capabilities import load_capabilities

    return accept(
        policy,
        binary,
        load_capabilities(shipped_capabilities()),
        cache=_cache(),
        schema=shipped_settings_schema().read_bytes(),
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "placet" / "policies"


def catalogue(project: Project, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """The rules by code with their words, from the set's own index."""
    import json

    where = folder_of(project, folder)
    path = where / INDEX
    try:
        data = _index_of(where) if is_file(where) else path.read_bytes()
        rules: dict[str, dict[str, Any]] = json.loads(data)["rules"]
        if not all(rule.keys() >= _ALWAYS for rule in rules.values()):
            raise KeyError("a rule misses its words")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "policy.index",
            "the policy set has no readable rule index",
            where=str(path),
            hint="placet policy build",
        ) from error
    return dict(sorted(rules.items()))


def _index_of(bundle: Path) -> bytes:
    """The rule index in a bundle file. Raises KeyError when there is none."""
    return {file.path: file.data for file in _load(bundle, None).files}[INDEX]


def one_rule(project: Project, code: str) -> dict[str, Any]:
    """One rule by its code. Raises `UsageError` `policy.unknown_rule`."""
    rules = catalogue(project)
    if code not in rules:
        import difflib

        close = difflib.get_close_matches(code, list(rules), n=1)
        raise UsageError(
            "policy.unknown_rule",
            f"no rule has the code {code}",
            hint=f"did you mean {close[0]}?" if close else "placet policy list",
        )
    return rules[code]


def words(code: str, rule: Mapping[str, Any]) -> str:
    """A rule for people."""
    lines = [f"{code}: {rule['title']}"]
    for key in (
        "topic",
        "collections",
        "severity",
        "requirements",
        "controls",
        "depends_on",
        "failure_msg",
        "solution",
    ):
        value = rule.get(key)
        if value:
            lines.append(f"  {key:<13} {', '.join(value) if isinstance(value, list) else value}")
    return "\n".join(lines) + "\n"


# How the words of the rules say that a statement of a type is wanted.
_ASKED_FOR = {
    "dataset": "placet attest dataset",
    "measurement": "placet measure",
    "approval": "placet approve",
    "training": "--step train",
    "preprocess": "--step STEP",
    "ingest": "--step STEP",
    "package": "--step STEP",
}


def rules_reading(project: Project, kind: str) -> list[tuple[str, str]]:
    """The rules that ask for statements of a short type, by their own words: code and title."""
    wanted = _ASKED_FOR.get(kind)
    rules = catalogue(project) if wanted is not None else {}
    return [
        (code, str(rule["title"]))
        for code, rule in rules.items()
        if str(wanted) in str(rule.get("solution", ""))
    ]


def run_tests(project: Project, folder: Path | None) -> Iterator[tuple[str, bool, str]]:
    """OPA's own checks over a policy folder: format, strict types, tests with whole coverage. Title, passed, output."""
    from placet_engine.policy.binary import locate
    from placet_engine.policy.tool import Running

    where = folder_of(project, folder).resolve()
    if not any(where.rglob("*_test.rego")):
        raise UsageError(
            "policy.no_tests",
            "there are no *_test.rego files here: an installed policy set carries none",
            where=str(where),
            hint="name a policy folder:  placet policy test policies/",
        )
    binary = locate(project.optional_path("opa.path"))
    schemas = where / "schemas"
    steps = (
        ("formatted as opa fmt does", ["fmt", "--fail", "--list", "."]),
        (
            "types and schemas (opa check --strict)",
            ["check", "--strict", *(["--schema", "schemas"] if schemas.is_dir() else []), "placet"],
        ),
        (
            "tests pass and cover every line",
            # As a bundle: so data stands where the rules look for it.
            ["test", "--bundle", ".", "--timeout", "120s", "--coverage", "--threshold", "100"],
        ),
    )
    for title, arguments in steps:
        ended = Running(binary, arguments, folder=where).finish()
        yield title, ended.status == 0, ended.output.decode(errors="replace") + ended.words


def build(project: Project, folder: Path | None, target: Path | None, *, check: bool) -> Iterator[str]:
    """Generate the rule index, accept the set, and write its bundle. With `check`, write nothing and refuse drift."""
    from placet_engine.policy.binary import locate
    from placet_engine.policy.rules_index import index_drift, write_index

    where = folder_of(project, folder)
    if is_file(where):
        raise UsageError(
            "policy.no_folder", "a bundle is built from a folder, and this is a file", where=str(where)
        )
    binary = locate(project.optional_path("opa.path"))
    if check:
        lines = index_drift(where, binary)
        if lines:
            raise ConfigurationError(
                "policy.index", "\n".join(lines), where=INDEX, hint="placet policy build writes it anew"
            )
    elif folder is not None or project.optional_path("policies") is not None:
        write_index(where, binary)
        yield f"wrote {where / INDEX}"
    policy = load_policy_set(where)
    accepted(policy, binary)
    yield f"placet@{policy.revision}"
    yield f"archive {policy.archive_sha256}  {len(policy.archive):,} bytes, {len(policy.files)} files"
    if target is not None and not check:
        write_bundle(target, policy.archive)
        yield f"wrote {target}"


def write_bundle(target: Path, archive: bytes) -> None:
    """Write a bundle where the user said. Raises `UsageError` usage.output."""
    try:
        target.write_bytes(archive)
    except OSError as error:
        raise UsageError(
            "usage.output", f"cannot write the bundle: {error.strerror}", where=str(target)
        ) from error
