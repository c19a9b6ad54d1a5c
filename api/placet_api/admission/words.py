"""What a developer reads in the terminal when an object is refused: what, why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from placet_api.printable import printable

MAX_BYTES: Final = 1800
_REASONS: Final = 3
_WHERE: Final = 120
_IMAGE: Final = 240
_REASON: Final = 200
_REST_BYTES: Final = 48  # room for the last line, which counts what did not fit


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused image: its place, its text, why, and the decision that says so (None when nothing was judged)."""

    where: str
    image: str
    reasons: Sequence[tuple[str, str]]
    decision: str | None = None


def refusal(refused: Sequence[Refused]) -> str:
    """One text for all refused images, at most 1,800 bytes; what does not fit is counted."""
    head = "1 image is refused" if len(refused) == 1 else f"{len(refused)} images are refused"
    text = head
    for index, item in enumerate(refused):
        longer = f"{text}\n{_block(item)}"
        last = index + 1 == len(refused)
        if len(longer.encode()) > MAX_BYTES - (0 if last else _REST_BYTES):
            return _shortened(text, longer, index, len(refused))
        text = longer
    return text


def problem(code: str, message: str, hint: str | None = None) -> str:
    """One text for a review that was refused as a whole."""
    lines = [f"{code}: {printable(message)}"]
    if hint:
        lines.append(f"  {printable(hint)}")
    return _bytes("\n".join(lines), MAX_BYTES)


def _shortened(text: str, longer: str, index: int, count: int) -> str:
    """What fits whole, and how many did not; of a first block that does not fit, its beginning."""
    if index == 0:
        text, index = _bytes(longer, MAX_BYTES - _REST_BYTES), 1
    rest = count - index
    return f"{text}\n… and {rest} more" if rest else text


def _block(item: Refused) -> str:
    lines = [f"{_cut(item.where, _WHERE)}: {_cut(item.image, _IMAGE)}"]
    lines += [
        f"  {_cut(code, _WHERE)}: {_cut(message, _REASON)}" for code, message in item.reasons[:_REASONS]
    ]
    if len(item.reasons) > _REASONS:
        lines.append(f"  … and {len(item.reasons) - _REASONS} more reasons")
    if item.decision is not None:
        lines.append(f"  the decision, and what is missing:  placet log show {_cut(item.decision, _WHERE)}")
    return "\n".join(lines)


def _cut(text: str, letters: int) -> str:
    shown = printable(text[: letters + 1])
    return shown if len(shown) <= letters else shown[: letters - 1] + "…"


def _bytes(text: str, count: int) -> str:
    data = text.encode()
    return text if len(data) <= count else data[: count - 3].decode(errors="ignore") + "…"
