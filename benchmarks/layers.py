"""Instruments: where one layer of a request calls the next, a stopwatch changes hands.

The product has no instruments of its own. While `Instruments` are in place, functions at the seams between layers are
replaced by ones that tell the stopwatch; what that costs is measured, and taken off again.
"""

import inspect
import types
from collections.abc import Callable, Coroutine, Generator
from importlib import import_module
from statistics import median
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final, NamedTuple

CALIBRATION_CALLS: Final = 20_000
CALIBRATION_ROUNDS: Final = 5


Clock = Callable[[], int]

CLOCKS: Final[dict[str, Clock]] = {"wall": perf_counter_ns, "processor": thread_time_ns}
"""Nanoseconds. The processor time of the thread does not see what else the machine does, but takes ten times as long to
read."""


class Seam(NamedTuple):
    """Functions whose time belongs to a layer: `names` of a module, or of a class in it ("module:Class")."""

    layer: str
    owner: str
    names: tuple[str, ...]


class SeamMissing(Exception):
    """The product has changed: a function that was a seam is not there any more."""


class Stopwatch:
    """Nanoseconds of each layer without those of the layers that it calls, and how often it was entered and did call.
    Of one thread."""

    def __init__(self, layers: tuple[str, ...], clock: Clock) -> None:
        self.layers = layers
        self.clock = clock
        self._stack: list[int] = []
        self._since = 0
        self.clear()

    def clear(self) -> None:
        """Begin at nothing."""
        self.nanoseconds = [0] * len(self.layers)
        self.entered = [0] * len(self.layers)
        self.called = [0] * len(self.layers)

    def enter(self, layer: int) -> None:
        """The time from now on is that layer's, until `leave`."""
        now = self.clock()
        stack = self._stack
        if stack:
            self.nanoseconds[stack[-1]] += now - self._since
            self.called[stack[-1]] += 1
        self.entered[layer] += 1
        stack.append(layer)
        self._since = now

    def leave(self) -> None:
        """The time from now on is the caller's."""
        now = self.clock()
        self.nanoseconds[self._stack.pop()] += now - self._since
        self._since = now


def timed(function: Callable[..., Any], layer: int, stopwatch: Stopwatch) -> Callable[..., Any]:
    """The same function, or coroutine function, on the stopwatch."""
    enter, leave = stopwatch.enter, stopwatch.leave
    if inspect.iscoroutinefunction(function):

        @types.coroutine
        def run(coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
            step = coroutine.send
            given = None
            while True:
                enter(layer)
                try:
                    waits_for = step(given)
                except StopIteration as stopped:
                    return stopped.value
                finally:
                    leave()
                given = yield waits_for

        def timed_coroutine(*arguments: Any, **named: Any) -> Any:
            return run(function(*arguments, **named))

        return timed_coroutine

    def timed_function(*arguments: Any, **named: Any) -> Any:
        enter(layer)
        try:
            return function(*arguments, **named)
        finally:
            leave()

    return timed_function


class Instruments:
    """Puts the stopwatch at the seams while its block runs. Raises SeamMissing."""

    def __init__(self, stopwatch: Stopwatch, seams: tuple[Seam, ...]) -> None:
        self.stopwatch = stopwatch
        self._undo: list[Callable[[], None]] = []
        self._seams = seams

    def __enter__(self) -> "Instruments":
        for seam in self._seams:
            owner = found(seam.owner)
            for name in seam.names:
                self.replace(owner, name, seam.layer)
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def replace(self, owner: Any, name: str, layer: str) -> None:
        """Put the stopwatch at a function of a module, a class or an object."""
        function = getattr(owner, name, None)
        if function is None:
            raise SeamMissing(
                f"{owner!r} has no {name} any more: tell benchmarks/profile_request.py where its time goes"
            )
        self.put(owner, name, self.timed(function, layer))

    def timed(self, function: Callable[..., Any], layer: str) -> Callable[..., Any]:
        """The same function on the stopwatch."""
        return timed(function, self.stopwatch.layers.index(layer), self.stopwatch)

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until the block ends."""
        before = getattr(owner, name)
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))

    def put_entry(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        """Set an entry of a mapping until the block ends."""
        before = mapping[key]
        mapping[key] = value
        self._undo.append(lambda: mapping.__setitem__(key, before))


def found(path: str) -> Any:
    """A module, or a class in one. Raises SeamMissing."""
    module_name, _, class_name = path.partition(":")
    module = import_module(module_name)
    if not class_name:
        return module
    if not hasattr(module, class_name):
        raise SeamMissing(f"there is no {path} any more: tell benchmarks/profile_request.py where its time goes")
    return getattr(module, class_name)


class Cost(NamedTuple):
    """Nanoseconds that one crossing of a seam adds: `inner` to the layer entered, `outer` to the one that called."""

    inner: float
    outer: float


def crossing_cost(clock: Clock) -> Cost:
    """Measured with a coroutine function that does nothing: most seams are such."""
    inner, outer = zip(*(one_calibration(clock) for _ in range(CALIBRATION_ROUNDS)), strict=True)
    return Cost(median(inner), median(outer))


def one_calibration(clock: Clock) -> Cost:
    """One round of it."""

    async def nothing(argument: object) -> None:
        return None

    async def calls(function: Callable[[object], Any]) -> None:
        for _ in range(CALIBRATION_CALLS):
            await function(None)

    stopwatch = Stopwatch(("caller", "called"), clock)
    began = clock()
    finish(calls(nothing))
    plain = clock() - began
    finish(timed(calls, 0, stopwatch)(timed(nothing, 1, stopwatch)))
    # Calling nothing costs something without instruments, too: it counts as the caller's.
    caller, called = stopwatch.nanoseconds
    return Cost(called / CALIBRATION_CALLS, max(0.0, (caller - plain) / CALIBRATION_CALLS))


def finish(coroutine: Any) -> None:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def corrected(stopwatch: Stopwatch, cost: Cost) -> list[float]:
    """Nanoseconds of each layer without what the instruments took."""
    return [
        nanoseconds - entered * cost.inner - called * cost.outer
        for nanoseconds, entered, called in zip(stopwatch.nanoseconds, stopwatch.entered, stopwatch.called, strict=True)
    ]
