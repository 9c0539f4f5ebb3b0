"""What the soak measures, and when something has grown: the last quarter of the steady part beside its second one."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Final, NamedTuple

MEMORY_GROWTH_MAX: Final = (0.02, 3.0)
FILE_GROWTH_MAX: Final = (0.10, 16.0)
LATENCY_GROWTH_MAX: Final = (1.0, 5.0)
"""The share and the amount (MB, ms) by which the later median may exceed the earlier one."""

DESCRIPTORS_MORE_MAX: Final = 4
LOG_MB_MAX: Final = 96
"""Of SQLite's write-ahead log: its limit is 64 MB, and a transaction may be under way when it is reached."""

RESTART_SECONDS_MAX: Final = 5.0
QUARTER_SAMPLES_MIN: Final = 5


class Moment(NamedTuple):
    """One second. Times to the answer are in milliseconds; None where there was no answer."""

    seconds: float
    memory_mb: float
    descriptors: int
    log_mb: float
    file_mb: float
    read_p50: float | None
    read_p99: float | None
    write_p50: float | None
    write_p99: float | None
    per_second: float


class Verdict(NamedTuple):
    """One thing that was looked at."""

    what: str
    found: str
    bound: str
    holds: bool


def growth_verdicts(steady: Sequence[Moment], all_moments: Sequence[Moment]) -> list[Verdict]:
    """Whether anything has grown. `steady` is the part without kills."""
    quarter = len(steady) // 4
    if quarter < QUARTER_SAMPLES_MIN:
        return [Verdict("steady part", f"{len(steady)} seconds", f"at least {4 * QUARTER_SAMPLES_MIN}", holds=False)]
    early, late = steady[quarter : 2 * quarter], steady[-quarter:]
    most_early = max(moment.descriptors for moment in early)
    most_late = max(moment.descriptors for moment in late)
    log = max(moment.log_mb for moment in all_moments)
    return [
        grown("memory, MB", early, late, lambda moment: moment.memory_mb, MEMORY_GROWTH_MAX),
        Verdict(
            "descriptors",
            f"{most_early} -> {most_late}",
            f"<= {most_early + DESCRIPTORS_MORE_MAX}",
            most_late <= most_early + DESCRIPTORS_MORE_MAX,
        ),
        grown("data file, MB", early, late, lambda moment: moment.file_mb, FILE_GROWTH_MAX),
        Verdict("write-ahead log, MB", f"{log:.1f} at most", f"<= {LOG_MB_MAX}", log <= LOG_MB_MAX),
        grown("p99 of reads, ms", early, late, lambda moment: moment.read_p99, LATENCY_GROWTH_MAX),
        grown("p99 of writes, ms", early, late, lambda moment: moment.write_p99, LATENCY_GROWTH_MAX),
    ]


def grown(
    what: str,
    early: Sequence[Moment],
    late: Sequence[Moment],
    value: Callable[[Moment], float | None],
    most: tuple[float, float],
) -> Verdict:
    """Whether the later median is more than may be."""
    before, after = middle(early, value), middle(late, value)
    if before is None or after is None:
        return Verdict(what, "not measured", "", holds=False)
    share, amount = most
    bound = before * (1 + share) + amount
    return Verdict(what, f"{before:.1f} -> {after:.1f}", f"<= {bound:.1f}", after <= bound)


def middle(moments: Sequence[Moment], value: Callable[[Moment], float | None]) -> float | None:
    """The median of what there is."""
    known = [each for each in map(value, moments) if each is not None]
    return median(known) if known else None


def percentile(sorted_seconds: Sequence[float], percent: int) -> float | None:
    """In milliseconds; None of nothing."""
    if not sorted_seconds:
        return None
    return sorted_seconds[min(len(sorted_seconds) - 1, len(sorted_seconds) * percent // 100)] * 1000
