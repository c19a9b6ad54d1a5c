"""sigstore-python's cryptography, one step at a time: the only file that imports sigstore and its RFC 3161.

Its `Verifier` does all steps at once, knows neither keys nor time stamps without a log, ignores when an
authority or a log was retired, and says what failed in words only. So its parts are called from here: inclusion,
checkpoint and signed entry time stamp; the certificate's own time stamp (SCT); RFC 3161. Which step comes when
is `sigstore_verify.py`.

The parts are private names of one exact version (requirements/runtime.txt); tests/attestations hold them
against the stock `Verifier` over every vector. Whatever they raise is a refusal with the step's code.
"""

from __future__ import annotations

import functools
from base64 import b64encode
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from placet_attestations.errors import VerificationError
from placet_attestations.roots.trusted_root import Authority, Log
from placet_attestations.sigstore._log_entry import LogEntry
from placet_attestations.x509._foreign import foreign
from placet_attestations.x509._x509 import Leaf, read_certificate

if TYPE_CHECKING:
    from cryptography import x509
    from rfc3161_client import TimeStampResponse
    from sigstore._internal.trust import Keyring
    from sigstore_models.rekor.v1 import TransparencyLogEntry as Model

_REKOR_2: Final = "hashedrekord/0.0.2"


def verify_entry(entry: LogEntry, logs: Sequence[Log], instants: Sequence[datetime]) -> None:
    """The entry is in a log of the root that was in use at all of `instants`.

    Inclusion proof, checkpoint, and the promise where there is one. VerificationError log.unknown, log.window,
    log.proof.
    """
    from sigstore._internal.trust import RekorKeyring
    from sigstore.models import TransparencyLogEntry

    log = _in_use(logs, entry.log_id, instants, "log", "log entry")
    with _step("log.proof", "the log entry is not proved to be in the log", "log entry"):
        _check_checkpoint(entry, log)
        TransparencyLogEntry(_model(entry))._verify(RekorKeyring(_keyring(log)))  # noqa: SLF001 - see above


def verify_certificate_log(leaf: Leaf, chain: Sequence[x509.Certificate], logs: Sequence[Log]) -> None:
    """The certificate was shown to a certificate log of the root while that was in use.

    VerificationError certificate.sct, certificate_log.unknown, certificate_log.ambiguous,
    certificate_log.window.
    """
    from sigstore._internal.sct import _get_signed_certificate_timestamp, verify_sct
    from sigstore._internal.trust import CTKeyring

    with _step("certificate.sct", "the certificate has no certificate log's time stamp", "certificate"):
        sct = _get_signed_certificate_timestamp(leaf.certificate)
        instant = sct.timestamp.replace(tzinfo=UTC)
        log = _in_use(logs, sct.log_id, (instant,), "certificate_log", "certificate")
        verify_sct(leaf.certificate, list(chain), CTKeyring(_keyring(log)))


def verify_timestamp(token: bytes, signature: bytes, authorities: Sequence[Authority]) -> datetime:
    """When a time stamp authority of the root, in use then, saw the signature.

    VerificationError timestamp.syntax when the token is no RFC 3161 answer; timestamp.unknown when no authority
    says so. A token that is not vouched for is not skipped: whoever damages one must not change the times.
    """
    from rfc3161_client import decode_timestamp_response

    with _step("timestamp.syntax", "a time stamp cannot be read", "time stamp"):
        response = decode_timestamp_response(token)
        instant = response.tst_info.gen_time.astimezone(UTC)
    for authority in authorities:
        if authority.window.holds(instant) and _stamped_by(authority, response, signature):
            return instant
    raise _refused(
        "timestamp.unknown",
        "a time stamp is not over this signature by an authority of the trusted root in use then",
        "time stamp",
    )


def _stamped_by(authority: Authority, response: TimeStampResponse, signature: bytes) -> bool:
    from rfc3161_client import VerifierBuilder

    certificates = [read_certificate(der) for der in authority.certificates]
    if len(certificates) < 2:  # a signer and the root that vouches for it
        return False
    try:
        with _step("timestamp.signature", "another authority's", "time stamp"):
            builder = (
                VerifierBuilder().tsa_certificate(certificates[0]).add_root_certificate(certificates[-1])
            )
            for certificate in certificates[1:-1]:
                builder = builder.add_intermediate_certificate(certificate)
            return builder.build().verify_message(response, signature)
    except VerificationError:
        return False


def _model(entry: LogEntry) -> Model:
    """The entry as sigstore-python has it. Not read again from JSON: `_log_entry.py` has checked every member,
    and strictly so.
    """
    from sigstore_models.common.v1 import LogId
    from sigstore_models.rekor.v1 import Checkpoint, InclusionPromise, InclusionProof, KindVersion
    from sigstore_models.rekor.v1 import TransparencyLogEntry as Model

    kind, _, version = entry.kind.partition("/")
    proof, promise = entry.proof, entry.promise
    return Model.model_construct(
        log_index=entry.index,
        log_id=LogId.model_construct(key_id=entry.log_id),
        kind_version=KindVersion.model_construct(kind=kind, version=version),
        integrated_time=entry.integrated,
        inclusion_promise=promise and InclusionPromise.model_construct(signed_entry_timestamp=promise),
        inclusion_proof=InclusionProof.model_construct(
            log_index=proof.index,
            root_hash=proof.root,
            tree_size=proof.size,
            hashes=list(proof.hashes),
            checkpoint=Checkpoint.model_construct(envelope=proof.checkpoint),
        ),
        canonicalized_body=entry.body,
    )


def _check_checkpoint(entry: LogEntry, log: Log) -> None:
    """What sigstore-python leaves out: the checkpoint is of this size, and the signing line names its origin;
    of Rekor v2, which says so (rekor-tiles, CLIENTS.md), that origin is the log's URL without its scheme.
    """
    text, _, lines = entry.proof.checkpoint.partition("\n\n")
    origin, size, *_ = [*text.split("\n"), "", ""]
    if size != str(entry.proof.size):
        raise _refused("log.proof", "the checkpoint is of a tree of another size", "log entry")
    # Rekor v1 appends the tree's number to its origin, and signs with its bare name.
    names = {origin, origin.split(" - ")[0]}
    signers = {line.split(" ")[1] for line in lines.split("\n") if line.startswith("\u2014 ")}
    if not origin or not names & signers:
        raise _refused("log.proof", "the checkpoint is not signed by its origin", "log entry")
    url = urlsplit(log.url)
    if entry.kind == _REKOR_2 and origin not in {url.hostname, f"{url.netloc}{url.path}".rstrip("/")}:
        raise _refused("log.proof", "the checkpoint is of another log's origin", "log entry")


def _in_use(logs: Sequence[Log], log_id: bytes, instants: Sequence[datetime], code: str, where: str) -> Log:
    named = [log for log in logs if log.log_id == log_id]
    if not named:
        raise _refused(
            f"{code}.unknown", f"the log {b64encode(log_id).decode()} is not in the trusted root", where
        )
    if len({(log.key, log.key_details) for log in named}) > 1:
        # An ID is a key's digest: which of them the root means is nobody's to guess.
        raise _refused(f"{code}.ambiguous", f"the trusted root lists {named[0].url} with two keys", where)
    for log in named:
        if all(log.window.holds(instant) for instant in instants):
            return log
    raise _refused(f"{code}.window", f"the log {named[0].url} was not in use at the proved time", where)


@functools.lru_cache(maxsize=256)
def _keyring(log: Log) -> Keyring:
    """A ring with this one key, so that no other key of the root can stand in for it."""
    from sigstore._internal.trust import Keyring
    from sigstore_models.common.v1 import PublicKey, PublicKeyDetails

    key = PublicKey(raw_bytes=b64encode(log.key), key_details=PublicKeyDetails(log.key_details))
    return Keyring([key])


def _step(code: str, what: str, where: str) -> AbstractContextManager[None]:
    return foreign(lambda why: _refused(code, f"{what}: {why}", where))


def _refused(code: str, message: str, where: str) -> VerificationError:
    return VerificationError(
        code,
        message,
        where=where,
        hint="is it the trusted root of the instance that signed? Else do not trust it",
    )
