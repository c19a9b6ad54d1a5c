"""`placet verify`: each statement, who made it, and whether it counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from placet_api.bundle_files import read_bundles
from placet_api.wiring import House
from placet_attestations.admission import admit_all
from placet_attestations.errors import AttestationError
from placet_attestations.verify import VerifiedStatement
from placet_engine.lineage.model import Finding
from placet_engine.lineage.summaries import UNREAD, is_summary, words_of


@dataclass(frozen=True, slots=True)
class Row:
    """One statement, in words. `counts` is true of what is right here, also where no rule reads it."""

    statement: str
    type: str
    who: str
    counts: bool
    words: str
    code: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def verify_file(house: House, path: Path) -> list[Row]:
    """Verify the bundles in a file; nothing is kept. A statement is judged as if it came now."""
    rows = []
    for where, raw in read_bundles(path):
        try:
            verified = house.verifier.verify(raw, house.trust)
        except AttestationError as error:
            rows.append(Row(where, "?", "?", False, str(error), error.code))
            continue
        judgement = admit_all([(verified, house.clock())], house.trust)
        refused = [item for item in judgement.admissions[0].refused if not judgement.admissions[0].roles]
        may = house.trust.explain(signer=verified.signer.id, short_type=verified.type)
        if refused and may and all(item.code == "trust.kind_unknown" for item in refused):
            words = "the signature holds; whether it counts depends on the kind of its subject"
            if is_summary(verified.statement):
                words = words_of(verified.statement)
            rows.append(_row(verified, True, words))
        else:
            rows.append(_row(verified, not refused, "; ".join(item.text for item in refused)))
    return rows


def verify_artifact(house: House, text: str) -> list[Row]:
    """Every statement held about an artifact: those that count first, then the others with the reason."""
    lineage = house.lineage(house.resolve(text, reading=True).digest)
    subject = lineage.artifacts[lineage.subject]
    rows = []
    if subject.revoked is not None:
        words = f"revoked: {subject.revoked.reason or 'no reason given'}"
        rows.append(Row(subject.digest, "revocation", "trust.yaml", False, words, "lineage.not_revoked"))
    for digest in subject.statements:
        admitted = lineage.statements[digest]
        roles = "/".join(sorted(admitted.roles[lineage.subject]))
        rows.append(
            _row(admitted.verified, True, f"as {roles}, since {admitted.arrived.since:%Y-%m-%dT%H:%M:%SZ}")
        )
    rows += [_refused(finding) for finding in lineage.findings if finding.artifact == lineage.subject]
    return rows


def _row(verified: VerifiedStatement, counts: bool, words: str) -> Row:
    who = f"{verified.signer.id} ({verified.signer.principal})"
    return Row(verified.digest, verified.type, who, counts, words or "counts")


def _refused(finding: Finding) -> Row:
    statement = finding.statement or "?"
    # What no rule reads is no fault of what may be here.
    kept = finding.code == UNREAD
    return Row(statement, finding.type or "?", finding.signer or "?", kept, finding.text, finding.code)
