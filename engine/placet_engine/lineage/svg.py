"""A lineage as an SVG drawing: the subject on the left, what it was made from on the right. Reads only.

The drawing holds no script, no style sheet and no reference to anything outside; words from evidence are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from placet_attestations.digests import Digest
from placet_engine.lineage.model import Artifact, Lineage
from placet_engine.lineage.render import called, plain, short, what

MOST_BOXES: Final = 400
"""A larger drawing helps nobody; what is left out is said."""

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _LINE = 210, 78, 70, 16, 20, 16
_AROUND = 24  # how far out a line bends that goes back, which stays within the margin
_LONGEST = 26  # letters of a line that fit into a box

Places = Mapping[Digest, tuple[int, int]]


def render_svg(lineage: Lineage) -> str:
    """The whole document. The same lineage gives the same bytes.

    A solid box is an artifact that somebody vouched for, a dashed one nobody; a thick red one is revoked and says so.
    """
    kept, left_out = _kept(lineage)
    places = _places(lineage, kept)
    notes = _notes(lineage, left_out)
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN + _LINE * len(notes)
    identity = f"placet-{lineage.subject.hex[:12]}"
    root = lineage.artifacts.get(lineage.subject)
    title = f"Lineage of {plain(called(lineage, root)) if root else '-'} {short(lineage.subject)}"
    about = " ".join((f"{len(kept)} artifacts, from the subject on the left back to its roots.", *notes))
    shape = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    read_as = f'role="img" aria-labelledby="{identity}-title {identity}-desc"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {shape} {read_as} font-family="sans-serif" font-size="12">',
        f'<title id="{identity}-title">{escape(title)}</title>',
        f'<desc id="{identity}-desc">{escape(about)}</desc>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_edges(lineage, places),
        *(line for digest in kept for line in _box(lineage, digest, places[digest])),
    ]
    below = height - _LINE * len(notes)
    lines += [_text(_MARGIN, below + _LINE * number, note) for number, note in enumerate(notes)]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _distances(lineage: Lineage) -> dict[Digest, int]:
    """Every artifact that was walked, and right of its child each parent that a limit cut off."""
    found = {digest: node.distance for digest, node in lineage.artifacts.items()}
    found.setdefault(lineage.subject, 0)
    for node in lineage.artifacts.values():
        for parent in node.parents:
            found.setdefault(parent, node.distance + 1)
    return found


def _kept(lineage: Lineage) -> tuple[dict[Digest, int], int]:
    """The nearest artifacts by distance, then digest, with their distances; and how many are left out."""
    found = sorted(_distances(lineage).items(), key=lambda item: (item[1], item[0]))
    return dict(found[:MOST_BOXES]), max(len(found) - MOST_BOXES, 0)


def _places(lineage: Lineage, kept: Mapping[Digest, int]) -> dict[Digest, tuple[int, int]]:
    """Column by distance; in a column, each stands by the middle of those it was used for: fewer crossings."""
    used_for: dict[Digest, list[Digest]] = {}
    for digest in kept:
        for parent in _parents(lineage, digest):
            used_for.setdefault(parent, []).append(digest)
    columns: dict[int, list[Digest]] = {}
    for digest, distance in kept.items():
        columns.setdefault(distance, []).append(digest)
    row: dict[Digest, int] = {}
    for _, column in sorted(columns.items()):
        middles = {}
        for digest in column:
            rows = [row[child] for child in used_for.get(digest, ()) if child in row]
            middles[digest] = sum(rows) / len(rows) if rows else 0.0
        row.update(
            (digest, number) for number, digest in enumerate(sorted(column, key=lambda d: (middles[d], d)))
        )
    # Columns are numbered anew: where one is missing, there is no gap.
    across = {distance: number for number, distance in enumerate(sorted(columns))}
    return {
        digest: (
            _MARGIN + across[distance] * (_WIDTH + _GAP_X),
            _MARGIN + row[digest] * (_HEIGHT + _GAP_Y),
        )
        for digest, distance in kept.items()
    }


def _parents(lineage: Lineage, digest: Digest) -> tuple[Digest, ...]:
    node = lineage.artifacts.get(digest)
    return () if node is None else node.parents


def _edges(lineage: Lineage, places: Places) -> list[str]:
    lines: list[str] = []
    for digest, (x, y) in places.items():
        for parent in _parents(lineage, digest):
            if parent not in places:
                continue
            lines += _edge((x, y), places[parent])
    return lines


def _edge(child: tuple[int, int], parent: tuple[int, int]) -> tuple[str, str]:
    """A line with its head at the parent. One that does not lie further right is reached around its right side."""
    start, middle = child[0] + _WIDTH, child[1] + _HEIGHT // 2
    onward = parent[0] > child[0]
    end, to_middle = parent[0] + (0 if onward else _WIDTH), parent[1] + _HEIGHT // 2
    leave = start + (_GAP_X // 2 if onward else _AROUND)
    enter = end - _GAP_X // 2 if onward else end + _AROUND
    back = end + (-7 if onward else 7)
    curve = f"M{start} {middle}C{leave} {middle} {enter} {to_middle} {end} {to_middle}"
    head = f"{end},{to_middle} {back},{to_middle - 4} {back},{to_middle + 4}"
    return (
        f'<path d="{curve}" fill="none" stroke="#6b7280"/>',
        f'<polygon points="{head}" fill="#6b7280"/>',
    )


def _box(lineage: Lineage, digest: Digest, place: tuple[int, int]) -> list[str]:
    node = lineage.artifacts.get(digest)
    x, y = place
    words = _words(lineage, digest, node)
    revoked = node is not None and node.revoked is not None
    stroke = 'stroke="#b91c1c" stroke-width="3"' if revoked else 'stroke="#374151"'
    if node is None or not node.statements:
        stroke += ' stroke-dasharray="5 3"'
    whole = " ".join((*words[:2], digest, *words[3:]))
    return [
        f"<g><title>{escape(whole)}</title>",
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" fill="#f9fafb" {stroke}/>',
        *(
            _text(x + 10, y + 19 + _LINE * number, _clipped(line), bold=number == 1)
            for number, line in enumerate(words)
        ),
        "</g>",
    ]


def _words(lineage: Lineage, digest: Digest, node: Artifact | None) -> tuple[str, ...]:
    if node is None:
        return ("?", "not walked", short(digest), "cut off by the limits")
    count = len(node.statements)
    said = f"{count or 'no'} statement{'' if count == 1 else 's'}"
    if node.revoked is not None:
        said = f"REVOKED, {said}"
    return (plain(what(node)), plain(called(lineage, node)), short(digest), said)


def _notes(lineage: Lineage, left_out: int) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"{left_out} more artifacts are left out: the drawing holds {MOST_BOXES}.")
    if lineage.cycle:
        notes.append(f"There is a cycle through {len(lineage.cycle)} artifacts.")
    if lineage.truncated:
        notes.append("The lineage is larger than the limits and was cut.")
    return notes


def _clipped(text: str) -> str:
    """The text as far as it fits; a wide letter (UAX 11) takes the room of two."""
    room = _LONGEST
    for number, letter in enumerate(text):
        room -= 2 if east_asian_width(letter) in "WF" else 1
        if room < 0:
            return f"{text[: max(number - 1, 0)]}…"
    return text


def _text(x: int, y: int, words: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="#111827"{weight}>{escape(words)}</text>'
