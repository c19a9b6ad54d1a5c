from __future__ import annotations

from importlib import import_module

import placet_engine.policy as room
from placet_engine.policy.port import (
    Answer,
    PolicyEngine,
    Refused,
    Result,
    TimedOut,
    Undefined,
    Unreachable,
    WrongBundle,
)
from tests.fakes.engine import REVISION, FakeEngine, result

EVERY_KIND: tuple[Answer, ...] = (
    Result(b"{}", REVISION),
    Undefined(),
    Refused(500, "no"),
    TimedOut(),
    Unreachable("gone"),
    WrongBundle("other"),
)


def test_the_fake_answers_in_every_way() -> None:
    engine: PolicyEngine = FakeEngine(EVERY_KIND)
    assert tuple(engine.ask(b"{}", timeout=1) for _ in EVERY_KIND) == EVERY_KIND
    assert engine.ask(b"{}", timeout=1) == Unreachable("no more answers")


def test_the_fake_answers_by_the_question() -> None:
    engine = FakeEngine(lambda question: result({"seen": question["x"]}))
    assert engine.ask(b'{"x":1}', timeout=2) == Result(b'{"seen":1}', engine.revision)
    assert engine.questions == [(b'{"x":1}', 2)]
    assert FakeEngine(TimedOut()).ask(b"{}", timeout=1) == TimedOut()
    engine.close()
    assert engine.ask(b"{}", timeout=1) == Unreachable("OPA was closed")


def test_every_name_of_the_door_exists() -> None:
    for name in room.__all__:
        assert getattr(room, name) is getattr(
            import_module(f"placet_engine.policy.{room._HOMES[name]}"), name
        )
    assert sorted(room._HOMES) == room.__all__ == sorted(room.__all__)
    assert not hasattr(room, "nothing")
