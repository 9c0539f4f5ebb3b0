import asyncio

import pytest

from magnetodb.errors import StorageUnavailable
from magnetodb.worker.jobs import Job
from magnetodb.worker.worker import Worker

HOUR = 3600.0


@pytest.fixture
def workers(world, runner):
    """workers(jobs, **options) -> Worker that runs."""
    running = []

    def start(jobs, **options):
        worker = Worker(world.cell, world.driver, jobs, **options)
        worker.start()
        running.append(worker)
        return worker

    yield start

    async def stop():
        for worker in running:
            await worker.stop()

    runner.run(stop())


def counting(outcomes):
    """A job whose steps give these outcomes, or raise them, and then rest; and the list of its steps."""
    steps = []

    async def step(run):
        steps.append(run)
        outcome = outcomes[len(steps) - 1] if len(steps) <= len(outcomes) else False
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Job(step, HOUR), steps


async def test_a_job_goes_on_until_nothing_waits(workers, until):
    job, steps = counting([True, True, False, True])
    worker = workers({"job": job})
    await until(lambda: worker.states()["job"]["steps"] == 3)

    assert 3 == len(steps)
    assert "idle" == worker.states()["job"]["status"]


async def test_a_job_that_is_woken_does_not_rest_to_the_end(workers, until):
    job, _ = counting([])
    worker = workers({"job": job})
    await until(lambda: worker.states()["job"]["steps"] == 1)
    worker.wake("job")
    await until(lambda: worker.states()["job"]["steps"] == 2)

    assert 2 == worker.states()["job"]["steps"]


async def test_a_job_that_fails_is_tried_again(workers, until, caplog):
    job, steps = counting([StorageUnavailable("no disk"), ZeroDivisionError("a bug"), False])
    worker = workers({"job": job})
    await until(lambda: worker.states()["job"]["failures"] == 1)
    failing = worker.states()["job"]
    worker.wake()
    await until(lambda: worker.states()["job"]["failures"] == 2)
    worker.wake()
    await until(lambda: worker.states()["job"]["steps"] == 1)

    assert ("failing", "StorageUnavailable: no disk") == (failing["status"], failing["error"])
    assert ("idle", 0, "") == tuple(worker.states()["job"][name] for name in ("status", "failures", "error"))
    assert ["StorageUnavailable: no disk", "ZeroDivisionError: a bug"] == [
        record.getMessage().partition(" s: ")[2] for record in caplog.records
    ]
    assert 3 == len(steps)


async def test_a_failure_forgets_what_the_job_had_in_memory(workers, until):
    seen = []

    async def step(run):
        seen.append(dict(run.memory))
        run.memory["here"] = True
        if len(seen) == 2:
            raise StorageUnavailable("no disk")
        return len(seen) == 1

    worker = workers({"job": Job(step, HOUR)})
    await until(lambda: worker.states()["job"]["failures"] == 1)
    worker.wake()
    await until(lambda: len(seen) == 3)

    assert [{}, {"here": True}, {}] == seen


async def test_of_two_workers_one_runs_a_job(workers, until):
    (first_job, first_steps), (second_job, second_steps) = counting([]), counting([])
    first = workers({"job": first_job})
    await until(lambda: first.states()["job"]["steps"] == 1)
    second = workers({"job": second_job})
    await until(lambda: second.states()["job"]["status"] == "waiting")

    assert (1, 0) == (len(first_steps), len(second_steps))


async def test_a_worker_that_stops_lets_the_other_one_run(workers, until):
    (first_job, _), (second_job, second_steps) = counting([]), counting([])
    first = workers({"job": first_job})
    await until(lambda: first.states()["job"]["steps"] == 1)
    second = workers({"job": second_job})
    await until(lambda: second.states()["job"]["status"] == "waiting")
    await first.stop()
    second.wake()
    await until(lambda: len(second_steps) == 1)

    assert "stopped" == first.states()["job"]["status"]


async def test_a_job_without_a_lease_runs_in_every_process(workers, until):
    (first_job, first_steps), (second_job, second_steps) = counting([]), counting([])
    workers({"job": first_job._replace(leased=False)})
    workers({"job": second_job._replace(leased=False)})
    await until(lambda: len(first_steps) == len(second_steps) == 1)

    assert (1, 1) == (len(first_steps), len(second_steps))


async def test_intervals_can_be_given_by_name(workers, until):
    job, steps = counting([])
    workers({"job": job}, intervals={"job": 0.001})
    await until(lambda: len(steps) > 3)

    assert len(steps) > 3


async def test_when_jobs_have_settled_each_has_seen_what_the_others_did(workers):
    """`last` finds work in what `first` has done; it may have looked before."""
    done = []

    async def first(run):
        done.append("first")
        return done.count("first") < 3

    async def last(run):
        seen = done.count("first") >= 3
        done.append("last" if seen else "too early")
        return False

    worker = workers({"last": Job(last, HOUR), "first": Job(first, HOUR)})
    await worker.settle()

    assert "last" in done
    assert {"idle"} == {state["status"] for state in worker.states().values()}


@pytest.mark.parametrize("turns", range(4))
async def test_a_job_that_was_just_woken_can_be_stopped(workers, until, turns):
    job, _ = counting([])
    worker = workers({"job": job})
    await until(lambda: worker.states()["job"]["status"] == "idle")
    worker.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await worker.stop()

    assert "stopped" == worker.states()["job"]["status"]


async def test_a_step_in_hand_ends_before_its_job_is_stopped(workers, until):
    reached = []
    go_on = asyncio.Event()

    async def step(run):
        reached.append("begun")
        await go_on.wait()
        reached.append("ended")
        return True

    worker = workers({"job": Job(step, HOUR)})
    await until(lambda: reached)
    stopping = asyncio.ensure_future(worker.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping

    assert ["begun", "ended"] == reached
