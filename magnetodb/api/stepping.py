"""Runs a coroutine without a task: inline until it suspends, then from the callback of the future that it waits for.

A coroutine that never suspends (a read from SQLite) thus runs from the socket to its answer in one go. What is given
up: such a coroutine has no current task, so it may not use asyncio.timeout or be cancelled.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(loop: AbstractEventLoop, coroutine: Coroutine[Any, Any, Result], done: Callable[[Result], None]) -> None:
    """Run the coroutine and call `done` with what it returns: before this returns, if the coroutine never suspends.

    What the coroutine raises is raised here, or reported to the loop's exception handler once it has suspended.
    """
    try:
        waits_for = coroutine.send(None)
    except StopIteration as stopped:
        done(stopped.value)
    else:
        _Suspended(loop, coroutine, done).wait(waits_for)


class _Suspended:
    """A coroutine that waits."""

    __slots__ = ("_coroutine", "_done", "_loop")

    def __init__(
        self, loop: AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], done: Callable[[Any], None]
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._done = done

    def wait(self, waits_for: Future[Any] | None) -> None:
        """Go on when the future is done; at the next turn of the loop after a bare yield (asyncio.sleep(0))."""
        if waits_for is None:
            self._loop.call_soon(self._step, None)
        else:
            # How a future says that it was yielded by `await`, not by mistake; a task resets it in the same way.
            waits_for._asyncio_future_blocking = False  # type: ignore[attr-defined]
            waits_for.add_done_callback(self._step)

    def _step(self, _future: Future[Any] | None) -> None:
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as stopped:
            self._done(stopped.value)
        else:
            self.wait(waits_for)
