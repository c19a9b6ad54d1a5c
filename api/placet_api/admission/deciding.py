"""From a review to an outcome: exempt, refused before anything is judged, or judged and written into the log.

Allowed is only what is exempt, or what was judged (every image pinned, every digest allowed) and then logged. Errors
are raised, and a denial to whoever asked: reviews that cannot be read, a full house and a missed deadline leave no
entry in the log, so that no flood of them fills it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from placet_api.admission.environments import Environments
from placet_api.admission.images import Image, changed, exempt, images
from placet_api.admission.paths import Paths
from placet_api.admission.pinning import Pins, pins, unpinned
from placet_api.admission.port import AdmissionJudge, Judged, Question, Ruling
from placet_api.admission.references import ImageError, parse
from placet_api.admission.review import Review
from placet_api.admission.words import Refused, problem, refusal
from placet_api.printable import printable
from placet_engine.errors import LogError

_MARGIN_SECONDS: Final = 0.3
"""What judging leaves of the caller's time, so that its own refusal (OPA is late, say) can still be logged and told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is answered. `code` is the first reason code; `audit` goes into the API server's audit log."""

    allowed: bool
    code: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)
    decisions: tuple[str, ...] = ()
    repeated: bool = False
    revision: str = ""
    patch: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One review on its way. `outcome` stands already when there is nothing to judge any more."""

    review: Review
    found: tuple[Image, ...]
    environment: str | None
    pinned: tuple[tuple[Image, str], ...] = ()
    question: Question | None = None
    outcome: Outcome | None = None
    logged: bool = True


def denied(code: str, message: str, hint: str | None = None) -> Outcome:
    """A denial of the review as a whole."""
    return Outcome(False, code, problem(code, message, hint))


@dataclass(frozen=True, slots=True)
class Decider:
    """Judges reviews of one cluster. `actor` is who asks, as the listener knows it: never what a review says."""

    judge: AdmissionJudge
    environments: Environments
    paths: Paths
    cluster: str
    actor: str

    def read(self, review: Review, by: float) -> Case:
        """What there is to judge; an outcome already where nothing is, or where every answer is remembered.

        Raises `ReviewError`, which means no.
        """
        reason = exempt(review)
        if reason is not None:
            outcome = Outcome(True, "admission.exempt", audit={"exempt": reason.name.lower()})
            return Case(review, (), None, outcome=outcome, logged=False)
        found = images(review, self.paths)
        environment = self.environments.of(review.namespace)
        case = Case(review, tuple(found), environment)
        if environment is None:
            return replace(case, outcome=_unmapped(review))
        if not found:
            warning = f"Placet: no path in kubernetes.paths names an image in this {review.kind}"
            return replace(case, outcome=Outcome(True, "admission.no_images", warnings=(warning,)))
        return self._asked(case, environment, by)

    async def decide(self, case: Case, by: float) -> Outcome:
        """The outcome, once it stands in the log.

        Raises any error of the house, and `TimeoutError`: they all mean no.
        """
        outcome = case.outcome
        if outcome is None:
            assert case.question is not None
            outcome = _outcome(await self.judge.judge(case.question), case.pinned)
        return await self._noted(case, outcome, by) if case.logged else outcome

    async def pin(self, review: Review) -> Outcome:
        """What a mutating webhook answers: never a verdict, at most digests where names stood.

        Raises `ReviewError` and any error of the house, which mean no.
        """
        found = images(review, self.paths)
        names = unpinned(found)
        made = pins(found, await self.judge.called(names)) if names else Pins()
        return Outcome(True, warnings=made.warnings, patch=made.patch)

    def _asked(self, case: Case, environment: str, by: float) -> Case:
        review = case.review
        pinned: list[tuple[Image, str]] = []
        refused: list[Refused] = []
        for image in case.found:
            try:
                pinned.append((image, parse(image.text).digest))
            except ImageError as error:
                words = f"{error.message}: {error.hint}" if error.hint else error.message
                refused.append(Refused(image.where, image.text, ((error.code, words),)))
        if refused:
            return replace(case, outcome=Outcome(False, refused[0].reasons[0][0], refusal(refused)))
        question = Question(
            environment=environment,
            digests=tuple(dict.fromkeys(digest for _, digest in pinned)),
            workload=_is_workload(review, self.paths),
            context={"cluster": self.cluster, "namespace": review.namespace},
            dry_run=review.dry_run,
            by=by - _MARGIN_SECONDS,
        )
        remembered = self.judge.recall(question)
        outcome = None if remembered is None else _outcome(remembered, pinned)
        return Case(review, case.found, environment, tuple(pinned), question, outcome)

    async def _noted(self, case: Case, outcome: Outcome, by: float) -> Outcome:
        """The outcome once it stands in the log; what cannot be logged is denied."""
        record = self._record(case, outcome)
        try:
            entry = await self.judge.note(record, by)
        except LogError as error:
            return denied("log.unwritable", f"the decision log did not take it: {error.message}", error.hint)
        audit = {**outcome.audit, "entry": entry}
        if case.review.dry_run:
            audit["dry-run"] = "true"
        return Outcome(outcome.allowed, outcome.code, outcome.message, outcome.warnings, audit)

    def _record(self, case: Case, outcome: Outcome) -> dict[str, Any]:
        """The admission entry: JSON, with every text of a stranger made printable."""
        review = case.review
        return {
            "uid": review.uid,
            "operation": review.operation,
            "group": printable(review.group),
            "version": printable(review.version),
            "kind": printable(review.kind),
            "resource": printable(review.resource),
            "subresource": review.subresource,
            "cluster": self.cluster,
            "namespace": printable(review.namespace),
            "name": printable(review.name),
            "environment": case.environment,
            "actor": self.actor,
            "user": printable(review.user),
            "dryRun": review.dry_run,
            "allowed": outcome.allowed,
            "code": outcome.code,
            "images": [
                {"where": printable(image.where), "image": printable(image.text)} for image in case.found
            ],
            "decisions": list(outcome.decisions),
            "repeated": outcome.repeated,
            "revision": outcome.revision,
        }


def _unmapped(review: Review) -> Outcome:
    namespace = printable(review.namespace)
    what = f"namespace {namespace} is" if namespace else "an object without a namespace is"
    return denied(
        "admission.unmapped",
        f"{what} in no environment",
        "whoever runs Placet maps it in kubernetes.environments",
    )


def _is_workload(review: Review, paths: Paths) -> bool:
    """A Pod's creation is none: it may be a lost node's Pod that comes back. Changed images always are one."""
    if review.operation == "CREATE":
        return (review.group, review.kind) != ("", "Pod")
    return bool(changed(review, paths))


def _outcome(ruling: Ruling, pinned: Sequence[tuple[Image, str]]) -> Outcome:
    """Allowed if every digest has a result, and every result, whatever its digest, allows."""
    by_digest: dict[str, list[Judged]] = {}
    for result in ruling.results:
        by_digest.setdefault(result.digest, []).append(result)
    refused: list[Refused] = []
    for image, digest in pinned:
        results = by_digest.get(digest, [])
        if not results:
            reasons = (("admission.incomplete", "this digest was not judged"),)
            refused.append(Refused(image.where, image.text, reasons))
        refused += [
            Refused(image.where, image.text, result.reasons, result.decision)
            for result in results
            if result.verdict != "allow"
        ]
    decisions = tuple(result.decision for result in ruling.results)
    audit = {
        "decisions": ",".join(decisions),
        "gate": ",".join(sorted({result.gate for result in ruling.results})),
        "policy-revision": ruling.revision,
    }
    warnings = tuple(dict.fromkeys(warning for result in ruling.results for warning in result.warnings))
    allowed = not refused and all(result.verdict == "allow" for result in ruling.results)
    code, message = "", ""
    if refused:
        code = refused[0].reasons[0][0] if refused[0].reasons else "admission.denied"
        message = refusal(refused)
    elif not allowed:
        code = "admission.contradiction"
        message = problem(code, "a digest was refused that this object does not name")
    repeated = any(result.repeated for result in ruling.results)
    if repeated:
        audit["repeated"] = "true"
    return Outcome(allowed, code, message, warnings, audit, decisions, repeated, ruling.revision)
