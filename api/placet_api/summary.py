"""A decision as a SLSA verification summary (VSA): the gate's verdict in the words that other verifiers read.

Source: the SLSA specification 1.2, "Verification Summary Attestation", predicate type
https://slsa.dev/verification_summary/v1. Pure: a decision document goes in, an in-toto Statement comes out; `gate_key`
signs it. PASSED is said of nothing but a real allow: what a dry run, a gate that only warns or a failure let through
is not for others to rely on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from placet_api.errors import UsageError
from placet_attestations.digests import ALGORITHM, Digest
from placet_attestations.errors import MalformedError
from placet_attestations.predicate_types import VERIFICATION_SUMMARY
from placet_attestations.reading import read_statement
from placet_attestations.statement import Statement, Subject
from placet_attestations.strictjson import JsonObject, JsonValue, dumps, loads

VERIFIER: Final = "https://placet.dev/verifiers/gate/v1"
"""`verifier.id` of every gate; which gate's house it was, its key says, and the log's name in the extension."""

EXTENSION: Final = "https://placet.dev/decision/v1"
"""The extension field (the standard wants a URI): which decision this is, and where it is logged."""

SLSA_VERSION: Final = "1.2"
PASSED: Final = "PASSED"
FAILED: Final = "FAILED"
# A gate speaks of its policy, not of a track of SLSA; the standard has this word for it.
_NO_LEVEL: Final = "SLSA_BUILD_LEVEL_UNEVALUATED"
_GATES: Final = "https://placet.dev/gates/"
_POLICIES: Final = "https://placet.dev/policies/"
_COPIED: Final = ("id", "gate", "environment", "verdict", "would", "mode", "cause")


def require_real(*, dry_run: bool, at: object) -> None:
    """What only pretends is never signed. Raises `UsageError` vsa.dry_run, before anything is decided."""
    if dry_run or at is not None:
        raise UsageError(
            "vsa.dry_run",
            "a dry run is nothing that others may rely on, and no verification summary is signed of it",
            hint="leave --dry-run and --at out, or ask for another output",
        )


def resource_uri(gate: str) -> str:
    """What `resourceUri` is for a gate, so that a verdict for staging is none for production.

    It is the gate and not the place of the artifact, which its digest names already; whoever checks a summary expects
    the URI of the gate that they rely on.
    """
    return _GATES + quote(gate, safe="/")


def result_of(body: Mapping[str, Any]) -> str:
    """PASSED or FAILED for a decision document."""
    allowed = body["verdict"] == "allow" and body["would"] == "allow"
    return PASSED if allowed and body["cause"] == "policy" and body["dry_run"] is False else FAILED


def statements_in(facts: bytes) -> tuple[Digest, ...]:
    """The bundles that stand in a policy input: everything the verdict rests on."""
    read = loads(facts, max_bytes=len(facts))
    held = read["statements"] if isinstance(read, Mapping) else None
    assert isinstance(held, Mapping), "the facts were written by us"
    return tuple(Digest.parse(digest) for digest in sorted(held))


def summarize(body: Mapping[str, Any], entry: int, used: Iterable[Digest] | None) -> Statement:
    """The statement about one logged decision, the same bytes for the same decision.

    `body` is the decision document, `entry` its index in the log, `used` the digests of all bundles that the verdict
    rests on; None when evaluation never came to look at any. The subject claims no kind and no name of its own: a gate
    vouches for nothing but its verdict.

    Raises `UsageError` vsa.dry_run; `LimitError` when there are more bundles than a statement may name.
    """
    require_real(dry_run=body["dry_run"], at=None)
    result = result_of(body)
    predicate: dict[str, JsonValue] = {
        "verifier": {"id": VERIFIER, "version": dict(body["versions"])},
        "timeVerified": body["time"],
        "resourceUri": resource_uri(body["gate"]),
        "policy": {
            "uri": _POLICIES + body["policy"]["revision"],
            "digest": _digests(Digest.parse(body["policy"]["archive"])),
        },
        "verificationResult": result,
        "verifiedLevels": [_NO_LEVEL if result == PASSED else FAILED],
        "slsaVersion": SLSA_VERSION,
        EXTENSION: _extension(body, entry),
    }
    if used is not None:
        predicate["inputAttestations"] = [{"digest": _digests(digest)} for digest in used]
    subject = body["subject"]
    about = Subject(str(subject.get("name") or ""), Digest.parse(subject["digest"]))
    return Statement.build(VERIFICATION_SUMMARY, [about], predicate)


def require_about(raw: bytes, body: Mapping[str, Any], entry: int) -> None:
    """Whether a bundle that came with a decision is the summary of that decision; who signed it is not looked at.

    Raises `MalformedError` vsa.other, and what reading a bundle raises.
    """
    statement = read_statement(raw)
    subjects = [subject.digest for subject in statement.subjects]
    said = statement.predicate.get(EXTENSION)
    same = (
        statement.predicate_type == VERIFICATION_SUMMARY
        and subjects == [body["subject"]["digest"]]
        and statement.predicate.get("verificationResult") == result_of(body)
        and statement.predicate.get("resourceUri") == resource_uri(body["gate"])
        and isinstance(said, Mapping)
        and (said.get("id"), said.get("entry")) == (body["id"], entry)
    )
    if not same:
        raise MalformedError("vsa.other", "the verification summary is of another decision", where="summary")


def _extension(body: Mapping[str, Any], entry: int) -> JsonObject:
    anchors = body["anchors"]
    return {
        **{key: body[key] for key in _COPIED},
        "document": str(Digest.of(dumps(dict(body)))),
        "entry": entry,
        "log": str(anchors["log_key"]).partition("+")[0],
        "policyRevision": body["policy"]["revision"],
        "anchors": anchors["digest"],
    }


def _digests(digest: Digest) -> JsonObject:
    return {ALGORITHM: digest.hex}
