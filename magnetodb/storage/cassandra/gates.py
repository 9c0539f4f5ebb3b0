"""Waiting in this process: for a write that is under way, and for one's turn.

Cassandra decides by rounds of messages, in which writers of one partition get in each other's way. Those of one process
need not: they come one after the other.
"""

import asyncio
from collections.abc import Hashable, Iterable
from typing import Final

from magnetodb.errors import StorageBusy

WAITING_MAX: Final = 4096
"""So many writes wait for their turn in a process; more are refused."""


class Gate:
    """Opens once, for everybody who waits before it."""

    __slots__ = ("_waiting", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def open(self) -> None:
        """Let everybody go on, in the order in which they came."""
        self.is_open = True
        if self._waiting is not None:
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)
            self._waiting = None

    async def wait(self) -> None:
        """Return when the gate is open."""
        if not self.is_open:
            future = asyncio.get_running_loop().create_future()
            if self._waiting is None:
                self._waiting = []
            self._waiting.append(future)
            await future


class Turn(Gate):
    """A turn that was given; `leave` lets the next ones have theirs."""

    __slots__ = ("_keys", "_last")

    def __init__(self, last: dict[Hashable, "Turn"], keys: tuple[Hashable, ...]) -> None:
        super().__init__()
        self._last = last
        self._keys = keys

    def leave(self) -> None:
        """Must be called, whatever happened."""
        for key in self._keys:
            if self._last.get(key) is self:
                del self._last[key]
        self.open()


class Turns:
    """First come, first served, by key. Several keys are asked for at once, so that nobody waits for ever."""

    def __init__(self) -> None:
        self._last: dict[Hashable, Turn] = {}
        self._waiting = 0

    def take_now(self, key: Hashable) -> Turn | None:
        """The turn, if nobody else has it or waits for it."""
        if key in self._last:
            return None
        turn = self._last[key] = Turn(self._last, (key,))
        return turn

    async def take(self, keys: Iterable[Hashable]) -> Turn:
        """Return when all who asked earlier for any of these keys have left. Raises StorageBusy if too many wait."""
        last = self._last
        turn = Turn(last, tuple(keys))
        ahead = [before for key in turn._keys if (before := last.get(key)) is not None]
        if not ahead:
            for key in turn._keys:
                last[key] = turn
            return turn
        if self._waiting >= WAITING_MAX:
            raise StorageBusy("Too many writes wait for their turn.")
        for key in turn._keys:
            last[key] = turn
        self._waiting += 1
        try:
            for before in ahead:
                await before.wait()
        except BaseException:
            # The event loop is ending. Whoever is behind must not pass those that are ahead, but nobody goes on.
            turn.leave()
            raise
        finally:
            self._waiting -= 1
        return turn
