"""Reviews that the admission webhook must deny, whatever they are; and what does not even speak TLS."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from typing import Any, Final

from placet_attestations.digests import Digest
from tests.campaigns.hostility import Case, Cases, Target
from tests.campaigns.reviews import PATH, image, pod_review
from tests.campaigns.wire import chunked, hear, request, say, told

Make = Callable[[Target], bytes]
_MALFORMED: Final = ("200 denied admission.malformed",)
_UID: Final = ("200 denied admission.uid",)
_TOO_LARGE: Final = ("200 denied admission.too_large",)
_BLOCK: Final = b"y" * (1 << 16)


def _of(**changes: Any) -> Make:
    """A good Pod's review in which this is laid over the request."""

    def make(target: Target) -> bytes:
        review = json.loads(_good(target))
        review["request"] |= changes
        return json.dumps(review).encode()

    return make


def _good(target: Target) -> bytes:
    return pod_review("1", [image(target.models["vouched for"])])


def _older(target: Target) -> bytes:
    return _good(target).replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1")


def _many_good(target: Target) -> bytes:
    return pod_review("1", [image(target.models["vouched for"])] * 100)


def _many_unknown(target: Target) -> bytes:
    return pod_review("1", [image(Digest.of(f"unknown {number}".encode())) for number in range(100)])


def _large(target: Target) -> bytes:
    images = [image(target.models["vouched for"])]
    return pod_review("1", images).replace(b'"name": "one"', b'"name": "' + b"x" * (4 << 20) + b'"')


def _spec(value: Any) -> Make:
    return _of(object={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": value})


_REVIEWS: Final[tuple[tuple[str, Make, tuple[str, ...]], ...]] = (
    ("a good one", _good, ("200 allowed",)),
    ("100 containers, all good", _many_good, ("200 allowed",)),
    ("100 containers that nobody knows", _many_unknown, ("200 denied lineage.subject_known",)),
    ("v1beta1", _older, ("200 denied admission.version",)),
    ("a uid that is a number", _of(uid=7), _UID),
    ("no uid", _of(uid=""), _UID),
    ("another kind inside", _of(kind={"group": "", "version": "v1", "kind": "Secret"}), _MALFORMED),
    ("no object", _of(object=None), _MALFORMED),
    ("an operation that is none", _of(operation="FROB"), _MALFORMED),
    ("dryRun is text", _of(dryRun="no"), _MALFORMED),
    ("no containers", _spec({}), _MALFORMED),
    ("containers are no list", _spec({"containers": {"image": "x"}}), _MALFORMED),
    ("an image that is a number", _spec({"containers": [{"name": "a", "image": 7}]}), _MALFORMED),
    (
        "an image that is none",
        _spec({"containers": [{"name": "a", "image": "!! @@"}]}),
        ("200 denied image.malformed",),
    ),
    ("a list", lambda _: b"[]", _MALFORMED),
    ("nothing", lambda _: b"", ("200 denied admission.json",)),
    ("null bytes", lambda _: bytes(1000), ("200 denied admission.json",)),
    ("100,000 lists deep", lambda _: b"[" * 100_000 + b"]" * 100_000, ("200 denied admission.too_deep",)),
    ("a review of 4 MiB", _large, _TOO_LARGE),
)


def cases() -> Cases:
    """All of them."""
    for name, make, expected in _REVIEWS:
        yield Case(f"review: {name}", expected, functools.partial(_posted, make))
    yield Case("review: chunks without end", _TOO_LARGE, _endless)
    yield Case("review: another path", ("200 denied admission.path",), _elsewhere)
    yield Case("review: no JSON by its own word", ("200 denied admission.media_type",), _as_text)
    yield Case("webhook: plain HTTP on the TLS port", ("closed",), _in_clear(request("/healthz")))
    yield Case("webhook: garbage on the TLS port", ("closed",), _in_clear(os.urandom(4096)))
    yield Case("webhook: a broken greeting", ("closed",), _in_clear(b"\x16\x03\x01\xff\xff" + bytes(70_000)))
    yield Case(
        "webhook: a header of 100 kB",
        ("431 http.head_too_large",),
        lambda target: say(target.hook, request("/healthz", more=f"X: {'y' * 100_000}\r\n")),
    )
    yield Case(
        "webhook: length and chunks",
        ("400 http.malformed",),
        lambda target: say(target.hook, chunked(PATH)[:-2] + b"Content-Length: 4\r\n\r\n0\r\n\r\n"),
    )


def _posted(make: Make, target: Target) -> str:
    return say(target.hook, request(PATH, method="POST", body=make(target)))


def _endless(target: Target) -> str:
    with target.hook.connect() as line:
        try:
            line.sendall(chunked(PATH))
            for _ in range(1 << 14):
                line.sendall(b"10000\r\n" + _BLOCK + b"\r\n")
        except OSError:
            pass
        return told(hear(line, 1))


def _elsewhere(target: Target) -> str:
    return say(target.hook, request("/v1/admission/frob", method="POST", body=_good(target)))


def _as_text(target: Target) -> str:
    body = _good(target)
    return say(
        target.hook,
        request(PATH, method="POST", more=f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n")
        + body,
    )


def _in_clear(data: bytes) -> Callable[[Target], str]:
    return lambda target: say(target.hook.clear, data, end=True)
