"""Signed bundles in OPA's own format: `.signatures.json` holds one JWT over the digests of all other files.

https://www.openpolicyagent.org/docs/latest/management-bundles/#signature-format. OPA's tools make and check them, so
that the OPA that fetches a bundle finds the digests it computes itself: data files are hashed by what they say, not by
their bytes. The format knows no expiry, so a signed bundle stays one; what ends it is another key, or the revision that
Placet expects in every answer.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from placet_attestations.errors import MalformedError
from placet_attestations.keys import PublicKey, load_private
from placet_attestations.strictjson import dumps, loads
from placet_engine.errors import PolicyError
from placet_engine.policy.archive import MANIFEST, SIGNATURES, unpack, write_archive
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet, load_policy_archive
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.tool import Running

ALGORITHM: Final = "ES256"
"""P-256 (RFC 7518 section 3.4). `opa sign` takes Ed25519, too; the configuration of an OPA that polls does not."""

_BUNDLE: Final = "bundle.tar.gz"
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A bundle archive with its signature. `key_id` names the key that made it, in the token and for OPA's `keys`."""

    archive: bytes = field(repr=False)
    key_id: str


def key_id(key: PublicKey) -> str:
    """How OPA's configuration names a key: 16 hex digits of its fingerprint, so that two keys never share a name.

    Raises PolicyError policy.key for a key that no OPA would check with.
    """
    if key.algorithm != "ecdsa-p256":
        raise PolicyError(
            "policy.key",
            f"OPA checks bundles by P-256 keys, and this is {key.algorithm}",
            hint="make one with  placet key new NAME",
        )
    return key.fingerprint[:16]


def sign_bundle(policy_set: PolicySet, key: Path, opa: Binary, *, scope: str | None = None) -> SignedBundle:
    """Sign the policy set's bundle with a private key file. ES256 is randomised: no two signatures are the same bytes.

    `scope`: what OPA's configuration must ask for, too. Raises KeyFileError key.* (also when others may read the key),
    PolicyError policy.key when it is no P-256 key, policy.unsigned when OPA does not sign.
    """
    public = load_private(key).public_key
    named = key_id(public)
    with tempfile.TemporaryDirectory(prefix="placet-sign-") as name:
        folder = Path(name)
        (folder / _BUNDLE).write_bytes(policy_set.archive)
        claims = {"keyid": named} | ({} if scope is None else {"scope": scope})
        (folder / "claims.json").write_bytes(dumps(claims))
        arguments = ["--signing-alg", ALGORITHM, "--signing-key", str(key.absolute())]
        ended = Running(
            opa, ["sign", "-b", _BUNDLE, "--claims-file", "claims.json", *arguments], folder=folder
        ).finish()
        signatures = folder / SIGNATURES
        if ended.status != 0 or not signatures.is_file():
            raise PolicyError(
                "policy.unsigned",
                f"OPA did not sign the bundle: {ended.words[:_SHOWN]}",
                where=str(key),
                hint="make a key with  placet key new NAME",
            )
        signed = write_archive(policy_set.files, policy_set.revision, signatures=signatures.read_bytes())
    return SignedBundle(signed, named)


def verify_bundle(
    data: bytes,
    key: PublicKey,
    opa: Binary,
    *,
    scope: str | None = None,
    limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
) -> PolicySet:
    """The policy set of a bundle that this key signed, whole: every file, and nothing but these files.

    Raises PolicyError policy.signature when it is not to be believed (unsigned, another key, another scope, a file that
    was changed, added or taken away, a revision that is not that of its files), policy.key; and as
    `load_policy_archive`.
    """
    policy_set = load_policy_archive(data, limits=limits)
    with tempfile.TemporaryDirectory(prefix="placet-verify-") as name:
        folder = Path(name)
        (folder / _BUNDLE).write_bytes(data)
        (folder / "key.pem").write_text(key.pem)
        asked = ["--signing-alg", ALGORITHM, "--verification-key", "key.pem"]
        asked += ["--verification-key-id", key_id(key)] + ([] if scope is None else ["--scope", scope])
        ended = Running(opa, ["build", "-b", _BUNDLE, *asked, "-o", "built.tar.gz"], folder=folder).finish(
            limits
        )
    if ended.status != 0:
        raise _unbelieved(ended.words[:_SHOWN])
    manifest = unpack(data, limits).get(MANIFEST)
    named = None if manifest is None else _revision(manifest.data)
    if named != policy_set.revision:
        raise _unbelieved(f"it calls itself {named!r}, and its files are {policy_set.revision}")
    return policy_set


def _revision(manifest: bytes) -> object:
    try:
        document = loads(manifest, max_bytes=len(manifest), where=MANIFEST)
    except MalformedError:
        return None
    return document.get("revision") if isinstance(document, dict) else None


def _unbelieved(words: str) -> PolicyError:
    return PolicyError(
        "policy.signature",
        f"the bundle is not what this key signed: {words}",
        hint="fetch it again; see  placet policy verify --help",
    )
