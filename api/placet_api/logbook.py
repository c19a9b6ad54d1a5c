"""The log for readers: rows, one decision, the audit, receipts checked offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Unpack

from placet_api.errors import UsageError
from placet_api.log_key import PUBLIC_KEY, log_verifier
from placet_api.paths import is_file
from placet_api.project import Project
from placet_api.report.shown import Shown, short
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.strictjson import loads, read_bounded
from placet_engine.errors import LogError, ProofError
from placet_engine.log.audit import AuditReport, verify_log
from placet_engine.log.checkpoint import Checkpoint
from placet_engine.log.entry import parse_leaf
from placet_engine.log.head_file import HeadFile
from placet_engine.log.keyfile import load_verifier
from placet_engine.log.log import DecisionLog
from placet_engine.log.note import NoteVerifier
from placet_engine.log.receipt import check_receipt
from placet_engine.log.store import Filters

_TOLD = (
    "bundle",
    "predicateType",
    "id",
    "verdict",
    "environment",
    "dryRun",
    "code",
    "decisions",
    "before",
    "after",
    "policy",
    "why",
)
_LIMIT: Final = 100


def rows(
    log: DecisionLog, *, rule: str | None = None, actor: str | None = None, **filters: Unpack[Filters]
) -> list[dict[str, Any]]:
    """Entries that the index finds, newest first, as plain rows; each is proved in the tree before it is shown.

    The filters are those of `DecisionLog.find`. `rule` is a code among the reasons of a decision, `actor` the principal
    who asked; the index has neither, so the log is read backwards, a page at a time, until `limit` rows are found.
    """
    return page(log, most=None, rule=rule, actor=actor, **filters)[0]


def page(
    log: DecisionLog,
    *,
    most: int | None,
    rule: str | None = None,
    actor: str | None = None,
    **filters: Unpack[Filters],
) -> tuple[list[dict[str, Any]], int | None]:
    """As `rows`, and before which entry to go on; None at the log's end.

    Where the log has to be read backwards, it ends after `most` entries, perhaps with fewer rows than `limit`, or none.
    """
    if rule is not None or actor is not None:
        filters["kind"] = "decision"
    limit, seen = filters.get("limit", _LIMIT), 0
    found: list[dict[str, Any]] = []
    while True:
        entries = log.find(**filters)
        for entry in entries:
            row = _row(entry.index, parse_leaf(log.prove(entry.index).leaf))
            if _is_wanted(log, row, rule, actor):
                found.append(row)
            if len(found) == limit:
                return found, entry.index or None
        seen += len(entries)
        if len(entries) < limit:
            return found, None
        filters["before"] = entries[-1].index
        if most is not None and seen >= most:
            return found, entries[-1].index or None


def _is_wanted(log: DecisionLog, row: Mapping[str, Any], rule: str | None, actor: str | None) -> bool:
    if rule is not None and rule not in row["reasons"]:
        return False
    if actor is None:
        return True
    document = log.payload(row["entry"], "decision").data
    body = loads(document, max_bytes=len(document), where="decision document")
    asked = body.get("actor") if isinstance(body, Mapping) else None
    return isinstance(asked, Mapping) and asked.get("principal") == actor


def _row(index: int, leaf: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"entry": index, "type": leaf["type"], "time": leaf["time"]}
    if leaf["type"] == "decision":
        row |= {
            "decision": leaf["id"],
            "gate": leaf["gate"],
            "subject": leaf["subject"],
            "verdict": leaf["verdict"],
            "would": leaf.get("would"),
            "cause": leaf.get("cause"),
            "dry_run": leaf.get("dryRun", False),
            "reasons": list(leaf.get("reasons", ())),
        }
    else:
        row |= {key: leaf[key] for key in _TOLD if key in leaf}
    return row


def find_entry(log: DecisionLog, text: str) -> int:
    """The entry of a decision id, its beginning, or an index."""
    # Ids begin with a zero, indexes do not: `0193` is the beginning of an id.
    if text == "0" or (text.isdecimal() and len(text) < 8 and not text.startswith("0")):
        return int(text)
    return log.by_decision(text).index


def shown(log: DecisionLog, index: int) -> Shown:
    """One decision, proved under the log's key before it is shown."""
    return _shown(log.payload(index, "decision").data, index)


def receipt_name(log: DecisionLog, index: int) -> str:
    """The file name of a decision's receipt."""
    return f"{parse_leaf(log.prove(index).leaf)['id']}.placet-proof"


def _shown(document: bytes, index: int) -> Shown:
    body = loads(document, max_bytes=len(document), where="decision document")
    assert isinstance(body, Mapping)
    subject = body["subject"]
    label = subject.get("name") if isinstance(subject, Mapping) else None
    return Shown(
        body, str(label or short(str(subject["digest"] if isinstance(subject, Mapping) else ""))), index
    )


@dataclass(frozen=True, slots=True)
class Audit:
    """What recomputing the log gave, in words and as data.

    `compared_with` is the size of the head that was kept elsewhere, None when none was; `unchecked` names what could
    not be looked at from where the audit was made.
    """

    report: AuditReport
    origin: str
    compared_with: int | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing diverged."""
        return self.report.ok

    @property
    def words(self) -> str:
        """What it means, for people; more than one line when something was left out."""
        if self.report.ok:
            whole = f"the log {self.origin} is whole: all of its {self.report.entries} entries hold"
            return "\n".join((whole, *self._from_outside()))
        where = "the head" if self.report.first_bad is None else f"entry {self.report.first_bad}"
        return f"the log {self.origin} was changed: {where} is the first that does not hold: {self.report.reason}"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "ok": self.report.ok,
            "entries": self.report.entries,
            "first_bad": self.report.first_bad,
            "reason": self.report.reason,
            "origin": self.origin,
            "compared_with": self.compared_with,
            "unchecked": list(self.unchecked),
        }

    def _from_outside(self) -> tuple[str, ...]:
        """What an audit from outside has to say besides."""
        if not self.unchecked:
            return ()
        if self.compared_with is None:
            kept = "its head is kept here from now on; there was none yet to compare it with"
        else:
            kept = f"it goes on from the head of {self.compared_with} entries that was kept here"
        left = ", ".join(self.unchecked)
        return f"  {kept}", f"  not checked from outside: {left}  (placet log verify where the store is)"


def verifier_of(project: Project, log_key: str | None, *, in_ci: bool) -> NoteVerifier:
    """The checker's own key of a log that is kept elsewhere: the one given, or the project's copy.

    Raises `UsageError` log.no_key, log.key; `ConfigurationError` logkey.*. In CI the copy does not count, for it lies
    in the tree that is judged.
    """
    if log_key is not None:
        return key_of(log_key)
    copy = project.root / PUBLIC_KEY
    if in_ci or not is_file(copy):
        raise UsageError(
            "log.no_key",
            "a log proves nothing without its public key from your own hands",
            hint=f"get {PUBLIC_KEY} from whoever keeps the log, then add:  --log-key {PUBLIC_KEY}",
        )
    return load_verifier(copy)


def audit(project: Project, log_key: str | None) -> Audit:
    """Recompute everything, under the key given or this project's public key."""
    verifier = key_of(log_key) if log_key is not None else log_verifier(project)
    try:
        with DecisionLog.read(project.database(), verifier=verifier) as log:
            kept = HeadFile(project.kept_head(), verifier).kept()
            report = verify_log(log.store, verifier, kept=kept)
            if report.ok and kept is None and report.entries:
                # A check that did not run is reported: without it, a store that was put back looks whole.
                report = replace(
                    report, ok=False, reason="no head was kept outside the store to compare it with"
                )
            return Audit(report, log.origin, None if kept is None else kept.size)
    except LogError as error:
        if error.code not in ("log.corrupt", "log.head_unreadable"):
            raise
        # A file that is no database any more, a head of another key: the answer is no, not "cannot say".
        return Audit(AuditReport(0, ok=False, reason=str(error)), verifier.name)


def checkpoint(project: Project, *, keep: bool) -> str:
    """The newest signed checkpoint, a C2SP note. With `keep`, keep it outside the store again, after a whole audit.

    Raises `LogError` log.corrupt when the audit finds anything.
    """
    verifier = log_verifier(project)
    with DecisionLog.read(project.database(), verifier=verifier) as log:
        head = log.head()
        if keep and head.size:
            report = verify_log(log.store, verifier)
            if not report.ok:
                raise LogError(
                    "log.corrupt", report.reason or "the log is not whole", hint="placet log verify"
                )
            newest = Checkpoint(log.origin, head.size, head.root)
            HeadFile(project.kept_head(), verifier).keep(head.checkpoint, newest)
        return head.checkpoint


def key_of(text: str) -> NoteVerifier:
    """A verifier key: its text, or the file that holds it. Raises `UsageError` `log.key`, `ConfigurationError`."""
    path = Path(text)
    if "+" not in text or is_file(path):
        return load_verifier(path)
    try:
        return NoteVerifier.parse(text)
    except ProofError as error:
        raise UsageError("log.key", error.message, where="--log-key", hint=error.hint) from error


@dataclass(frozen=True, slots=True)
class Checked:
    """A receipt that holds."""

    shown: Shown
    index: int
    size: int
    origin: str

    def as_json(self) -> dict[str, Any]:
        """For programs: the decision, and where it stands."""
        return {
            "decision": dict(self.shown.body),
            "entry": self.index,
            "size": self.size,
            "origin": self.origin,
        }


def check_file(path: Path, log_key: str) -> Checked:
    """Check a receipt offline. Raises `ProofError` when it does not hold, `UsageError` `log.not_a_receipt`."""
    if not is_file(path):
        raise UsageError(
            "log.no_receipt", "there is no receipt", where=str(path), hint="placet log prove DECISION"
        )
    found = check_receipt(read_bounded(path, DEFAULT_LIMITS.max_bundle_bytes), key_of(log_key))
    subject = found.decision["subject"]
    label = str(subject.get("name") or "") if isinstance(subject, Mapping) else ""
    digest = str(subject["digest"]) if isinstance(subject, Mapping) else ""
    return Checked(
        Shown(found.decision, label or short(digest), found.index), found.index, found.size, found.origin
    )
