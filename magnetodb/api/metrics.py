"""What GET /metrics shows. Requests count in plain integers; Prometheus's library is imported, and everything added up,
when somebody asks.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

UNKNOWN_OPERATION: Final = "unknown"
"""The label of requests that name no operation which is served."""

LATENCY_BITS_MAX: Final = 48
"""Latencies are counted by the bits of their microseconds: the last of the counters ends at four years."""

TOTAL: Final = LATENCY_BITS_MAX
"""Behind the counters: the sum of all latencies, in microseconds."""

SHOWN_BITS: Final = range(5, 25)
"""Buckets that are shown: below 32 µs, 64 µs, ... 17 s. Those outside are added to their neighbours."""

SECOND_MICROSECONDS: Final = 1_000_000

THROTTLES: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


class Family(NamedTuple):
    """Some figures of one name: a value for each tuple of label values."""

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


class Sizes(NamedTuple):
    """How often sizes came up, by their bits (counters[3]: 4 to 7), and the sum of them all."""

    name: str
    help: str
    counters: list[int]
    total: int


Source = Callable[[], Iterable[Family | Sizes]]
"""Something else that has figures, asked when /metrics is. It is called in a thread of its own."""


class Metrics:
    """The counters of one door. `latencies` has a list for each operation: a counter for each number of bits, then
    TOTAL. The door counts in them directly, which costs less than a call.

    `sources` are asked for further figures; whoever has some adds itself.
    """

    __slots__ = ("_failures", "_registry", "latencies", "sources", "started")

    def __init__(self, operations: Iterable[str]) -> None:
        self.latencies = {name: _counters() for name in (*operations, UNKNOWN_OPERATION)}
        self.sources: list[Source] = []
        self.started = time.time()
        self._failures: dict[tuple[str, str], list[int]] = {}
        self._registry: CollectorRegistry | None = None

    def failures(self, operation: str, error: str) -> list[int]:
        """The counters of an operation's requests that were answered with that error."""
        counters = self._failures.get((operation, error))
        if counters is None:
            counters = self._failures[operation, error] = _counters()
        return counters

    def exposition(self) -> tuple[bytes, str]:
        """All figures in Prometheus's text format, and its content type. May be called in any thread."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        if self._registry is None:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(self)
            self._registry = registry
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Any]:
        """Prometheus's collector interface: the families of figures as they are now."""
        counters = {(name, ""): list(counted) for name, counted in self.latencies.items()}
        counters |= {key: list(counted) for key, counted in list(self._failures.items())}
        yield _latencies({key: counted for key, counted in counters.items() if any(counted[:TOTAL])})
        yield _family(throttles(counters))
        yield _family(
            Family("magnetodb_start_time_seconds", "When the service was opened.", "gauge", (), {(): self.started})
        )
        for source in list(self.sources):
            for figures in source():
                yield _sizes(figures) if isinstance(figures, Sizes) else _family(figures)


def throttles(counters: Mapping[tuple[str, str], list[int]]) -> Family:
    """How many requests were refused because there were too many."""
    values: dict[tuple[str, ...], float] = {}
    for (operation, error), counted in counters.items():
        if error in THROTTLES:
            values[(operation,)] = values.get((operation,), 0) + sum(counted[:TOTAL])
    return Family(
        "magnetodb_throttled_requests", "Requests refused as too many at once.", "counter", ("operation",), values
    )


def buckets(counted: list[int], shown: range, unit: float = 1.0) -> list[tuple[str, float]]:
    """Cumulated (upper bound, count) of counters by bits: the numbers of n bits are those up to 2**n - 1."""
    result: list[tuple[str, float]] = []
    below = 0
    for bits, count in enumerate(counted):
        below += count
        if bits in shown:
            result.append((repr((2**bits - 1) / unit), below))
    result.append(("+Inf", below))
    return result


def _counters() -> list[int]:
    return [0] * (LATENCY_BITS_MAX + 1)


def _latencies(counters: Mapping[tuple[str, str], list[int]]) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(
        "magnetodb_request_seconds",
        'Requests and the time from their arrival to their answer; error "" are those that succeeded.',
        labels=("operation", "error"),
    )
    for key, counted in sorted(counters.items()):
        shown = buckets(counted[:TOTAL], SHOWN_BITS, SECOND_MICROSECONDS)
        family.add_metric(key, shown, counted[TOTAL] / SECOND_MICROSECONDS)
    return family


def _sizes(sizes: Sizes) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(sizes.name, sizes.help)
    counted = list(sizes.counters)
    family.add_metric((), buckets(counted, range(1, len(counted))), sizes.total)
    return family


def _family(figures: Family) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if figures.kind == "counter" else GaugeMetricFamily
    family = kind(figures.name, figures.help, labels=figures.labels)
    for labels, value in sorted(figures.values.items()):
        family.add_metric(labels, value)
    return family
