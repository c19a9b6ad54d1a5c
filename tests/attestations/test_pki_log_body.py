"""What log entries say, changed member by member: an entry is about exactly this signature, or refused."""

from __future__ import annotations

import copy
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, Signature
from placet_attestations.errors import AttestationError, MalformedError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.sigstore._log_body import Signed, check_body
from placet_attestations.sigstore._log_entry import InclusionProof, LogEntry
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.x509._foreign import foreign
from placet_attestations.x509._schemes import Scheme
from tests.fakes.sigstore import Sigstore, text

LEAF = Sigstore().leaf()
SIGNATURE = b"signature"
PAYLOAD = b'{"subject": []}'
ENVELOPE = Envelope(PAYLOAD_TYPE, PAYLOAD, (Signature(SIGNATURE, None),))
P256 = Scheme("PKIX_ECDSA_P256_SHA_256", "sha256")
STATEMENT = Signed(SIGNATURE, ENVELOPE, LEAF.der, True, P256)
FILE = Signed(SIGNATURE, Digest.of(b"weights"), LEAF.der, True, P256)
PEM = text(LEAF.pem)


def sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def record(digest: bytes) -> dict[str, Any]:
    return {
        "hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": text(digest)},
            "signature": {
                "content": text(SIGNATURE),
                "verifier": {"keyDetails": P256.details, "x509Certificate": {"rawBytes": text(LEAF.der)}},
            },
        }
    }


# Kind -> what was signed, the spec, and which members of it may be anything or nothing.
BODIES: dict[str, tuple[str, Signed, dict[str, Any], set[str]]] = {
    "hashedrekord 1": (
        "hashedrekord/0.0.1",
        FILE,
        {
            "data": {"hash": sha256(b"weights")},
            "signature": {"content": text(SIGNATURE), "publicKey": {"content": PEM}},
        },
        set(),
    ),
    "hashedrekord 2, file": ("hashedrekord/0.0.2", FILE, record(hashlib.sha256(b"weights").digest()), set()),
    "hashedrekord 2, statement": (
        "hashedrekord/0.0.2",
        STATEMENT,
        record(hashlib.sha256(ENVELOPE.pae).digest()),
        set(),
    ),
    "dsse": (
        "dsse/0.0.1",
        STATEMENT,
        {
            "envelopeHash": sha256(b"anything"),
            "payloadHash": sha256(PAYLOAD),
            "signatures": [{"signature": text(SIGNATURE), "verifier": PEM}],
        },
        {"envelopeHash"},
    ),
    "intoto": (
        "intoto/0.0.2",
        STATEMENT,
        {
            "content": {
                "hash": sha256(b"anything"),
                "payloadHash": sha256(PAYLOAD),
                "envelope": {
                    "payloadType": PAYLOAD_TYPE,
                    "payload": text(b64encode(PAYLOAD)),
                    "signatures": [{"keyid": "", "sig": text(b64encode(SIGNATURE)), "publicKey": PEM}],
                },
            }
        },
        {"content.hash", "content.envelope.signatures.0.keyid"},
    ),
}


def entry(kind: str, spec: Any, more: dict[str, Any] | None = None) -> LogEntry:
    name, _, version = kind.partition("/")
    body = json.dumps({"kind": name, "apiVersion": version, "spec": spec, **(more or {})}).encode()
    return LogEntry(b"\0" * 32, kind, 0, 0, None, InclusionProof(0, 1, b"\0" * 32, (), ""), body)


def code_of(made: LogEntry, signed: Signed, limits: Limits | None = None) -> str | None:
    try:
        check_body(made, signed, limits or Limits())
    except AttestationError as error:
        return error.code if error.hint else None
    return None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every member."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changes(spec: dict[str, Any], free: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in places(spec):
        name = ".".join(map(str, path))
        if any(name == item or name.startswith(f"{item}.") for item in free):
            continue
        for what, value in (
            ("gone", None),
            ("another", text(b"x")),
            ("shape", 7),
            ("list", []),
            ("object", {}),
        ):
            changed = copy.deepcopy(spec)
            place: Any = changed
            for step in path[:-1]:
                place = place[step]
            if what == "gone":
                del place[path[-1]]
            else:
                place[path[-1]] = value
            yield f"{name} {what}", changed
    for path in [(), *places(spec)]:
        changed = copy.deepcopy(spec)
        place = changed
        for step in path:
            place = place[step]
        if isinstance(place, dict) and not any(".".join(map(str, path)).startswith(item) for item in free):
            place["more"] = 1
            yield f"{'.'.join(map(str, path))} more", changed


@pytest.mark.parametrize("name", BODIES)
def test_every_member_counts(name: str) -> None:
    kind, signed, spec, free = BODIES[name]
    assert code_of(entry(kind, spec), signed) is None
    found = {what: code_of(entry(kind, changed), signed) for what, changed in changes(spec, free)}
    # Rekor leaves the payload of an intoto entry out of what it shows; its hash is there.
    out = {"content.envelope.payload gone"} if name == "intoto" else set()
    assert {what for what, code in found.items() if code != "log.body"} == out
    assert len(found) > 20
    others: list[dict[str, Any]] = [
        {"more": 1},
        {"kind": "other"},
        {"apiVersion": "0.0.9"},
        {"spec": []},
        {"spec": None},
    ]
    for more in others:
        assert code_of(entry(kind, spec, more), signed) == "log.body"


@pytest.mark.parametrize("name", BODIES)
def test_an_entry_about_another_signature(name: str) -> None:
    kind, signed, spec, _ = BODIES[name]
    other = Sigstore().leaf()
    content = Digest.of(b"x") if signed is FILE else Envelope(PAYLOAD_TYPE, b"{}", ENVELOPE.signatures)
    for changed in (
        Signed(b"other", signed.content, signed.verifier, True, P256),
        Signed(SIGNATURE, content, signed.verifier, True, P256),
        Signed(SIGNATURE, signed.content, other.der, True, P256),
        Signed(SIGNATURE, signed.content, signed.verifier, False, P256),
    ):
        assert code_of(entry(kind, spec), changed) == "log.body"


def test_a_payload_in_an_entry_is_the_payload() -> None:
    kind, signed, spec, _ = BODIES["intoto"]
    changed = copy.deepcopy(spec)
    changed["content"]["envelope"]["payload"] = text(b64encode(b"{}"))
    assert code_of(entry(kind, changed), signed) == "log.body"


def test_two_signatures_in_an_entry_are_about_none() -> None:
    for name, path in (("dsse", ()), ("intoto", ("content", "envelope"))):
        kind, signed, spec, _ = BODIES[name]
        changed = copy.deepcopy(spec)
        place: Any = changed
        for step in path:
            place = place[step]
        place["signatures"] *= 2
        assert code_of(entry(kind, changed), signed) == "log.body"


@pytest.mark.parametrize(
    "scheme",
    [Scheme("", "sha256"), Scheme("PKIX_ED25519", ""), Scheme("PKIX_ECDSA_P384_SHA_384", "sha384")],
)
def test_what_rekor_2_does_not_record(scheme: Scheme) -> None:
    kind, _, spec, _ = BODIES["hashedrekord 2, file"]
    assert code_of(entry(kind, spec), Signed(SIGNATURE, FILE.content, LEAF.der, True, scheme)) == "log.body"


@pytest.mark.parametrize(
    "pem",
    [LEAF.pem.replace(b"\n", b"\r\n"), LEAF.pem * 2, LEAF.pem[:-30], b"\xff", LEAF.der, b" " + LEAF.pem],
)
def test_a_signer_is_one_block_of_pem(pem: bytes) -> None:
    kind, signed, spec, _ = BODIES["dsse"]
    changed = copy.deepcopy(spec)
    changed["signatures"][0]["verifier"] = text(pem)
    assert code_of(entry(kind, changed), signed) == "log.body"


def test_kinds_and_contents_that_do_not_go_together() -> None:
    for kind, signed in (
        ("hashedrekord/0.0.1", STATEMENT),
        ("dsse/0.0.1", FILE),
        ("intoto/0.0.2", FILE),
        ("rekord/0.0.1", FILE),
        ("intoto/0.0.1", STATEMENT),
    ):
        with pytest.raises(UnsupportedError) as caught:
            check_body(entry(kind, {}), signed)
        assert caught.value.code == "log.kind"


def test_a_body_is_json_within_limits() -> None:
    kind, signed, spec, _ = BODIES["dsse"]
    whole = entry(kind, spec)
    for limits in (Limits(max_bundle_bytes=len(whole.body) - 1), Limits(max_json_depth=3)):
        assert code_of(whole, signed, limits) == "log.body"
    assert code_of(whole, signed, Limits(max_bundle_bytes=len(whole.body))) is None
    for body in (b"", b"[]", b"{", whole.body + b" x"):
        broken = LogEntry(b"\0" * 32, kind, 0, 0, None, whole.proof, body)
        assert code_of(broken, signed) == "log.body"


class PanicException(BaseException):
    """What libraries in Rust raise where they did not expect to be."""


def refuse(why: str) -> AttestationError:
    return MalformedError("test.refused", why, hint="none")


@pytest.mark.parametrize("error", [ValueError("x" * 999), KeyError(), RecursionError(), PanicException()])
def test_whatever_a_library_raises_is_a_refusal(error: BaseException) -> None:
    with pytest.raises(AttestationError) as caught, foreign(refuse):
        raise error
    assert caught.value.code == "test.refused"
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("error", [refuse("own"), KeyboardInterrupt(), SystemExit(1)])
def test_interrupts_and_own_errors_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, foreign(refuse):
        raise error
    assert caught.value is error
