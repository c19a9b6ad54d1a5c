"""Every bit of three bundles turned over: refused with a code, or the very same statement, signer and times."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.campaigns.flips import run
from tests.flips import ALWAYS_REFUSED, flip_all, members, samples, table
from tests.vectors import vectors_dir

# Every byte in `make conformance`; a sixteenth of them where coverage is measured, which takes many times as long.
STEP = 1 if os.environ.get("PLACET_EVERY_FLIP") else 16
NAMES = ("own-key", "conda-attestation", "conda-attestation-rekor2")
# The only members in which a bit may change and nothing with it, each with the reason.
HARMLESS = {
    "punctuation": "white space of another kind",
    "mediaType": "v0.2 for v0.3, which say the same of a key",
    "verificationMaterial.publicKey.hint": "says which key to try first, and all are tried",
    "verificationMaterial.tlogEntries[].logIndex": "the place in the whole log, which without a promise nobody signs",
    "verificationMaterial.tlogEntries[].inclusionProof.checkpoint.envelope": "lines of witnesses, which are not asked",
    "verificationMaterial.timestampVerificationData.rfc3161Timestamps[].signedTimestamp": (
        "around what the authority signed: the answer's status, algorithms named twice, certificates that are not read"
    ),
}


@pytest.mark.conformance
@pytest.mark.parametrize("name", NAMES)
def test_every_bit_is_refused_or_changes_nothing(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    (sample,) = [sample for sample in samples(vectors_dir() / "bundles") if sample.name == name]
    positions = range(0, len(sample.raw), STEP)
    found = flip_all(sample, positions)
    assert sum(count.refused + count.equal for count in found.values()) == 8 * len(positions)
    for member in ALWAYS_REFUSED:
        if member in found:
            assert (member, found[member].equal) == (member, 0)
            assert found[member].refused
    assert {member for member, count in found.items() if count.equal} <= HARMLESS.keys()
    for line in table(f"{name}, every {STEP}th byte" if STEP > 1 else f"{name}, every byte", found):
        record_property("conformance", line)


@pytest.mark.conformance
def test_the_campaign_prints_what_it_found() -> None:
    sample = next(samples(vectors_dir() / "bundles"))
    flipped = run(sample, every=64)
    assert (flipped.name, flipped.wrong) == ("own-key", 0)
    assert "dsseEnvelope.payload: " in flipped.table()
    flipped.found["dsseEnvelope.payload"].equal = 2
    assert flipped.wrong == 2


def test_bytes_are_told_apart_by_their_member() -> None:
    raw = b'{"a": [{"b": "x"}, {"b": 12}], "c": {"d": null}}'
    assert list(dict.fromkeys(members(raw))) == ["punctuation", "names of members", "a[].b", "c.d"]
