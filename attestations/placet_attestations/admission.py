"""From "who signed it" to "does it count": trust.yaml applied to verified statements.

Pure: times and kinds come in as values. What counts is decided for each subject on its own, and what does not
count is a value (`Refused`) with its reason, so that a denial can say "there is one, but …". `admit_all` does
all of it:

 1. statements that claim a kind (datasets, provenance) are judged by the kind they claim;
 2. thresholds are applied to them; what is left says which kinds each artifact has;
 3. all others (measurements, approvals, …) are judged by those kinds;
 4. thresholds are applied to everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from placet_attestations import strictjson
from placet_attestations._voices import Voice, count_voices
from placet_attestations.claims import PROVENANCE_TYPES, Claim
from placet_attestations.digests import Digest
from placet_attestations.refusals import (
    Problem,
    builder_not_allowed,
    certificate_over,
    name_not_allowed,
    no_rule,
    outside_window,
    revoked,
    too_few,
    unknown_signer,
)
from placet_attestations.roots.trusted_root import Window
from placet_attestations.trust import SignerRecord, TrustPolicy
from placet_attestations.verify import VerifiedStatement

Kinds: TypeAlias = Mapping[Digest, frozenset[str]]
"""Digest -> the kinds that admitted statements give it; absent or empty when nobody vouched."""

NO_KINDS: Final[Kinds] = {}

_Grants: TypeAlias = frozenset[tuple[int, str]]  # (index of the rule, role)
_Group: TypeAlias = tuple[int, Digest, object]  # index of the rule, subject, what is said about it


@dataclass(frozen=True, slots=True)
class Refused:
    """A statement, or a name in it, that does not count for one subject. `code` is stable, `text` is for
    people.
    """

    code: str
    statement: Digest
    subject: Digest
    type: str
    signer: str
    text: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What of one statement counts. A subject that is not in `roles` counts for nothing: see `refused`."""

    statement: VerifiedStatement
    roles: Mapping[Digest, frozenset[str]]
    claims: tuple[Claim, ...]  # the admitted ones, with just the names and aliases that may be given
    refused: tuple[Refused, ...]
    grants: Mapping[Digest, _Grants] = field(repr=False)  # the rules behind the roles, for thresholds

    @property
    def kinds(self) -> Mapping[Digest, frozenset[str]]:
        """The kinds it gives to its subjects."""
        return _kinds(self.claims)

    @property
    def names(self) -> Mapping[Digest, str]:
        """The names it gives; of several for one digest the first."""
        return {claim.digest: claim.name for claim in reversed(self.claims) if claim.name is not None}

    @property
    def aliases(self) -> Mapping[Digest, tuple[str, ...]]:
        """The aliases it gives, in order."""
        found: dict[Digest, tuple[str, ...]] = {}
        for claim in self.claims:
            if claim.aliases:
                found[claim.digest] = (*found.get(claim.digest, ()), *claim.aliases)
        return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """All statements of a lineage, judged together: `admissions` in the order they came, `kinds` over all of
    them.
    """

    admissions: tuple[Admission, ...]
    kinds: Kinds


def admit_all(items: Iterable[tuple[VerifiedStatement, datetime]], trust: TrustPolicy) -> Judgement:
    """Judge statements, each with the time it is proved to have existed, in the steps above."""
    listed = tuple(items)
    claiming = [
        admit(verified, trust, kinds=NO_KINDS, at=at) if verified.claims else None for verified, at in listed
    ]
    first = apply_thresholds([admission for admission in claiming if admission is not None], trust)
    kinds = _kinds(claim for admission in first for claim in admission.claims)
    everything = [
        # Who claims the kind of every subject is judged by nothing else: once more would say the same.
        early if early is not None and _claims_all(verified) else admit(verified, trust, kinds=kinds, at=at)
        for early, (verified, at) in zip(claiming, listed, strict=True)
    ]
    return Judgement(apply_thresholds(everything, trust), kinds)


def admit(verified: VerifiedStatement, trust: TrustPolicy, *, kinds: Kinds, at: datetime) -> Admission:
    """Judge one statement that is proved to have existed at `at`, before thresholds.

    A subject whose kind the statement claims is judged by that claim, any other by `kinds`; where several
    kinds are known, a rule must cover all of them. Codes of what is refused: trust.signer_unknown,
    trust.signer_expired, trust.signer_revoked, trust.certificate_expired, trust.builder_not_allowed,
    trust.kind_unknown, trust.role_missing, and trust.name_not_allowed, which drops a name and nothing else.
    """
    subjects = tuple(dict.fromkeys(subject.digest for subject in verified.statement.subjects))
    signer = trust.signer_of(verified.signer.mark)
    problem = (
        unknown_signer(verified.signer)
        if signer is None  # verified under another trust.yaml than this one
        else signer_problem(signer, trust, at, verified.window)
    )
    if problem is not None:
        return _admission(verified, trust, {}, [_refused(verified, subject, problem) for subject in subjects])
    assert signer is not None
    builder = _builder_problem(signer, verified)
    claimed = _kinds(verified.claims)
    grants: dict[Digest, _Grants] = {}
    refused: list[Refused] = []
    for subject in subjects:
        of_subject = claimed.get(subject) or kinds.get(subject, frozenset())
        granted = _grants(signer, verified.type, of_subject, trust)
        problem = builder if granted else no_rule(signer, verified.type, of_subject, trust.rules)
        if problem is None:
            grants[subject] = granted
        else:
            refused.append(_refused(verified, subject, problem))
    return _admission(verified, trust, grants, refused)


def apply_thresholds(admissions: Sequence[Admission], trust: TrustPolicy) -> tuple[Admission, ...]:
    """Take away what too few principals said: trust.threshold. Two keys of one principal count once, and
    so do two principals with one key.

    Counted together are statements of one type about one artifact under one rule that say the same: the same
    kind, and for approvals the same decision and scope.
    """
    # Who was granted something is one principal already: only rules that ask for more need counting.
    counting = trust.counting
    if not counting or not any(rule in counting for entry in admissions for rule in _rules_of(entry)):
        return tuple(admissions)
    voices: dict[_Group, set[Voice]] = defaultdict(set)
    for admission in admissions:
        says = _says(admission.statement)
        for subject, grants in admission.grants.items():
            for rule, _ in grants:
                voices[rule, subject, says(subject)].add(_voice(admission, trust))
    counts = {group: count_voices(found) for group, found in voices.items()}
    return tuple(_after_threshold(admission, counts, trust) for admission in admissions)


def _rules_of(admission: Admission) -> Iterator[int]:
    return (rule for grants in admission.grants.values() for rule, _ in grants)


def _claims_all(verified: VerifiedStatement) -> bool:
    claimed = {claim.digest for claim in verified.claims}
    return all(subject.digest in claimed for subject in verified.statement.subjects)


def _after_threshold(admission: Admission, voices: Mapping[_Group, int], trust: TrustPolicy) -> Admission:
    kept: dict[Digest, _Grants] = {}
    # Names are judged again, by the rules that are left.
    refused = [entry for entry in admission.refused if entry.code != "trust.name_not_allowed"]
    says = _says(admission.statement)
    for subject, grants in admission.grants.items():
        counts = {rule: voices[rule, subject, says(subject)] for rule, _ in grants}
        enough = frozenset(grant for grant in grants if counts[grant[0]] >= trust.rules[grant[0]].threshold)
        if enough:
            kept[subject] = enough
        else:
            rule = trust.rules[min(counts, key=lambda index: (trust.rules[index].threshold, index))]
            refused.append(_refused(admission.statement, subject, too_few(max(counts.values()), rule)))
    return _admission(admission.statement, trust, kept, refused)


def _admission(
    verified: VerifiedStatement,
    trust: TrustPolicy,
    grants: Mapping[Digest, _Grants],
    refused: Iterable[Refused],
) -> Admission:
    claims: list[Claim] = []
    refused = list(refused)
    for claim in verified.claims:
        if claim.digest not in grants:
            continue
        rules = [trust.rules[index] for index in sorted({index for index, _ in grants[claim.digest]})]
        name = claim.name if claim.name and any(rule.allows_name(claim.name) for rule in rules) else None
        aliases = tuple(alias for alias in claim.aliases if any(rule.allows_alias(alias) for rule in rules))
        claims.append(Claim(claim.digest, claim.kind, name, aliases))
        if claim.name and name is None:
            problem = name_not_allowed(verified.signer, f"name {claim.name}", rules)
            refused.append(_refused(verified, claim.digest, problem))
        for alias in claim.aliases:
            if alias not in aliases:
                problem = name_not_allowed(verified.signer, f"alias {alias}", rules)
                refused.append(_refused(verified, claim.digest, problem))
    roles = {subject: frozenset(role for _, role in granted) for subject, granted in grants.items()}
    return Admission(verified, roles, tuple(claims), tuple(refused), dict(grants))


def signer_problem(
    signer: SignerRecord, trust: TrustPolicy, at: datetime, window: Window | None
) -> Problem | None:
    """Why nothing that this signer signed counts when it is proved to be from `at`; None when it may.

    `window` is that of a certificate which nothing but the arrival dates. Codes: trust.signer_revoked,
    trust.signer_expired, trust.certificate_expired.
    """
    revocation = trust.signer_revocation(signer.id, at)
    if revocation is not None:
        return revoked(signer, revocation)
    if not signer.valid_at(at):
        return outside_window(signer, at)
    if window is not None and not window.holds(at):
        return certificate_over(signer, at)
    return None


def _builder_problem(signer: SignerRecord, verified: VerifiedStatement) -> Problem | None:
    if verified.type not in PROVENANCE_TYPES:
        return None
    details = verified.statement.predicate["runDetails"]
    assert isinstance(details, Mapping)  # the schema says so, here and below
    builder = details["builder"]
    assert isinstance(builder, Mapping)
    return None if builder["id"] in signer.builders else builder_not_allowed(signer, str(builder["id"]))


def _grants(signer: SignerRecord, short: str, kinds: frozenset[str], trust: TrustPolicy) -> _Grants:
    if not kinds:  # the empty set is within every rule's kinds, and means that nobody vouched
        return frozenset()
    return frozenset(
        (index, role)
        for index, rule in enumerate(trust.rules)
        if short in rule.types and kinds <= rule.kinds
        for role in rule.roles & signer.roles
    )


def _says(verified: VerifiedStatement) -> Callable[[Digest], object]:
    """What a statement says about a subject, as a value that is equal for those who say the same."""
    claimed = _kinds(verified.claims)
    predicate = verified.statement.predicate
    if verified.type in PROVENANCE_TYPES:
        parts = [predicate["buildDefinition"]]
    else:
        parts = [predicate.get(key) for key in _MATTER.get(verified.type, sorted(predicate))]
    matter = strictjson.dumps(parts)
    return lambda subject: (verified.type, claimed.get(subject), matter)


# What two statements must agree on to say the same; the rest (tickets, times, who ran it) may differ.
_MATTER: Final[Mapping[str, tuple[str, ...]]] = {
    "approval": ("kind", "decision", "scope", "change"),
    "waiver": ("kind", "decision", "scope"),
    "measurement": ("kind", "suite", "inputs", "results"),
    "deployment": ("environment", "artifacts"),
}


def _voice(admission: Admission, trust: TrustPolicy) -> Voice:
    signer = trust.signer_of(admission.statement.signer.mark)
    assert signer is not None  # it has grants
    return signer.principal, admission.statement.key


def _kinds(claims: Iterable[Claim]) -> Kinds:
    found: dict[Digest, frozenset[str]] = {}
    for claim in claims:
        found[claim.digest] = found.get(claim.digest, frozenset()) | {claim.kind}
    return found


def _refused(verified: VerifiedStatement, subject: Digest, problem: Problem) -> Refused:
    code, text = problem
    return Refused(code, verified.digest, subject, verified.type, verified.signer.id, text)
