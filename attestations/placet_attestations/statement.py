"""in-toto Statement v1 and v0.1: what somebody says about artifacts, kept as the bytes that were signed.

Everything else in a `Statement` is read from `raw` and never written back to it. Building a statement writes
the bytes first and then reads them as a stranger would, so that there is one reader and no second notion of
validity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from placet_attestations import strictjson
from placet_attestations.digests import ALGORITHM, Digest
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.strictjson import JsonObject, JsonValue

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
STATEMENT_TYPES = (STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1")
"""What is read. The two differ in what predicates they carry, and in nothing that stands here."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Subject:
    """One artifact that a statement is about. `name` is a label inside the statement (a path), `""` when
    there is none.
    """

    name: str
    digest: Digest
    annotations: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OtherSubject:
    """A subject without sha256 (npm's have sha512, GitHub's releases a commit): shown, and tied to nothing here.
    `digests` are text by algorithm, as they came.
    """

    name: str
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement, of nobody yet. `raw` is the truth, the fields are what it says.

    `subjects` are those with a sha256, in their order, and may be none; `others` the rest, at least one in all.
    """

    raw: bytes = field(repr=False)
    predicate_type: str = field(compare=False)
    subjects: tuple[Subject, ...] = field(compare=False)
    predicate: JsonObject = field(repr=False, compare=False)
    others: tuple[OtherSubject, ...] = field(compare=False, default=())

    @classmethod
    def parse(cls, raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read the bytes of a statement (in-toto attestation spec v1.1, `spec/v1/statement.md`, and
        `spec/v0.1.0/statement.md`). A predicate that is absent or null is empty: PyPI's publish attestations.

        Raises MalformedError json.*, digest.*, statement.shape, statement.predicate_type,
        statement.no_subject, statement.too_many_subjects, statement.subject, statement.subject_duplicate,
        statement.predicate; and UnsupportedError statement.type for another version. Unknown members are
        ignored, as the spec asks.
        """
        document = strictjson.loads(
            raw, max_bytes=limits.max_statement_bytes, max_depth=limits.max_json_depth, where="statement"
        )
        if not isinstance(document, dict):
            raise _malformed("shape", "a statement is a JSON object")
        _check_type(document.get("_type"))
        predicate_type = document.get("predicateType")
        if not isinstance(predicate_type, str) or not _is_type_uri(predicate_type):
            raise _malformed("predicate_type", "predicateType must be a URI")
        predicate = document.get("predicate")
        if predicate is None:
            predicate = {}
        if not isinstance(predicate, dict):
            raise _malformed("predicate", "predicate must be an object")
        subjects, others = _subjects(document.get("subject"), limits)
        return cls(raw, predicate_type, subjects, predicate, others)

    @classmethod
    def build(
        cls,
        predicate_type: str,
        subjects: Sequence[Subject],
        predicate: JsonObject,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """Write a new statement, the same bytes for the same content, and read it back; errors as `parse`."""
        document: dict[str, JsonValue] = {
            "_type": STATEMENT_TYPE,
            "predicateType": predicate_type,
            "subject": [_descriptor(subject) for subject in subjects],
            "predicate": predicate,
        }
        return cls.parse(strictjson.dumps(document), limits)


def _check_type(value: JsonValue) -> None:
    if not isinstance(value, str):
        raise _malformed("shape", "_type must be a string")
    if value not in STATEMENT_TYPES:
        raise UnsupportedError(
            "statement.type",
            f"a statement of type {_shown(value)}",
            where="statement",
            hint=f"only {' and '.join(STATEMENT_TYPES)} are read",
        )


def _is_type_uri(text: str) -> bool:
    scheme, colon, rest = text.partition(":")
    return bool(scheme and colon and rest) and text.isascii() and text.isprintable() and " " not in text


def _subjects(value: JsonValue, limits: Limits) -> tuple[tuple[Subject, ...], tuple[OtherSubject, ...]]:
    if not isinstance(value, list) or not value:
        raise _malformed("no_subject", "a statement has at least one subject")
    if len(value) > limits.max_subjects:
        raise _malformed(
            "too_many_subjects", f"subject lists {len(value):,}, the limit is {limits.max_subjects:,}"
        )
    subjects: list[Subject] = []
    others: list[OtherSubject] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(value):
        found = _subject(item, index)
        if isinstance(found, Subject):
            subjects.append(found)
        else:
            others.append(found)
        if found.name and seen.setdefault(found.name, index) != index:
            raise _malformed(
                "subject_duplicate",
                f"subjects {seen[found.name]} and {index} have the same name {_shown(found.name)}",
                hint="a name means one artifact within a statement: rename one, or sign two statements",
            )
    return tuple(subjects), tuple(others)


def _subject(value: JsonValue, index: int) -> Subject | OtherSubject:
    if not isinstance(value, dict):
        raise _malformed("subject", f"subject {index} is not an object")
    # Go writers leave an empty name out; null means the same in protobuf JSON.
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        raise _malformed("subject", f"the name of subject {index} is not a string")
    annotations = value.get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        raise _malformed("subject", f"the annotations of subject {index} are not an object")
    digests = _digests(value.get("digest"), index)
    digits = digests.get(ALGORITHM)
    if digits is None:
        return OtherSubject(name or "", digests)
    try:
        return Subject(name or "", Digest.from_hex(digits), annotations or {})
    except MalformedError as error:
        raise MalformedError(
            error.code, error.message, where=f"statement, subject {index}", hint=error.hint
        ) from error


def _digests(value: JsonValue, index: int) -> dict[str, str]:
    """Every algorithm's digest as text. Only sha256 is read: others may stand beside it, or alone."""
    if not isinstance(value, dict) or not value:
        raise _malformed("subject", f"subject {index} has no digest")
    digests = {algorithm: digits for algorithm, digits in value.items() if isinstance(digits, str)}
    if len(digests) != len(value):
        raise _malformed("subject", f"the digests of subject {index} are not all strings")
    return digests


def _descriptor(subject: Subject) -> JsonObject:
    descriptor: dict[str, JsonValue] = {"digest": {ALGORITHM: subject.digest.hex}}
    if subject.name:
        descriptor["name"] = subject.name
    if subject.annotations:
        descriptor["annotations"] = subject.annotations
    return descriptor


def _malformed(code: str, message: str, *, hint: str | None = None) -> MalformedError:
    return MalformedError(f"statement.{code}", message, where="statement", hint=hint or _HINT)


_HINT = f"whoever signed it must sign a well-formed {STATEMENT_TYPE}"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 120 else text[:117] + "...")
