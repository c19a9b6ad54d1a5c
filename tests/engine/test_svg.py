"""The drawing of a lineage."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.trust import Revocation
from placet_attestations.verify import VerifiedStatement
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Artifact, Lineage
from placet_engine.lineage.svg import MOST_BOXES, render_svg
from tests.builders import a_digest, a_trust_policy
from tests.engine.houses import MODEL, TRAINED_FROM, Shelf, made, model_subject, owned

SVG = "{http://www.w3.org/2000/svg}"
TRAINING = made("training", model_subject(name="churn-model"), TRAINED_FROM)
TRAIN = owned("train.csv", kind="derived", derived_from=["raw.csv"])


def walked(*statements: VerifiedStatement) -> Lineage:
    return trace(MODEL, Shelf().put(*statements), a_trust_policy())


def drawn(lineage: Lineage) -> ElementTree.Element:
    """The drawing, read; it has no elements and attributes but harmless ones."""
    root = ElementTree.fromstring(render_svg(lineage))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "rect", "g", "text", "path", "polygon",
    }  # fmt: skip
    for element in root.iter():
        assert not any("href" in name or name.startswith("on") or name == "style" for name in element.attrib)
        assert not any("url(" in value for value in element.attrib.values())
    return root


def boxes(root: ElementTree.Element) -> dict[str, tuple[int, int, list[str]]]:
    """By tooltip: where each box stands and its lines."""
    found = {}
    for group in root.iter(f"{SVG}g"):
        (title, box, *lines) = list(group)
        found[str(title.text)] = (
            int(box.attrib["x"]),
            int(box.attrib["y"]),
            [str(line.text) for line in lines],
        )
    return found


def texts(root: ElementTree.Element) -> list[str]:
    return [str(element.text) for element in root.findall(f"{SVG}text")]


def test_each_artifact_is_a_box_and_each_parent_an_edge() -> None:
    lineage = walked(TRAINING, TRAIN)
    root = drawn(lineage)
    assert len(boxes(root)) == len(lineage.artifacts)
    assert len(list(root.iter(f"{SVG}path"))) == sum(len(a.parents) for a in lineage.artifacts.values())
    (words,) = [lines for title, (_, _, lines) in boxes(root).items() if MODEL in title]
    assert words == ["model", "churn-model", f"sha256:{MODEL.hex[:12]}…", "1 statement"]
    assert render_svg(lineage) == render_svg(walked(TRAIN, TRAINING))


def test_the_subject_stands_left_and_its_roots_right() -> None:
    lineage = walked(TRAINING, TRAIN)
    across = {
        digest: x
        for title, (x, _, _) in boxes(drawn(lineage)).items()
        for digest in lineage.artifacts
        if digest in title
    }
    assert min(across, key=lambda digest: across[digest]) == MODEL
    for digest, node in lineage.artifacts.items():
        assert all(across[digest] < across[parent] for parent in node.parents)


def test_no_two_boxes_touch_and_all_are_inside() -> None:
    root = drawn(walked(TRAINING, TRAIN))
    places = [(x, y) for x, y, _ in boxes(root).values()]
    assert len(set(places)) == len(places)
    _, _, width, height = map(int, root.attrib["viewBox"].split())
    assert all(0 < x < x + 210 < width and 0 < y < y + 78 < height for x, y in places)


def test_the_drawing_says_what_it_is_to_those_who_do_not_see_it() -> None:
    root = drawn(walked(TRAINING))
    ids = root.attrib["aria-labelledby"].split()
    assert [element.attrib["id"] for element in list(root)[:2]] == ids
    assert root.attrib["role"] == "img"
    assert root[0].text == f"Lineage of churn-model sha256:{MODEL.hex[:12]}…"
    assert str(root[1].text).startswith(f"{1 + len(TRAINED_FROM)} artifacts, ")


def test_revoked_has_another_stroke_and_says_so() -> None:
    lineage = walked(TRAINING)
    model = replace(lineage.artifacts[MODEL], revoked=Revocation(None, MODEL, None, "leak"))
    root = drawn(replace(lineage, artifacts={**lineage.artifacts, MODEL: model}))
    (revoked,) = [group for group in root.iter(f"{SVG}g") if "REVOKED" in str(group[0].text)]
    assert revoked[1].attrib["stroke-width"] == "3"
    assert revoked[-1].text == "REVOKED, 1 statement"
    others = [group[1].attrib["stroke"] for group in root.iter(f"{SVG}g") if group is not revoked]
    assert revoked[1].attrib["stroke"] not in others


def test_what_nobody_vouched_for_is_dashed() -> None:
    (group,) = drawn(walked()).iter(f"{SVG}g")
    assert "stroke-dasharray" in group[1].attrib
    assert [line.text for line in group[2:]][:2] == ["unknown", "-"]
    assert group[-1].text == "no statements"


def test_what_was_cut_off_is_drawn_as_unknown_and_said() -> None:
    lineage = walked(TRAINING)
    cut = Lineage(MODEL, {MODEL: lineage.artifacts[MODEL]}, lineage.statements, truncated=True)
    root = drawn(cut)
    assert len(boxes(root)) == 1 + len(TRAINED_FROM)
    assert [lines[0] for _, _, lines in boxes(root).values()].count("?") == len(TRAINED_FROM)
    assert texts(root) == ["The lineage is larger than the limits and was cut."]


def test_a_lineage_of_nothing_is_a_drawing_too() -> None:
    root = drawn(Lineage(MODEL, {}, {}))
    assert root[0].text == f"Lineage of - sha256:{MODEL.hex[:12]}…"
    assert len(boxes(root)) == 1


def test_a_cycle_is_drawn_and_said() -> None:
    ring = walked(made("training", "model", {"0": "dataset"}), made("preprocess", "0", {"model": "model"}))
    root = drawn(ring)
    assert len(list(root.iter(f"{SVG}path"))) == 2
    assert texts(root) == ["There is a cycle through 2 artifacts."]


def test_a_parent_in_the_same_column_is_reached_around_the_right() -> None:
    training = made("training", "model", {"train.csv": "dataset", "raw.csv": "dataset"})
    root = drawn(walked(training, TRAIN))
    at = {title: (x, y) for title, (x, y, _) in boxes(root).items()}
    train, raw = (
        next(place for title, place in at.items() if a_digest(name) in title)
        for name in ("train.csv", "raw.csv")
    )
    assert train[0] == raw[0]
    curve = f"M{train[0] + 210} {train[1] + 39}C{train[0] + 234} {train[1] + 39} "
    (edge,) = [path.attrib["d"] for path in root.iter(f"{SVG}path") if path.attrib["d"].startswith(curve)]
    assert edge.endswith(f" {raw[0] + 210} {raw[1] + 39}")
    assert len(list(root.iter(f"{SVG}polygon"))) == len(list(root.iter(f"{SVG}path")))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x" * 26, "x" * 26),
        ("x" * 27, "x" * 25 + "…"),
        ("\u5b57" * 13, "\u5b57" * 13),
        ("\u5b57" * 14, "\u5b57" * 12 + "…"),
    ],
)
def test_a_name_stays_inside_its_box(name: str, shown: str) -> None:
    root = drawn(Lineage(MODEL, {MODEL: Artifact(MODEL, 0, names=(name,))}, {}))
    ((title, (_, _, lines)),) = boxes(root).items()
    assert lines[1] == shown
    assert name in title


def test_a_large_lineage_is_bounded_and_says_what_is_left_out() -> None:
    parents = tuple(a_digest(str(number)) for number in range(MOST_BOXES + 4))
    artifacts = {parent: Artifact(parent, 1) for parent in parents}
    lineage = Lineage(MODEL, {MODEL: Artifact(MODEL, 0, parents=parents), **artifacts}, {})
    root = drawn(lineage)
    assert len(boxes(root)) == MOST_BOXES
    assert len(list(root.iter(f"{SVG}path"))) == MOST_BOXES - 1
    assert texts(root) == [f"5 more artifacts are left out: the drawing holds {MOST_BOXES}."]
    assert any(MODEL in title for title in boxes(root))


@given(st.text(st.characters(exclude_categories=())))
def test_no_name_breaks_the_drawing(name: str) -> None:
    node = Artifact(MODEL, 0, kinds=(name,), names=(name, "</text><script>"))
    root = drawn(Lineage(MODEL, {MODEL: node}, {}))
    ((_, _, lines),) = boxes(root).values()
    assert all(len(line) <= 26 and line.isprintable() for line in lines)
