"""From anybody's bytes to one signed thing, in whichever of the forms that ecosystems write it.

- a Sigstore bundle v0.1 to v0.3 (`sigstore_bundle.py`): cosign, GitHub, npm, conda, model signatures, ours;
- a bare DSSE envelope with one signature by a key (in-toto, SLSA generators): version `dsse`;
- an attestation object of PEP 740 (PyPI, `pep740.py`): version `pep740`.

Shape only: nothing here is believed. A document has the marks of one form, or it is refused: two readers would
see two things. What holds several (`containers.py`) is split before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from placet_attestations import strictjson
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.sigstore._protojson import malformed
from placet_attestations.sigstore.pep740 import read_attestation
from placet_attestations.sigstore.sigstore_bundle import KeyMaterial, SigstoreBundle, read_sigstore_bundle
from placet_attestations.statement import Statement
from placet_attestations.strictjson import JsonValue

Form: TypeAlias = Literal["bundle", "dsse", "pep740"]

_BUNDLE: Final = frozenset({"mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"})
_DSSE: Final = frozenset({"payload", "payloadType", "signatures"})
_PEP740: Final = frozenset({"verification_material", "envelope"})
_OTHERS: Final = _DSSE | _PEP740
_MARKS: Final[Mapping[Form, frozenset[str]]] = {"bundle": _BUNDLE, "dsse": _DSSE, "pep740": _PEP740}


def read_signed(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> SigstoreBundle:
    """Read one signed thing, whoever signed it; `raw` and `digest` are of the very bytes that came.

    Raises what `parse_sigstore_bundle` does, and MalformedError dsse.signatures for an envelope with several,
    bundle.shape for what is none of the forms or more than one.
    """
    document = strictjson.loads(
        raw, max_bytes=limits.max_bundle_bytes, max_depth=limits.max_json_depth, where="bundle"
    )
    form = form_of(document)
    if form == "bundle":
        return read_sigstore_bundle(raw, document, limits)
    if form == "pep740":
        return read_attestation(raw, document, limits)
    if form == "dsse":
        return _read_envelope(raw, document, limits)
    raise malformed(
        "shape", "neither one Sigstore bundle, nor one DSSE envelope, nor one attestation object of PEP 740"
    )


def form_of(document: JsonValue) -> Form | None:
    """The form whose members a document has, None for no form; MalformedError bundle.shape for several."""
    if not isinstance(document, dict):
        return None
    if _OTHERS.isdisjoint(document):
        return None if _BUNDLE.isdisjoint(document) else "bundle"
    found: list[Form] = [form for form, marks in _MARKS.items() if not marks.isdisjoint(document)]
    if len(found) > 1:
        raise malformed("shape", f"it has members of several forms at once: {', '.join(found)}")
    return found[0]


def _read_envelope(raw: bytes, document: JsonValue, limits: Limits) -> SigstoreBundle:
    envelope = Envelope.from_json(document, limits)
    if len(envelope.signatures) != 1:
        raise MalformedError(
            "dsse.signatures",
            f"signatures holds {len(envelope.signatures)}, and one signed thing has exactly one",
            where="DSSE envelope",
            hint="split it: each signature with the payload is one signed thing",
        )
    (signature,) = envelope.signatures
    if not signature.sig:
        raise malformed("signatures", "the signature is empty")
    return SigstoreBundle(raw, Digest.of(raw), "dsse", KeyMaterial(signature.keyid), envelope, (), ())


def read_statement(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Statement:
    """The statement inside, of nobody yet: for bytes that are verified elsewhere. Errors as `read_signed` and
    `Statement.parse`; UnsupportedError bundle.message for a signature over a file.
    """
    content = read_signed(raw, limits).content
    if not isinstance(content, Envelope):
        raise UnsupportedError(
            "bundle.message",
            "the bundle signs a file, and makes no statement about it",
            where="bundle",
            hint="sign a statement: `cosign attest-blob`, or `placet attest`",
        )
    return Statement.parse(content.payload, limits)
