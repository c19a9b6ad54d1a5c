"""`placet doctor`: looks at everything once, and says what it saw. Finds all faults, not only the first."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from placet_api.errors import HOUSE_ERRORS, AccessError
from placet_api.project import Project, find_root
from placet_api.settings import TABLE, Value
from placet_api.version import VERSION


@dataclass(slots=True)
class Report:
    """What the doctor saw: facts by name, settings with their source, problems with a hint."""

    facts: dict[str, str] = field(default_factory=dict)
    settings: dict[str, tuple[str, str]] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """True without problems."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "healthy": self.healthy,
            "facts": self.facts,
            "settings": {
                key: {"value": value, "source": source} for key, (value, source) in self.settings.items()
            },
            "problems": [{"code": code, "text": text, "hint": hint} for code, text, hint in self.problems],
        }

    def words(self) -> str:
        """For people."""
        lines = [f"{name:<16} {value}" for name, value in self.facts.items()]
        lines.append("")
        lines += [f"{key:<18} {value:<40} {source}" for key, (value, source) in self.settings.items()]
        lines.append("")
        for code, text, hint in self.problems:
            lines.append(f"✗ {code}: {text}")
            if hint:
                lines.append(f"    {hint}")
        if self.healthy:
            lines.append("✓ all is well")
        return "\n".join(lines) + "\n"


def diagnose(project: Project, variables: Mapping[str, str] | None = None, *, in_ci: bool = False) -> Report:
    """Look at settings, OPA, policy set, trust policy, store and log of a project (or of a folder that is none).

    Where a service keeps evidence and log, it is asked instead; `variables` may hold the token.
    """
    report = Report()
    report.facts["placet"] = VERSION
    report.facts["python"] = sys.version.split()[0]
    none = find_root(project.root) is None
    report.facts["project"] = "none here (placet init)" if none else str(project.root)
    for setting in TABLE:
        value = project.settings.values[setting.key]
        report.settings[setting.key] = (
            "(hidden)" if setting.secret and value is not None else _shown(value),
            project.settings.sources[setting.key],
        )
    for look in (_opa, _policy):
        _try(report, look, project)
    if project.settings.optional("server") is not None:
        look_at_service(report, project, variables or {}, in_ci=in_ci)
        return report
    if (stateless := project.stateless()) is not None:
        report.problems.append((stateless.code, stateless.message, stateless.hint or ""))
    elif find_root(project.root) is not None:
        for look in (_trust, _roots, _store, _log):
            _try(report, look, project)
    return report


def look_at_service(report: Report, project: Project, variables: Mapping[str, str], *, in_ci: bool) -> None:
    """Whether the service of a client's folder is there, can decide, and knows this caller."""
    from placet_api.client.remote import connect

    report.facts["service"] = project.settings.text("server")
    try:
        connection = connect(project, variables, in_ci=in_ci).connection
        # Its policies may be read by whoever is known; the log by auditors alone.
        for path, fact, words in (
            ("/readyz", "service ready", "yes"),
            ("/v1/policies", "service caller", "known, and may read evidence"),
        ):
            connection.get(path)
            report.facts[fact] = words
        try:
            connection.get("/v1/decisions", {"limit": "1"})
            report.facts["service log"] = "this caller may read it"
        except AccessError as error:
            if error.status != 403:
                raise
            report.facts["service log"] = f"this caller may not read it: {error.message}"
    except HOUSE_ERRORS as error:
        report.problems.append((error.code, str(error), error.hint or ""))


def _shown(value: Value) -> str:
    """A value for people; of a URL all but who logs in, and how."""
    return "-" if value is None else re.sub("//[^/@]*@", "//(hidden)@", str(value))


def _try(report: Report, look: Callable[[Report, Project], None], project: Project) -> None:
    try:
        look(report, project)
    except HOUSE_ERRORS as error:
        report.problems.append((error.code, str(error), error.hint or ""))


def _opa(report: Report, project: Project) -> None:
    from placet_engine.policy.binary import locate
    from placet_engine.policy.tool import probe_version

    url = project.settings.optional("opa.url")
    if url is not None:
        report.facts["opa"] = f"a service at {_shown(url)}"
        _reach(url, project)
        return
    binary = locate(project.optional_path("opa.path"))
    version = probe_version(binary)
    report.facts["opa"] = (
        f"{version.version} ({'the tested version' if version.tested else 'NOT the tested version'})"
    )
    report.facts["opa binary"] = f"{binary.path} (from {binary.source})"
    report.facts["opa sha256"] = binary.sha256
    if not version.tested:
        report.problems.append(
            (
                "opa.untested",
                f"OPA {version.version} is not the version Placet was tested with",
                "unset opa.path",
            )
        )


def _reach(url: str, project: Project) -> None:
    from placet_api.policies import load
    from placet_engine.policy.remote import RemoteOpa

    with RemoteOpa(url, revision=load(project).revision, ca=project.optional_path("opa.ca")) as engine:
        engine.wait_ready(project.settings.number("opa.timeout"))


def _policy(report: Report, project: Project) -> None:
    from placet_api.policies import accepted, load
    from placet_engine.policy.binary import locate

    policy = load(project)
    report.facts["policy set"] = (
        f"placet@{policy.revision[:16]}…  archive {policy.archive_sha256[:23]}…  {len(policy.files)} files"
    )
    if project.settings.optional("opa.url") is None:
        accepted(policy, locate(project.optional_path("opa.path")))


def _trust(report: Report, project: Project) -> None:
    from placet_attestations.trust import load_trust

    trust = load_trust(project.path("trust"), state=project.fetched_roots)
    report.facts["trust"] = f"{len(trust.signers)} signers, {len(trust.rules)} rules  {trust.digest[:23]}…"


def _roots(report: Report, project: Project) -> None:
    from placet_api.root_report import seen

    for root in seen(project):
        report.facts[f"root {root.id}"] = (
            f"{root.source}  {root.as_of_words}  {root.state}  {root.digest[:23]}…"
        )
        if root.problem is not None:
            report.problems.append((root.problem.code, str(root.problem), root.problem.hint or ""))
        if root.state == "error":
            words = f"the root {root.id} is too old: {root.as_of_words}"
            report.problems.append(("root.stale", words, "placet trust refresh, or renew its file"))


def _store(report: Report, project: Project) -> None:
    from placet_attestations.sqlite_store import SqliteEvidenceStore

    store = SqliteEvidenceStore.open(project.database())
    try:
        report.facts["evidence"] = f"{sum(1 for _ in store.all())} statements"
    finally:
        store.close()


def _log(report: Report, project: Project) -> None:
    from placet_engine.log.log import DecisionLog

    with DecisionLog.open(project.database(), key=project.path("log.key"), head=project.kept_head()) as log:
        head = log.head()
        report.facts["log"] = f"{log.origin}, {head.size} entries"
