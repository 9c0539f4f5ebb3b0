from dataclasses import replace

import pytest

from magnetodb.model.rows import TokenRange
from magnetodb.model.table import TimeToLive
from magnetodb.storage.index_check import TIME_TO_LIVE, check_index
from magnetodb.storage.job_positions import tasks
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import CHANGE_TIME_TO_LIVE, EXPIRE_ITEMS
from magnetodb.worker import change_time_to_live


@pytest.fixture
def enable(world):
    """enable(): what UpdateTimeToLive does."""

    async def enabled():
        table = (await world.info()).table
        return await world.tables.change_time_to_live(replace(table, time_to_live=TimeToLive("n", "t_orders_expiry")))

    return enabled


async def disable(world):
    table = (await world.info()).table
    leaving = replace(table.time_to_live, status="DISABLING")
    return await world.tables.change_time_to_live(replace(table, time_to_live=leaving))


async def work(world, steps=1000):
    """Steps of the job until nothing waits; returns how many it took."""
    run = world.run()
    for step in range(steps):
        if not await change_time_to_live.step(run):
            return step
    return steps


async def differences(world):
    info = await world.info()
    return [each async for step in check_index(world.driver, info, TIME_TO_LIVE) for each in step.differences]


async def expiry_rows(world):
    return (await world.driver.scan("t_orders_expiry", TokenRange(), limit=10_000)).rows


async def test_the_items_that_were_there_before_get_their_rows(world, samples, enable):
    await enable()
    await work(world)

    assert "ENABLED" == (await world.info()).table.time_to_live.status
    assert samples.items == len(await expiry_rows(world))
    assert [] == await differences(world)
    assert not await tasks(world.driver, CHANGE_TIME_TO_LIVE)
    assert "id-orders" == (await tasks(world.driver, EXPIRE_ITEMS))[0].subject


async def test_writes_between_the_steps_are_seen(world, samples, enable):
    await enable()
    run = world.run()
    more = True
    while more:
        more = await change_time_to_live.step(run)
        for number in range(20, 700, 30):
            await world.put(samples.item(number, n={"N": "5000"}))
            await world.delete(samples.item(number + 1))
            await world.put(samples.item(number + 2, n={"S": "no number"}))

    assert [] == await differences(world)


async def test_a_process_that_ends_in_between_is_succeeded(world, samples, enable):
    await enable()
    await work(world, steps=1)
    await work(world)

    assert samples.items == len(await expiry_rows(world))


async def test_a_table_that_was_changed_at_the_same_moment_is_looked_at_again(world, enable):
    info = await enable()
    run = world.run()
    await world.tables.update(replace(info.table, tags={"a": "b"}))
    await change_time_to_live.enable(run, (await world.info()).table, info.table.time_to_live, await task(world))
    await work(world)
    table = (await world.info()).table

    assert ({"a": "b"}, "ENABLED") == (table.tags, table.time_to_live.status)


async def task(world):
    [task] = await tasks(world.driver, CHANGE_TIME_TO_LIVE)
    return task


async def test_disabling_drops_the_rows(world, enable, tmp_path):
    await enable()
    await work(world)
    await disable(world)
    await work(world)

    assert (await world.info()).table.time_to_live is None
    assert not await tasks(world.driver, CHANGE_TIME_TO_LIVE)
    assert not await tasks(world.driver, EXPIRE_ITEMS)
    assert "t_orders_expiry" not in SqliteDriver(tmp_path, read_only=True)._tables.numbers


async def test_a_table_that_is_gone_leaves_no_task_and_no_rows(world, enable, tmp_path):
    info = await enable()
    await world.tables.delete(info.table)
    await work(world)

    assert not await tasks(world.driver, CHANGE_TIME_TO_LIVE)
    assert "t_orders_expiry" not in SqliteDriver(tmp_path, read_only=True)._tables.numbers


async def test_an_expiry_adds_nothing_to_the_sums(world, samples, enable):
    await enable()
    await work(world)
    await world.put(samples.item(1, n={"N": "5000"}))

    assert {"t_orders"} == set(await world.tables.counts_of((await world.info()).table))
