"""Figures of windows."""

import math

from tests.faults.measures import percentile, window
from tests.faults.orders import Write


def test_a_window_has_the_writes_that_were_sent_in_it():
    writes = [Write(0, 5, 1), Write(10, 11, 1), Write(12, 12.5, 3), Write(19, 25, 2), Write(20, 21, 1)]
    found = window(writes, 10, 20)

    assert (3, 1, 6, 6, 2) == found[:5]
    assert 7.5 == found.gap


def test_nothing_acknowledged_is_not_fast():
    found = window([], 0, 10)

    assert (0, math.inf, 10) == (found.writes, found.p99, found.gap)


def test_percentiles():
    times = [float(number) for number in range(1, 101)]

    assert [50.0, 99.0, 1.0] == [percentile(times, 50), percentile(times, 99), percentile(times, 1)]
