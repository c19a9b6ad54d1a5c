"""The verbs of the house, asked of a service; each gives the same values as its namesake here.

What comes back is looked at before anybody believes it: an allow counts when it is about the gate and the subject that
were asked, and about nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from placet_api.artifacts import Resolved, resolve
from placet_api.client.ambient import find_token
from placet_api.client.connection import MAX_BODY, Connection, Reply
from placet_api.client.decision import decision_of
from placet_api.client.problems import answer_error
from placet_api.errors import ConfigurationError, UsageError
from placet_api.project import Project
from placet_api.report.shown import Shown, short
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, MalformedError
from placet_attestations.strictjson import dumps, loads

if TYPE_CHECKING:
    from placet_api.gating import Asking
    from placet_api.verifying import Row

BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
JSON: Final = "application/json"
_PAGE: Final = 500


def connect(project: Project, variables: Mapping[str, str], *, in_ci: bool) -> Remote:
    """The service that the settings name. Raises `ConfigurationError` client.*, trust.unpinned; `AccessError` access.*.

    In CI a service that the tree itself names is none: the judged must not choose the judge, nor get its token.
    """
    settings = project.settings
    for key in ("server", "client.ca") if in_ci else ():
        if settings.sources[key] not in ("option", "default", "PLACET_SERVER", "PLACET_CLIENT_CA"):
            raise ConfigurationError(
                "trust.unpinned",
                f"in CI the service is named from outside the tree that it judges, and {key} stands in it",
                where=settings.sources[key],
                hint="set PLACET_SERVER (and PLACET_CLIENT_CA) in the CI's own settings",
            )
    # The URL first: a token for nobody need not be fetched.
    url, ca = settings.text("server"), project.optional_path("client.ca")
    timeout = settings.number("client.timeout")
    Connection(url, None, ca, timeout)
    return Remote(Connection(url, find_token(settings, variables), ca, timeout))


@dataclass(frozen=True, slots=True)
class Added:
    """A bundle that the service holds."""

    digest: Digest
    type: str
    signer: str
    entry: int
    new: bool


@dataclass(frozen=True, slots=True)
class Remote:
    """A Placet service."""

    connection: Connection

    def resolve(self, text: str, *, reading: bool, expect: str | None = None) -> Resolved:
        """An ARTIFACT of the command line: paths are read here, names and prefixes are asked of the service."""
        return resolve(text, lambda: self, reading=reading, expect=expect)

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        """Subjects whose digest begins so."""
        return tuple(digest for digest in self._artifacts({"prefix": prefix}) if digest.startswith(prefix))

    def by_name(self, name: str) -> tuple[Digest, ...]:
        """Digests to which admitted statements tie this name or alias."""
        return self._artifacts({"name": name})

    def ask(self, project: Project, asking: Asking) -> Shown:
        """Ask a gate, and keep the receipt. Raises `UsageError` gate.remote, vsa.dry_run; `ServiceError`, what the
        service says.
        """
        from placet_api.gating import keep_receipt, shown_as

        _require_remote(asking)
        resolved = self.resolve(asking.artifact, reading=False, expect=asking.expect)
        question: dict[str, Any] = {
            "gate": asking.gate,
            "subject": {"digest": resolved.digest},
            "context": dict(asking.context),
        }
        if asking.dry_run:
            question["dry_run"] = True
        if asking.at is not None:
            question["at"] = asking.at
        if asking.summary:
            question["summary"] = True
        patience = {"timeout": f"{self.connection.timeout:g}s"}
        answer = self._object(self.connection.post("/v1/decisions", dumps(question), JSON, patience))
        body, entry = self._decision(answer)
        dry_run = asking.dry_run or asking.at is not None
        asked = (asking.gate, resolved.digest, dry_run, question["context"])
        if (body["gate"], body["subject"]["digest"], body["dry_run"], body.get("context")) != asked:
            raise self._wrong("the answer is about something else than was asked")
        summary = self._summary(answer, body, entry) if asking.summary else None
        receipt, trouble = keep_receipt(project, body["id"], self._receipt(answer, body))
        return replace(shown_as(resolved, body, entry, receipt, trouble), summary=summary)

    def add(self, raw: bytes) -> Added:
        """Hand in one bundle, or a bare DSSE envelope. Raises what taking it in here raises."""
        items = self._items(self._object(self.connection.post("/v1/attestations", raw, BUNDLE)))
        kinds = {"statement": str, "type": str, "signer": str, "entry": int, "new": bool}
        if len(items) != 1 or any(not isinstance(items[0].get(key), kind) for key, kind in kinds.items()):
            raise self._wrong("the answer does not say what was taken in")
        item = items[0]
        digest = self._digest(item["statement"])
        if digest != Digest.of(raw):
            raise self._wrong("the answer is about another bundle")
        return Added(digest, item["type"], item["signer"], item["entry"], item["new"])

    def statements(self, digest: Digest) -> list[Row]:
        """Every statement held about an artifact, as `verifying.verify_artifact`."""
        from placet_api.verifying import Row

        rows = []
        for item in self._items(self._object(self.connection.get(f"/v1/artifacts/{digest}/statements"))):
            row = Row.read(item)
            if row is None:
                raise self._wrong("the answer holds what is no statement")
            rows.append(row)
        return rows

    def page(self, digest: Digest) -> dict[str, Any]:
        """The page of an artifact, as `showing.page`."""
        found = self._object(self.connection.get(f"/v1/artifacts/{digest}"))
        lists = ["kinds", "names", "aliases", "parents", "statements", "refused"]
        if not _withholds(found, "decisions"):
            lists.append("decisions")
        if found.get("digest") != digest or not all(isinstance(found.get(key), list) for key in lists):
            raise self._wrong("the answer is no page of this artifact")
        return {"revoked": None} | found

    def lineage(self, digest: Digest, form: str) -> str:
        """The lineage of an artifact as text, json or dot: exactly what `placet lineage --output` prints."""
        return self._words(self.connection.get(f"/v1/artifacts/{digest}/lineage", {"format": form}))

    def find(self, *, limit: int, **filters: str | None) -> list[dict[str, Any]]:
        """Rows of the log, newest first, as `logbook.rows`. Filters are those of GET /v1/decisions."""
        query = {key: value for key, value in filters.items() if value is not None}
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            query["limit"] = str(min(limit - len(found), _PAGE))
            answer = self._object(self.connection.get("/v1/decisions", query))
            items, after = self._items(answer), answer.get("next")
            found += [self._row(item) for item in items]
            # A service that has to read far may give a page without rows; each goes further back than the one before.
            if not isinstance(after, str) or not _is_older(after, query.get("cursor")):
                break
            query["cursor"] = after
        return found[:limit]

    def decision(self, text: str) -> Shown:
        """One decision by id, the beginning of an id, or the index of its entry."""
        body, entry = self._decision(self._object(self.connection.get(f"/v1/decisions/{_one(text)}")))
        if text not in (body["id"][: len(text)], str(entry)):
            raise self._wrong("the answer is another decision than was asked for")
        return Shown(body, str(body["subject"].get("name") or short(body["subject"]["digest"])), entry)

    def proof(self, text: str) -> bytes:
        """The receipt of a decision."""
        return self._bytes(self.connection.get(f"/v1/decisions/{_one(text)}/proof"))

    def input(self, text: str) -> bytes:
        """What OPA was asked, to the byte."""
        return self._bytes(self.connection.get(f"/v1/decisions/{_one(text)}/input"))

    def checkpoint(self) -> str:
        """The newest signed checkpoint, a C2SP note. It proves nothing until its signature is checked."""
        return self._words(self.connection.get("/checkpoint"))

    def _artifacts(self, query: Mapping[str, str]) -> tuple[Digest, ...]:
        found = self._object(self.connection.get("/v1/artifacts", query)).get("items")
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self._wrong("the answer is no list of digests")
        return tuple(map(self._digest, found))

    def _digest(self, text: str) -> Digest:
        try:
            return Digest.parse(text)
        except MalformedError as error:
            raise self._wrong(error.message) from error

    def _decision(self, answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
        body, entry = decision_of(answer.get("decision"), self.connection.url), answer.get("entry")
        if not isinstance(entry, int) or isinstance(entry, bool) or entry < 0:
            raise self._wrong("the answer says no entry of the log")
        return body, entry

    def _receipt(self, answer: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        """The receipt in an answer; it must carry the decision that is shown, whoever proves it later."""
        text = answer.get("receipt")
        raw = text.encode() if isinstance(text, str) else b""
        try:
            held = loads(raw, max_bytes=MAX_BODY)
            document = held.get("decision") if isinstance(held, Mapping) else None
            same = isinstance(document, str) and loads(document.encode(), max_bytes=MAX_BODY) == body
        except MalformedError as error:
            raise self._wrong(f"its receipt is none: {error.message}") from error
        if not same:
            raise self._wrong("its receipt is of another decision")
        return raw

    def _summary(self, answer: Mapping[str, Any], body: Mapping[str, Any], entry: int) -> str:
        """The verification summary in an answer; whoever relies on it checks its signature against their own trust."""
        from placet_api.summary import require_about

        text = answer.get("summary")
        if not isinstance(text, str):
            raise self._wrong("the answer holds no verification summary")
        try:
            require_about(text.encode(), body, entry)
        except AttestationError as error:
            raise self._wrong(f"its verification summary is none: {error.message}") from error
        return text

    def _row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        needed = ["entry", "type", "time"]
        if item.get("type") == "decision":
            needed += ["decision", "gate", "subject", "verdict", "dry_run", "reasons"]
        if missing := [key for key in needed if key not in item]:
            raise self._wrong(f"a row of the log has no {missing[0]}")
        return dict(item)

    def _items(self, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        items = answer.get("items")
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise self._wrong("the answer is no list")
        return items

    def _object(self, reply: Reply) -> dict[str, Any]:
        if reply.kind != JSON:
            raise self._wrong(f"the answer is {reply.kind or 'of no type'}, not JSON")
        try:
            value = loads(reply.body, max_bytes=MAX_BODY)
        except MalformedError as error:
            raise self._wrong(f"the answer is not JSON: {error.message}") from error
        if not isinstance(value, dict):
            raise self._wrong("the answer is no JSON object")
        return value

    def _words(self, reply: Reply) -> str:
        try:
            return self._bytes(reply).decode()
        except UnicodeDecodeError as error:
            raise self._wrong("the answer is no text") from error

    def _bytes(self, reply: Reply) -> bytes:
        # Whoever stands before a service (a login, a captive portal) answers in HTML.
        if reply.kind == "text/html":
            raise self._wrong("the answer is a web page")
        return reply.body

    def _wrong(self, message: str) -> Exception:
        return answer_error(message, where=self.connection.url)


def _require_remote(asking: Asking) -> None:
    if asking.signer is not None:
        raise UsageError(
            "gate.remote",
            "--as signs no question to a service",
            hint="the token says who asks: leave --as out",
        )
    if asking.anchors is not None:
        raise UsageError(
            "gate.remote",
            "--anchors pins what a gate here rests on, and a service has its own",
            hint="leave it out, or leave --server out",
        )
    if asking.summary:
        from placet_api.summary import require_real

        require_real(dry_run=asking.dry_run, at=asking.at)


def _is_older(cursor: str, before: str | None) -> bool:
    return cursor.isdecimal() and len(cursor) < 16 and (before is None or int(cursor) < int(before))


def _withholds(page: Mapping[str, Any], member: str) -> bool:
    """Whether a page says in words why it comes without one of its members."""
    said = page.get("withheld")
    return member not in page and isinstance(said, Mapping) and isinstance(said.get(member), str)


def _one(text: str) -> str:
    """An id as part of a path: nothing that leads elsewhere."""
    if not text.replace("-", "").isalnum() or not text.isascii():
        raise UsageError("log.not_found", f"no decision {text!r} in the log", hint="see `placet log list`")
    return text
