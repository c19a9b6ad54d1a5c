"""Image references by the grammar of the OCI distribution: `[HOST[:PORT]/]NAME[:TAG]@sha256:HEX`.

A tag is a word that may point elsewhere a second later, so only a digest says what will run. With both, the digest
counts, as it does for every container runtime.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from placet_api.errors import UsageError

_MAX_LETTERS: Final = 1024
_MAX_NAME: Final = 255
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?", re.ASCII)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_ANY_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Za-z=_-]+", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ImageError(UsageError):
    """An image reference that is not admitted: `image.malformed`, `image.tag_only`, `image.digest_algorithm`."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One image, pinned. `name` is with its host as written, `digest` is `sha256:` and 64 hex digits."""

    name: str
    tag: str | None
    digest: str


def parse(text: str) -> Reference:
    """Read a reference; raises `ImageError` for what is none, or is not pinned by a SHA-256 digest."""
    if len(text) > _MAX_LETTERS:
        raise _malformed(f"it is longer than {_MAX_LETTERS} letters")
    rest, at, digest = text.partition("@")
    name, tag = _name_and_tag(rest)
    _check_name(name)
    if not at:
        raise ImageError(
            "image.tag_only",
            "a tag may point to another image later: pin it by digest",
            hint="write NAME@sha256:… (the digest of the image that was judged)",
        )
    if _ANY_DIGEST.fullmatch(digest) is None:
        raise _malformed("what stands after @ is no digest")
    if _DIGEST.fullmatch(digest) is None:
        raise ImageError(
            "image.digest_algorithm", "pin it by a digest of sha256: and 64 lower-case hex digits"
        )
    return Reference(name, tag, digest)


def _malformed(why: str) -> ImageError:
    return ImageError("image.malformed", f"this is no image reference: {why}")


def _name_and_tag(text: str) -> tuple[str, str | None]:
    """A colon after the last slash begins a tag; one before it, a port."""
    head, slash, last = text.rpartition("/")
    last, colon, tag = last.partition(":")
    if not colon:
        return text, None
    if _TAG.fullmatch(tag) is None:
        raise _malformed("its tag has letters that no tag has")
    return f"{head}{slash}{last}", tag


def _check_name(name: str) -> None:
    if len(name) > _MAX_NAME:
        raise _malformed(f"its name is longer than {_MAX_NAME} letters")
    if _HEX.fullmatch(name):
        raise _malformed("64 hex digits are an id of one node's store")
    first, slash, path = name.partition("/")
    if slash and _is_host(first):
        if _HOST.fullmatch(first) is None:
            raise _malformed("its host has letters that no host has")
    else:
        path = name
    if not all(_COMPONENT.fullmatch(part) for part in path.split("/")):
        raise _malformed("its name has letters that no repository has")


def _is_host(part: str) -> bool:
    """Whether the first part is a host; the same rule as the runtimes', `library/alpine` has none."""
    return part == "localhost" or "." in part or ":" in part or part != part.lower()
