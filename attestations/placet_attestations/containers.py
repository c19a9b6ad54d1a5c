"""From a file or an answer that holds several signed things to each of them, as the very bytes that it came in.

- JSON lines: `*.intoto.jsonl`, `gh attestation download`; one a line, however lines end;
- `{"attestations": [{"bundle": …}, …]}`: what GitHub's API and npm's registry answer;
- a provenance object of PEP 740, version 1 (PyPI, `*.provenance`): its publishers are the index's word and not read;
- a bare DSSE envelope with several signatures: each becomes an envelope of its own, so that each signer's word
  stands for itself.

Nothing is believed here, and nothing dropped in silence: a document is one of these or goes on as it is, for
`reading.py` to refuse. Sources: packaging.python.org, "Index hosted attestations"; GitHub REST API, "List
attestations"; DSSE's envelope.md.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from placet_attestations import strictjson
from placet_attestations._json_places import cut, items, members
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.reading import form_of
from placet_attestations.strictjson import JsonObject, JsonValue

__all__ = ["Piece", "is_signed", "pieces", "split"]

_ANSWER: Final = "attestations"
_PROVENANCE: Final = "attestation_bundles"
_ENVELOPE: Final = frozenset({"payloadType", "payload", "signatures"})
_SIGNATURE: Final = b'"sig"'
_BLANK: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """One signed thing: its bytes, the line that it stands in (None in what is not lines), and which one of its
    document it is (None where it is the whole); both count from 1.
    """

    raw: bytes = field(repr=False)
    line: int | None = None
    part: int | None = None

    @property
    def place(self) -> str:
        """Where it stands, to be put behind the name of the file: `:3`, `#2`, `:3#2`, nothing for the whole."""
        line = "" if self.line is None else f":{self.line}"
        return line if self.part is None else f"{line}#{self.part}"


def split(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, ...]:
    """The signed things in these bytes, in order; errors as `pieces`."""
    return tuple(piece.raw for piece in pieces(raw, limits))


def pieces(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Piece, ...]:
    """The same, each with where it stands; at least one.

    One signed thing, what is no JSON, and what is no container come back as they are. Raises MalformedError
    container.too_large, container.too_many, container.array, container.shape, container.empty,
    container.no_bundle; UnsupportedError container.version for another version of a provenance object.
    """
    if len(raw) > limits.max_container_bytes:
        raise _too_large(limits)
    lines = _lines(raw, limits)
    found = _in_document(raw, limits) if lines is None else _in_lines(lines, limits)
    listed: list[Piece] = []
    size = 0
    for piece in found:
        listed.append(piece)
        size += len(piece.raw)
        if len(listed) > limits.max_pieces:
            raise _malformed(
                "too_many",
                f"it holds more than {limits.max_pieces:,} signed things",
                "hand them in in several files or requests",
            )
        if size > limits.max_container_bytes:
            raise _too_large(limits)
    return tuple(listed)


def is_signed(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether these bytes say of themselves that they are signed things or hold such; of lines, the first one.

    Only for telling files apart: what it says of itself is for the verifier to judge.
    """
    stripped = raw.strip(_BLANK)
    document = _object(stripped.split(b"\n", 1)[0], limits) or _object(stripped, limits)
    if document is None:
        return False
    media_type = document.get("mediaType")
    if isinstance(media_type, str) and media_type.startswith("application/vnd.dev.sigstore.bundle"):
        return True
    answered = document.get(_ANSWER)
    if isinstance(answered, list):
        return bool(answered) and isinstance(answered[0], Mapping) and "bundle" in answered[0]
    return any(
        marks <= document.keys()
        for marks in (
            {"payloadType", "signatures"},
            {"version", _PROVENANCE},
            {"version", "verification_material", "envelope"},
        )
    )


def _lines(raw: bytes, limits: Limits) -> list[tuple[int, bytes]] | None:
    """The lines that are not blank, with their numbers, one more than there may be at most; None for what is one
    document.

    Nothing but lines has a whole object in its first, or one in each, and more behind it.
    """
    first, _, rest = raw.strip(_BLANK).partition(b"\n")
    if not first.startswith(b"{") or not rest:
        return None
    sure = _object(first.rstrip(_BLANK), limits) is not None
    lines: list[tuple[int, bytes]] = []
    for number, line in _each_line(raw):
        if not sure and not (line.startswith(b"{") and line.endswith(b"}")):
            return None
        lines.append((number, line))
        if len(lines) > limits.max_pieces:
            break
    return lines


def _each_line(raw: bytes) -> Iterator[tuple[int, bytes]]:
    # One by one: millions of short lines are never all in memory.
    for number, line in enumerate(io.BytesIO(raw), start=1):
        stripped = line.strip(_BLANK)
        if stripped:
            yield number, stripped


def _in_lines(lines: list[tuple[int, bytes]], limits: Limits) -> Iterator[Piece]:
    for number, line in lines:
        # Of lines only envelopes are split: who writes answers in lines means something that is not known here.
        document = _object(line, limits) if line.count(_SIGNATURE) > 1 else None
        if document is None or not _is_several(document, limits):
            yield Piece(line, number)
        else:
            for part, raw in enumerate(_signatures(line.decode()), start=1):
                yield Piece(raw, number, part)


def _in_document(raw: bytes, limits: Limits) -> Iterator[Piece]:
    try:
        document = _loads(raw, limits)
    except MalformedError:
        document = None  # the reader finds the same, and has the words for it
    if isinstance(document, list):
        raise _malformed("array", "a list at the top is no form in which signed things travel", _ONE_A_LINE)
    held = _held(raw.decode(), document, limits) if isinstance(document, dict) else None
    if held is None:
        yield Piece(raw)
        return
    for part, piece in enumerate(held, start=1):
        yield Piece(piece, part=part)


def _held(text: str, document: JsonObject, limits: Limits) -> Iterator[bytes] | None:
    """What a document holds; None when it is no container."""
    found = [name for name in (_ANSWER, _PROVENANCE) if name in document]
    if not found:
        return _signatures(text) if _is_several(document, limits) else None
    if len(found) > 1 or _form(document) is not None:
        raise _malformed("shape", f"it has {found[0]} and the members of another form beside it", _AGAIN)
    if found == [_ANSWER]:
        _check_answer(document)
        return _answered(text)
    _check_provenance(document)
    return _attested(text)


def _is_several(document: JsonObject, limits: Limits) -> bool:
    """Whether it is a bare envelope of several signatures, and not of more than the reader takes."""
    signatures = document.get("signatures")
    if not isinstance(signatures, list) or not 1 < len(signatures) <= limits.max_envelope_signatures:
        return False
    return document.keys() >= _ENVELOPE and _form(document) == "dsse"


def _form(document: JsonObject) -> str | None:
    try:
        return form_of(document)
    except MalformedError:
        return "several"


def _check_answer(document: JsonObject) -> None:
    for index, item in enumerate(_filled(document.get(_ANSWER), _ANSWER)):
        if not isinstance(item, Mapping):
            raise _malformed("shape", f"attestation {index} is not an object", _AGAIN)
        if not isinstance(item.get("bundle"), Mapping):
            raise _malformed(
                "no_bundle",
                f"attestation {index} comes without its bundle",
                "the answer names where the bundle lies (bundle_url): fetch it, and hand that in",
            )


def _check_provenance(document: JsonObject) -> None:
    version = document.get("version")
    if type(version) is not int or version != 1:
        raise UnsupportedError(
            "container.version",
            f"a provenance object of version {str(version)[:60]!a}",
            where="container",
            hint="version 1 of PEP 740 is read here",
        )
    for index, item in enumerate(_filled(document.get(_PROVENANCE), _PROVENANCE)):
        if not isinstance(item, Mapping):
            raise _malformed("shape", f"bundle {index} of {_PROVENANCE} is not an object", _AGAIN)
        for attestation in _filled(item.get("attestations"), f"attestations of bundle {index}"):
            if not isinstance(attestation, Mapping):
                raise _malformed("shape", f"an attestation of bundle {index} is not an object", _AGAIN)


def _filled(value: JsonValue, what: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise _malformed("shape", f"{what} must be a list", _AGAIN)
    if not value:
        raise _malformed("empty", f"{what} is empty", "nobody has signed anything there")
    return value


def _answered(text: str) -> Iterator[bytes]:
    start, _ = members(text, 0)[_ANSWER]
    for item, _ in items(text, start):
        yield cut(text, members(text, item)["bundle"])


def _attested(text: str) -> Iterator[bytes]:
    start, _ = members(text, 0)[_PROVENANCE]
    for bundle, _ in items(text, start):
        inside, _ = members(text, bundle)["attestations"]
        for place in items(text, inside):
            yield cut(text, place)


def _signatures(text: str) -> Iterator[bytes]:
    """An envelope for each signature. Payload, type and signature are the text that stood there; other members
    are nobody's word and are left out.
    """
    places = members(text, 0)
    kind, payload = (cut(text, places[name]) for name in ("payloadType", "payload"))
    for place in items(text, places["signatures"][0]):
        yield b'{"payloadType":%b,"payload":%b,"signatures":[%b]}' % (kind, payload, cut(text, place))


def _loads(raw: bytes, limits: Limits) -> JsonValue:
    return strictjson.loads(raw, max_bytes=limits.max_bundle_bytes, max_depth=limits.max_json_depth)


def _object(raw: bytes, limits: Limits) -> JsonObject | None:
    try:
        value = _loads(raw, limits)
    except MalformedError:
        return None
    return value if isinstance(value, dict) else None


_AGAIN: Final = "ask whoever wrote the file for it again, or fetch the answer again"
_ONE_A_LINE: Final = "write one signed thing a line (JSON lines)"


def _too_large(limits: Limits) -> MalformedError:
    return _malformed(
        "too_large",
        f"signed things of more than {limits.max_container_bytes:,} bytes in one file",
        "hand them in in several files",
    )


def _malformed(code: str, message: str, hint: str) -> MalformedError:
    return MalformedError(f"container.{code}", message, where="container", hint=hint)
