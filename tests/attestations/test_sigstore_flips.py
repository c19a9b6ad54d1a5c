"""One bit of a real bundle turned over: refused with a code, or the very same answer."""

from __future__ import annotations

import random

import pytest

from placet_attestations.errors import AttestationError, VerificationError
from placet_attestations.sigstore.sigstore_verify import verify_bundle
from placet_attestations.x509._foreign import foreign
from placet_attestations.x509.identities import CertificateIdentity, Match
from tests.conformance.roots import Instance, trusted_root
from tests.vectors import vectors_dir

ANYBODY = CertificateIdentity(Match.pattern("^.*$"), Match.pattern("^.*$"))


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "instance", "artifact"),
    [
        ("conda-attestation", "production", None),
        ("conda-attestation-rekor2", "staging", None),
        ("cosign-v3-blob", "production", "cosign-v3-blob.txt"),
        ("sigstore.js@2.0.0-provenance", "production", None),
    ],
)
def test_a_flipped_bit_never_changes_the_answer(name: str, instance: Instance, artifact: str | None) -> None:
    folder = vectors_dir() / "bundles"
    raw = (folder / f"{name}.sigstore.json").read_bytes()
    path = folder / artifact if artifact else None
    root = trusted_root(instance)
    real = verify_bundle(raw, artifact=path, identity=ANYBODY, root=root)
    choose = random.Random(name)
    refused = 0
    for _ in range(500):
        flipped = bytearray(raw)
        flipped[choose.randrange(len(raw))] ^= 1 << choose.randrange(8)
        try:
            found = verify_bundle(bytes(flipped), artifact=path, identity=ANYBODY, root=root)
        except AttestationError:
            refused += 1
        else:
            assert (found.payload, found.signer, found.times) == (real.payload, real.signer, real.times)
    assert refused > 400


def refuse(why: str) -> VerificationError:
    return VerificationError("test.refused", why)


def test_whatever_a_library_raises_is_a_refusal() -> None:
    class PanicException(BaseException):
        pass

    for error in (KeyError("a"), ZeroDivisionError(), PanicException()):
        with pytest.raises(VerificationError, match=r"KeyError|ZeroDivisionError|gave up"), foreign(refuse):
            raise error
    with pytest.raises(VerificationError, match="ours"), foreign(refuse):
        raise VerificationError("test.ours", "ours")
    with pytest.raises(KeyboardInterrupt), foreign(refuse):
        raise KeyboardInterrupt
