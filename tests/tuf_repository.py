"""A whole TUF repository in memory, made by python-tuf: files by their path, to be served or meddled with."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api._payload import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Metadata

ROLES = ("root", "timestamp", "snapshot", "targets")
NAME = "trusted_root.json"


class Repository:
    """`files` is what it serves; `publish` writes new metadata of each role, signed by the keys of that role."""

    def __init__(self, target: bytes, *, now: datetime | None = None, consistent: bool = True) -> None:
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.target = target
        self.files: dict[str, bytes] = {}
        self.keys = {role: [CryptoSigner.generate_ed25519()] for role in ROLES}
        self.keys["root"] += [CryptoSigner.generate_ed25519()]
        self.root = Root(consistent_snapshot=consistent, expires=self.now + timedelta(days=365))
        for role, signers in self.keys.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)
        self.root.roles["root"].threshold = 2
        self.versions = dict.fromkeys(ROLES, 1)
        self.publish_root(self.keys["root"])
        self.bootstrap = self.files["1.root.json"]
        self.publish(bump=False)

    def publish_root(self, signers: list[CryptoSigner], *, version: int | None = None) -> bytes:
        """Write the root as it is now, signed by these."""
        self.root.version = version or self.root.version
        self.files[f"{self.root.version}.root.json"] = data = signed(self.root, signers)
        return data

    def rotate(self, role: str, *, compromised: bool = False) -> None:
        """A new key for a role, in a new root signed by the old and the new keys of root."""
        old = list(self.keys["root"])
        fresh = CryptoSigner.generate_ed25519()
        gone = self.keys[role].pop()
        self.root.revoke_key(gone.public_key.keyid, role)
        self.root.add_key(fresh.public_key, role)
        self.keys[role].append(fresh)
        self.root.version += 1
        self.publish_root(
            [fresh] if compromised else list({id(key): key for key in (*old, *self.keys["root"])}.values())
        )

    def publish(
        self, target: bytes | None = None, *, bump: bool = True, days: dict[str, float] | None = None
    ) -> None:
        """New targets, snapshot and timestamp; `days` from now until each expires."""
        self.target = self.target if target is None else target
        for role in ROLES[1:] if bump else ():
            self.versions[role] += 1
        until = {role: self.now + timedelta(days=(days or {}).get(role, 7.0)) for role in ROLES}
        info = TargetFile.from_data(NAME, self.target, ["sha256"])
        targets = Targets(self.versions["targets"], expires=until["targets"], targets={NAME: info})
        data = self._put("targets", signed(targets, self.keys["targets"]))
        snapshot = Snapshot(self.versions["snapshot"], expires=until["snapshot"])
        snapshot.meta["targets.json"] = _meta(self.versions["targets"], data)
        data = self._put("snapshot", signed(snapshot, self.keys["snapshot"]))
        timestamp = Timestamp(self.versions["timestamp"], expires=until["timestamp"])
        timestamp.snapshot_meta = _meta(self.versions["snapshot"], data)
        self.files["timestamp.json"] = signed(timestamp, self.keys["timestamp"])
        for path in info.get_prefixed_paths() if self.root.consistent_snapshot else [NAME]:
            self.files[f"targets/{path}"] = self.target

    def copy(self) -> dict[str, bytes]:
        """What it serves now."""
        return dict(self.files)

    def again(self, path: str, change: Any, signers: list[CryptoSigner]) -> None:
        """Change the signed part of one file and sign it anew: `change` gets the object."""
        found: Any = Metadata.from_bytes(self.files[path]).signed
        change(found)
        self.files[path] = signed(deepcopy(found), signers)

    def _put(self, role: str, data: bytes) -> bytes:
        prefix = f"{self.versions[role]}." if self.root.consistent_snapshot else ""
        self.files[f"{prefix}{role}.json"] = data
        return data


def signed(part: Any, signers: list[CryptoSigner]) -> bytes:
    """Metadata with the signatures of these."""
    metadata = Metadata(part)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


@contextmanager
def served(files: dict[str, bytes], context: Any = None, status: int = 404) -> Iterator[str]:
    """A real server on loopback over these files; yields its URL. `status` is of what is not there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path.removeprefix("/"))
            self.send_response(status if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _meta(version: int, data: bytes) -> MetaFile:
    return MetaFile.from_data(version, data, ["sha256"])
