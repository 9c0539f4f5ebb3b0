"""Counters of requests, and how they are shown."""

from prometheus_client.parser import text_string_to_metric_families

from magnetodb.api import figures
from magnetodb.api.metrics import LATENCY_BITS_MAX, TOTAL, Family, Metrics, Sizes, Snapshot, buckets, together


def shown(metrics):
    """{(sample name, sorted labels): value} of the exposition, as Prometheus reads it."""
    text, _ = metrics.exposition()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def count(counters, microseconds):
    counters[microseconds.bit_length()] += 1
    counters[TOTAL] += microseconds


def labels(**values):
    return tuple(sorted(values.items()))


def test_requests_are_shown_by_operation_and_error():
    metrics = Metrics(["GetItem", "PutItem"])
    count(metrics.latencies["GetItem"], 40)
    count(metrics.latencies["GetItem"], 1_000_000)
    count(metrics.failures("PutItem", "ThrottlingException"), 10)
    samples = shown(metrics)
    got = labels(operation="GetItem", error="")

    assert 2 == samples["magnetodb_request_seconds_count", got]
    assert 1.00004 == samples["magnetodb_request_seconds_sum", got]
    assert 0 == samples["magnetodb_request_seconds_bucket", labels(operation="GetItem", error="", le="3.1e-05")]
    assert 1 == samples["magnetodb_request_seconds_bucket", labels(operation="GetItem", error="", le="6.3e-05")]
    assert 2 == samples["magnetodb_request_seconds_bucket", labels(operation="GetItem", error="", le="1.048575")]
    assert 1 == samples["magnetodb_request_seconds_count", labels(operation="PutItem", error="ThrottlingException")]
    assert 1 == samples["magnetodb_throttled_requests_total", labels(operation="PutItem")]


def test_operations_that_nobody_called_are_not_shown():
    assert not any(name.startswith("magnetodb_request") for name, _ in shown(Metrics(["GetItem"])))


def test_the_longest_time_has_a_counter():
    assert LATENCY_BITS_MAX > (4 * 365 * 24 * 3600 * 1_000_000).bit_length()


def test_buckets_hold_what_is_at_most_their_bound():
    """3 has two bits, 4 has three."""
    counters = [0] * 5
    for number in (1, 3, 4, 4, 15):
        counters[number.bit_length()] += 1

    assert [("1.0", 1), ("3.0", 2), ("7.0", 4), ("+Inf", 5)] == buckets(counters, range(1, 4))


def test_sources_are_asked_when_the_page_is():
    metrics = Metrics([])
    metrics.sources.append(lambda: [Family("magnetodb_x", "X.", "gauge", ("a",), {("b",): 3.0})])
    metrics.sources.append(lambda: [Sizes("magnetodb_y", "Y.", [0, 1, 1], 4)])
    samples = shown(metrics)

    assert 3 == samples["magnetodb_x", labels(a="b")]
    assert (2, 4) == (samples["magnetodb_y_count", ()], samples["magnetodb_y_sum", ()])


def test_labels_of_strangers_do_no_harm():
    """Projects come from the configuration, names of tables are checked; quotes are escaped all the same."""
    metrics = Metrics([])
    metrics.sources.append(lambda: [Family("magnetodb_x", "X.", "gauge", ("a",), {('"} 1\n',): 3.0})])

    assert 3 == shown(metrics)["magnetodb_x", labels(a='"} 1\n')]


def test_a_job_has_one_status():
    state = {"status": "working", "since": 5.0, "progress": "", "steps": 7, "failures": 2, "error": "x"}
    families = {family.name: family.values for family in figures.jobs(lambda: {"count_items": state})()}

    assert {("count_items", "working")} == {key for key, value in families["magnetodb_job_status"].items() if value}
    assert {("count_items",): 2} == families["magnetodb_job_failures_in_a_row"]


def test_connections_are_counted_when_asked():
    open_ones = {1, 2}
    source = figures.connections(open_ones)
    open_ones.add(3)

    assert {(): 3.0} == source()[0].values


def test_figures_of_several_processes_are_added_by_their_kind():
    def family(name, values, of_several="sum"):
        return Family(name, "X.", "gauge", ("a",), values, of_several)

    one = [family("sum", {("x",): 1.0}), family("max", {("x",): 1.0}, "max"), family("min", {("x",): 1.0}, "min")]
    other = [
        family("sum", {("x",): 2.0, ("y",): 3.0}),
        family("max", {("x",): 2.0}, "max"),
        family("min", {("x",): 2.0}, "min"),
    ]
    added = together(
        [
            Snapshot({("GetItem", ""): [1, 2]}, one, [Sizes("size", "S.", [1, 1], 3)]),
            Snapshot({("GetItem", ""): [1, 0], ("PutItem", ""): [5]}, other, [Sizes("size", "S.", [0, 1], 2)]),
        ]
    )

    assert {("GetItem", ""): [2, 2], ("PutItem", ""): [5]} == added.requests
    assert {
        "sum": {("x",): 3.0, ("y",): 3.0},
        "max": {("x",): 2.0},
        "min": {("x",): 1.0},
    } == {each.name: each.values for each in added.families}
    assert [Sizes("size", "S.", [1, 2], 5)] == added.sizes


def test_a_snapshot_is_the_same_behind_json():
    metrics = Metrics(["GetItem"])
    count(metrics.latencies["GetItem"], 40)
    count(metrics.failures("GetItem", "ThrottlingException"), 10)
    metrics.sources.append(lambda: [Family("magnetodb_x", "X.", "gauge", ("a", "b"), {("c", "d"): 3.5}, "max")])
    metrics.sources.append(lambda: [Sizes("magnetodb_y", "Y.", [0, 1, 1], 4)])
    snapshot = metrics.snapshot()

    assert snapshot == Snapshot.from_json(snapshot.to_json())


def test_what_is_counted_outlives_its_process_and_gauges_do_not():
    counter = Family("magnetodb_x", "X.", "counter", (), {(): 1.0})
    snapshot = Snapshot({("GetItem", ""): [1]}, [counter, Family("magnetodb_y", "Y.", "gauge", (), {(): 1.0})], [])

    assert Snapshot({("GetItem", ""): [1]}, [counter], []) == snapshot.counted()
