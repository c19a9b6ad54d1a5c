from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_api.admission import environments, paths
from placet_api.admission.port import Judged, Question, Ruling
from placet_api.admission.webhook import Ready, Webhook, seconds
from placet_api.errors import BusyError
from placet_attestations.errors import StoreError
from placet_engine.errors import LogError
from tests.api.admission.asking import Reply, ask, exchange
from tests.api.admission.objects import APP, MODEL, UID, A, B, data, pod_spec, recorded, review
from tests.fakes.admission import CountedRates, MemoryJudge

ENVIRONMENTS = environments.parse([{"namespaces": ["shop"], "environment": "prod"}], "c1", "x")
PATHS = paths.parse(
    [{"group": "serving.kserve.io", "kind": "InferenceService", "images": ["spec.predictor.model.image"]}],
    "x",
)
POD = review(pod_spec())


def hook(judge: Any = None, **more: Any) -> Webhook:
    judged = MemoryJudge({A, B}) if judge is None else judge
    return Webhook(judged, ENVIRONMENTS, PATHS, cluster="c1", actor="kubernetes:unauthenticated", **more)


def post(judge: Any = None, tree: Any = None, **more: Any) -> Reply:
    return ask(hook(judge, **more), data(POD if tree is None else tree))


def test_allows_what_is_judged_and_logged() -> None:
    judge = MemoryJudge({A, B}, warnings=("soon expired",))
    reply = ask(hook(judge), recorded("pod-create"))
    assert reply.response == {
        "uid": UID,
        "allowed": True,
        "warnings": ["soon expired"],
        "auditAnnotations": {
            "decisions": "decision-bbbb,decision-aaaa",
            "gate": "deploy/prod",
            "policy-revision": "revision-1",
            "entry": "entry-1",
        },
    }
    assert "connection" not in reply.headers
    (question,) = judge.questions
    assert question.digests == (B, A)  # each once, though one stands there twice
    assert (question.environment, question.workload, question.dry_run) == ("prod", False, False)
    assert question.context == {"cluster": "c1", "namespace": "shop"}
    (record,) = judge.records
    assert record["actor"] == "kubernetes:unauthenticated"
    assert record["allowed"] is True
    assert record["decisions"] == ["decision-bbbb", "decision-aaaa"]
    assert [image["image"] for image in record["images"]] == [MODEL, APP, MODEL]


@pytest.mark.parametrize(
    ("name", "workload"),
    [
        ("pod-create", False),
        ("pod-ephemeral", True),
        ("deployment-create", True),
        ("deployment-update", True),
        ("cronjob-create", True),
    ],
)
def test_which_reviews_are_of_a_workload(name: str, workload: bool) -> None:
    judge = MemoryJudge({A, B})
    assert ask(hook(judge), recorded(name)).response["allowed"] is True
    assert judge.questions[0].workload is workload


def test_an_update_without_new_images_is_none() -> None:
    judge = MemoryJudge({A}, running={A})
    tree = review(pod_spec(), operation="UPDATE", oldObject=POD["request"]["object"])
    assert post(judge, tree).response["auditAnnotations"]["gate"] == "running/prod"


@pytest.mark.parametrize("name", ["pod-delete", "pod-exec", "deployment-scale"])
def test_what_holds_no_images_is_allowed_without_a_question(name: str) -> None:
    judge = MemoryJudge()
    response = ask(hook(judge), recorded(name)).response
    assert response["allowed"] is True
    assert response["auditAnnotations"]["code"] == "admission.exempt"
    assert not judge.questions
    assert not judge.records


def test_a_custom_resource_without_an_image_is_allowed_with_a_warning_and_an_entry() -> None:
    judge = MemoryJudge()
    response = post(judge, review({}, kind=("serving.kserve.io", "InferenceService"))).response
    assert response["allowed"] is True
    assert "InferenceService" in response["warnings"][0]
    assert len(judge.records) == 1


def test_a_dry_run_is_marked() -> None:
    judge = MemoryJudge({A})
    response = post(judge, review(pod_spec(), dryRun=True)).response
    assert response["auditAnnotations"]["dry-run"] == "true"
    assert judge.questions[0].dry_run is True
    assert judge.records[0]["dryRun"] is True


def test_one_denied_digest_denies_the_object() -> None:
    judge = MemoryJudge({A})
    reply = ask(hook(judge), recorded("pod-create"))
    assert reply.code == "deploy.approval_missing"
    message = reply.response["status"]["message"]
    assert message.startswith('2 images are refused\nspec.initContainers[0] "fetch": ')
    assert "placet log show decision-bbbb" in message
    assert judge.records[0]["allowed"] is False


def test_an_image_without_a_digest_is_denied_before_any_question() -> None:
    judge = MemoryJudge({A})
    reply = post(judge, review(pod_spec(initContainers=[{"image": "app:1"}, {"image": "A B"}])))
    assert reply.code == "image.tag_only"
    assert "image.malformed" in reply.response["status"]["message"]
    assert judge.questions == []
    assert judge.records[0]["code"] == "image.tag_only"


def test_hostile_text_is_shown_and_logged_printable() -> None:
    judge = MemoryJudge()
    reply = post(judge, review({"containers": [{"image": "a\x1b\ud800"}]}, name="n\u202e"))
    assert "a\\x1b\\ud800" in reply.response["status"]["message"]
    assert judge.records[0]["name"] == "n\\u202e"
    assert judge.records[0]["images"][0]["image"] == "a\\x1b\\ud800"


@pytest.mark.parametrize(
    ("namespace", "words"), [("other", "namespace other is in no"), (None, "without a namespace")]
)
def test_an_unmapped_namespace_is_denied(namespace: str | None, words: str) -> None:
    judge = MemoryJudge({A})
    reply = post(judge, review(pod_spec(), namespace=namespace))
    assert reply.code == "admission.unmapped"
    assert words in reply.response["status"]["message"]
    assert judge.questions == []


@pytest.mark.parametrize(
    ("judge", "code"),
    [
        (MemoryJudge(failure=BusyError("http.overloaded", "full")), "http.overloaded"),
        (MemoryJudge(failure=StoreError("store.locked", "locked")), "store.locked"),
        (MemoryJudge({A}, log_failure=LogError("log.locked", "locked")), "log.unwritable"),
        (MemoryJudge(log_failure=LogError("log.locked", "locked")), "log.unwritable"),
    ],
)
def test_what_cannot_be_done_is_denied(judge: MemoryJudge, code: str) -> None:
    reply = post(judge)
    assert (reply.code, reply.response["uid"]) == (code, UID)


def test_any_exception_is_denied_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    reply = post(MemoryJudge(failure=KeyError("secret")))
    assert (reply.code, reply.response["uid"]) == ("admission.failed", UID)
    assert "secret" not in reply.body.decode()
    assert caplog.records[0].exc_info is not None


class StoppedJudge(MemoryJudge):
    """Is cancelled from within."""

    async def judge(self, question: Question) -> Ruling:
        raise asyncio.CancelledError


def test_a_judge_that_is_stopped_is_a_denial() -> None:
    reply = post(StoppedJudge())
    assert (reply.code, reply.response["uid"]) == ("admission.failed", UID)


class FixedJudge(MemoryJudge):
    """Rules the same, whatever is asked."""

    ruling = Ruling((), "r")

    async def judge(self, question: Question) -> Ruling:
        return self.ruling


def judged(digest: str, verdict: Any) -> Judged:
    return Judged(digest, "deploy/prod", verdict, "d")


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ((), "admission.incomplete"),
        ((judged(B, "allow"),), "admission.incomplete"),
        ((judged(A, "allow"), judged(B, "deny")), "admission.contradiction"),
        ((judged(A, "allow"), judged(A, "deny")), "admission.denied"),
        ((judged(A, "Allow"),), "admission.denied"),
        ((judged(A, True),), "admission.denied"),
    ],
)
def test_only_a_whole_allow_allows(results: tuple[Judged, ...], code: str) -> None:
    judge = FixedJudge()
    judge.ruling = Ruling(results, "r")
    assert post(judge).code == code


def test_rates_are_counted_by_the_actor() -> None:
    rates = CountedRates(1)
    webhook = hook(rates=rates)
    assert ask(webhook, data(POD)).response["allowed"] is True
    limited = ask(webhook, data(POD))
    assert (limited.code, limited.response["uid"]) == ("access.rate", UID)
    assert rates.keys == ["kubernetes:unauthenticated"] * 2


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"headers": ()}, "admission.media_type"),
        ({"headers": ((b"content-type", b"text/plain"),)}, "admission.media_type"),
        ({"path": "/v1/admission/other"}, "admission.path"),
    ],
)
def test_a_wrong_call_is_denied_with_its_uid(more: dict[str, Any], code: str) -> None:
    head = f'{{"kind":"AdmissionReview","request":{{"uid":"{UID}"'.encode()
    reply = ask(hook(), head, **more)
    assert (reply.code, reply.response["uid"]) == (code, UID)


def test_a_media_type_may_have_a_charset() -> None:
    headers = ((b"Content-Type", b"application/json; charset=utf-8"),)
    assert ask(hook(), data(POD), headers=headers).response["allowed"] is True


def test_a_body_in_pieces() -> None:
    body = data(POD)
    assert ask(hook(), body[:10], b"", body[10:]).response["allowed"] is True


def test_a_body_without_end_is_denied_and_closed() -> None:
    head = f'{{"request":{{"uid":"{UID}",'.encode()
    reply = ask(hook(max_bytes=1000), head, *([b" " * 100] * 50))
    assert (reply.code, reply.response["uid"]) == ("admission.too_large", UID)
    assert reply.headers["connection"] == "close"


def test_a_malformed_review_is_denied() -> None:
    assert ask(hook(), b"{").response["uid"] == ""
    assert post(None, review({})).response["uid"] == UID


def test_a_caller_that_goes_away_gets_nothing() -> None:
    assert ask(hook(), b"{", after={"type": "http.disconnect"}).status == 0


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (b"timeout=5s", 4.5),
        (b"timeout=1s", 0.8),
        (b"timeout=10s&x=1", 9.0),
        (b"timeout=0s", 0.8),
        (b"timeout=9999s", 27.0),
        (b"", 4.5),
        (b"timeout=", 4.5),
        (b"timeout=-1s", 4.5),
        (b"timeout=1m", 4.5),
        (b"timeout=\xffs", 4.5),
    ],
)
def test_the_deadline_is_the_api_servers(query: bytes, wanted: float) -> None:
    assert seconds(query) == pytest.approx(wanted)


def test_a_missed_deadline_is_a_denial() -> None:
    jumps = itertools.chain([0.0], itertools.repeat(60.0))
    judge = MemoryJudge({A}, hangs=True)
    reply = ask(hook(judge, clock=lambda: next(jumps)), data(POD))
    assert (reply.code, reply.response["uid"]) == ("admission.deadline", UID)
    assert judge.questions[0].by == pytest.approx(4.2)  # what is late can still be logged


def test_a_body_that_never_ends_meets_the_deadline() -> None:
    jumps = itertools.chain([0.0], itertools.repeat(60.0))
    head = f'{{"request":{{"uid":"{UID}",'.encode()
    webhook = hook(clock=lambda: next(jumps))
    message = {"type": "http.request", "body": head, "more_body": True}
    reply = ask(webhook, after=message)
    assert (reply.code, reply.response["uid"]) == ("admission.deadline", UID)
    assert reply.headers["connection"] == "close"


class StubbornJudge(MemoryJudge):
    """Does not let itself be cancelled."""

    async def judge(self, question: Question) -> Ruling:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("stubborn") from None
        raise AssertionError("unreachable")


def test_what_fails_after_its_deadline_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    jumps = itertools.chain([0.0], itertools.repeat(60.0))
    assert ask(hook(StubbornJudge(), clock=lambda: next(jumps)), data(POD)).code == "admission.deadline"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_cancelled_call_cancels_its_work() -> None:
    async def cancelled() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b""}
        call = asyncio.ensure_future(exchange(hook(), scope, []))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(cancelled())


def ready(missing: Mapping[str, str] | None) -> Ready:
    async def call() -> Mapping[str, str]:
        if missing is None:
            raise RuntimeError("broken")
        return missing

    return call


@pytest.mark.parametrize(
    ("method", "path", "state", "status"),
    [
        ("GET", "/healthz", None, 200),
        ("HEAD", "/healthz", {}, 200),
        ("GET", "/readyz", {}, 200),
        ("GET", "/readyz", {"opa": "away"}, 503),
        ("GET", "/readyz", None, 503),
        ("GET", "/v1/admission/validate", {}, 405),
        ("PUT", "/healthz", {}, 404),
        ("GET", "/metrics", {}, 404),
    ],
)
def test_the_other_calls(method: str, path: str, state: dict[str, str] | None, status: int) -> None:
    assert ask(hook(ready=ready(state)), method=method, path=path).status == status


def test_it_is_ready_when_nobody_says_otherwise() -> None:
    assert ask(hook(), method="GET", path="/readyz").status == 200


def test_the_listeners_life_and_websockets() -> None:
    life = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = asyncio.run(exchange(hook(), {"type": "lifespan"}, life))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    sent = asyncio.run(exchange(hook(), {"type": "websocket"}, []))
    assert sent == [{"type": "websocket.close", "code": 1003}]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["containers", "image", "spec", "template", "volumes", "reference", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.binary())
def test_no_bytes_are_allowed(body: bytes) -> None:
    assert ask(hook(), body).response["allowed"] is False


@given(
    st.sampled_from(["object", "oldObject", "kind", "resource", "uid", "userInfo", "operation", "name"]),
    values,
)
def test_no_odd_review_raises(key: str, value: Any) -> None:
    """A judge that admits nothing: whatever one field holds, what is not exempt is denied."""
    tree = {**POD, "request": {**POD["request"], key: value}}
    reply = post(MemoryJudge(), tree)
    assert reply.response["allowed"] is False


@given(values, st.sampled_from([("", "Pod"), ("apps", "Deployment"), ("batch", "CronJob"), ("x.y", "Z")]))
def test_no_odd_object_is_allowed(spec: Any, kind: tuple[str, str]) -> None:
    assert post(MemoryJudge(), review(spec, kind=kind)).response["allowed"] is False


def test_what_is_remembered_is_answered_without_a_question_and_logged() -> None:
    judge = MemoryJudge({A}, remembered={A})
    reply = post(judge)
    assert reply.response["allowed"] is True
    assert reply.response["auditAnnotations"]["repeated"] == "true"
    assert judge.questions == []
    assert [(record["repeated"], record["decisions"]) for record in judge.records] == [
        (True, ["decision-aaaa"])
    ]


def test_what_is_remembered_and_cannot_be_logged_is_denied() -> None:
    judge = MemoryJudge({A}, remembered={A}, log_failure=LogError("log.unwritable", "full"))
    assert post(judge).code == "log.unwritable"


class SlowLog(MemoryJudge):
    """Its log takes too long."""

    async def note(self, record: Mapping[str, Any], by: float) -> str:
        raise TimeoutError


@pytest.mark.parametrize("remembered", [set(), {A}])
def test_a_log_that_is_late_is_a_denial(remembered: set[str]) -> None:
    assert post(SlowLog({A}, remembered=remembered)).code == "admission.deadline"


def test_a_denial_says_how_to_pin() -> None:
    reply = post(tree=review({"containers": [{"name": "app", "image": "placet.example/app:1"}]}))
    assert "write NAME@sha256:" in reply.response["status"]["message"]
