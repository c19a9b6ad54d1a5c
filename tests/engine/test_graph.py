from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.digests import Digest
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.verify import VerifiedStatement
from placet_engine.lineage.graph import cyclic, trace
from placet_engine.lineage.model import Artifact, Finding, Lineage
from tests.builders import NOW, TEAM, a_digest, a_provenance, a_subject, a_trust_policy, a_verified
from tests.engine.houses import (
    MODEL,
    TRAINED_FROM,
    Shelf,
    approval,
    dataset,
    evaluation,
    made,
    model_subject,
    owned,
    splits,
)

TRUST = a_trust_policy()


def walk(*statements: VerifiedStatement, subject: Digest = MODEL, limits: Limits = DEFAULT_LIMITS) -> Lineage:
    return trace(subject, Shelf().put(*statements), TRUST, limits)


def names(digests: object) -> set[str]:
    """The names that the digests were made from."""
    assert isinstance(digests, (set, frozenset, tuple, list, dict))
    known = {
        a_digest(name): name for name in [*TRAINED_FROM, "model", "image", "raw.csv", *map(str, range(30))]
    }
    return {known[digest] for digest in digests}


def chain(length: int) -> list[VerifiedStatement]:
    """0 was made from 1, 1 from 2, and so on."""
    return [made("preprocess", str(number), {str(number + 1): "dataset"}) for number in range(length)]


def codes(lineage: Lineage) -> list[str]:
    return [finding.code for finding in lineage.findings]


def test_a_subject_nobody_knows_is_one_artifact_without_a_kind() -> None:
    lineage = walk()
    assert lineage == Lineage(MODEL, {MODEL: Artifact(MODEL, 0)}, {})
    assert lineage.artifacts[MODEL].kind is None
    assert lineage.artifacts[MODEL].name is None


def test_the_walk_goes_back_to_the_roots() -> None:
    training = made("training", model_subject(name="churn", aliases=["churn@1"]), TRAINED_FROM)
    derived = owned("train.csv", kind="derived", derived_from=["raw.csv"])
    lineage = walk(training, derived, owned("raw.csv"))
    model = lineage.artifacts[MODEL]
    assert (model.kind, model.name, model.aliases) == ("model", "churn", ("churn@1",))
    assert names(model.parents) == set(TRAINED_FROM)
    assert model.statements == (training.digest,)
    assert names(lineage.artifacts) == {"model", "raw.csv", *TRAINED_FROM}
    distances = {
        name: lineage.artifacts[a_digest(name)].distance for name in ["model", "train.csv", "raw.csv"]
    }
    assert distances == {"model": 0, "train.csv": 1, "raw.csv": 2}
    assert lineage.artifacts[a_digest("train.py")].roles == ("code",)
    assert lineage.artifacts[a_digest("raw.csv")].kind == "dataset"
    assert (lineage.cycle, lineage.truncated, lineage.findings) == ((), False, ())


def test_each_artifact_is_asked_about_once() -> None:
    shelf = Shelf().put(
        made("training", "model", {"train.csv": "dataset", "raw.csv": "dataset"}),
        owned("train.csv", kind="derived", derived_from=["raw.csv"]),
    )
    lineage = trace(MODEL, shelf, TRUST)
    assert len(shelf.asked) == len(set(shelf.asked)) == 3
    assert lineage.artifacts[a_digest("raw.csv")].distance == 1


def test_all_statements_that_say_how_a_thing_was_made_give_it_parents() -> None:
    lineage = walk(
        made("training", "model", {"train.csv": "dataset"}),
        made("training", "model", {"raw.csv": "dataset", "train.py": "code"}),
    )
    assert names(lineage.artifacts[MODEL].parents) == {"train.csv", "raw.csv", "train.py"}


def test_a_parent_has_every_role_in_which_it_was_used() -> None:
    lineage = walk(
        made("training", "model", {"0": "dataset"}), made("training", "model", {"0": "other", "1": "lock"})
    )
    assert lineage.artifacts[a_digest("0")].roles == ("dataset", "other")


def test_a_thing_made_from_itself_is_a_cycle() -> None:
    lineage = walk(made("training", "model", {"model": "base-model", "train.py": "code"}))
    assert names(lineage.cycle) == {"model"}
    assert names(lineage.artifacts[MODEL].parents) == {"train.py"}


@pytest.mark.parametrize("length", [2, 3, 10])
def test_a_longer_cycle_is_found_and_the_walk_ends(length: int) -> None:
    ring = [*chain(length - 1), made("preprocess", str(length - 1), {"0": "dataset"})]
    lineage = walk(*ring, subject=a_digest("0"))
    assert names(lineage.cycle) == set(map(str, range(length)))
    assert not lineage.truncated


def test_a_cycle_behind_the_subject_names_what_lies_on_it_only() -> None:
    lineage = walk(
        made("training", "model", {"0": "dataset"}),
        *chain(2),
        made("preprocess", "2", {"0": "dataset", "raw.csv": "dataset"}),
    )
    assert names(lineage.cycle) == {"0", "1", "2"}


def test_what_lies_between_two_cycles_is_named_with_them() -> None:
    # 0 <-> 1 -> 2 -> 3 <-> 4
    steps = {"0": "1", "2": "3", "3": "4", "4": "3"}
    statements = [made("preprocess", step, {made_from: "dataset"}) for step, made_from in steps.items()]
    statements.append(made("preprocess", "1", {"0": "dataset", "2": "dataset"}))
    assert names(walk(*statements, subject=a_digest("0")).cycle) == {"0", "1", "2", "3", "4"}


@given(st.dictionaries(st.integers(0, 7), st.frozensets(st.integers(0, 9)), max_size=8))
def test_cyclic_finds_what_can_reach_itself_or_lies_between_such(edges: dict[int, frozenset[int]]) -> None:
    graph = {
        a_digest(str(node)): Artifact(
            a_digest(str(node)), 0, parents=tuple(a_digest(str(other)) for other in above if other != node)
        )
        for node, above in edges.items()
    }

    def reach(start: Digest, step: Callable[[Digest], set[Digest]]) -> set[Digest]:
        found: set[Digest] = set()
        todo = step(start)
        while todo:
            found |= todo
            todo = {other for node in todo for other in step(node)} - found
        return found

    def up(node: Digest) -> set[Digest]:
        return {parent for parent in graph[node].parents if parent in graph}

    def down(node: Digest) -> set[Digest]:
        return {child for child in graph if node in graph[child].parents}

    on = {node for node in graph if node in reach(node, up)}
    between = {node for node in graph if reach(node, up) & on and reach(node, down) & on}
    assert cyclic(graph) == on | between


def test_a_lineage_deeper_than_the_limit_is_truncated() -> None:
    whole = walk(*chain(5), subject=a_digest("0"), limits=replace(DEFAULT_LIMITS, max_lineage_depth=5))
    assert (len(whole.artifacts), whole.truncated) == (6, False)
    cut = walk(*chain(5), subject=a_digest("0"), limits=replace(DEFAULT_LIMITS, max_lineage_depth=4))
    assert (len(cut.artifacts), cut.truncated) == (5, True)


def test_a_lineage_with_more_artifacts_than_the_limit_is_truncated() -> None:
    training = made("training", "model", TRAINED_FROM)
    assert not walk(training, limits=replace(DEFAULT_LIMITS, max_lineage_artifacts=4)).truncated
    cut = walk(training, limits=replace(DEFAULT_LIMITS, max_lineage_artifacts=3))
    assert (len(cut.artifacts), cut.truncated) == (3, True)
    assert len(cut.artifacts[MODEL].parents) == 3, "what was cut off is still named"


def test_an_artifact_with_more_statements_than_are_read_truncates() -> None:
    shelf = Shelf().put(made("training", "model", TRAINED_FROM))
    shelf.incomplete.add(a_digest("train.csv"))
    assert trace(MODEL, shelf, TRUST).truncated


def test_two_kinds_for_one_digest_are_both_there() -> None:
    lineage = walk(made("training", "model", TRAINED_FROM), owned("model"))
    artifact = lineage.artifacts[MODEL]
    assert (artifact.kinds, artifact.kind) == (("dataset", "model"), None)
    assert len(artifact.statements) == 2


def test_who_may_not_give_a_kind_gives_none() -> None:
    # A key that makes models calls one a dataset by its annotation, and trust.yaml lets it make models only.
    rules = [{"roles": ["builder"], "types": ["training"], "kinds": ["model"]}]
    trust = a_trust_policy(rules=rules)
    subject = a_subject("model", kind="dataset")
    lineage = trace(MODEL, Shelf().put(a_verified("training", [subject], by="ci", trust=trust)), trust)
    assert lineage.artifacts[MODEL].kinds == ()
    assert codes(lineage) == ["trust.role_missing"]


def test_two_names_are_kept_and_none_is_the_name() -> None:
    lineage = walk(
        made("training", model_subject(name="a"), TRAINED_FROM), made("training", model_subject(name="b"))
    )
    assert (lineage.artifacts[MODEL].names, lineage.artifacts[MODEL].name) == (("a", "b"), None)


def test_what_trust_refuses_is_a_finding_with_its_signer_and_counts_for_nothing() -> None:
    refused = a_verified("approval", [a_subject("model")], by="owner", **approval())
    lineage = walk(made("training", "model", TRAINED_FROM), refused)
    assert refused.digest not in lineage.statements
    assert refused.digest not in lineage.artifacts[MODEL].statements
    (finding,) = lineage.findings
    assert (finding.code, finding.statement, finding.artifact, finding.type, finding.signer) == (
        "trust.role_missing",
        refused.digest,
        MODEL,
        "approval",
        "owner",
    )


def test_a_name_that_may_not_be_given_is_dropped_and_found() -> None:
    rules = [{"roles": ["builder"], "types": ["training"], "kinds": ["model"], "may_name": ["churn-*"]}]
    trust = a_trust_policy(rules=rules)
    statement = a_verified("training", [model_subject(name="root")], by="ci", trust=trust)
    lineage = trace(MODEL, Shelf().put(statement), trust)
    assert (lineage.artifacts[MODEL].kind, lineage.artifacts[MODEL].names) == ("model", ())
    assert codes(lineage) == ["trust.name_not_allowed"]


def test_what_the_reader_found_is_handed_on() -> None:
    shelf = Shelf()
    shelf.findings[MODEL].append(Finding("evidence.unrecorded", "no arrival", a_digest("bundle"), MODEL))
    assert codes(trace(MODEL, shelf, TRUST)) == ["evidence.unrecorded"]


def test_unpinned_dependencies_are_named_and_are_no_parents() -> None:
    build = {"resolvedDependencies": [{"name": "train.csv"}, {"uri": "https://example.org/x"}]}
    predicate = a_provenance("training")
    predicate["buildDefinition"] |= build
    lineage = walk(a_verified("training", [a_subject("model")], by="ci", **predicate))
    assert lineage.artifacts[MODEL].unpinned == ("https://example.org/x", "train.csv")
    assert lineage.artifacts[MODEL].parents == ()


def test_revocations_stand_beside_what_they_revoke() -> None:
    trust = a_trust_policy(
        revoked=[
            {"artifact": a_digest("train.csv"), "from": "always", "reason": "retracted"},
            {"artifact": a_digest("train.py"), "from": "2027-01-01T00:00:00Z"},
        ]
    )
    lineage = trace(MODEL, Shelf().put(made("training", "model", TRAINED_FROM)), trust)
    revoked = {digest: artifact.revoked for digest, artifact in lineage.artifacts.items() if artifact.revoked}
    assert names(revoked) == {"train.csv", "train.py"}
    always = revoked[a_digest("train.csv")]
    assert (always.since, always.reason) == (None, "retracted")


def test_time_of_arrival_decides_about_windows_and_revocations() -> None:
    signers = [dict(signer) for signer in TEAM]
    signers[1]["valid"] = {"until": "2026-11-23T21:00:00Z"}
    trust = a_trust_policy(signers=signers)
    training = a_verified("training", [a_subject("model")], by="ci", trust=trust)
    early = trace(MODEL, Shelf().put(training, since=NOW - timedelta(hours=1)), trust)
    assert early.artifacts[MODEL].kind == "model"
    late = trace(MODEL, Shelf().put(training, since=NOW), trust)
    assert (late.artifacts[MODEL].kind, codes(late)) == (None, ["trust.signer_expired"])


def test_a_statement_about_several_subjects_counts_for_those_that_are_walked() -> None:
    both = a_verified(
        "measurement", [a_subject("train.csv"), a_subject("test.csv")], by="evaluator", **splits()
    )
    lineage = walk(made("training", "model", TRAINED_FROM), both, owned("train.csv"))
    assert names(lineage.statements[both.digest].roles) == {"train.csv"}

    derived = made("preprocess", "test.csv", {"train.csv": "dataset"})
    both_walked = walk(
        made("training", "model", {"test.csv": "dataset"}),
        both,
        owned("train.csv"),
        owned("test.csv"),
        derived,
    )
    assert set(both_walked.statements[both.digest].roles) == {a_digest("train.csv"), a_digest("test.csv")}


def test_a_statement_may_count_for_one_subject_and_be_refused_for_another() -> None:
    # Nobody says what train.csv is, so the measurement counts for the model alone.
    measured = a_verified(
        "measurement", [a_subject("model"), a_subject("train.csv")], by="evaluator", **evaluation()
    )
    lineage = walk(made("training", "model", TRAINED_FROM), measured)
    assert names(lineage.statements[measured.digest].roles) == {"model"}
    assert [(finding.code, finding.artifact) for finding in lineage.findings] == [
        ("trust.kind_unknown", a_digest("train.csv"))
    ]


def test_thresholds_count_principals_of_what_is_about_the_artifact() -> None:
    rules: list[dict[str, Any]] = [
        {"roles": ["builder"], "types": ["training"], "kinds": ["model"]},
        {"roles": ["data-owner", "evaluator"], "types": ["dataset"], "kinds": ["dataset"], "threshold": 2},
    ]
    trust = a_trust_policy(rules=rules)
    training = a_verified(
        "training",
        [a_subject("model")],
        by="ci",
        trust=trust,
        **a_provenance("training", {"raw.csv": "dataset"}),
    )
    one = a_verified("dataset", [a_subject("raw.csv")], by="owner", trust=trust, **dataset("raw.csv"))
    two = a_verified("dataset", [a_subject("raw.csv")], by="evaluator", trust=trust, **dataset("raw.csv"))
    alone = trace(MODEL, Shelf().put(training, one), trust)
    assert (alone.artifacts[a_digest("raw.csv")].kinds, codes(alone)) == ((), ["trust.threshold"])
    together = trace(MODEL, Shelf().put(training, one, two), trust)
    assert together.artifacts[a_digest("raw.csv")].kinds == ("dataset",)


def test_what_had_not_arrived_by_then_does_not_count_for_an_earlier_time() -> None:
    training, measured = made("training", "model", TRAINED_FROM), measurement()
    shelf = Shelf().put(training, since=NOW - timedelta(hours=1)).put(measured, since=NOW)
    then = trace(MODEL, shelf, TRUST, as_of=NOW - timedelta(minutes=1))
    assert set(then.statements) == {training.digest}
    (finding,) = then.findings
    assert (finding.code, finding.statement, finding.artifact, finding.signer) == (
        "evidence.future",
        measured.digest,
        MODEL,
        "evaluator",
    )
    assert set(trace(MODEL, shelf, TRUST, as_of=NOW).statements) == {training.digest, measured.digest}


def measurement() -> VerifiedStatement:
    return a_verified("measurement", [a_subject("model")], by="evaluator", **evaluation())
