"""What GET /metrics shows. Requests count in plain integers; Prometheus's library is imported, and everything added up,
when somebody asks. Where several processes serve, what is shown is the sum of their snapshots.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

import orjson

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
    """Some figures of one name: a value for each tuple of label values. `of_several`: what those of several processes
    are together; a counter always their sum."""

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]
    of_several: Literal["sum", "max", "min"] = "sum"


class Sizes(NamedTuple):
    """How often sizes came up, by their bits (counters[3]: 4 to 7), and the sum of them all."""

    name: str
    help: str
    counters: list[int]
    total: int


class Snapshot(NamedTuple):
    """All figures of one process. `requests`: the counters of each operation and error."""

    requests: Mapping[tuple[str, str], list[int]]
    families: list[Family]
    sizes: list[Sizes]

    def to_json(self) -> bytes:
        """For another process."""
        families = [
            (name, words, kind, labels, list(values.items()), of_several)
            for name, words, kind, labels, values, of_several in self.families
        ]
        return orjson.dumps((list(self.requests.items()), families, [tuple(each) for each in self.sizes]))

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The other way round."""
        requests, families, sizes = orjson.loads(data)
        return cls(
            {(operation, error): counters for (operation, error), counters in requests},
            [
                Family(name, words, kind, tuple(labels), {tuple(key): value for key, value in values}, of_several)
                for name, words, kind, labels, values, of_several in families
            ],
            [Sizes(*each) for each in sizes],
        )

    def counted(self) -> Self:
        """What stays when the process has ended: counters, no gauges."""
        return self._replace(families=[family for family in self.families if family.kind == "counter"])


def together(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The figures of several processes as those of one."""
    requests: dict[tuple[str, str], list[int]] = {}
    families: dict[str, Family] = {}
    sizes: dict[str, Sizes] = {}
    for snapshot in snapshots:
        for key, counters in snapshot.requests.items():
            requests[key] = _added(requests[key], counters) if key in requests else counters
        for family in snapshot.families:
            known = families.get(family.name)
            families[family.name] = family if known is None else _joined(known, family)
        for each in snapshot.sizes:
            if each.name in sizes:
                one = sizes[each.name]
                sizes[each.name] = one._replace(
                    counters=_added(one.counters, each.counters), total=one.total + each.total
                )
            else:
                sizes[each.name] = each
    return Snapshot(requests, list(families.values()), list(sizes.values()))


def _joined(one: Family, other: Family) -> Family:
    values = dict(one.values)
    for labels, value in other.values.items():
        if labels not in values:
            values[labels] = value
        elif one.of_several == "sum":
            values[labels] += value
        else:
            values[labels] = (max if one.of_several == "max" else min)(values[labels], value)
    return one._replace(values=values)


def _added(counters: list[int], others: list[int]) -> list[int]:
    return [one + other for one, other in zip_longest(counters, others, fillvalue=0)]


Source = Callable[[], Iterable[Family | Sizes]]
"""Something else that has figures, asked when /metrics is. It is called in a thread of its own."""


class Metrics:
    """The counters of one door. `latencies` has a list for each operation: a counter for each number of bits, then
    TOTAL. The door counts in them directly, which costs less than a call.

    `sources` are asked for further figures; whoever has some adds itself. `others`: asks for the snapshots that are to
    be added, those of other processes; it is called in a thread of its own.
    """

    __slots__ = ("_failures", "_registry", "latencies", "others", "sources", "started")

    def __init__(self, operations: Iterable[str]) -> None:
        self.latencies = {name: _counters() for name in (*operations, UNKNOWN_OPERATION)}
        self.sources: list[Source] = []
        self.others: Callable[[], list[Snapshot]] = list
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
        requests, families, sizes = together([self.snapshot(), *self.others()])
        yield _latencies(requests)
        yield _family(throttles(requests))
        for family in families:
            yield _family(family)
        for each in sizes:
            yield _sizes(each)

    def snapshot(self) -> Snapshot:
        """The figures of this process alone. Sources are asked: not for the event loop's thread."""
        counters = {(name, ""): list(counted) for name, counted in self.latencies.items()}
        counters |= {key: list(counted) for key, counted in list(self._failures.items())}
        began = Family(
            "magnetodb_start_time_seconds", "When the service was opened.", "gauge", (), {(): self.started}, "min"
        )
        figures: list[Family | Sizes] = [each for source in list(self.sources) for each in source()]
        return Snapshot(
            {key: counted for key, counted in counters.items() if any(counted[:TOTAL])},
            [began, *(each for each in figures if isinstance(each, Family))],
            [each for each in figures if isinstance(each, Sizes)],
        )


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
