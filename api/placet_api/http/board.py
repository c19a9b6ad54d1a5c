"""By which rules each worker judges, for all of them to read: memory that they share with their parent.

Each worker writes what it judges by into its own place, and that it is about to change it; the parent empties the
places of the dead. So whoever asked for a reload can be told when it is in force everywhere, by no word of anybody.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

_PLACE = struct.Struct("=64s?")  # the mark, and whether it is about to change


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in one place. `mark` is empty where nobody judges (yet)."""

    mark: bytes
    changing: bool


class Board:
    """A place for each worker, numbered from 1; made before any of them is forked."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._memory = mmap.mmap(-1, count * _PLACE.size)  # shared, without a file

    def write(self, number: int, mark: str, *, changing: bool) -> None:
        """What this worker judges by, and whether it is reading the files again. `mark`: at most 64 bytes."""
        _PLACE.pack_into(self._memory, self._start(number), mark.encode(), changing)

    def clear(self, number: int) -> None:
        """Nobody judges there; whoever comes next is waited for."""
        self.write(number, "", changing=False)

    def behind(self, number: int) -> tuple[int, ...]:
        """The workers that do not judge by what this one does, or may soon judge by something else.

        Empty only when all of them judge by the same, and whoever reads the files from here on reads no older ones.
        """
        mine = self._read(number)
        agreed = Told(mine.mark, changing=False)
        return tuple(each for each in self._numbers() if not mine.mark or self._read(each) != agreed)

    def apart(self) -> bool:
        """Whether two workers judge by different rules now."""
        return len({told.mark for each in self._numbers() if (told := self._read(each)).mark}) > 1

    def _numbers(self) -> range:
        return range(1, self._count + 1)

    def _start(self, number: int) -> int:
        return (number - 1) * _PLACE.size

    def _read(self, number: int) -> Told:
        """One place; read twice, because its worker may have written between two of its bytes."""
        first, second = (self._unpacked(number) for _ in range(2))
        return second if first == second else Told(second.mark, changing=True)

    def _unpacked(self, number: int) -> Told:
        mark, changing = _PLACE.unpack_from(self._memory, self._start(number))
        return Told(mark.rstrip(b"\0"), changing)
