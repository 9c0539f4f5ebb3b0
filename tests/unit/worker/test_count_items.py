import asyncio
import random
from dataclasses import replace

import pytest

from magnetodb.errors import StorageFull
from magnetodb.model.derived_rows import NOTHING
from magnetodb.model.items import StoredItem
from magnetodb.model.rows import ANY, Change, RowKey, TokenRange
from magnetodb.operations.cell import Cell
from magnetodb.storage.counts import COUNTS, LOST_SECONDS, RENEW_SECONDS, UNCLEAN
from magnetodb.storage.generations import Freshness
from magnetodb.storage.job_positions import done, order, tasks
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.tables import COUNT_ITEMS, Tables
from magnetodb.worker import count_items, finish_changes, flush_counts
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
        self.get, self.scan, self.query = driver.get, driver.scan, driver.query

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
    assert await tasks(world.driver, COUNT_ITEMS)
    assert not tables.counts.lost


async def test_a_count_puts_lost_sums_right(world):
    tables = world.tables
    tables.counts._counters.clear()
    await count_items.order_all(tables, world.driver)
    run = world.run()
    while await count_items.step(run):
        pass

    assert await counted(world) == (await tables.counts_of((await world.info()).table))["t_orders"]
    assert not await tasks(world.driver, COUNT_ITEMS)


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
    [task] = await tasks(world.driver, COUNT_ITEMS)
    await world.driver.commit([(order(COUNT_ITEMS, task.subject, task.position),)])
    await world.driver.commit([(done(task),)])

    assert await tasks(world.driver, COUNT_ITEMS)


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


# ---- several processes


@pytest.fixture
def processes(world, runner):
    """Two that share the storage."""

    async def opened():
        await world.tables.counts.flush()
        both = [await world.process(Freshness.STRICT) for _ in range(2)]
        for process in both:
            await process.tables.counts.open()
        return both

    return runner.run(opened())


async def store(*processes):
    for process in processes:
        while await process.tables.counts.flush():
            pass


async def test_each_process_knows_what_the_others_have_stored(world, samples, processes):
    one, two = processes
    table = (await one.info()).table
    before = (await one.tables.counts_of(table))["t_orders"], await counted(world)
    await two.put(samples.item(5000))
    await store(two)

    assert before[0] == before[1]
    assert await counted(world) == (await one.tables.counts_of(table))["t_orders"]


async def count_all(world, run, *beside):
    """Steps of the job until it is done; `beside`: what others do, each at one of its rests."""
    doing = list(beside)
    while await tasks(world.driver, COUNT_ITEMS):
        if not await count_items.step(run):
            if doing:
                await doing.pop(0)()
            world.now += count_items.OTHERS_STORE_SECONDS


async def test_a_count_is_made_again_if_others_stored_something_meanwhile(world, samples, processes):
    one, two = processes
    run = one.run()

    async def write():
        await two.put(samples.item(5000))
        await two.delete(samples.item(1))
        await store(two)

    await two.put(samples.item(6000))
    await count_items.order_all(one.tables, world.driver)
    await count_all(world, run, write, write)
    await store(*processes)

    assert await counted(world) == (await one.tables.counts_of((await one.info()).table))["t_orders"]


async def test_a_count_comes_to_its_end_although_others_never_stop(world, samples, processes):
    one, two = processes

    async def write():
        await two.put(samples.item(5000, note={"S": f"{world.now}"}))
        await store(two)

    await count_items.order_all(one.tables, world.driver)
    await count_all(world, one.run(), *[write] * 100)

    assert not await tasks(world.driver, COUNT_ITEMS)


async def test_several_tables_are_counted_in_the_time_of_one(world, processes):
    one, _ = processes
    table = (await one.info()).table
    for number in range(5):
        await one.tables.create(replace(table, name=f"t{number}", id=f"id-{number}", rows_id=f"t_{number}"))
    began = world.now
    await count_items.order_all(one.tables, world.driver)
    await count_all(world, one.run())

    assert world.now - began <= 2 * count_items.OTHERS_STORE_SECONDS


async def test_the_sums_of_a_process_that_ended_are_missed_when_its_mark_is_old(world, processes):
    one, _ = processes
    lost = []
    for seconds in (0.0, LOST_SECONDS - 1, 1.0):
        world.now += seconds
        await store(one)
        lost.append(await one.tables.counts.look_for_lost())
    await finish_changes.step(one.run())

    assert [False, False, True] == lost
    assert await tasks(world.driver, COUNT_ITEMS)
    assert not await one.tables.counts.look_for_lost()


async def test_who_is_the_first_misses_the_sums_of_all_that_were_there_before(world, processes):
    third = await world.process(Freshness.STRICT)
    await third.tables.counts.open()

    assert await third.tables.counts.look_for_lost(alone=True)


async def test_a_process_that_is_alone_misses_the_sums_of_those_that_shared(world, processes):
    one, _ = processes
    await one.tables.counts.close()
    alone = Tables(world.driver)
    found = await alone.counts.open()
    await count_items.order_lost(alone, world.driver)
    await alone.counts.close()

    assert (True, False) == (found, await Tables(world.driver).counts.open())


async def test_how_many_processes_are_at_work_is_known(world, processes):
    one, two = processes
    world.now += RENEW_SECONDS
    await store(one)

    assert (2, 2) == (one.tables.counts.processes, two.tables.counts.processes)


async def test_on_a_cluster_large_tables_are_not_read_for_a_few_seconds_of_one_server(world):
    await world.tables.counts.flush()
    process = await world.process(Freshness.POLLED)
    info = await process.info()
    await process.tables.create(replace(info.table, name="large", id="id-large", rows_id="t_large"))
    large = Change(RowKey(COUNTS, b"t_large", b""), ANY, b"[%d,1]" % (count_items.RECOUNTED_ITEMS_MAX + 1))
    await world.driver.commit([(large,)])
    await count_items.order_all(process.tables, world.driver)

    assert ["id-orders"] == [task.subject for task in await tasks(world.driver, COUNT_ITEMS)]
