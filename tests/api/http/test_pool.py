from __future__ import annotations

import asyncio
import threading

import pytest

from placet_api.errors import BusyError
from placet_api.http.pool import Pool


def test_what_fits_runs_and_one_more_is_refused() -> None:
    async def crowd() -> None:
        pool, hold = Pool(2, 1), threading.Event()
        running = [asyncio.ensure_future(pool.run(lambda: hold.wait(60))) for _ in range(3)]
        await asyncio.sleep(0)
        assert pool.taken == 3
        with pytest.raises(BusyError) as caught:
            await pool.run(lambda: None)
        assert caught.value.code == "http.overloaded"
        hold.set()
        assert await asyncio.gather(*running) == [True, True, True]
        assert await pool.run(lambda: 7) == 7
        pool.close()
        with pytest.raises(BusyError) as caught:
            await pool.run(lambda: None)
        assert caught.value.code == "http.closing"

    asyncio.run(crowd())


def test_what_a_function_raises_reaches_its_caller_and_leaves_room() -> None:
    async def fail() -> None:
        pool = Pool(1, 0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await pool.run(lambda: 1 // 0)
        pool.close()

    asyncio.run(fail())
