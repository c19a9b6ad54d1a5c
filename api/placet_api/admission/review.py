"""AdmissionReview `admission.k8s.io/v1`: bytes to a frozen review, and an answer to bytes.

Read strictly: what this file cannot read is denied, never guessed. The uid is the one thing that is looked for even in
a body that is refused, for the API server takes an answer of another uid for a failed call, and a failed call may
admit (`failurePolicy: Ignore`).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from placet_api.errors import UsageError
from placet_api.printable import printable

OBJECT_BYTES: Final = 3 * 1024 * 1024
"""The API server's own bound on a request's body."""

ENVELOPE_BYTES: Final = 2 * 1024 * 1024
"""Room for what stands around the object: the old object (at most 1.5 MiB in etcd), user and options."""

MAX_BYTES: Final = OBJECT_BYTES + ENVELOPE_BYTES
MAX_DEPTH: Final = 128
API_VERSION: Final = "admission.k8s.io/v1"
OPERATIONS: Final = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

_UID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_HEAD_UID = re.compile(rb'"request"\s*:\s*\{\s*"uid"\s*:\s*"([A-Za-z0-9._:-]{1,128})"')
_HEAD_BYTES: Final = 4096
_WARNING_LETTERS: Final = 120  # more may be cut by the API server, see the API's own description
_WARNINGS: Final = 20
_ANNOTATION_LETTERS: Final = 2048


class ReviewError(UsageError):
    """A review that cannot be judged. `uid` is the review's where it could be read."""

    def __init__(self, code: str, message: str, uid: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.uid = uid


class TooLargeError(ReviewError):
    """More bytes, levels or images than a review may have."""


class MalformedReviewError(ReviewError):
    """Bytes or an object that are not what the API server sends."""


class UnknownKindError(ReviewError):
    """A kind whose images nobody said where to find."""


@dataclass(frozen=True, slots=True)
class Review:
    """One admission request. `object` is None on DELETE, `old_object` on CREATE; `user` informs and proves nothing."""

    uid: str
    kind: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    operation: str
    user: str
    dry_run: bool
    object: Mapping[str, Any] | None
    old_object: Mapping[str, Any] | None


def decode(body: bytes, *, max_bytes: int = MAX_BYTES) -> Review:
    """Read a review.

    Raises `ReviewError`: `admission.too_large`, `admission.too_deep`, `admission.json`, `admission.version`,
    `admission.uid`, `admission.malformed`.
    """
    if len(body) > max_bytes:
        raise TooLargeError(
            "admission.too_large", f"the review is larger than {max_bytes} bytes", find_uid(body)
        )
    tree = _tree(body)
    if not isinstance(tree, dict):
        raise MalformedReviewError("admission.malformed", "the body is not an object")
    request = tree.get("request")
    uid = _uid(request)
    if tree.get("apiVersion") != API_VERSION or tree.get("kind") != "AdmissionReview":
        message = f"this is not an AdmissionReview of {API_VERSION}"
        raise MalformedReviewError(
            "admission.version", message, uid, hint=f"set admissionReviewVersions: [{API_VERSION[-2:]}]"
        )
    if uid is None or not isinstance(request, dict):
        raise MalformedReviewError("admission.uid", "the review has no request with a uid")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(tree, uid)
    return _request(request, uid)


def find_uid(head: bytes) -> str:
    """The uid in the beginning of a body that is not read as a whole; empty when it does not stand there.

    Only for denials: a denial that bears a wrong uid admits nothing.
    """
    found = _HEAD_UID.search(head[:_HEAD_BYTES])
    return found.group(1).decode() if found else ""


def answer(
    uid: str,
    allowed: bool,
    message: str = "",
    code: str = "",
    warnings: Iterable[str] = (),
    audit: Mapping[str, str] | None = None,
    patch: Sequence[Mapping[str, str]] = (),
) -> bytes:
    """The bytes of an answer. `code` is the stable reason code and goes into the audit log with `audit`.

    `patch` (JSON Patch, RFC 6902) is for an answer that allows.

    Annotation keys are without a prefix: the API server puts the webhook's name before them.
    """
    response: dict[str, Any] = {"uid": uid, "allowed": allowed}
    if not allowed:
        response["status"] = {"status": "Failure", "code": 403, "reason": "Forbidden", "message": message}
    if patch and allowed:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(list(patch)).encode()).decode()
    if shown := [_cut(printable(text), _WARNING_LETTERS) for text in warnings][:_WARNINGS]:
        response["warnings"] = shown
    annotations = dict(audit or {}) | ({"code": code} if code else {})
    if annotations:
        response["auditAnnotations"] = {
            key: _cut(printable(text), _ANNOTATION_LETTERS) for key, text in annotations.items()
        }
    tree = {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(tree, separators=(",", ":")).encode()


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _tree(body: bytes) -> Any:
    """The body as JSON; two members of one name are refused, for two readers may take different ones."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
    except RecursionError:
        message = f"the review is nested deeper than {MAX_DEPTH} levels"
        raise TooLargeError("admission.too_deep", message, find_uid(body) or None) from None
    except ValueError as error:
        message = f"the review is not JSON: {printable(error)}"
        raise MalformedReviewError("admission.json", message, find_uid(body) or None) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("two members of one object have the same name")
    return members


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _uid(request: object) -> str | None:
    uid = request.get("uid") if isinstance(request, dict) else None
    return uid if isinstance(uid, str) and _UID.fullmatch(uid) else None


def _check_depth(tree: object, uid: str) -> None:
    """Level by level, so that no depth exhausts a stack here."""
    level = [tree]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for value in level:
            held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            # One type test for most values, which are texts: this looks at all of a large object.
            inner += [item for item in held if type(item) is not str and isinstance(item, (dict, list))]
        if not inner:
            return
        level = inner
    raise TooLargeError(
        "admission.too_deep", f"the review is nested deeper than {MAX_DEPTH} levels", uid or None
    )


def _request(request: Mapping[str, Any], uid: str) -> Review:
    kind = _mapping(request, "kind", uid) or {}
    resource = _mapping(request, "resource", uid) or {}
    user = _mapping(request, "userInfo", uid) or {}
    operation = _text(request, "operation", uid)
    if operation not in OPERATIONS:
        raise MalformedReviewError("admission.malformed", "the operation is none that is known", uid)
    review = Review(
        uid=uid,
        kind=_text(kind, "kind", uid),
        group=_text(kind, "group", uid),
        version=_text(kind, "version", uid),
        resource=_text(resource, "resource", uid),
        subresource=_text(request, "subResource", uid),
        namespace=_text(request, "namespace", uid),
        name=_text(request, "name", uid),
        operation=operation,
        user=_text(user, "username", uid),
        dry_run=_flag(request, "dryRun", uid),
        object=_mapping(request, "object", uid),
        old_object=_mapping(request, "oldObject", uid),
    )
    if not review.kind or not review.resource:
        raise MalformedReviewError("admission.malformed", "the review names no kind or no resource", uid)
    if operation in {"CREATE", "UPDATE"}:
        _check_object(review)
    return review


def _check_object(review: Review) -> None:
    """What is written must be there, and be of the kind that the request says."""
    if review.object is None:
        raise MalformedReviewError("admission.malformed", "the review has no object", review.uid)
    if review.object.get("kind", review.kind) != review.kind:
        raise MalformedReviewError("admission.malformed", "object and request differ in kind", review.uid)
    version = f"{review.group}/{review.version}" if review.group else review.version
    if review.object.get("apiVersion", version) != version:
        raise MalformedReviewError(
            "admission.malformed", "object and request differ in apiVersion", review.uid
        )


def _mapping(tree: Mapping[str, Any], key: str, uid: str) -> Mapping[str, Any] | None:
    value = tree.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise MalformedReviewError("admission.malformed", f"{key} is not an object", uid)


def _text(tree: Mapping[str, Any], key: str, uid: str) -> str:
    value = tree.get(key)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise MalformedReviewError("admission.malformed", f"{key} is not text", uid)


def _flag(tree: Mapping[str, Any], key: str, uid: str) -> bool:
    value = tree.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise MalformedReviewError("admission.malformed", f"{key} is neither true nor false", uid)
