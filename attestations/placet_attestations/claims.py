"""What a statement claims its subjects to be, and what it says they were made of.

A claim is only that: `admission.py` decides whether the signer may make it. Annotations under `placet.dev/`
are read strictly, because a misspelt role or an alias of the wrong type would otherwise drop out of the
lineage in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from placet_attestations.digests import ALGORITHM, Digest
from placet_attestations.errors import MalformedError
from placet_attestations.predicate_types import DEPENDENCY_ROLES, KINDS, short_type
from placet_attestations.statement import Statement, Subject
from placet_attestations.strictjson import JsonObject, JsonValue

ANNOTATION_KIND: Final = "placet.dev/kind"
ANNOTATION_NAME: Final = "placet.dev/name"
ANNOTATION_ALIASES: Final = "placet.dev/aliases"
ANNOTATION_ROLE: Final = "placet.dev/role"

PROVENANCE_TYPES: Final = frozenset({"training", "preprocess", "ingest", "package", "provenance"})

_DEFAULT_KINDS = {"training": "model", "preprocess": "dataset", "ingest": "dataset", "package": "image"}
_MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement says that `digest` is a `kind`, and perhaps what it is called."""

    digest: Digest
    kind: str
    name: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that a step used. `digest` is None when only a name was recorded: such a dependency is
    unpinned.
    """

    digest: Digest | None
    name: str
    role: str


def claims(statement: Statement) -> tuple[Claim, ...]:
    """The kinds and names that a statement gives its subjects, in their order; empty for most types.

    Raises MalformedError statement.annotation and statement.name.
    """
    short = short_type(statement)
    if short == "dataset":
        return tuple(_dataset_claim(statement.predicate, subject) for subject in statement.subjects)
    if short in PROVENANCE_TYPES:
        default = _DEFAULT_KINDS.get(short)
        found = (_annotated_claim(subject, default) for subject in statement.subjects)
        return tuple(claim for claim in found if claim is not None)
    return ()


def dependencies(statement: Statement) -> tuple[Dependency, ...]:
    """What the subjects were made from: SLSA resolvedDependencies, or the derivedFrom of a dataset.

    Expects a predicate that `validate` accepted. Raises MalformedError statement.annotation, digest.*.
    """
    short = short_type(statement)
    if short == "dataset":
        origin = _object(statement.predicate.get("origin"))
        return tuple(_source(item) for item in _objects(origin.get("derivedFrom")))
    if short in PROVENANCE_TYPES:
        definition = _object(statement.predicate.get("buildDefinition"))
        return tuple(_dependency(item) for item in _objects(definition.get("resolvedDependencies")))
    return ()


def check_name(name: str) -> str:
    """Return a name that is fit to be shown and typed, or raise MalformedError statement.name.

    A name never looks like a digest or a registry reference, so that nobody can pass one off as the other.
    """
    if not name or len(name) > _MAX_NAME or not name.isprintable() or name != name.strip():
        raise MalformedError(
            "statement.name",
            f"{name[:60]!a} is not a name",
            hint=f"use 1 to {_MAX_NAME} printable characters without spaces at the ends",
        )
    if name.startswith((f"{ALGORITHM}:", "oci:")):
        raise MalformedError(
            "statement.name",
            f"{name[:60]!a} looks like a digest",
            hint="choose a name that is not a reference",
        )
    return name


def _dataset_claim(predicate: JsonObject, subject: Subject) -> Claim:
    name, version = predicate.get("name"), predicate.get("version")
    if not isinstance(name, str):
        return Claim(subject.digest, "dataset")
    aliases = (check_name(f"{name}@{version}"),) if isinstance(version, str) and version else ()
    return Claim(subject.digest, "dataset", check_name(name), aliases)


def _annotated_claim(subject: Subject, default: str | None) -> Claim | None:
    kind = _text(subject.annotations, ANNOTATION_KIND)
    kind = default if kind is None else kind
    name = _text(subject.annotations, ANNOTATION_NAME)
    aliases = _texts(subject.annotations, ANNOTATION_ALIASES)
    if kind is None:
        if name is not None or aliases:
            raise _annotation(ANNOTATION_NAME, f"needs {ANNOTATION_KIND} beside it")
        return None
    if kind not in KINDS:
        raise _annotation(ANNOTATION_KIND, f"is {kind[:60]!a}, not one of {', '.join(sorted(KINDS))}")
    return Claim(
        subject.digest,
        kind,
        None if name is None else check_name(name),
        tuple(check_name(alias) for alias in aliases),
    )


def _dependency(descriptor: JsonObject) -> Dependency:
    role = _text(_object(descriptor.get("annotations")), ANNOTATION_ROLE)
    role = "other" if role is None else role
    if role not in DEPENDENCY_ROLES:
        raise _annotation(
            ANNOTATION_ROLE, f"is {role[:60]!a}, not one of {', '.join(sorted(DEPENDENCY_ROLES))}"
        )
    digits = _object(descriptor.get("digest")).get(ALGORITHM)
    digest = Digest.from_hex(digits) if isinstance(digits, str) else None
    return Dependency(digest, _first_text(descriptor, "name", "uri", "downloadLocation"), role)


def _source(item: JsonObject) -> Dependency:
    digest = item.get("digest")
    return Dependency(
        Digest.parse(digest) if isinstance(digest, str) else None, _first_text(item, "name", "uri"), "dataset"
    )


def _first_text(value: JsonObject, *keys: str) -> str:
    for key in keys:  # a lineage has thousands of these, and a generator takes twice as long
        text = value.get(key)
        if isinstance(text, str) and text:
            return text
    return ""


def _text(annotations: JsonObject, key: str) -> str | None:
    value = annotations.get(key)
    if value is not None and not isinstance(value, str):
        raise _annotation(key, "is not a string")
    return value


def _texts(annotations: JsonObject, key: str) -> tuple[str, ...]:
    value = annotations.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _annotation(key, "is not a list of strings")
    return tuple(str(item) for item in value)


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, (dict, Mapping)) else {}  # dict first: the other is a slow question


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    return (_object(item) for item in value) if isinstance(value, list) else iter(())


def _annotation(key: str, problem: str) -> MalformedError:
    return MalformedError(
        "statement.annotation",
        f"the annotation {key} {problem}",
        where="statement",
        hint="correct it and sign again",
    )
