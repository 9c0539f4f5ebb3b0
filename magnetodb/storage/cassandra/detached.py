"""Coroutines that run to their end whoever waits for them: a commit goes on when its caller is gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Detached(Generic[Result]):
    """A coroutine, begun at once and in the caller's step: what it does before it first waits is done when this is
    made. It has no current task.

    `future` gets its result and may be cancelled without effect on it; `ended` is called in any case.
    """

    __slots__ = ("_coroutine", "_ended", "_loop", "_waiting", "future", "is_running")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Result],
        ended: "Callable[[Detached[Result]], None]",
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._ended = ended
        self._waiting: list[asyncio.Future[None]] = []
        self.future: asyncio.Future[Result] = loop.create_future()
        self.is_running = True
        self._step(None)

    async def wait_ended(self) -> None:
        """Return when the coroutine has ended in whatever way."""
        if self.is_running:
            waiting: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(waiting)
            await waiting

    def _step(self, _future: "asyncio.Future[Any] | None") -> None:
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as stopped:
            self._end()
            if not self.future.done():
                self.future.set_result(stopped.value)
        except BaseException as error:
            self._end()
            if self.future.done():
                raise  # Nobody waits; the loop reports it.
            self.future.set_exception(error)
        else:
            if waits_for is None:
                self._loop.call_soon(self._step, None)
            else:
                # How a future says that it was yielded by `await`; whoever steps a coroutine resets it.
                waits_for._asyncio_future_blocking = False
                waits_for.add_done_callback(self._step)

    def _end(self) -> None:
        self.is_running = False
        self._ended(self)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
