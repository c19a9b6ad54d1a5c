"""From a review to an outcome: exempt, refused before anything is judged, or judged and written into the log.

Allowed is only what is exempt, or what was judged (every image pinned, every digest allowed) and then logged. Errors
are raised, and a denial to whoever asked: reviews that cannot be read, a full house and a missed deadline leave no
entry in the log, so that no flood of them fills it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from placet_api.admission.environments import Environments
from placet_api.admission.images import Image, changed, exempt, images
from placet_api.admission.paths import Paths
from placet_api.admission.port import AdmissionJudge, Judged, Question, Ruling
from placet_api.admission.references import ImageError, parse
from placet_api.admission.review import Review
from placet_api.admission.words import Refused, problem, refusal
from placet_api.printable import printable
from placet_engine.errors import LogError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is answered. `code` is the first reason code; `audit` goes into the API server's audit log."""

    allowed: bool
    code: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)
    decisions: tuple[str, ...] = ()
    revision: str = ""


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

    async def decide(self, review: Review, by: float) -> Outcome:
        """The outcome; raises `ReviewError` and any error of the house, which all mean no."""
        reason = exempt(review)
        if reason is not None:
            return Outcome(True, "admission.exempt", audit={"exempt": reason.name.lower()})
        found = images(review, self.paths)
        environment = self.environments.of(review.namespace)
        if environment is None:
            outcome = _unmapped(review)
        elif not found:
            warning = f"Placet: no path in kubernetes.paths names an image in this {review.kind}"
            outcome = Outcome(True, "admission.no_images", warnings=(warning,))
        else:
            outcome = await self._judged(review, found, environment, by)
        return await self._noted(review, found, environment, outcome)

    async def _judged(self, review: Review, found: Sequence[Image], environment: str, by: float) -> Outcome:
        pinned: list[tuple[Image, str]] = []
        refused: list[Refused] = []
        for image in found:
            try:
                pinned.append((image, parse(image.text).digest))
            except ImageError as error:
                refused.append(Refused(image.where, image.text, ((error.code, error.message),)))
        if refused:
            return Outcome(False, refused[0].reasons[0][0], refusal(refused))
        question = Question(
            environment=environment,
            digests=tuple(dict.fromkeys(digest for _, digest in pinned)),
            workload=_is_workload(review, self.paths),
            context={"cluster": self.cluster, "namespace": review.namespace},
            dry_run=review.dry_run,
            by=by,
        )
        return _outcome(await self.judge.judge(question), pinned)

    async def _noted(
        self, review: Review, found: Sequence[Image], environment: str | None, outcome: Outcome
    ) -> Outcome:
        """The outcome once it stands in the log; what cannot be logged is denied."""
        record = self._record(review, found, environment, outcome)
        try:
            entry = await self.judge.note(record)
        except LogError as error:
            return denied("log.unwritable", f"the decision log did not take it: {error.message}", error.hint)
        audit = {**outcome.audit, "entry": entry}
        if review.dry_run:
            audit["dry-run"] = "true"
        return Outcome(outcome.allowed, outcome.code, outcome.message, outcome.warnings, audit)

    def _record(
        self, review: Review, found: Sequence[Image], environment: str | None, outcome: Outcome
    ) -> dict[str, Any]:
        """The admission entry: JSON, with every text of a stranger made printable."""
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
            "environment": environment,
            "actor": self.actor,
            "user": printable(review.user),
            "dryRun": review.dry_run,
            "allowed": outcome.allowed,
            "code": outcome.code,
            "images": [{"where": printable(image.where), "image": printable(image.text)} for image in found],
            "decisions": list(outcome.decisions),
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
    return Outcome(allowed, code, message, warnings, audit, decisions, ruling.revision)
