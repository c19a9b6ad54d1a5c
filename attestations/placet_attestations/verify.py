"""The only maker of `VerifiedStatement`: from anybody's bytes to a claim with a known author.

`verify` takes these steps, in this order, and stops at the first that fails:

 1. read the bytes strictly, within limits: a Sigstore bundle, a DSSE envelope, a PEP 740 attestation (`reading.py`);
 2. accept one payload type, in-toto's;
 3. find the signer (`_signers.py`): by key, the one signature checked against the keys of trust.yaml, each with its
    own algorithm; by certificate, the signers whose names it bears, each under its root. What a root proves of times
    is kept;
 4. parse the very payload bytes that were verified as a Statement;
 5. hold the predicate against the schema of its type;
 6. read the claims about kinds and names, and the dependencies, strictly.

Who calls owes the rest: whether the signer's window and revocation allow it at the time the statement is
proved to have existed, and under which roles it counts (`admission.py`); and what it means (policy).
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Final, Never, final

from placet_attestations._signers import find_signer
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, check_payload_type
from placet_attestations.errors import UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.predicates import Claim, Dependency, claims, dependencies, short_type, validate
from placet_attestations.reading import read_signed
from placet_attestations.roots.trusted_root import Window
from placet_attestations.sigstore.verified_bundle import ProvedTime, VerifiedCertificate
from placet_attestations.statement import PAYLOAD_TYPE, Statement
from placet_attestations.trust import SignerRecord, TrustPolicy

__all__ = ["VerifiedStatement", "verify"]

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
    times: tuple[ProvedTime, ...]  # at which a root of trust.yaml proves that the signature existed
    certificate: VerifiedCertificate | None  # None when a key signed
    window: Window | None  # in which the arrival must lie, for certificates that nothing else dates
    # An InitVar is not kept, so `dataclasses.replace` cannot hand it on.
    seal: InitVar[object]

    @property
    def said(self) -> Digest:
        """Digest of what was signed: the same for every wrapping, whichever certificate of the key it names and
        however trust.yaml describes the signer now.
        """
        return Digest.of(self.statement.raw)

    @property
    def key(self) -> str:
        """The fingerprint of the key that signed, also where a certificate names its owner."""
        if self.signer.key is not None:
            return self.signer.key.fingerprint
        assert self.certificate is not None
        return self.certificate.key

    @property
    def proved(self) -> ProvedTime | None:
        """The first time at which the signature is proved to have existed; None leaves it to the arrival here."""
        return min(self.times, key=lambda proved: proved.time, default=None)

    def existed(self, arrived: datetime) -> datetime:
        """When the statement is proved to have existed, given when it arrived: the earlier of the two."""
        return min([arrived, *(proved.time for proved in self.times)])

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
    """Verify signed bytes, as the steps above say.

    Raises MalformedError for what is not a well-formed bundle, statement or predicate; UnsupportedError for other
    payload types, other formats, and signatures over files; VerificationError signature.*, trust.signer_ambiguous,
    root.*, and the step's own code where a certificate, a log entry or a time stamp does not hold.
    """
    bundle = read_signed(raw, limits)  # 1
    envelope = bundle.content
    if not isinstance(envelope, Envelope):
        raise UnsupportedError(
            "bundle.message",
            "the bundle signs a file, and makes no statement about it",
            where="bundle",
            hint="sign a statement: `cosign attest-blob`, or `placet attest`",
        )
    check_payload_type(envelope, (PAYLOAD_TYPE,))  # 2
    found = find_signer(bundle, envelope, trust, limits)  # 3
    statement = Statement.parse(envelope.payload, limits)  # 4
    validate(statement)  # 5
    return VerifiedStatement(
        digest=bundle.digest,
        statement=statement,
        type=short_type(statement),
        signer=found.signer,
        claims=claims(statement),  # 6
        dependencies=dependencies(statement),
        times=found.times,
        certificate=found.certificate,
        window=found.window,
        seal=_SEAL,
    )
