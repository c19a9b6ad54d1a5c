"""The roots of a Sigstore instance as a file says them: authorities, logs, time stamp authorities, each with a
window.

Always a file that somebody chose (`trusted_root.json`, protobuf-specs `sigstore_trustroot.proto`), never a
cache and never the network. Windows are closed, [start, end], and a window without a start is no window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from placet_attestations import strictjson
from placet_attestations._files import read_bounded
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, MalformedError, UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.sigstore._protojson import Members
from placet_attestations.strictjson import JsonValue
from placet_attestations.times import parse_time

_MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    }
)


@dataclass(frozen=True, slots=True)
class Window:
    """When something was in use, both ends included; without an end it still is."""

    start: datetime
    end: datetime | None

    def holds(self, instant: datetime) -> bool:
        """Whether the instant lies in the window."""
        return self.start <= instant and (self.end is None or instant <= self.end)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate or time stamp authority: DER, the lowest certificate first, the root last."""

    uri: str
    certificates: tuple[bytes, ...] = field(repr=False)
    window: Window


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log: the ID that entries and certificates name, and the key that signs for it (DER)."""

    url: str
    log_id: bytes
    key: bytes = field(repr=False)
    key_details: str
    window: Window


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """What one instance's signatures are checked against; `digest` is of the file's bytes.

    `without_log` says that this instance's bundles may come without a log entry, proved by a time stamp alone,
    as GitHub's for private repositories do. Only whoever chose the root can say so.
    """

    digest: Digest
    authorities: tuple[Authority, ...]
    logs: tuple[Log, ...]
    certificate_logs: tuple[Log, ...]
    timestampers: tuple[Authority, ...]
    without_log: bool = False

    @classmethod
    def parse(cls, raw: bytes, *, without_log: bool = False, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read `trusted_root.json`; raises MalformedError json.*, root.shape; UnsupportedError root.type."""
        document = strictjson.loads(
            raw, max_bytes=limits.max_root_bytes, max_depth=limits.max_json_depth, where="trusted root"
        )
        try:
            members = Members.of(document, "the trusted root")
            kind = members.text("mediaType")
            if kind not in _MEDIA_TYPES:
                raise _unsupported(kind)
            root = cls(
                Digest.of(raw),
                tuple(_authority(item, limits) for item in members.items("certificateAuthorities")),
                tuple(_log(item) for item in members.items("tlogs")),
                tuple(_log(item) for item in members.items("ctlogs")),
                tuple(_authority(item, limits) for item in members.items("timestampAuthorities")),
                without_log,
            )
            members.done()
        except AttestationError as error:
            if error.code.startswith(("root.", "json.")):
                raise
            raise _malformed(error.message) from error
        return root

    @classmethod
    def load(cls, path: Path, *, without_log: bool = False, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read the file; errors as `parse`, and IdentityError file.*."""
        return cls.parse(read_bounded(path, limits.max_root_bytes), without_log=without_log, limits=limits)


def _log(value: JsonValue) -> Log:
    members = Members.of(value, "a log")
    key, log_id = (
        Members.of(members.take("publicKey"), "publicKey"),
        Members.of(members.take("logId"), "logId"),
    )
    log = Log(
        members.text("baseUrl"),
        log_id.bytes("keyId"),
        key.bytes("rawBytes"),
        key.text("keyDetails"),
        _window(key.take("validFor")),
    )
    if members.text("hashAlgorithm") != "SHA2_256":
        raise _malformed("a log whose hash is not SHA-256")
    for name in ("operator", "checkpointKeyId"):
        members.take(name)
    for left in (members, key, log_id):
        left.done()
    if len(log.log_id) != 32 or not log.key or not log.key_details:
        raise _malformed("a log without an ID of 32 bytes or without a key")
    return log


def _authority(value: JsonValue, limits: Limits) -> Authority:
    members = Members.of(value, "an authority")
    chain = Members.of(members.take("certChain"), "certChain")
    listed = chain.items("certificates")
    chain.done()
    if not 0 < len(listed) <= limits.max_certificates:
        raise _malformed(
            f"certChain holds {len(listed)} certificates, the limit is {limits.max_certificates}"
        )
    authority = Authority(members.text("uri"), _certificates(listed), _window(members.take("validFor")))
    for name in ("subject", "operator"):
        members.take(name)
    members.done()
    return authority


def _certificates(listed: Sequence[JsonValue]) -> tuple[bytes, ...]:
    found = []
    for item in listed:
        members = Members.of(item, "a certificate")
        found.append(members.bytes("rawBytes"))
        members.done()
    return tuple(found)


def _window(value: JsonValue) -> Window:
    members = Members.of(value, "validFor")
    start, end = members.text("start"), members.text("end")
    members.done()
    window = Window(parse_time(start), parse_time(end) if end else None)
    if window.end is not None and window.end < window.start:
        raise _malformed("a window that ends before it starts")
    return window


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "root.shape",
        f"not a trusted root: {what}",
        where="trusted root",
        hint="give the trusted_root.json of the instance that signs, as its operator publishes it",
    )


def _unsupported(kind: str) -> UnsupportedError:
    return UnsupportedError(
        "root.type",
        f"a trusted root of type {kind[:120]!a} is not read by this version",
        where="trusted root",
        hint=f"expected {' or '.join(sorted(_MEDIA_TYPES))}",
    )
