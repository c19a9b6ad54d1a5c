"""Writing a Sigstore bundle v0.3 of a signature by key: the file format in which our statements travel.

A bundle says which key to try (`hint`) and never brings the key. Reading is `reading.py`.
"""

from __future__ import annotations

from typing import Final

from placet_attestations import strictjson
from placet_attestations.envelope import Envelope
from placet_attestations.keys import PublicKey
from placet_attestations.sigstore._protojson import malformed
from placet_attestations.strictjson import JsonObject

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


def make_bundle(envelope: Envelope, public_key: PublicKey) -> bytes:
    """The bundle of an envelope that this key signed once; the caller has checked the signature.

    Raises MalformedError bundle.signatures.
    """
    if len(envelope.signatures) != 1:
        raise malformed("signatures", f"{len(envelope.signatures)} signatures, a bundle has exactly one")
    document: JsonObject = {
        "mediaType": MEDIA_TYPE,
        # Other readers insist on the empty list.
        "verificationMaterial": {"publicKey": {"hint": public_key.hint}, "tlogEntries": []},
        "dsseEnvelope": envelope.to_json(),
    }
    return strictjson.dumps(document)
