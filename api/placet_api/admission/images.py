"""The images that an object runs, wherever it names them.

Built-in kinds have their places here; custom resources have theirs in the setting `kubernetes.paths`. An object whose
images cannot be read is an error, and so a denial: what is not seen is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from placet_api.admission.paths import Paths, values
from placet_api.admission.review import MalformedReviewError, Review, TooLargeError, UnknownKindError

MAX_IMAGES: Final = 200
EPHEMERAL: Final = "ephemeralcontainers"

Kind = Literal["container", "init", "ephemeral", "volume"]

_TEMPLATE: Final = ("spec", "template", "spec")

POD_SPECS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "Pod"): ("spec",),
    ("", "PodTemplate"): ("template", "spec"),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
    ("batch", "Job"): _TEMPLATE,
}
"""Where the Pod's spec stands in each built-in kind, by API group and kind."""

_LISTS: Final[tuple[tuple[str, Kind], ...]] = (
    ("initContainers", "init"),
    ("containers", "container"),
    ("ephemeralContainers", "ephemeral"),
)

_COUNTED: Final = frozenset({"finalizers", "generation", "managedFields", "resourceVersion"})


class Exempt(Enum):
    """Why a review is allowed without looking at images: nothing that runs is written by it."""

    OPERATION = "the operation writes no images"
    SUBRESOURCE = "the subresource holds no images"
    FINALIZERS = "the update takes finalizers away, and changes nothing else"


@dataclass(frozen=True, slots=True)
class Image:
    """One image as the object names it.

    `where` is its place in words, such as `spec.containers[0] "app"`; `pointer` is the JSON pointer of its text
    (RFC 6901).
    """

    where: str
    kind: Kind
    text: str
    pointer: str = field(default="", compare=False)


def exempt(review: Review) -> Exempt | None:
    """Why this review holds no images to judge; None when it does."""
    if review.operation not in {"CREATE", "UPDATE"}:
        return Exempt.OPERATION
    if review.subresource not in {"", EPHEMERAL}:
        return Exempt.SUBRESOURCE
    if _lets_go(review):
        return Exempt.FINALIZERS
    return None


def _lets_go(review: Review) -> bool:
    """Whether an update takes finalizers away and changes nothing else: nothing is started by that.

    Judged, what is refused could never be deleted, and a Job whose image was revoked could never end: its controller
    takes a finalizer off each finished Pod. What changes besides is judged like any other update.
    """
    old, new = review.old_object, review.object
    if review.operation != "UPDATE" or review.subresource or old is None or new is None:
        return False
    before, after = old.get("metadata"), new.get("metadata")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    held, left = before.get("finalizers") or [], after.get("finalizers") or []
    if not isinstance(held, list) or not isinstance(left, list) or len(left) >= len(held):
        return False
    return all(name in held for name in left) and _lasting(old, before) == _lasting(new, after)


def _lasting(tree: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """An object without its status, its finalizers, and what the API server counts by itself."""
    kept = {name: value for name, value in metadata.items() if name not in _COUNTED}
    return {**tree, "metadata": kept, "status": None}


def images(review: Review, paths: Paths) -> tuple[Image, ...]:
    """All images of the object, in its order; none for an exempt review.

    Raises `ReviewError`: `admission.kind_unknown`, `admission.malformed`, `admission.too_many`.
    """
    if exempt(review) is not None:
        return ()
    return _of(review, paths, review.object)


def changed(review: Review, paths: Paths) -> tuple[Image, ...]:
    """The images that the old object does not have; all of them when there is no old object that can be read."""
    now = images(review, paths)
    if review.operation != "UPDATE" or review.old_object is None:
        return now
    try:
        before = {(image.kind, image.text) for image in _of(review, paths, review.old_object)}
    except MalformedReviewError:
        return now
    return tuple(image for image in now if (image.kind, image.text) not in before)


def _of(review: Review, paths: Paths, tree: Mapping[str, Any] | None) -> tuple[Image, ...]:
    found: list[Image] = []
    for image in _all(review, paths, tree):
        found.append(image)
        if len(found) > MAX_IMAGES:
            message = f"the object names more than {MAX_IMAGES} images"
            raise TooLargeError("admission.too_many", message, review.uid)
    return tuple(found)


def _all(review: Review, paths: Paths, tree: Mapping[str, Any] | None) -> Iterator[Image]:
    key = (review.group, review.kind)
    if key in POD_SPECS:
        yield from _in_pod(review, tree, POD_SPECS[key])
    elif key in paths.by_kind:
        for path in paths.by_kind[key]:
            for where, value in values(tree, path, review.uid):
                # The names of a path are letters, digits, _ and -: nothing in them has to be escaped.
                pointer = "/" + where.replace("]", "").replace("[", "/").replace(".", "/")
                yield Image(where, "container", _image_text(review, value, where), pointer)
    else:
        name = f"{review.kind} of {review.group or 'the core group'}"
        raise UnknownKindError(
            "admission.kind_unknown",
            f"nobody said where {name} names its images",
            review.uid,
            hint="add it to kubernetes.paths, or take it out of the webhook's rules",
        )


def _in_pod(review: Review, tree: Mapping[str, Any] | None, path: tuple[str, ...]) -> Iterator[Image]:
    spec: Any = tree
    for name in path:
        spec = spec.get(name) if isinstance(spec, dict) else None
    place = ".".join(path)
    if not isinstance(spec, dict):
        raise _malformed(review, f"{place} is no Pod's spec")
    if not spec.get("containers"):
        raise _malformed(review, f"{place} has no containers")
    for key, kind in _LISTS:
        for where, pointer, item in _items(review, spec, place, key):
            yield Image(where, kind, _image_text(review, item.get("image"), where), f"{pointer}/image")
    for where, pointer, item in _items(review, spec, place, "volumes"):
        source = item.get("image")
        if source is None:
            continue
        if not isinstance(source, dict):
            raise _malformed(review, f"{where} has an image that is no image volume")
        text = _image_text(review, source.get("reference"), where)
        yield Image(where, "volume", text, f"{pointer}/image/reference")


def _items(
    review: Review, spec: Mapping[str, Any], place: str, key: str
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The items of one list with their places and pointers; a list that is absent or null has none."""
    items = spec.get(key)
    if items is None:
        return
    if not isinstance(items, list):
        raise _malformed(review, f"{place}.{key} is not a list")
    for index, item in enumerate(items):
        where = f"{place}.{key}[{index}]"
        if not isinstance(item, dict):
            raise _malformed(review, f"{where} is not an object")
        name = item.get("name")
        pointer = f"/{place.replace('.', '/')}/{key}/{index}"
        yield (f'{where} "{name}"' if isinstance(name, str) else where), pointer, item


def _image_text(review: Review, value: object, where: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise _malformed(review, f"{where} names no image")


def _malformed(review: Review, message: str) -> MalformedReviewError:
    return MalformedReviewError("admission.malformed", message, review.uid)
