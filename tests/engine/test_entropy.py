from __future__ import annotations

import os

from placet_engine.entropy import random_bytes


def test_nothing_is_given_out_twice() -> None:
    pieces = [random_bytes(32) for _ in range(1000)]
    assert len(set(pieces)) == 1000
    assert {len(piece) for piece in pieces} == {32}
    assert len(random_bytes(10_000)) == 10_000
    assert random_bytes(0) == b""


def test_a_forked_process_draws_bytes_of_its_own() -> None:
    random_bytes(1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, random_bytes(32))
        os._exit(0)
    os.waitpid(child, 0)
    drawn = os.read(read, 32)
    os.close(read)
    os.close(write)
    assert len(drawn) == 32
    assert drawn not in random_bytes(64)
