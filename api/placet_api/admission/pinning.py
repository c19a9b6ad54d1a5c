"""From a tag to the digest that was judged: the patch that a mutating webhook answers with.

No registry is asked. What a name means is what admitted statements say of it, as for every door; where they say
nothing, or two things, the object stays as it is, and the validating webhook refuses the tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from placet_api.admission.images import Image
from placet_api.admission.references import ImageError, parse
from placet_api.printable import printable

TAG_ONLY: Final = "image.tag_only"
_CONTAINERS: Final = ("image",)
_VOLUMES: Final = ("image", "model")


@dataclass(frozen=True, slots=True)
class Pins:
    """What is put into the object (JSON Patch, RFC 6902), and what a developer should hear."""

    patch: tuple[Mapping[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def unpinned(found: Sequence[Image]) -> tuple[str, ...]:
    """The references that are well formed and have no digest, each once."""
    return tuple(dict.fromkeys(image.text for image in found if _is_unpinned(image.text)))


def pins(found: Sequence[Image], called: Mapping[str, Mapping[str, str]]) -> Pins:
    """Pin every image whose reference is, letter for letter, what exactly one artifact is called that may stand there.

    `called` are digests with their kinds, by name. A container is an image; a volume may also hold a model.
    """
    patch: list[Mapping[str, str]] = []
    warnings: list[str] = []
    for image in found:
        if not _is_unpinned(image.text):
            continue
        kinds = _VOLUMES if image.kind == "volume" else _CONTAINERS
        digests = [digest for digest, kind in called.get(image.text, {}).items() if kind in kinds]
        if len(digests) == 1:
            value = f"{image.text}@{digests[0]}"
            patch.append({"op": "replace", "path": image.pointer, "value": value})
        else:
            says = "several are" if digests else f"no admitted statement says which {kinds[0]} is"
            warnings.append(f"Placet: {says} called {printable(image.text)}: pin it by digest")
    return Pins(tuple(patch), tuple(dict.fromkeys(warnings)))


def _is_unpinned(text: str) -> bool:
    try:
        parse(text)
    except ImageError as error:
        return error.code == TAG_ONLY
    return False
