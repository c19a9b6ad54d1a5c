from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from placet_api.http.durable import durable
from placet_engine.errors import LogError


def test_the_value_of_another_thread() -> None:
    async def work() -> int:
        future: Future[int] = Future()
        asyncio.get_running_loop().run_in_executor(None, future.set_result, 7)
        return await durable(future, 60.0)

    assert asyncio.run(work()) == 7


def test_what_is_there_already() -> None:
    future: Future[int] = Future()
    future.set_result(7)
    assert asyncio.run(durable(future, 0.0)) == 7


def test_its_error() -> None:
    future: Future[int] = Future()
    future.set_exception(LogError("log.unwritable", "the disk is full"))
    with pytest.raises(LogError, match="full"):
        asyncio.run(durable(future, 60.0))


def test_what_is_late_is_taken_back() -> None:
    future: Future[int] = Future()
    with pytest.raises(TimeoutError):
        asyncio.run(durable(future, 0.0))
    assert future.cancelled()


def test_what_is_late_and_under_way_may_still_happen() -> None:
    future: Future[int] = Future()
    future.set_running_or_notify_cancel()
    with pytest.raises(TimeoutError):
        asyncio.run(durable(future, -1.0))
    future.set_result(7)  # its loop is gone, and nobody minds


def test_a_value_that_comes_with_the_end() -> None:
    async def work() -> None:
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()
        with pytest.raises(TimeoutError):
            await durable(future, 0.0)
        future.set_result(7)
        await asyncio.sleep(0)

    asyncio.run(work())
