"""Figures of writes in windows of time."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.faults.orders import Write


class Window(NamedTuple):
    """Writes in a stretch of time. Seconds."""

    writes: int
    p50: float
    p99: float
    slowest: float
    tried_again: int
    gap: float
    """The longest time without any acknowledgement."""


def window(writes: Iterable[Write], begins: float, ends: float) -> Window:
    """Of the writes that were first sent in it. A write that was not acknowledged in it counts with all its time."""
    chosen = sorted((write for write in writes if begins <= write.sent < ends), key=lambda write: write.acknowledged)
    times = sorted(write.acknowledged - write.sent for write in chosen)
    moments = [begins, *[write.acknowledged for write in chosen if write.acknowledged < ends], ends]
    return Window(
        len(chosen),
        percentile(times, 50),
        percentile(times, 99),
        times[-1] if times else math.inf,
        sum(write.tries > 1 for write in chosen),
        max(after - before for before, after in itertools.pairwise(moments)),
    )


def percentile(times: Sequence[float], percent: int) -> float:
    """Of sorted times: the least one that so many percent do not exceed; infinity of none."""
    if not times:
        return math.inf
    return times[max(0, math.ceil(len(times) * percent / 100) - 1)]
