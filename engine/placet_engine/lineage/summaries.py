"""Verification summaries as evidence: kept under a rule of trust.yaml, read by no rule of a policy.

A summary tells others what a gate decided (SLSA VSA v1). It is held and shown, and no verdict rests on it: a gate would
otherwise rest on its own word. So one that may be here is no fault, and one that may not is refused as anything else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from placet_attestations.admission import NO_KINDS, admit
from placet_attestations.digests import Digest
from placet_attestations.predicate_types import VERIFICATION_SUMMARY
from placet_attestations.refusals import no_rule
from placet_attestations.statement import Statement
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import VerifiedStatement
from placet_engine.lineage.model import Finding

UNREAD: Final = "predicate.unread"
"""The code of a finding that is no fault: the statement is admitted, and no rule reads its type."""

_LONGEST = 200


def is_summary(statement: Statement) -> bool:
    """Whether it is a SLSA verification summary."""
    return statement.predicate_type == VERIFICATION_SUMMARY


def words_of(statement: Statement) -> str:
    """What a summary says, and that it is only kept: `FAILED for https://…/gates/…; kept, no rule reads it`."""
    result, what = (str(statement.predicate[key]) for key in ("verificationResult", "resourceUri"))
    return f"{result[:_LONGEST]} for {what[:_LONGEST]}; kept, no rule reads it"


def found(verified: VerifiedStatement, artifact: Digest, since: datetime, trust: TrustPolicy) -> Finding:
    """The finding about a summary that arrived at `since`: `UNREAD` where trust.yaml admits its signer, else `trust.*`.

    The kind of the subject is not asked for: no verdict rests on it.
    """
    refused = admit(verified, trust, kinds=NO_KINDS, at=since).refused
    problem = next((item for item in refused if item.code != "trust.kind_unknown"), None)
    if problem is not None:
        code, text = problem.code, problem.text
    elif not trust.explain(signer=verified.signer.id, short_type=verified.type):
        code, text = no_rule(verified.signer, verified.type, None, trust.rules)
    else:
        code, text = UNREAD, words_of(verified.statement)
    return Finding(code, text, verified.digest, artifact, verified.type, verified.signer.id)
