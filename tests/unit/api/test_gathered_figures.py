"""Figures of several processes as those of one. Here one process plays all of them."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from magnetodb.api.gathered_figures import GatheredFigures
from magnetodb.api.metrics import TOTAL, Family, Metrics
from magnetodb.api.processes import Process, Processes


def count(metrics, times):
    for _ in range(times):
        counters = metrics.latencies["GetItem"]
        counters[3] += 1
        counters[TOTAL] += 5


def worker(processes, number):
    """(its metrics, its figures)."""
    process = Process(processes, number)
    process.say_there()
    metrics = Metrics(["GetItem"])
    metrics.sources.append(lambda: [Family("magnetodb_connections", "C.", "gauge", (), {(): 3.0})])
    figures = GatheredFigures(metrics, process)
    figures.open()
    return metrics, figures


async def shown(metrics):
    """The exposition of one of them: {sample: value}."""
    text, _ = await asyncio.to_thread(metrics.exposition)
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if "le" not in sample.labels
    }


async def test_each_shows_the_figures_of_all():
    processes = Processes(3)
    workers = [worker(processes, number) for number in (1, 2, 3)]
    for number, (metrics, _) in enumerate(workers):
        count(metrics, 10**number)
    samples = [await shown(metrics) for metrics, _ in workers]
    for _, figures in workers:
        await figures.close()

    assert [111] * 3 == [each["magnetodb_request_seconds_count"] for each in samples]
    assert [9] * 3 == [each["magnetodb_connections"] for each in samples]
    assert [3] * 3 == [each["magnetodb_worker_processes"] for each in samples]


async def test_a_successor_carries_the_counts_on_and_nothing_else():
    processes = Processes(2)
    (one, ones_figures), (other, others_figures) = worker(processes, 1), worker(processes, 2)
    count(one, 5)
    count(other, 7)
    await shown(one)
    await others_figures.close()
    processes.say_gone(2)
    without = await shown(one)
    successor, successors_figures = worker(processes, 2)
    count(successor, 1)
    samples = [await shown(metrics) for metrics in (one, successor)]
    for figures in (ones_figures, successors_figures):
        await figures.close()

    assert (12, 3, 1) == tuple(
        without[name]
        for name in ("magnetodb_request_seconds_count", "magnetodb_connections", "magnetodb_worker_processes")
    )
    assert [13, 13] == [each["magnetodb_request_seconds_count"] for each in samples]
    assert [6, 6] == [each["magnetodb_connections"] for each in samples]
    assert [1, 1] == [each["magnetodb_worker_restarts_total"] for each in samples]


async def test_one_that_does_not_answer_counts_as_it_last_did():
    processes = Processes(2)
    (one, ones_figures), (other, others_figures) = worker(processes, 1), worker(processes, 2)
    count(other, 7)
    await shown(one)
    await others_figures.close()  # It is still there, but does not hear the bell.
    count(other, 1)
    samples = await shown(one)
    await ones_figures.close()

    assert 7 == samples["magnetodb_request_seconds_count"]


async def test_the_service_began_when_its_first_process_did():
    processes = Processes(2)
    workers = [worker(processes, number) for number in (1, 2)]
    samples = await shown(workers[1][0])
    for _, figures in workers:
        await figures.close()

    assert processes.started == samples["magnetodb_start_time_seconds"]
