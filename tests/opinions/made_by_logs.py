"""The part of those questions that is about when a bundle was signed and whether it was logged."""

from __future__ import annotations

import copy
from base64 import b64decode
from datetime import timedelta
from typing import Any, Final

from tests.fakes.sigstore import NOW, ORIGIN, text
from tests.opinions.instance import Instance, Made, changed_entry, timeless, with_entries

V1: Final = f"{ORIGIN} - 1"


def wrong_time(made: Instance) -> Made:
    """When it was signed, as the log and time stamps say."""
    dsse = made.dsse()
    minutes = {"before": -1, "at the start": 0, "at the end": 10, "after": 11}
    for name, count in minutes.items():
        instant = NOW + timedelta(minutes=count)
        yield f"logged {name}", made.dsse(instant=instant), {}
        yield f"stamped {name}", made.stamped(dsse, instant=instant), {}
        unlogged = with_entries(made.stamped(dsse, instant=instant))
        yield f"stamped {name}, no log", unlogged, {"logged": False}
    yield "a second after the end", made.dsse(instant=NOW + timedelta(minutes=10, seconds=1)), {}
    yield "a stranger's time stamp", made.stamped(dsse, made.stranger), {}
    yield (
        "a stranger's time stamp, no log",
        with_entries(made.stamped(dsse, made.stranger)),
        {"logged": False},
    )
    other = made.stamped(made.dsse())
    moved = copy.deepcopy(dsse)
    moved["verificationMaterial"]["timestampVerificationData"] = other["verificationMaterial"][
        "timestampVerificationData"
    ]
    yield "the time stamp of another signature", moved, {}
    yield "no time", timeless(dsse), {}
    yield "no time and no log", with_entries(dsse), {"logged": False}
    yield (
        "a time that the log did not promise",
        changed_entry(dsse, integratedTime=str(int(NOW.timestamp()) + 1)),
        {},
    )
    yield "a time without a promise", changed_entry(dsse, inclusionPromise=None), {}


def wrong_log(made: Instance) -> Made:
    """That it was logged: entries, proofs, checkpoints, promises."""
    dsse = made.dsse()
    [entry] = dsse["verificationMaterial"]["tlogEntries"]
    proof = entry["inclusionProof"]
    root_hash, sigstore, stranger = b"\0" * 32, made.sigstore, made.stranger
    yield "no log entry", with_entries(made.stamped(dsse)), {}
    yield (
        "a stranger's log",
        with_entries(dsse, *Instance(stranger).dsse(made.leaf)["verificationMaterial"]["tlogEntries"]),
        {},
    )
    signed_root = _hash_of(proof)
    notes = {
        "another tree": sigstore.checkpoint(root_hash, 1, V1),
        "another size": sigstore.checkpoint(signed_root, 2, V1),
        "a stranger": stranger.checkpoint(signed_root, 1, V1),
        "another name": sigstore.checkpoint(
            signed_root, 1, V1.replace(ORIGIN, "other.example"), "other.example"
        ),
        "another origin": sigstore.checkpoint(signed_root, 1, V1.replace(ORIGIN, "other.example")),
    }
    for name, note in notes.items():
        yield (
            f"the checkpoint of {name}",
            changed_entry(dsse, inclusionProof={**proof, "checkpoint": {"envelope": note}}),
            {},
        )
    proofs: dict[str, dict[str, Any]] = {
        "no checkpoint": {**proof, "checkpoint": None},
        "another root hash": {**proof, "rootHash": text(root_hash)},
        "another size": {**proof, "treeSize": "2"},
        "another index": {**proof, "logIndex": "1"},
        "a hash too many": {**proof, "hashes": [text(root_hash)]},
    }
    for name, changed in proofs.items():
        kept = {member: value for member, value in changed.items() if value is not None}
        yield f"a proof with {name}", changed_entry(dsse, inclusionProof=kept), {}
    yield "another log index", changed_entry(dsse, logIndex="1"), {}
    yield "a negative log index", changed_entry(dsse, logIndex="-1"), {}
    yield (
        "a broken promise",
        changed_entry(
            dsse, inclusionPromise={"signedEntryTimestamp": text(b"\x30\x06\x02\x01\x01\x02\x01\x01")}
        ),
        {},
    )
    yield "no promise, but a time stamp", made.stamped(changed_entry(dsse, inclusionPromise=None)), {}
    yield "the id of another log", changed_entry(dsse, logId={"keyId": text(root_hash)}), {}


def _hash_of(proof: dict[str, Any]) -> bytes:
    """The root hash of a proof."""
    return b64decode(proof["rootHash"])
