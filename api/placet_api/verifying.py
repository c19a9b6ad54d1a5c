"""`placet verify`: each statement, who made it, when that is proved to have been, and whether it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from placet_api.wiring import House
from placet_attestations.admission import admit_all
from placet_attestations.errors import AttestationError
from placet_attestations.times import format_time
from placet_attestations.verify import VerifiedStatement
from placet_engine.lineage.model import Finding
from placet_engine.lineage.summaries import UNREAD, is_summary, words_of

if TYPE_CHECKING:
    from placet_attestations.file_signature import FileSignature

NO_SHA256: Final = "statement.no_sha256"
_SOURCES: Final = {"log": "the log", "timestamp": "a time stamp", "arrival": "its arrival alone"}
_MOST_OTHERS: Final = 20  # subjects without SHA-256 that are said one by one


@dataclass(frozen=True, slots=True)
class Row:
    """One statement, in words. `counts` is true of what is right here, also where no rule reads it; `holds` of
    what trust.yaml's signer signed, whether it counts or not.

    `certificate` is the signer's issuer, identity and claims, None when a key signed; `proved` what dates the
    statement (`log`, `timestamp`, `arrival`) and the time, `times` all times that `root` proves.
    """

    statement: str
    type: str
    who: str
    counts: bool
    words: str
    code: str | None = None
    hint: str | None = None
    holds: bool = False
    certificate: Mapping[str, Any] | None = None
    proved: Mapping[str, str] | None = None
    times: Sequence[Mapping[str, str]] = ()
    root: str | None = None
    others: Sequence[Mapping[str, Any]] = ()  # subjects without SHA-256: name, digests

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self | None:
        """The row that `as_json` wrote, perhaps one of an older Placet, which says less; None for what is none."""
        said: dict[str, Any] = {name: told[name] for name in cls.__slots__ if name in told}
        sound = (
            all(isinstance(said.get(name), str) for name in ("statement", "type", "who", "words"))
            and all(isinstance(said.get(name), str | None) for name in ("code", "hint", "root"))
            and isinstance(said.get("counts"), bool)
            and isinstance(said.get("holds", False), bool)
            and _is_texts(said.get("certificate"), "issuer", "identity")
            and _is_texts(said.get("proved"), "by", "time")
            and all(isinstance(said.get(name, ()), list | tuple) for name in ("times", "others"))
        )
        return cls(**said) if sound else None

    @property
    def details(self) -> tuple[str, ...]:
        """More lines for people: who signed by certificate, and what dates it; nothing where only a key and the
        arrival say so.
        """
        lines = []
        if self.certificate is not None:
            issuer = self.certificate["issuer"]
            lines.append(self.certificate["identity"] + (f" of {issuer}" if issuer else ""))
        if self.proved is not None and (self.certificate is not None or self.times):
            under = f", under the root {self.root}" if self.root else ""
            by = _SOURCES.get(self.proved["by"], self.proved["by"])
            lines.append(f"time: {self.proved['time']}, by {by}{under}")
        return tuple(lines)


def verify_file(house: House, found: Sequence[tuple[str, bytes]]) -> list[Row]:
    """Verify signed things of a file (`bundle_files.py`); nothing is kept. A statement is judged as if it came now."""
    return [verify_one(house, where, raw)[0] for where, raw in found]


def verify_one(house: House, where: str, raw: bytes) -> tuple[Row, VerifiedStatement | None]:
    """One of them: its row, and the statement where there is one whose signature holds."""
    try:
        verified = house.verifier.verify(raw, house.trust)
    except AttestationError as error:
        return refused_row(where, error), None
    now = house.clock()
    row = replace(_row(verified, now), words="")
    if not verified.statement.subjects:
        words = "the signature holds; no subject has a sha256, by which artifacts are known here"
        return replace(row, counts=False, words=f"{words}: {_others(row)}", code=NO_SHA256), verified
    judgement = admit_all([(verified, verified.existed(now))], house.trust)
    admission = judgement.admissions[0]
    refused = [item for item in admission.refused if not admission.roles]
    may = house.trust.explain(signer=verified.signer.id, short_type=verified.type)
    if refused and may and all(item.code == "trust.kind_unknown" for item in refused):
        words = "the signature holds; whether it counts depends on the kind of its subject"
        if is_summary(verified.statement):
            words = words_of(verified.statement)
        row = replace(row, counts=True, words=words)
    elif refused:
        words = "; ".join(dict.fromkeys(item.text for item in refused))
        row = replace(row, counts=False, words=words, code=refused[0].code)
    else:
        row = replace(row, counts=True, words="counts")
    if row.others:
        row = replace(row, words=f"{row.words}; tied to nothing, for want of a sha256: {_others(row)}")
    return row, verified


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
        words = f"as {roles}, since {admitted.arrived.since:%Y-%m-%dT%H:%M:%SZ}"
        rows.append(replace(_row(admitted.verified, admitted.arrived.logged), counts=True, words=words))
    rows += [_finding(finding) for finding in lineage.findings if finding.artifact == lineage.subject]
    return rows


def refused_row(where: str, error: AttestationError) -> Row:
    """What does not verify, and why."""
    hint = error.hint
    if error.code == "bundle.message":
        hint = "name the file that was signed: `placet verify BUNDLE --artifact FILE`"
    return Row(where, "?", "?", False, str(error), error.code, hint)


def evidence_of(found: VerifiedStatement | FileSignature, arrived: datetime) -> dict[str, Any]:
    """What a row says of signer and time, by the names of its fields."""
    certificate = None
    if found.certificate is not None:
        certificate = {
            "issuer": found.certificate.issuer,
            "identity": found.certificate.identity,
            "claims": dict(found.certificate.claims),
        }
    times = [{"by": proved.source, "time": format_time(proved.time)} for proved in found.times]
    existed = found.existed(arrived)
    by = next((proved.source for proved in found.times if proved.time == existed), "arrival")
    return {
        "who": f"{found.signer.id} ({found.signer.principal})",
        "holds": True,
        "certificate": certificate,
        "proved": {"by": by, "time": format_time(existed)},
        "times": times,
        "root": found.signer.root,
    }


def _row(verified: VerifiedStatement, arrived: datetime) -> Row:
    others = [{"name": other.name, "digests": dict(other.digests)} for other in verified.statement.others]
    told = evidence_of(verified, arrived)
    return Row(verified.digest, verified.type, counts=False, words="", others=others, **told)


def _others(row: Row) -> str:
    named = [
        f"{algorithm}:{digits}" + (f" ({other['name']})" if other["name"] else "")
        for other in row.others
        for algorithm, digits in other["digests"].items()
    ]
    more = len(named) - _MOST_OTHERS
    return ", ".join(named[:_MOST_OTHERS]) + (f" and {more} more" if more > 0 else "")


def _is_texts(value: object, *names: str) -> bool:
    """Whether it is nothing, or an object in which these are texts."""
    return value is None or (
        isinstance(value, Mapping) and all(isinstance(value.get(name), str) for name in names)
    )


def _finding(finding: Finding) -> Row:
    statement = finding.statement or "?"
    # What no rule reads is no fault of what may be here.
    kept = finding.code == UNREAD
    return Row(statement, finding.type or "?", finding.signer or "?", kept, finding.text, finding.code)
