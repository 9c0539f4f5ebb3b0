from dataclasses import replace

import pytest

from magnetodb.model.table import TimeToLive
from magnetodb.storage.generations import Freshness
from magnetodb.storage.index_check import check_index
from magnetodb.storage.late_driver import LateDriver
from magnetodb.worker import change_indexes, change_time_to_live
from magnetodb.worker.settling import settled


@pytest.fixture
def polled(world, runner):
    """Two processes that poll."""

    async def opened():
        return [await world.process(Freshness.POLLED) for _ in range(2)]

    return runner.run(opened())


async def test_who_shares_nothing_waits_for_nobody(world):
    run = world.run()

    assert await settled(run, (await world.info()).table)
    assert {} == run.first_seen


async def test_a_table_is_waited_for_until_nobody_can_write_by_an_older_one(world, polled):
    process, _ = polled
    await process.tables.update((await process.info()).table)
    run, table = process.run(), (await process.info()).table
    outcomes = []
    for seconds in (0.0, process.tables.settle_seconds - 1, 1.0):
        world.now += seconds
        outcomes.append(await settled(run, table))

    assert [False, False, True] == outcomes
    assert not await settled(run, replace(table, version=table.version + 1))


async def test_a_table_is_waited_for_until_everybody_says_that_he_knows_it(world, polled):
    run = polled[0].run()
    table = (await polled[0].tables.update((await polled[0].info()).table)).table
    outcomes = [await settled(run, table)]
    for process in polled:
        await process.tables.poll()
        outcomes.append(await settled(run, table))

    assert [False, False, True] == outcomes


async def test_who_has_a_commit_under_way_says_nothing(world):
    late = LateDriver("Not yet.")
    late.arrive(world.driver)
    process = type(world)(late, Freshness.POLLED, world.time, epochs=late.epochs)
    await process.tables.open()
    epoch = late.epochs.begin()
    run = process.run()
    table = (await process.tables.update((await process.info()).table)).table
    await process.tables.poll()
    before = await settled(run, table)
    late.epochs.end(epoch)
    await process.tables.poll()

    assert (False, True) == (before, await settled(run, table))


async def test_an_index_is_filled_only_after_everybody_writes_to_it(world, samples, polled):
    one, two = polled
    before = await two.info()
    changed = replace(before.table.with_index(samples.index), status="UPDATING")
    await one.tables.change_index(changed, "by_g")
    run = one.run()
    waiting = await change_indexes.step(run)
    await two.put(samples.item(1, g={"S": "by who does not know"}))
    steps = []
    while (await one.info()).table.indexes["by_g"].status != "ACTIVE":
        world.now += one.tables.settle_seconds
        for process in polled:
            await process.tables.poll()
        while await change_indexes.step(run):
            steps.append((await one.info()).table.indexes["by_g"].backfilling)
            await two.put(samples.item(2, g={"S": "by who knows"}))
    info = await one.info()

    assert (False, True) == (waiting, steps[0])
    assert [] == [each async for step in check_index(world.driver, info, "by_g") for each in step.differences]


async def test_what_one_who_knows_of_an_index_writes_another_who_does_not_may_write_over(world, samples, polled):
    """The row of the first write would stay in the index for ever, so it is not put yet."""
    one, two = polled
    before = await two.info()
    await one.tables.change_index(replace(before.table.with_index(samples.index), status="UPDATING"), "by_g")
    run = one.run()
    await one.put(samples.item(1, g={"S": "by who knows"}))
    await two.put(samples.item(1, g={"S": "by who does not know"}))
    while (await one.info()).table.indexes["by_g"].status != "ACTIVE":
        world.now += one.tables.settle_seconds
        for process in polled:
            await process.tables.poll()
        while await change_indexes.step(run):
            pass
    info = await one.info()

    assert [] == [each async for step in check_index(world.driver, info, "by_g") for each in step.differences]


async def test_an_index_is_dropped_only_after_nobody_writes_to_it(world, samples, polled):
    one, two = polled
    index = replace(samples.index, status="DELETING")
    await one.tables.change_index(
        replace((await one.info()).table.with_index(samples.index), status="UPDATING"), "by_g"
    )
    await two.tables.poll()
    await one.tables.change_index((await one.info()).table.with_index(index), "by_g")
    run = one.run()
    waiting = await change_indexes.step(run)
    await two.put(samples.item(1, g={"S": "by who does not know"}))
    world.now += one.tables.settle_seconds
    await one.tables.poll()
    while await change_indexes.step(run):
        pass

    assert not waiting
    assert {} == (await one.info()).table.indexes


async def test_expiry_begins_only_after_everybody_keeps_its_rows(world, samples, polled):
    one, _ = polled
    info = await one.info()
    await one.tables.change_time_to_live(replace(info.table, time_to_live=TimeToLive("n", "t_orders_expiry")))
    run = one.run()
    waiting = await change_time_to_live.step(run)
    world.now += one.tables.settle_seconds
    await one.tables.poll()
    while await change_time_to_live.step(run):
        pass

    assert (False, "ENABLED") == (waiting, (await one.info()).table.time_to_live.status)


async def test_one_table_that_waits_does_not_hold_up_another(world, samples, polled):
    one, _ = polled
    other = replace((await one.info()).table, name="others", id="id-others", rows_id="t_others")
    await one.tables.create(other)
    for name in ("orders", "others"):
        info = await one.tables.get("p", name)
        index = replace(samples.index, rows_id=f"{info.table.rows_id}_g")
        await one.tables.change_index(replace(info.table.with_index(index), status="UPDATING"), "by_g")
    run = one.run()
    await change_indexes.step(run)
    for _ in range(3):
        world.now += one.tables.settle_seconds
        await one.tables.poll()
        while await change_indexes.step(run):
            pass
    infos = [await one.tables.get("p", name) for name in ("orders", "others")]

    assert ["ACTIVE"] * 2 == [info.table.indexes["by_g"].status for info in infos]
