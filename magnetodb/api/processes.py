"""What the worker processes of one service know of one another: memory that they share, made before they are forked.

Each has a slot that nobody else writes: how many connections it has, when it was last seen, its figures. When it has
died, the supervisor marks its slot; the figures stay there for its successor.
"""

import contextlib
import mmap
import os
import time
from typing import Final, NamedTuple
from zlib import crc32

FIELDS_BYTES: Final = 4096
"""Beginning of a slot: numbers of eight bytes."""

FIGURES_BYTES_MAX: Final = 2 * 1024 * 1024
"""Of one process. Pages that nobody wrote take no memory."""

FIGURES_HEAD_BYTES: Final = 24
"""Before the figures: when they were collected, their length, their checksum."""

SLOT_BYTES: Final = FIELDS_BYTES + 2 * FIGURES_BYTES_MAX
READ_ATTEMPTS_MAX: Final = 10

CONNECTIONS, SEEN, TAKEN, PUBLISHED, STARTS = range(5)
"""The fields of a slot: connections, or ABSENT; when its loop last turned (ns of the monotonic clock); connections
taken since the start; how often figures were published; how often the process was started."""

SILENCE_NS_MAX: Final = 5_000_000_000
"""A process whose loop has not turned for so long is not well."""

ABSENT: Final = -1
"""Instead of the number of connections: this process takes none."""

LEAD_FRACTION: Final = 8
"""A process may be ahead of another by this part of what the other has, so that many clients that come at once are
taken in many at a time. Where there are few connections it may not be ahead at all."""


class PublishedFigures(NamedTuple):
    """What a process last published, and when it collected that (ns of the monotonic clock)."""

    collected: int
    data: bytes


class Processes:
    """The slots of `count` processes, numbered from 1. It is made before the fork, and lasts as long as a process has
    it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.started = time.time()
        self._memory = mmap.mmap(-1, count * SLOT_BYTES)
        self._bytes = memoryview(self._memory)
        self._fields = [
            self._bytes[number * SLOT_BYTES : number * SLOT_BYTES + FIELDS_BYTES].cast("q") for number in range(count)
        ]
        self._bells = [os.pipe() for _ in range(count)]
        for ends in self._bells:
            for end in ends:
                os.set_blocking(end, False)
        for number in range(1, count + 1):
            self.say_gone(number)

    def fields(self, number: int) -> memoryview:
        """The numbers of a slot. Each is read and written in one go."""
        return self._fields[number - 1]

    def say_gone(self, number: int) -> None:
        """A process takes no connections, or has died."""
        self.fields(number)[CONNECTIONS] = ABSENT

    def is_there(self, number: int) -> bool:
        """Whether a process takes connections."""
        return bool(self.fields(number)[CONNECTIONS] != ABSENT)

    def restarts(self) -> int:
        """How often a process was started in the place of one that had died."""
        return sum(max(0, fields[STARTS] - 1) for fields in self._fields)

    def bell(self, number: int) -> int:
        """A descriptor that can be read when a process was rung for."""
        return self._bells[number - 1][0]

    def ring(self, number: int) -> None:
        """Wake a process. Ringing many times is ringing once."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._bells[number - 1][1], b".")

    def publish(self, number: int, collected: int, figures: bytes) -> None:
        """Replace the figures of a process. Raises ValueError where they are too large."""
        if len(figures) > FIGURES_BYTES_MAX - FIGURES_HEAD_BYTES:
            raise ValueError(f"{len(figures)} bytes of figures")
        fields = self.fields(number)
        # Two places in turn: who is killed in the middle of this leaves its last figures behind.
        start = self._place(number, fields[PUBLISHED] + 1)
        head = self._bytes[start : start + FIGURES_HEAD_BYTES].cast("q")
        head[0], head[1], head[2] = collected, len(figures), crc32(figures)
        self._bytes[start + FIGURES_HEAD_BYTES : start + FIGURES_HEAD_BYTES + len(figures)] = figures
        fields[PUBLISHED] += 1

    def published(self, number: int) -> PublishedFigures | None:
        """The figures of a process, or of the one that was there before it; None where there are none."""
        fields = self.fields(number)
        for _ in range(READ_ATTEMPTS_MAX):
            published = fields[PUBLISHED]
            if not published:
                return None
            start = self._place(number, published)
            collected, length, checksum = self._bytes[start : start + FIGURES_HEAD_BYTES].cast("q")
            data = bytes(self._bytes[start + FIGURES_HEAD_BYTES : start + FIGURES_HEAD_BYTES + length])
            if fields[PUBLISHED] == published and crc32(data) == checksum:
                return PublishedFigures(collected, data)
        return None

    @staticmethod
    def _place(number: int, published: int) -> int:
        return (number - 1) * SLOT_BYTES + FIELDS_BYTES + (published & 1) * FIGURES_BYTES_MAX


class Process:
    """One of the processes, from its own point of view. All methods belong to its event loop."""

    def __init__(self, processes: Processes, number: int) -> None:
        self.processes = processes
        self.number = number
        self._own = processes.fields(number)
        self._others = [processes.fields(other) for other in range(1, processes.count + 1) if other != number]
        self._own[STARTS] += 1

    def say_there(self) -> None:
        """From now on it takes connections. It has none yet."""
        self._own[CONNECTIONS] = 0
        self.say_seen()

    def say_gone(self) -> None:
        """It takes no more connections."""
        self.processes.say_gone(self.number)

    def say_seen(self) -> None:
        """Its loop turns; called every second."""
        self._own[SEEN] = time.monotonic_ns()

    def entered(self) -> None:
        """It has a connection more."""
        if self._own[CONNECTIONS] != ABSENT:
            self._own[CONNECTIONS] += 1
            self._own[TAKEN] += 1

    def left(self) -> None:
        """It has a connection less."""
        if self._own[CONNECTIONS] != ABSENT:
            self._own[CONNECTIONS] -= 1

    def lead(self) -> int:
        """By how many connections it is ahead of the process that has the fewest, beyond what it may be."""
        others = [connections for fields in self._others if (connections := fields[CONNECTIONS]) != ABSENT]
        if not others:
            return 0
        fewest = min(others)
        return max(0, int(self._own[CONNECTIONS]) - fewest - fewest // LEAD_FRACTION)

    def taken_by_others(self) -> int:
        """How many connections the others have taken since the start. It grows where they do their part."""
        return sum(fields[TAKEN] for fields in self._others)

    def fault_of_others(self) -> str | None:
        """A sentence that names a process which hangs, or None."""
        seen_before = time.monotonic_ns() - SILENCE_NS_MAX
        for number in range(1, self.processes.count + 1):
            seen = self.processes.fields(number)[SEEN]
            if number != self.number and self.processes.is_there(number) and seen < seen_before:
                return f"worker {number} has answered nobody for {(time.monotonic_ns() - seen) // 10**9} seconds"
        return None
