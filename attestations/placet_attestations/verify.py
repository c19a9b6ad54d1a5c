"""The only maker of `VerifiedStatement`: from anybody's bytes to a claim with a known author.

`verify` takes these steps, in this order, and stops at the first that fails:

 1. read the bundle strictly, within limits (`bundle.parse_bundle`);
 2. accept one payload type, in-toto's;
 3. check the one signature against the keys of trust.yaml, each with its own algorithm; the hint only says
    which key to try first;
 4. parse the very payload bytes that were verified as a Statement;
 5. hold the predicate against the schema of its type;
 6. read the claims about kinds and names, and the dependencies, strictly.

Who calls owes the rest: whether the signer's window and revocation allow it at the time the statement is
proved to have existed, and under which roles it counts (`admission.py`); and what it means (policy).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from typing import Final, Never, final

from placet_attestations.bundle import Bundle, parse_bundle
from placet_attestations.digests import Digest
from placet_attestations.envelope import check_payload_type, verify_envelope
from placet_attestations.errors import VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.predicates import Claim, Dependency, claims, dependencies, short_type, validate
from placet_attestations.statement import PAYLOAD_TYPE, Statement
from placet_attestations.trust import SignerRecord, TrustPolicy

__all__ = ["VerifiedStatement", "Verifier", "verify"]

_SEAL: Final = object()


@final
@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement whose signer is known. Made by `verify` alone; holding one is the proof.

    It cannot be built, replaced, subclassed or unpickled: another process verifies the bytes again. Copies
    are the object itself.
    """

    digest: Digest  # of the bundle's bytes: how the store, the log and the policy name it
    statement: Statement
    type: str  # short type, or the predicate type URI when that is unknown
    signer: SignerRecord
    claims: tuple[Claim, ...]
    dependencies: tuple[Dependency, ...] = field(repr=False)
    # An InitVar is not kept, so `dataclasses.replace` cannot hand it on.
    seal: InitVar[object]

    @property
    def said(self) -> Digest:
        """Digest of what was signed and by which key: the same for every wrapping of one signed statement."""
        return Digest.of(self.signer.key.fingerprint.encode() + b"\n" + self.statement.raw)

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only placet_attestations.verify.verify makes a VerifiedStatement")

    def __init_subclass__(cls) -> Never:
        raise TypeError("VerifiedStatement has no subclasses: they would not be verified")

    def __copy__(self) -> VerifiedStatement:
        return self

    def __deepcopy__(self, memo: object) -> VerifiedStatement:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a VerifiedStatement does not travel: send the bundle and verify it there")

    def __getstate__(self) -> Never:
        raise TypeError("a VerifiedStatement does not travel: send the bundle and verify it there")

    def __setstate__(self, state: object) -> Never:
        raise TypeError("only placet_attestations.verify.verify makes a VerifiedStatement")


def verify(raw: bytes, trust: TrustPolicy, limits: Limits = DEFAULT_LIMITS) -> VerifiedStatement:
    """Verify a bundle's bytes, as the steps above say.

    Raises MalformedError for what is not a well-formed bundle, statement or predicate; UnsupportedError for
    certificate bundles and other payload types; VerificationError signature.unknown_key and
    signature.invalid.
    """
    bundle = parse_bundle(raw, limits)  # 1
    check_payload_type(bundle.envelope, (PAYLOAD_TYPE,))  # 2
    signer = _signer(bundle, trust)  # 3
    statement = Statement.parse(bundle.envelope.payload, limits)  # 4
    validate(statement)  # 5
    return VerifiedStatement(
        digest=bundle.digest,
        statement=statement,
        type=short_type(statement),
        signer=signer,
        claims=claims(statement),  # 6
        dependencies=dependencies(statement),
        seal=_SEAL,
    )


class Verifier:
    """`verify` with a memory of this process: the same bytes under the same trust are verified once.

    Only successes are remembered. Safe to use from several threads; two may verify the same bytes at once,
    and both get an equal answer.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, remember: int = 4096) -> None:
        self._limits = limits
        self._remember = remember
        self._known: OrderedDict[tuple[Digest, Digest], VerifiedStatement] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, raw: bytes, trust: TrustPolicy) -> VerifiedStatement:
        """As the function `verify`."""
        key = (Digest.of(raw), trust.digest)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        verified = verify(raw, trust, self._limits)
        with self._lock:
            self._known[key] = verified
            while len(self._known) > self._remember:
                self._known.popitem(last=False)
        return verified


def _signer(bundle: Bundle, trust: TrustPolicy) -> SignerRecord:
    for candidate in _candidates(bundle.hint, trust):
        try:
            verify_envelope(bundle.envelope, (candidate.key,), payload_types=(PAYLOAD_TYPE,))
        except VerificationError:
            continue
        return candidate
    hinted = trust.hinted(bundle.hint)
    if hinted is not None:
        raise VerificationError(
            "signature.invalid",
            f"the signature does not hold: the bundle names the key of {hinted.id}",
            where="bundle",
            hint="the content changed after it was signed, or another key signed it",
        )
    raise VerificationError(
        "signature.unknown_key",
        "no key of trust.yaml made this signature",
        where="bundle",
        hint="the signer must be listed in trust.yaml: `placet trust explain` shows who is",
    )


def _candidates(hint: str | None, trust: TrustPolicy) -> Iterator[SignerRecord]:
    # All keys in the end, the named one first: a hint saves time and never changes the answer.
    first = trust.hinted(hint)
    if first is not None:
        yield first
    yield from (signer for signer in trust.signers if signer is not first)
