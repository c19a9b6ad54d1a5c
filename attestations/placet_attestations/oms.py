"""OpenSSF Model Signing v1.0 (`model.sig`): a statement that lists the files of a model, and a folder held
against it.

`model.sig` is a Sigstore bundle, and `verify.verify` says who signed it. Here stand what its statement means and
whether a folder is what was signed. The subject's digest is the SHA-256 of the resources' digests in the order
they are listed (model-signing 1.x, `Payload`): a name for the list and no digest of a path, so it is checked
here and ties nothing together, whatever hashes the files. The pre-1.0 list of subjects is not read.

The list of ignored paths is signed too, and says what was not looked at: whatever lies there is reported, since
nobody vouches for it.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from placet_attestations._hashing import FileHasher
from placet_attestations._names import is_relative_posix
from placet_attestations._parts import HASHES, PartsHasher, part
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.statement import Statement
from placet_attestations.strictjson import JsonObject, JsonValue
from placet_attestations.trees import read_rows

PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
SIGNATURE_NAME: Final = "model.sig"
GIT_PATHS: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What the format's own tool leaves out when it signs; signatures before 1.0.2 do not record it."""

_WHOLE: Final = "."  # the one resource of a model that is a single file
_SHARD: Final = re.compile(r"(.+):(0|[1-9][0-9]{0,17}):([1-9][0-9]{0,17})", re.DOTALL)
_MAX_SHARD: Final = 1 << 53


@dataclass(frozen=True, slots=True)
class SignedModel:
    """What a model signature lists. `files` maps a path to what its content must hash to: hex digits, or with
    `shard_size` the digits of its parts.
    """

    name: str  # of the folder when it was signed; informative, and empty for "."
    root: Digest
    algorithm: str
    shard_size: int | None
    ignored: tuple[str, ...]
    files: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ModelDifferences:
    """What keeps a folder from being the signed model, as sorted paths; and what of it nobody vouches for."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    changed: tuple[str, ...]
    ignored: tuple[str, ...]  # present and left out: by the signature's own list, or by the caller's

    @property
    def none(self) -> bool:
        """Whether every signed file is there as it was signed, and beside what is ignored nothing else."""
        return not (self.missing or self.extra or self.changed)


def read_model(statement: Statement) -> SignedModel:
    """What the statement of a model signature says.

    Raises MalformedError oms.predicate_type, oms.shape, oms.subject, oms.resource, oms.resource_duplicate,
    oms.empty, oms.ignore, oms.root; UnsupportedError oms.unsupported for a method or hash that is not computed
    here. Members that v1.0 does not know are ignored, as it asks.
    """
    if statement.predicate_type != PREDICATE_TYPE:
        raise _malformed("predicate_type", f"{statement.predicate_type[:120]!a} is not {PREDICATE_TYPE}")
    if len(statement.subjects) != 1:
        raise _malformed("subject", f"{len(statement.subjects)} subjects, a model signature has exactly one")
    (subject,) = statement.subjects
    serialization = _object(statement.predicate.get("serialization"), "serialization")
    algorithm, shard_size = _method(serialization)
    ignored = _ignored(serialization.get("ignore_paths"))
    files, root = _files(statement.predicate.get("resources"), algorithm, shard_size)
    if root != subject.digest:
        raise _malformed("root", f"the resources hash to {root}, the subject says {subject.digest}")
    left_out = frozenset(ignored)
    for path in files:
        if _covered(path, left_out):
            raise _malformed("ignore", f"{path[:120]!a} is listed and ignored at once")
    return SignedModel(subject.name, root, algorithm, shard_size, ignored, files)


def check_model(
    path: Path, model: SignedModel, *, ignore: Iterable[str] = (), limits: Limits = DEFAULT_LIMITS
) -> ModelDifferences:
    """Hold the folder, or the one file, at `path` against a signed model; every byte is read.

    `ignore` are paths inside it that are left out besides those that the signature lists: SIGNATURE_NAME where
    the signature lies in the folder, GIT_PATHS for a signature that does not record them. A file that is listed
    is missing when it is ignored here. Links are never followed, whatever the signature allows. Raises
    IdentityError as `trees.identify`, and tree.too_many for parts beyond count.
    """
    left_out = frozenset((*model.ignored, *ignore))
    found, skipped = _found(path, model, lambda name: _covered(name, left_out), limits)
    if model.shard_size is not None:
        # An empty file has no part to list, so a signature by parts vouches for none: it is not hidden.
        empty = sorted(name for name, text in found.items() if not text)
        skipped = sorted([*skipped, *empty])
        found = {name: text for name, text in found.items() if text}
    wanted = model.files
    return ModelDifferences(
        missing=tuple(sorted(wanted.keys() - found.keys())),
        extra=tuple(sorted(found.keys() - wanted.keys())),
        changed=tuple(sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])),
        ignored=tuple(skipped),
    )


def _covered(path: str, ignored: frozenset[str]) -> bool:
    """Whether a path is one of the ignored ones or lies in one of them."""
    steps = path.split("/")
    return any("/".join(steps[:count]) in ignored for count in range(1, len(steps) + 1))


def _found(
    path: Path, model: SignedModel, leave_out: Callable[[str], bool], limits: Limits
) -> tuple[dict[str, str], list[str]]:
    whole_sha256 = model.algorithm == "sha256" and model.shard_size is None
    hasher = (
        FileHasher()
        if whole_sha256
        else PartsHasher(model.algorithm, model.shard_size, most=limits.max_tree_files)
    )
    rows, form, skipped = read_rows(path, limits, hasher, leave_out)
    if form == "file":
        return {_WHOLE: rows[0][1][0]}, []
    return {name: text for name, (text, _) in rows}, sorted(skipped)


def _method(serialization: JsonObject) -> tuple[str, int | None]:
    method, algorithm = serialization.get("method"), serialization.get("hash_type")
    if not isinstance(method, str) or not isinstance(algorithm, str):
        raise _malformed("shape", "serialization needs method and hash_type")
    if not isinstance(serialization.get("allow_symlinks"), bool):
        raise _malformed("shape", "allow_symlinks must be true or false")
    if method not in {"files", "shards"} or algorithm not in HASHES:
        raise UnsupportedError(
            "oms.unsupported",
            f"a model signature over {method[:60]!a} by {algorithm[:60]!a}",
            where="model signature",
            hint=f"files or shards by {' or '.join(HASHES)} are read here",
        )
    size = serialization.get("shard_size")
    if method == "files":
        if size is not None:
            raise _malformed("shape", "a signature over files has a shard_size")
        return algorithm, None
    # model-signing 1.1 writes 1000.0: its numbers went through a protobuf Struct.
    if not isinstance(size, int | float) or isinstance(size, bool) or not 0 < size <= _MAX_SHARD or size % 1:
        raise _malformed("shape", "a signature over shards needs a shard_size of at least 1")
    return algorithm, int(size)


def _ignored(value: JsonValue) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _malformed("shape", "ignore_paths must be a list")
    paths: list[str] = []
    for item in value:
        # "." would leave out the whole model. What points out of it (the tool writes such) leaves out nothing.
        text = item.rstrip("/") if isinstance(item, str) else ""
        if not text or not set(text.split("/")) - {".", ""}:
            raise _malformed("ignore", f"{str(item)[:120]!a} is no path inside the model")
        paths.append(text)
    return tuple(paths)


def _files(value: JsonValue, algorithm: str, shard_size: int | None) -> tuple[dict[str, str], Digest]:
    if not isinstance(value, list) or not value:
        raise _malformed("empty", "the signature lists no resource")
    parts: defaultdict[str, dict[tuple[int, int], str]] = defaultdict(dict)
    root = hashlib.sha256()
    for index, item in enumerate(value):
        name, digits = _resource(item, index, algorithm, shard_size)
        path, bounds = _place(name, index, shard_size)
        if bounds in parts[path]:
            raise _malformed("resource_duplicate", f"resource {index} is listed before: {name[:120]!a}")
        parts[path][bounds] = digits
        root.update(bytes.fromhex(digits))
    if _WHOLE in parts and len(parts) > 1:
        raise _malformed("resource", "the model is one file and holds others at once")
    files = {
        path: ",".join(part(*bounds, held[bounds]) for bounds in sorted(held)) if shard_size else held[0, 0]
        for path, held in parts.items()
    }
    return files, Digest.from_hex(root.hexdigest())


def _resource(value: JsonValue, index: int, algorithm: str, shard_size: int | None) -> tuple[str, str]:
    resource = _object(value, f"resource {index}")
    name, digits = resource.get("name"), resource.get("digest")
    if not isinstance(name, str) or not isinstance(digits, str):
        raise _malformed("resource", f"resource {index} needs a name and a digest")
    # Of a part model-signing 1.1 writes the second spelling, the specification the first.
    names = (algorithm,) if shard_size is None else (algorithm, f"{algorithm}-sharded-{shard_size}")
    if resource.get("algorithm") not in names:
        raise _malformed("resource", f"resource {index} is not by {algorithm}, as the serialization says")
    if not re.fullmatch(rf"[0-9a-f]{{{HASHES[algorithm][1]}}}", digits):
        raise _malformed("resource", f"the digest of resource {index} is not one of {algorithm}")
    return name, digits


def _place(name: str, index: int, shard_size: int | None) -> tuple[str, tuple[int, int]]:
    """The path of a resource, and which part of it (0, 0 for the whole)."""
    path, bounds = name, (0, 0)
    if shard_size is not None:
        found = _SHARD.fullmatch(name)
        if found is None:
            raise _malformed("resource", f"resource {index} is not path:start:end: {name[:120]!a}")
        path, bounds = found[1], (int(found[2]), int(found[3]))
    if path != _WHOLE and not is_relative_posix(path):
        raise _malformed("resource", f"resource {index} is no path inside the model: {name[:120]!a}")
    return path, bounds


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise _malformed("shape", f"{what} must be an object")
    return value


def _malformed(code: str, message: str) -> MalformedError:
    return MalformedError(
        f"oms.{code}", message, where="model signature", hint="whoever signed the model must sign it again"
    )
