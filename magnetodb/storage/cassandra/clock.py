"""The clock that versions are taken from: as close to the wall clock as can be, and never twice the same."""

from collections.abc import Callable


class HybridClock:
    """Microseconds that grow with every call, and stay above everything observed.

    `wall` is the machine's clock; it may go back. One per process.
    """

    def __init__(self, wall: Callable[[], int]) -> None:
        self._wall = wall
        self._last = 0

    def now(self) -> int:
        """Later than every earlier result and than everything observed."""
        self._last = max(self._wall(), self._last + 1)
        return self._last

    def observe(self, version: int) -> None:
        """A version that another process issued: what comes next here is later."""
        if version > self._last:
            self._last = version
