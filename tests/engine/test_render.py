from __future__ import annotations

import json
import re

from placet_attestations.verify import VerifiedStatement
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Finding, Lineage
from placet_engine.lineage.render import as_dot, as_json, as_text
from tests.builders import a_digest, a_trust_policy
from tests.engine.houses import MODEL, TRAINED_FROM, Shelf, made, model_subject, owned

TRAINING = made("training", model_subject(name="churn-model"), TRAINED_FROM)
TRAIN = owned("train.csv", kind="derived", derived_from=["raw.csv"])


def walked(*statements: VerifiedStatement, shelf: Shelf | None = None) -> Lineage:
    return trace(MODEL, (shelf or Shelf()).put(*statements), a_trust_policy())


def short(name: str) -> str:
    return f"sha256:{a_digest(name).hex[:12]}…"


def test_text_is_a_tree_from_the_subject_back() -> None:
    assert as_text(walked(TRAINING, TRAIN)).splitlines()[:2] == [
        f"model  churn-model  {short('model')}",
        "  · training by ci",
    ]
    lines = as_text(walked(TRAINING, TRAIN)).splitlines()
    assert f"  code  train.py  {short('train.py')}" in lines
    assert f"  dataset  train.csv  {short('train.csv')}" in lines
    assert f"    dataset  raw.csv  {short('raw.csv')}" in lines
    assert (
        lines.index("    · dataset by owner")
        == lines.index(f"  dataset  train.csv  {short('train.csv')}") + 1
    )


def test_a_stranger_has_neither_kind_nor_name() -> None:
    assert as_text(walked()) == f"unknown  -  {short('model')}\n"


def test_what_stands_further_up_is_named_and_not_drawn_again() -> None:
    training = made("training", "model", {"train.csv": "dataset", "raw.csv": "dataset"})
    text = as_text(walked(training, TRAIN))
    assert text.count(f"raw.csv  {short('raw.csv')}  (see above)") == 1
    assert text.count("· dataset by owner") == 1


def test_cycles_and_truncation_are_said() -> None:
    ring = walked(made("training", "model", {"0": "dataset"}), made("preprocess", "0", {"model": "model"}))
    assert f"cycle: {', '.join(sorted([short('0'), short('model')]))}\n" in as_text(ring)
    shelf = Shelf()
    shelf.incomplete.add(MODEL)
    assert "truncated: " in as_text(walked(shelf=shelf))


def test_what_was_cut_off_is_drawn_as_unknown() -> None:
    lineage = walked(TRAINING)
    cut = Lineage(MODEL, {MODEL: lineage.artifacts[MODEL]}, lineage.statements, truncated=True)
    assert f"  ?  {short('train.csv')}" in as_text(cut)
    assert f'"{MODEL}" -> "{a_digest("train.csv")}";' in as_dot(cut)


def test_two_names_and_two_kinds_are_both_shown() -> None:
    lineage = walked(TRAINING, owned("model"))
    assert as_text(lineage).startswith(f"dataset/model  churn-model or model  {short('model')}")


def test_json_has_everything_and_is_stable() -> None:
    shelf = Shelf()
    shelf.findings[MODEL].append(Finding("evidence.unrecorded", "no arrival", a_digest("bundle"), MODEL))
    lineage = walked(TRAINING, TRAIN, shelf=shelf)
    assert as_json(lineage) == as_json(trace(MODEL, shelf, a_trust_policy()))
    document = json.loads(as_json(lineage))
    assert document["subject"] == MODEL
    model = document["artifacts"][MODEL]
    assert (model["kinds"], model["names"], model["distance"]) == (["model"], ["churn-model"], 0)
    assert model["revoked"] is False
    assert set(model["parents"]) == {a_digest(name) for name in TRAINED_FROM}
    training = document["statements"][TRAINING.digest]
    assert (training["type"], training["signer"], training["principal"]) == ("training", "ci", "ci")
    assert training["subjects"] == [MODEL]
    assert training["since"] == "2026-11-23T20:30:00Z"
    assert document["findings"][0]["code"] == "evidence.unrecorded"
    assert (document["cycle"], document["truncated"]) == ([], False)


def test_dot_has_a_node_for_each_artifact_and_an_edge_for_each_parent() -> None:
    lineage = walked(TRAINING, TRAIN)
    dot = as_dot(lineage)
    assert dot.startswith("digraph lineage {")
    assert dot.endswith("}\n")
    assert len(re.findall(r"\[label=", dot)) == len(lineage.artifacts)
    assert len(re.findall(" -> ", dot)) == sum(len(node.parents) for node in lineage.artifacts.values())


def test_names_from_evidence_break_neither_lines_nor_quotes() -> None:
    evil = {'a"; x [label="y': "code", "two\nlines\x1b[2J": "code"}
    lineage = walked(made("training", "model", evil))
    text = as_text(lineage)
    assert len(text.splitlines()) == 4
    assert "\x1b" not in text
    assert r"two\x0alines\x1b[2J" in text
    for line in as_dot(lineage).splitlines():
        if "[label=" in line:
            quoted = re.fullmatch(r'  "[^"]+" \[label=("(?:[^"\\]|\\.)*")\];', line)
            assert quoted is not None, line
            assert len(json.loads(quoted.group(1)).splitlines()) == 3
