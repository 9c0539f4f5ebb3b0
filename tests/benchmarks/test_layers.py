import asyncio
from types import SimpleNamespace

import pytest

from benchmarks.layers import Cost, Instruments, Seam, SeamMissing, Stopwatch, corrected, timed


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


def test_a_layer_has_its_time_without_that_of_the_layers_it_calls():
    clock = Clock()
    stopwatch = Stopwatch(("outer", "inner"), clock)

    def inner():
        clock.now += 5

    def outer():
        clock.now += 1
        timed(inner, 1, stopwatch)()
        clock.now += 2

    timed(outer, 0, stopwatch)()

    assert [3, 5] == stopwatch.nanoseconds
    assert ([1, 1], [1, 0]) == (stopwatch.entered, stopwatch.called)


def test_what_a_coroutine_waits_for_is_nobodys_time():
    clock = Clock()
    stopwatch = Stopwatch(("outer", "inner"), clock)

    async def inner():
        clock.now += 5
        await asyncio.sleep(0)
        clock.now += 7
        return "done"

    async def outer():
        clock.now += 1
        return await timed(inner, 1, stopwatch)()

    coroutine = timed(outer, 0, stopwatch)()
    assert coroutine.send(None) is None
    clock.now += 1000
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)

    assert "done" == stopped.value.value
    assert [1, 12] == stopwatch.nanoseconds


def test_an_exception_leaves_the_layer():
    stopwatch = Stopwatch(("only",), Clock())

    with pytest.raises(ZeroDivisionError):
        timed(lambda: 1 // 0, 0, stopwatch)()
    timed(lambda: None, 0, stopwatch)()

    assert ([2], [0]) == (stopwatch.entered, stopwatch.called)


def test_the_cost_of_the_instruments_is_taken_off_both_sides():
    stopwatch = Stopwatch(("outer", "inner"), Clock())
    stopwatch.nanoseconds = [1000, 500]
    stopwatch.entered = [1, 2]
    stopwatch.called = [2, 0]

    assert [1000 - 10 - 2 * 30, 500 - 2 * 10] == corrected(stopwatch, Cost(inner=10, outer=30))


def test_instruments_are_taken_away_again():
    owner = SimpleNamespace(answer=len)
    with Instruments(Stopwatch(("only",), Clock()), ()) as instruments:
        instruments.replace(owner, "answer", "only")
        changed = owner.answer is not len

    assert (True, True) == (changed, owner.answer is len)


def test_a_seam_that_is_gone_is_named():
    with (
        pytest.raises(SeamMissing, match="has no gone any more"),
        Instruments(Stopwatch(("only",), Clock()), (Seam("only", "benchmarks.layers", ("gone",)),)),
    ):
        pass
