import asyncio
from dataclasses import replace

import pytest

from magnetodb.model.rows import TokenRange
from magnetodb.storage.index_check import check_index
from magnetodb.storage.job_positions import tasks
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import CHANGE_INDEXES, COUNT_ITEMS, Tables
from magnetodb.worker import change_indexes
from magnetodb.worker.change_indexes import IDLE_PAGES, PAGE_ROWS, SAVE_PAGES


@pytest.fixture
def begin(world, samples):
    """begin(**members of the index): what UpdateTable does."""

    async def create(**members):
        table = (await world.info()).table
        index = replace(samples.index, **members)
        return await world.tables.change_index(replace(table.with_index(index), status="UPDATING"), index.name)

    return create


async def work(world, steps=1000):
    """Steps of the job until nothing waits; returns how many it took."""
    run = world.run()
    for step in range(steps):
        if not await change_indexes.step(run):
            return step
    return steps


async def differences(world):
    info = await world.info()
    return [each async for step in check_index(world.driver, info, "by_g") for each in step.differences]


def rightly_indexed(samples):
    return sum("S" in samples.item(number).get("g", ()) for number in range(samples.items))


async def index_rows(world):
    return (await world.driver.scan("t_orders_g", TokenRange(), limit=10_000)).rows


async def test_an_index_is_filled_and_becomes_active(world, samples, begin):
    await begin()
    await work(world)
    table = (await world.info()).table

    assert ("ACTIVE", "ACTIVE", False) == (
        table.status,
        table.indexes["by_g"].status,
        table.indexes["by_g"].backfilling,
    )
    assert rightly_indexed(samples) == len(await index_rows(world))
    assert [] == await differences(world)
    assert not await tasks(world.driver, CHANGE_INDEXES)


async def test_a_projection_is_filled_too(world, begin):
    await begin(projection="INCLUDE", attributes=("n",))
    await work(world)

    assert [] == await differences(world)


async def test_writes_before_between_and_after_the_steps_are_seen(world, samples, begin):
    await begin()
    run = world.run()
    for number in range(10):
        await world.put(samples.item(number, g={"S": "before"}))
    more = True
    while more:
        more = await change_indexes.step(run)
        for number in range(20, 700, 30):
            await world.put(samples.item(number, g={"S": f"between-{number}"}))
            await world.delete(samples.item(number + 1))
            await world.put(samples.item(number + 1000, g={"S": "new"}))

    assert [] == await differences(world)


async def test_writes_beside_a_step_are_seen(world, samples, begin):
    await begin()
    run = world.run()

    async def write():
        for number in range(0, 700, 3):
            await world.put(samples.item(number, g={"S": "beside"}))
            await world.delete(samples.item(number + 1))

    writing = asyncio.ensure_future(write())
    while await change_indexes.step(run):
        pass
    await writing

    assert [] == await differences(world)


async def test_a_write_that_was_begun_before_the_index_was_there_puts_its_row(world, samples, begin):
    """Its request looked the table up, then waited."""
    before = await world.info()
    await begin()
    await work(world)
    write = world.write(before, samples.item(1, g={"S": "late"}))
    await world.manager.write_item(before, write.key, write.replace)
    await world.manager.write_items([world.write(before, samples.item(2, g={"S": "late"}))])

    assert [] == await differences(world)


async def test_an_index_that_the_cache_does_not_know_yet_is_filled(world, samples):
    """The storage has a commit a moment before the one who made it goes on."""
    before = await world.info()
    table = before.table
    await Tables(world.driver).change_index(replace(table.with_index(samples.index), status="UPDATING"), "by_g")
    await work(world)
    write = world.write(before, samples.item(1, g={"S": "late"}))
    await world.manager.write_item(before, write.key, write.replace)

    assert "ACTIVE" == (await world.info()).table.indexes["by_g"].status
    assert [] == await differences(world)


async def test_a_process_that_ends_in_between_is_succeeded(world, samples, begin):
    await begin()
    await work(world, steps=2)
    await work(world)

    assert rightly_indexed(samples) == len(await index_rows(world))
    assert [] == await differences(world)


async def test_the_position_is_saved(world, samples, begin):
    await world.manager.write_each(
        [
            world.write(await world.info(), samples.item(number))
            for number in range(samples.items, PAGE_ROWS * (SAVE_PAGES + 2))
        ]
    )
    await begin()
    await work(world, steps=1 + SAVE_PAGES // IDLE_PAGES)
    [task] = await tasks(world.driver, CHANGE_INDEXES)
    left = await work(world)

    assert PAGE_ROWS * SAVE_PAGES == task.position["items"]
    assert 1 == left
    assert [] == await differences(world)


async def test_an_index_goes_with_its_rows(world, begin, tmp_path):
    await begin()
    await work(world)
    table = (await world.info()).table
    leaving = replace(table.indexes["by_g"], status="DELETING")
    await world.tables.change_index(replace(table.with_index(leaving), status="UPDATING"), "by_g")
    await work(world)
    table = (await world.info()).table

    assert ("ACTIVE", {}, {"a": "S", "s": "S"}) == (table.status, table.indexes, table.attribute_types)
    assert "t_orders_g" not in SqliteDriver(tmp_path, read_only=True)._tables.numbers


async def test_an_index_that_is_not_wanted_any_more_goes_while_it_is_filled(world, begin):
    await begin()
    await work(world, steps=2)
    table = (await world.info()).table
    leaving = replace(table.indexes["by_g"], status="DELETING", backfilling=False)
    await world.tables.change_index(table.with_index(leaving), "by_g")
    await work(world)

    assert {} == (await world.info()).table.indexes


async def test_a_table_that_is_gone_leaves_no_task(world, begin):
    info = await begin()
    await world.tables.delete(info.table)
    await work(world)

    assert not await tasks(world.driver, CHANGE_INDEXES)


async def test_a_filled_index_is_counted(world, begin):
    await begin()
    await work(world)

    assert "id-orders" == (await tasks(world.driver, COUNT_ITEMS))[0].subject
