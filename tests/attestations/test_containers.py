"""Files and answers that hold several signed things, taken apart without touching a byte of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.containers import Piece, is_signed, pieces, split
from placet_attestations.envelope import Envelope
from placet_attestations.errors import AttestationError, UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.reading import read_signed
from tests.builders import a_bundle, a_key, a_statement
from tests.fakes.sigstore import Sigstore, pep740

DATA = Path(__file__).parents[1] / "data" / "pep740"
CIRCLECI = DATA / "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl.provenance"
SLSA = DATA / "pypi_attestations-0.0.19.tar.gz.slsa.attestation"

STATEMENT = a_statement()
KEYED = a_bundle(STATEMENT, a_key())
OTHER = a_bundle(STATEMENT, a_key("other"))
ENVELOPE: dict[str, Any] = json.loads(KEYED)["dsseEnvelope"]
INSTANCE = Sigstore()
ATTESTATION = pep740(INSTANCE.sign(INSTANCE.leaf(), STATEMENT.raw))
# Written as nothing here would write it: white space, escapes, what is not ASCII, members out of order.
ODD = '{ "dsseEnvelope" :\t{"a":[1,{"b":"]}"}]},"x":"\\u00e9é\\"}{[",\r\n "mediaType": "x" , "n":-1.50e3}'.encode()


def refusal(value: object, limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(AttestationError) as caught:
        split(value if isinstance(value, bytes) else json.dumps(value).encode(), limits)
    assert caught.value.hint
    assert caught.value.where == "container"
    return caught.value.code


def several(*signatures: str, **more: Any) -> bytes:
    """A bare envelope with these texts as its signatures."""
    document = {key: ENVELOPE[key] for key in ("payload", "payloadType")} | more
    return (json.dumps(document)[:-1] + ', "signatures": [' + " , ".join(signatures) + "]}").encode()


def a_signature(name: str) -> str:
    (signature,) = json.loads(a_bundle(STATEMENT, a_key(name)))["dsseEnvelope"]["signatures"]
    return json.dumps({"keyid": name, **signature})


@pytest.mark.parametrize(
    "raw",
    [
        KEYED,
        b"\r\n\t " + KEYED + b"\r\n",
        json.dumps(json.loads(KEYED), indent=2).encode(),
        json.dumps(ENVELOPE, indent=1).encode(),
        json.dumps(ATTESTATION).encode(),
        SLSA.read_bytes(),
        ODD,
        # No JSON, or nothing that is known: its reader says what is wrong.
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf" + KEYED,
        b'"text"',
        b"{}",
        b"{} {}",
        b'{"a": 1, "a": 2}',
        b"[" * 1000,
        several(),
        several('{"sig": "YQ=="}'),
        several(*['{"sig": "YQ=="}'] * 17),
        several("1", "2", mediaType="x"),
        b'{"signatures": [1, 2]}',
        b'{\n "payload": {}\n}',
    ],
)
def test_one_thing_is_the_very_bytes(raw: bytes) -> None:
    assert pieces(raw) == (Piece(raw),)
    assert pieces(raw)[0].place == ""


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n \t\n", b" \r\n\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\r\n\r\n"])
def test_lines_however_they_end(end: bytes, last: bytes) -> None:
    lines = [KEYED, json.dumps(ENVELOPE).encode(), b'{"broken":', b"[1]", b"{}", OTHER]
    assert split(b"\n" + end.join(lines) + last) == tuple(lines)


def test_where_lines_stand_is_told() -> None:
    raw = KEYED + b"\n\n" + several('{"sig": "YQ=="}', '{"sig": "Yg=="}') + b"\n" + OTHER
    assert [piece.place for piece in pieces(raw)] == [":1", ":3#1", ":3#2", ":4"]
    assert [piece.place for piece in pieces(several("1", "2"))] == ["#1", "#2"]


def test_a_broken_first_line_does_not_spoil_the_others() -> None:
    assert split(b'{"a" 1}\n' + KEYED) == (b'{"a" 1}', KEYED)
    # But what may be one broken document is one.
    assert split(b'{"a":\n' + KEYED + b"}\n") == (b'{"a":\n' + KEYED + b"}\n",)


def test_only_envelopes_are_split_in_lines() -> None:
    answer = json.dumps({"attestations": [{"bundle": {}}]}).encode()
    mixed = several('{"sig": "YQ=="}', '{"sig": "Yg=="}', mediaType="x")
    assert split(answer + b"\n" + mixed) == (answer, mixed)


@pytest.mark.parametrize("inside", [KEYED, ODD, b"{}"])
def test_answers_of_npm_and_github(inside: bytes) -> None:
    npm = b'{"attestations": [{"predicateType": "x", "bundle": %b}, {"bundle":%b ,"more":[]}] }' % (
        inside,
        KEYED,
    )
    assert split(npm) == (inside, KEYED)
    github = (
        b' {"next": {"attestations": 1},\n"attestations":[\n{"repository_id":1,\n"bundle" :\n%b,"url":"u"}]}'
    )
    assert split(github % inside) == (inside,)
    assert pieces(npm)[1] == Piece(KEYED, part=2)


def test_provenance_objects() -> None:
    (raw,) = split(CIRCLECI.read_bytes())
    assert raw in CIRCLECI.read_bytes()
    assert json.loads(raw) == json.loads(CIRCLECI.read_bytes())["attestation_bundles"][0]["attestations"][0]
    assert read_signed(raw).version == "pep740"
    two = b'{"version":1,"attestation_bundles":[{"publisher":{},"attestations":[%b, %b]},{"attestations":[{}]}]}'
    assert split(two % (ODD, SLSA.read_bytes())) == (ODD, SLSA.read_bytes().strip(), b"{}")


def test_each_signature_of_an_envelope_becomes_a_thing_of_its_own() -> None:
    texts = [a_signature("dev"), a_signature("other").replace(": ", " :\n")]
    raw = several(*texts, more="dropped")
    found = split(raw)
    assert [read_signed(piece).content for piece in found] == [
        Envelope(envelope.payload_type, envelope.payload, (signature,))
        for envelope in [Envelope.from_json(json.loads(raw))]
        for signature in envelope.signatures
    ]
    for piece, text in zip(found, texts, strict=True):
        assert text.encode() in piece
        assert b'"payload":"%b"' % ENVELOPE["payload"].encode() in piece
        assert b"dropped" not in piece
    # Of escapes in what was signed nothing is read and written again.
    escaped = raw.replace(b"application/", b"\\u0061pplication\\/")
    assert b'"\\u0061pplication\\/vnd' in split(escaped)[0]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "container.array"),
        ([ENVELOPE], "container.array"),
        ({"attestations": []}, "container.empty"),
        ({"attestations": None}, "container.shape"),
        ({"attestations": {"bundle": {}}}, "container.shape"),
        ({"attestations": [{"bundle": {}}, 1]}, "container.shape"),
        ({"attestations": [{"bundle": {}}, {"bundle": None, "bundle_url": "u"}]}, "container.no_bundle"),
        ({"attestations": [{}]}, "container.no_bundle"),
        ({"attestations": [{"bundle": "e30="}]}, "container.no_bundle"),
        ({"attestations": [{"bundle": {}}], **ENVELOPE}, "container.shape"),
        ({"attestations": [{"bundle": {}}], **ENVELOPE, "mediaType": "x"}, "container.shape"),
        ({"attestations": [{"bundle": {}}], "mediaType": "x"}, "container.shape"),
        ({"attestations": [], "attestation_bundles": [], "version": 1}, "container.shape"),
        ({"version": 1, "attestation_bundles": [{"attestations": [{}]}], **ATTESTATION}, "container.shape"),
        ({"version": 1, "attestation_bundles": []}, "container.empty"),
        ({"version": 1, "attestation_bundles": None}, "container.shape"),
        ({"version": 1, "attestation_bundles": [1]}, "container.shape"),
        ({"version": 1, "attestation_bundles": [{"attestations": []}]}, "container.empty"),
        ({"version": 1, "attestation_bundles": [{"attestations": [{}, 1]}]}, "container.shape"),
        ({"version": 1, "attestation_bundles": [{"publisher": {}}]}, "container.shape"),
    ],
)
def test_what_is_no_container_of_a_known_form_is_refused(value: object, code: str) -> None:
    assert refusal(value) == code


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, True, None])
def test_other_versions_of_provenance_objects_are_not_guessed_at(version: object) -> None:
    with pytest.raises(UnsupportedError) as caught:
        split(json.dumps({"version": version, "attestation_bundles": [{"attestations": [{}]}]}).encode())
    assert caught.value.code == "container.version"


def test_bounds() -> None:
    few = Limits(max_pieces=2)

    def answer(count: int) -> bytes:
        return json.dumps({"attestations": [{"bundle": {}}] * count}).encode()

    assert len(split(answer(2), few)) == len(split(b"{}\n{}", few)) == 2
    assert refusal(answer(3), few) == refusal(b"{}\n{}\n{}", few) == "container.too_many"
    small = Limits(max_container_bytes=100)
    assert split(b"x" * 100, small) == (b"x" * 100,)
    assert refusal(b"x" * 101, small) == "container.too_large"
    # An envelope grows by being split: all its pieces together are bounded too.
    big = several(*['{"sig": "YQ=="}'] * 16, payload="A" * 1000)
    assert len(split(big, Limits(max_container_bytes=17_500))) == 16
    assert refusal(big, Limits(max_container_bytes=16_000)) == "container.too_large"
    # A document larger than one may be goes to the reader, which refuses it.
    assert split(answer(2), Limits(max_bundle_bytes=20)) == (answer(2),)
    assert split(b"{}\n" * 100, Limits(max_bundle_bytes=20)) == (b"{}",) * 100


@pytest.mark.parametrize(
    "raw",
    [
        KEYED,
        b"\n " + json.dumps(json.loads(KEYED), indent=2).encode(),
        KEYED + b"\n" + b"text",
        json.dumps(ENVELOPE).encode(),
        json.dumps(ATTESTATION).encode(),
        CIRCLECI.read_bytes(),
        SLSA.read_bytes(),
        b'{"attestations": [{"bundle": null}]}',
    ],
)
def test_what_says_that_it_is_signed(raw: bytes) -> None:
    assert is_signed(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text",
        b"{}",
        b"[1]",
        b'{"attestations": []}',
        b'{"attestations": [1]}',
        b'{"attestations": 1}',
        b'{"attestations": [{"a": 1}]}',
        b'{"mediaType": 1}',
        b'{"mediaType": "application/vnd.oci.image.manifest.v1+json"}',
        b'{"version": 1, "envelope": 1}',
        b'{"payload": 1}\n' + KEYED,
    ],
)
def test_what_does_not(raw: bytes) -> None:
    assert not is_signed(raw)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), _VALUES, max_size=3), min_size=1, max_size=4), st.booleans())
def test_pieces_are_slices_whatever_stands_in_them(inside: list[dict[str, Any]], ascii_only: bool) -> None:
    try:
        texts = [json.dumps(value, ensure_ascii=ascii_only).encode() for value in inside]
    except UnicodeEncodeError:
        return
    answer = b'{"attestations":[%b]}' % b",".join(b'{"bundle":%b}' % text for text in texts)
    provenance = b'{"attestation_bundles":[{"attestations":[%b]}],"version":1}' % b" ,\n".join(texts)
    for whole in (answer, provenance):
        found = split(whole)
        # Halves of surrogate pairs are refused by the reader: then it is one piece.
        assert found in (tuple(texts), (whole,))


@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ \n1au', max_size=80).map(str.encode))
def test_no_bytes_crash_it(raw: bytes) -> None:
    try:
        assert split(raw)
        is_signed(raw)
    except AttestationError as error:
        assert error.code.startswith("container.")  # noqa: PT017
