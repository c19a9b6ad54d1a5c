"""What ARTIFACT on a command line means (interface.md section 1), turned into a digest.

A path is read, byte by byte, whenever evidence or a decision rests on it. `Lookup` is what the store knows of names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from placet_api.errors import UsageError
from placet_api.local import Local
from placet_api.paths import exists
from placet_attestations.digests import Digest

_PREFIX_DIGITS = 12
LAYOUT = "oci-layout:"
REGISTRY = "oci:"
SHA256 = "sha256:"


@dataclass(frozen=True, slots=True)
class Resolved:
    """An ARTIFACT resolved: its digest and how to call it in words."""

    digest: Digest
    label: str
    path: Path | None = None


class Lookup(Protocol):
    """What is known of digests and names from admitted statements."""

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        """Subjects whose digest begins so."""
        ...

    def by_name(self, name: str) -> tuple[Digest, ...]:
        """Digests to which admitted statements tie the name or alias."""
        ...


Identify = Callable[[Path], Digest]


def identify(text: str, *, role: str | None = None) -> Local:
    """The identity of a file, a folder, an image layout (`oci-layout:DIR`) or, with role code, a source tree.

    Raises `IdentityError`, for an image layout `MalformedError`.
    """
    _require_text(text)
    if text.startswith(LAYOUT):
        from placet_attestations.oci import identify_layout

        return Local(text, identify_layout(Path(text.removeprefix(LAYOUT))).digest, "oci-layout")
    path = Path(text)
    if role == "code" and path.is_dir():
        from placet_api.code_tree import identify_code

        return identify_code(path)
    from placet_attestations.trees import identify as identify_path

    found = identify_path(path)
    return Local(text, found.digest, found.form)


def resolve(
    text: str,
    lookup: Callable[[], Lookup],
    *,
    reading: bool,
    expect: str | None = None,
    cached: Identify | None = None,
) -> Resolved:
    """Turn ARTIFACT into a digest.

    `reading` verbs also take a digest prefix and a name; the others take a name only with `expect`.
    `cached` identifies paths for verbs on which nothing rests. Raises `UsageError` `artifact.*`, `digest.short`.
    """
    found = _resolve(text, lookup, reading or expect is not None, cached)
    if expect is not None and found.digest != Digest.parse(expect):
        raise UsageError(
            "artifact.unexpected",
            f"{text} is {found.digest}, not what --expect says",
            where=expect,
            hint="somebody moved the name, or changed the file; look before you go on",
        )
    return found


def _require_text(text: str) -> None:
    """The empty text is a variable that nobody set; as a path it would be the working directory."""
    if not text:
        raise UsageError(
            "artifact.empty", "the empty text names no artifact", hint="is a variable of your script unset?"
        )


def _resolve(text: str, lookup: Callable[[], Lookup], names: bool, cached: Identify | None) -> Resolved:
    _require_text(text)
    if text.startswith(SHA256):
        return _by_digest(text, lookup, names)
    if text.startswith(LAYOUT):
        return Resolved(identify(text).digest, text, Path(text.removeprefix(LAYOUT)))
    if text.startswith(REGISTRY):
        return _by_reference(text)
    path = Path(text)
    if exists(path):
        digest = cached(path) if cached is not None else identify(text).digest
        return Resolved(digest, text, path)
    if not names:
        raise UsageError(
            "artifact.missing",
            f"no file or folder {text}",
            where=str(Path.cwd()),
            hint="a name is taken here only together with --expect sha256:…",
        )
    return _by_name(text, lookup())


def _by_digest(text: str, lookup: Callable[[], Lookup], prefixes: bool) -> Resolved:
    digits = text.removeprefix(SHA256).rstrip("…")
    if prefixes and _PREFIX_DIGITS <= len(digits) < 64:
        return Resolved(_only(text, lookup().by_prefix(SHA256 + digits), "artifact.ambiguous_prefix"), text)
    digest = Digest.parse(text)
    return Resolved(digest, f"{SHA256}{digest.hex[:_PREFIX_DIGITS]}…")


def _by_reference(text: str) -> Resolved:
    reference, at, digest = text.removeprefix(REGISTRY).rpartition("@")
    if not at:
        raise UsageError(
            "artifact.tag",
            f"{text} names a tag, and this version asks no registry",
            hint="write oci:REGISTRY/REPO@sha256:…",
        )
    return Resolved(Digest.parse(digest), reference)


def _by_name(text: str, lookup: Lookup) -> Resolved:
    # Names are printable (`placet_attestations.claims`); the store is not asked for what cannot be one.
    found = lookup.by_name(text) if text.isprintable() else ()
    return Resolved(_only(text, found, "artifact.ambiguous_name"), text)


def _only(text: str, found: tuple[Digest, ...], ambiguous: str) -> Digest:
    if not found:
        raise UsageError(
            "artifact.unknown",
            f"{text} is no path, and no admitted statement knows it",
            hint="give a path, or a full digest sha256:…",
        )
    if len(found) > 1:
        raise UsageError(
            ambiguous, f"{text} could be any of: {', '.join(sorted(found))}", hint="give the full digest"
        )
    return found[0]
