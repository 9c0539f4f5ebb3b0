import asyncio
import random

import pytest

from magnetodb.errors import StorageFull
from magnetodb.model.derived_rows import NOTHING
from magnetodb.model.items import StoredItem
from magnetodb.model.rows import TokenRange
from magnetodb.operations.cell import Cell
from magnetodb.storage.counts import UNCLEAN
from magnetodb.storage.job_positions import done, first_task, order
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.tables import COUNT_ITEMS, Tables
from magnetodb.worker import count_items, flush_counts
from magnetodb.worker.jobs import JobRun


async def counted(world):
    """What the rows say."""
    rows = (await world.driver.scan("t_orders", TokenRange(), limit=10_000)).rows
    return len(rows), sum(StoredItem(row.value).size for row in rows)


async def test_writes_are_added_up(world, samples):
    await world.put(samples.item(5000))
    await world.put(samples.item(3, note={"S": "longer"}))
    await world.delete(samples.item(4))
    await world.delete(samples.item(4))

    assert await counted(world) == (await world.tables.counts_of((await world.info()).table))["t_orders"]


async def test_sums_are_stored_and_read_again(world):
    await world.tables.counts.flush()
    other = Tables(world.driver)

    assert await counted(world) == (await other.counts_of((await world.info()).table))["t_orders"]


async def test_what_two_processes_added_is_merged(world, samples):
    await world.tables.counts.flush()
    other = Tables(world.driver)
    info = await world.info()
    other.counts.add(info.keys.base.row_key(samples.item(1)), None, StoredItem.from_item({}, 10), NOTHING)
    await other.counts.flush()
    while await other.counts.flush():
        pass
    world.tables.counts.add(info.keys.base.row_key(samples.item(1)), None, StoredItem.from_item({}, 1), NOTHING)
    while await world.tables.counts.flush():
        pass
    items, size = await counted(world)

    assert (items + 2, size + 11) == (await world.tables.counts_of(info.table))["t_orders"]


async def test_a_process_that_did_not_store_its_sums_is_noticed(world):
    clean = await world.tables.counts.open()
    unclean = await Tables(world.driver).counts.open()
    await world.tables.counts.close()

    assert (False, True, False) == (clean, unclean, await Tables(world.driver).counts.open())


class FullAtTimes:
    """The driver, without room for commits while it is `full`."""

    def __init__(self, driver):
        self._driver = driver
        self.full = True
        self.get, self.scan = driver.get, driver.scan

    async def commit(self, batches):
        if self.full:
            raise StorageFull("No space.")
        return await self._driver.commit(batches)


async def test_a_mark_without_space_is_left_by_the_next_flush_that_has_some(world):
    driver = FullAtTimes(world.driver)
    counts = Tables(driver).counts
    opened = await counts.open()
    await counts.flush()
    unmarked = await world.driver.get([UNCLEAN])
    driver.full = False
    await counts.flush()

    assert (False, [None]) == (opened, unmarked)
    assert await Tables(world.driver).counts.open()


async def test_sums_lost_before_the_disk_was_full_are_counted_when_there_is_room(world):
    await Tables(world.driver).counts.open()
    driver = FullAtTimes(world.driver)
    tables = Tables(driver)
    await tables.counts.open()
    with pytest.raises(StorageFull):
        await count_items.order_lost(tables, driver)
    driver.full = False
    await tables.counts.close()
    kept = await world.driver.get([UNCLEAN])
    cell = Cell(StorageManager(driver, tables), tables, world.cell.settings)
    await flush_counts.step(JobRun("flush_counts", cell, driver))

    assert [None] != kept
    assert await first_task(world.driver, COUNT_ITEMS) is not None
    assert not tables.counts.lost


async def test_a_count_puts_lost_sums_right(world):
    tables = world.tables
    tables.counts._counters.clear()
    await count_items.order_all(tables, world.driver)
    run = world.run()
    while await count_items.step(run):
        pass

    assert await counted(world) == (await tables.counts_of((await world.info()).table))["t_orders"]
    assert await first_task(world.driver, COUNT_ITEMS) is None


async def test_a_count_takes_the_place_of_sums_that_were_stored(world):
    """As after a crash: the sums of before are in their rows, and nobody has read them yet."""
    tables = world.tables
    await tables.counts.flush()
    tables.counts._counters.clear()
    await count_items.order_all(tables, world.driver)
    run = world.run()
    while await count_items.step(run):
        pass

    assert await counted(world) == (await tables.counts_of((await world.info()).table))["t_orders"]


async def test_a_count_that_is_ordered_again_meanwhile_is_made_again(world):
    await count_items.order_all(world.tables, world.driver)
    task = await first_task(world.driver, COUNT_ITEMS)
    await world.driver.commit([(order(COUNT_ITEMS, task.subject, task.position),)])
    await world.driver.commit([(done(task),)])

    assert await first_task(world.driver, COUNT_ITEMS) is not None


async def test_a_count_is_right_although_items_are_written_meanwhile(world, samples):
    await count_items.order_all(world.tables, world.driver)
    choose = random.Random(1)
    stopped = False

    async def write():
        while not stopped:
            number = choose.randrange(1400)
            if choose.random() < 0.5:
                await world.put(samples.item(number, note={"S": "x" * choose.randrange(100)}))
            else:
                await world.delete(samples.item(number))

    writing = [asyncio.ensure_future(write()) for _ in range(8)]
    run = world.run()
    for _ in range(10):
        await count_items.order_all(world.tables, world.driver)
        while await count_items.step(run):
            pass
    stopped = True
    await asyncio.gather(*writing)

    assert await counted(world) == (await world.tables.counts_of((await world.info()).table))["t_orders"]


async def test_sums_of_a_dropped_table_are_removed(world):
    await world.tables.counts.flush()
    info = await world.info()
    await world.tables.delete(info.table)

    assert (0, 0) == (await Tables(world.driver).counts_of(info.table))["t_orders"]
