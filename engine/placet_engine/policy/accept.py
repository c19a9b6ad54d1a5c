"""Whether OPA may be given a policy set: compiled with the capabilities, strict, complete, its settings
valid.

`opa run` enforces no capabilities, so every set is compiled here before it is asked (design.md section 5).
That takes some 100 ms; what was accepted is remembered in a folder of the user's own, under digests of
everything it rests on. A remembered acceptance that cannot be read, or that others could have written, is
none.
"""

from __future__ import annotations

import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import dumps, loads
from placet_engine.errors import PolicyError
from placet_engine.policy.archive import ROOT
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet
from placet_engine.policy.capabilities import Capabilities
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.rule_words import RuleWords, check_entrypoint, inspect, metadata_error, read_rules
from placet_engine.policy.rules_index import drift
from placet_engine.policy.settings_overlay import check_codes, check_settings
from placet_engine.policy.source_lint import lint_sources
from placet_engine.policy.tool import Running, compile_error, probe_version

CHECKS: Final = 1
"""Raised when acceptance begins to ask more, so that sets accepted before are looked at again."""

_MARKER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was accepted by what: digests of the archive, of OPA, of the capabilities and of the settings'
    schema.
    """

    archive: str
    opa: str
    capabilities: str
    schema: str
    opa_version: str
    checks: int = CHECKS


def accept(
    policy_set: PolicySet,
    opa: Binary,
    capabilities: Capabilities,
    *,
    cache: Path,
    schema: bytes,
    limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
) -> Acceptance:
    """Accept the policy set, or say why not. `cache`: a folder that only this user can write, made when
    missing. `schema`: of the settings, for a policy set that brings none.

    Raises PolicyError policy.compile (with OPA's words), policy.index, policy.metadata, policy.entrypoint,
    settings.invalid, settings.schema, settings.ambiguous, opa.*.
    """
    used_schema = policy_set.settings_schema or schema
    key = Acceptance(
        archive=policy_set.archive_sha256,
        opa=opa.sha256,
        capabilities=capabilities.sha256,
        schema=Digest.of(used_schema),
        opa_version="",
    )
    marker = cache / f"accepted-{Digest.of(dumps(asdict(key))).hex}.json"
    remembered = _remembered(marker, key)
    if remembered is not None:
        return remembered
    check_settings(policy_set.settings(), used_schema)
    # First of all it must be an OPA: what something else says of a policy set is no verdict on it.
    version = probe_version(opa, limits=limits).version
    _compile(policy_set, opa, capabilities, limits)
    accepted = Acceptance(**{**asdict(key), "opa_version": version})
    _remember(marker, accepted)
    return accepted


def _compile(policy_set: PolicySet, opa: Binary, capabilities: Capabilities, limits: PolicyLimits) -> None:
    with tempfile.TemporaryDirectory(prefix="placet-accept-") as name:
        archive = Path(name) / "bundle.tar.gz"
        archive.write_bytes(policy_set.archive)
        common = ["--capabilities", str(capabilities.path), "-b", archive.name]
        running = [
            Running(
                opa,
                ["build", "-e", "placet/main/decision", "-o", "built.tar.gz", *common],
                folder=archive.parent,
            ),
            Running(opa, ["check", "--strict", *common], folder=archive.parent),
        ]
        finished = [tool.finish(limits) for tool in running]
        for tool in finished:
            if tool.status != 0:
                raise compile_error(tool.words.replace(archive.name, "archive"))
        with _understood(opa):
            annotations = inspect(archive, opa, limits=limits)
            compiled = _data(archive.with_name("built.tar.gz"))
            check_entrypoint(annotations)
            rules = read_rules(annotations)
    if faults := lint_sources(policy_set.files):
        raise metadata_error(faults)
    _check_index(policy_set, rules)
    _check_reading(policy_set, compiled)
    check_codes(policy_set.settings(), {rule.code: rule.collections for rule in rules})


@contextmanager
def _understood(opa: Binary) -> Iterator[None]:
    """What an OPA says that cannot be read is no acceptance. Raises PolicyError opa.version."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, OSError, tarfile.TarError) as error:
        raise PolicyError(
            "opa.version",
            "this is no OPA that Placet understands: it says something else of a policy set",
            where=str(opa.path),
            hint="reinstall placet (its wheel carries OPA), or set opa.path to an OPA binary",
        ) from error


def _check_index(policy_set: PolicySet, rules: Sequence[RuleWords]) -> None:
    if lines := drift(policy_set.files, rules):
        raise PolicyError(
            "policy.index",
            "the index of the rules is not that of the rules: " + "\n".join(lines),
            hint="generate it again:  placet policy build",
        )


def _check_reading(policy_set: PolicySet, compiled: Mapping[str, Any]) -> None:
    """OPA reads the settings as we do: two readers of YAML may differ, and a schema sees only ours."""
    ours = policy_set.settings()
    if ours and compiled.get(ROOT, {}).get("settings") != ours:
        raise PolicyError(
            "settings.ambiguous",
            "OPA reads the settings otherwise than Placet",
            where="placet/settings",
            hint="quote dates, and words like yes and no; write numbers in full",
        )


def _data(built: Path) -> Mapping[str, Any]:
    """The base documents of a bundle that `opa build` wrote."""
    with tarfile.open(built) as tar:
        stream = tar.extractfile("/data.json")
        document: dict[str, Any] = {} if stream is None else json.load(stream)
    return document


def _remembered(marker: Path, key: Acceptance) -> Acceptance | None:
    """None whenever anything about the marker is not as `_remember` left it."""
    with suppress(OSError, MalformedError, TypeError):
        descriptor = os.open(marker, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
                return None
            found = loads(file.read(_MARKER_BYTES), max_bytes=_MARKER_BYTES, where=str(marker))
        if not isinstance(found, Mapping) or not isinstance(found.get("opa_version"), str):
            return None
        if found == {**asdict(key), "opa_version": found["opa_version"]}:
            return Acceptance(**dict(found))  # type: ignore[arg-type]  # equal to a value of the right types
    return None


def _remember(marker: Path, accepted: Acceptance) -> None:
    """A failure is no error: the set is accepted, and will be looked at again next time."""
    with suppress(OSError):
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=marker.parent, delete=False) as file:
            file.write(dumps(asdict(accepted)))
        Path(file.name).replace(marker)  # a crash before this leaves a stray file, never half a marker
