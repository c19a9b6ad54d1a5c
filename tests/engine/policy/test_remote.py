"""OPA behind TCP: the same adapter, another way in."""

from __future__ import annotations

import datetime
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from placet_engine.errors import ConfigurationError, PolicyError
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet
from placet_engine.policy.port import Result, TimedOut, Unreachable, WrongBundle
from placet_engine.policy.remote import RemoteOpa, parse_url

GOOD = b'{"x":1}'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def opa_server(opa: Binary, policy_set: PolicySet, folder: Path, *flags: str) -> Iterator[int]:
    (folder / "bundle.tar.gz").write_bytes(policy_set.archive)
    port = free_port()
    command = [str(opa.path), "run", "--server", "--addr", f"127.0.0.1:{port}", "--skip-version-check"]
    process = subprocess.Popen([*command, "-l", "error", "-b", "bundle.tar.gz", *flags], cwd=folder, env={})
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def test_plain_http_on_this_machine(opa: Binary, policy_set: PolicySet, tmp_path: Path) -> None:
    with opa_server(opa, policy_set, tmp_path) as port:
        url = f"http://127.0.0.1:{port}"
        with RemoteOpa(url, revision=policy_set.revision) as engine:
            engine.wait_ready(60)
            assert engine.revision == policy_set.revision
            got = engine.ask(GOOD, timeout=30)
            assert isinstance(got, Result)
            assert got.revision == policy_set.revision
            assert engine.ask(b'{"x":1,"work":1000000}', timeout=0.1) == TimedOut()
        with RemoteOpa(url, revision=policy_set.revision, bundle="bundle.tar.gz") as engine:
            assert isinstance(engine.ask(GOOD, timeout=30), Result)
        with RemoteOpa(url, revision="f" * 64) as engine:
            assert engine.ask(GOOD, timeout=30) == WrongBundle(policy_set.revision)
        with RemoteOpa(url, revision="f" * 64) as engine, pytest.raises(PolicyError) as caught:
            engine.wait_ready(0.5)
        assert caught.value.code == "opa.not_ready"
        engine = RemoteOpa(url, revision=policy_set.revision)
        engine.close()
        assert engine.ask(GOOD, timeout=30) == Unreachable("OPA was closed")


def test_https_is_trusted_by_the_authority_that_is_named(
    opa: Binary, policy_set: PolicySet, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    tls = ("--tls-cert-file", str(cert), "--tls-private-key-file", str(key))
    mutual = ("--tls-ca-cert-file", str(cert), "--authentication", "tls")
    with opa_server(opa, policy_set, tmp_path, *tls, *mutual) as port:
        url = f"https://127.0.0.1:{port}"
        with RemoteOpa(url, revision=policy_set.revision, ca=cert, certificate=(cert, key)) as engine:
            engine.wait_ready(60)
            assert isinstance(engine.ask(GOOD, timeout=30), Result)
        with RemoteOpa(url, revision=policy_set.revision) as engine:
            got = engine.ask(GOOD, timeout=30)
            assert isinstance(got, Unreachable)
            assert "certificate" in got.text


def test_nobody_there_is_unreachable(policy_set: PolicySet) -> None:
    with RemoteOpa(f"http://127.0.0.1:{free_port()}", revision=policy_set.revision) as engine:
        assert isinstance(engine.ask(GOOD, timeout=30), Unreachable)
        with pytest.raises(PolicyError) as caught:
            engine.wait_ready(0.2)
        assert caught.value.code == "opa.not_ready"


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("http://127.0.0.1:8181", "127.0.0.1", 8181, False),
        ("http://127.9.9.9", "127.9.9.9", 80, False),
        ("http://localhost:8181/", "localhost", 8181, False),
        ("http://[::1]:8181", "[::1]", 8181, False),
        ("https://opa.example.org", "opa.example.org", 443, True),
        ("https://opa.example.org:8443", "opa.example.org", 8443, True),
    ],
)
def test_where_a_url_leads(url: str, host: str, port: int, tls: bool) -> None:
    place = parse_url(url, token="secret")
    assert (place.host, place.port, place.tls is not None, place.token) == (host, port, tls, "secret")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://opa.example.org", "leads off this machine"),
        ("http://10.0.0.1:8181", "leads off this machine"),
        ("http://localhost.example.org", "leads off this machine"),
        ("ftp://localhost", "not https://HOST:PORT"),
        ("opa:8181", "not https://HOST:PORT"),
        ("", "not https://HOST:PORT"),
        ("https://", "not https://HOST:PORT"),
        ("https://opa/v1/data", "more than scheme"),
        ("https://opa?x=1", "more than scheme"),
        ("https://opa#x", "more than scheme"),
        ("https://user:secret@opa", "more than scheme"),
        ("https://opa:port", "could not be cast"),
        ("https://opa:99999", "out of range"),
        ("https://[::1", "Invalid IPv6"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        parse_url(url)
    assert caught.value.code == "opa.url"
    assert caught.value.hint


def test_certificates_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    for ca, client in (
        (tmp_path / "absent.pem", None),
        (tmp_path / "bad.pem", None),
        (None, (tmp_path / "bad.pem", tmp_path / "bad.pem")),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse_url("https://opa", ca=ca, certificate=client)
        assert caught.value.code == "opa.tls"
