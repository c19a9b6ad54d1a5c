from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from tests.tls import Authority, Leaf


def greet(server: Leaf, client: ssl.SSLContext, name: str, clients: Authority | None = None) -> bytes:
    """One greeting over TLS between two threads: what the server's certificate for `name` lets through."""
    context = server.server_context()
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.certificate)
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            with context.wrap_socket(there, server_side=True) as stream:
                stream.sendall(b"hello")
        except (ssl.SSLError, OSError):
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with here, client.wrap_socket(here, server_hostname=name) as stream:
            return stream.recv(5)
    finally:
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "hook.example.org", "10.0.0.7"])
def test_a_server_is_known_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    authority = Authority.make(tmp_path)
    context = authority.client_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # what newer Pythons ask for by default
    leaf = authority.issue_server("hook", ["hook.example.org", "10.0.0.7"])
    assert greet(leaf, context, name) == b"hello"


def test_another_name_and_another_authority_are_refused(tmp_path: Path) -> None:
    authority, other = Authority.make(tmp_path / "a"), Authority.make(tmp_path / "b")
    leaf = authority.issue_server("hook")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(leaf, authority.client_context(), "hook.example.org")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(leaf, other.client_context(), "localhost")


def test_a_client_is_who_its_leaf_says(tmp_path: Path) -> None:
    authority, other = Authority.make(tmp_path / "a"), Authority.make(tmp_path / "b")
    server, client = authority.issue_server("hook"), authority.issue_client("alice", "developers")
    assert greet(server, authority.client_context(client), "localhost", authority) == b"hello"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(server, authority.client_context(client), "localhost", other)
    subject = x509.load_pem_x509_certificate(client.cert.read_bytes()).subject
    assert subject.rfc4514_string() == "O=developers,CN=alice"


def test_all_files_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    authority.issue_server("hook")
    authority.issue_client("a/b")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a_b.crt",
        "a_b.key",
        "ca.crt",
        "hook.crt",
        "hook.key",
    ]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_issuing_again_replaces_the_leaf(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    before = authority.issue_server("hook").cert.read_bytes()
    assert authority.issue_server("hook").cert.read_bytes() != before
