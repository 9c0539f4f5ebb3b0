import asyncio
from dataclasses import replace

import pytest

from magnetodb.errors import StorageUnavailable
from magnetodb.model.rows import ANY, CHECK, Change, DerivedRow, TokenRange
from magnetodb.model.table import TimeToLive
from magnetodb.storage.due_rows import DueRows
from magnetodb.storage.index_check import TIME_TO_LIVE, check_index
from magnetodb.storage.job_positions import tasks
from magnetodb.storage.tables import EXPIRE_ITEMS
from magnetodb.worker import change_indexes, change_time_to_live, expire_items

FUTURE = {"N": "5000"}


@pytest.fixture
def expiring(world, samples, runner):
    """The world, whose items expire by `n`: at the seconds 0 to 699; it is second 0. They have an index by `g`."""

    async def prepare():
        world.now = 0.0
        table = (await world.info()).table
        await world.tables.change_index(replace(table.with_index(samples.index), status="UPDATING"), "by_g")
        await work(world, change_indexes)
        table = (await world.info()).table
        await world.tables.change_time_to_live(replace(table, time_to_live=TimeToLive("n", "t_orders_expiry")))
        await work(world, change_time_to_live)

    runner.run(prepare())
    return world


async def work(world, job=expire_items):
    """Steps of a job until nothing waits; returns how many it took."""
    run = world.run()
    steps = 0
    while await job.step(run):
        steps += 1
    return steps


async def left(world):
    """The numbers of the items that are there."""
    rows = (await world.driver.scan("t_orders", TokenRange(), limit=10_000)).rows
    return {int(row.key.sort) for row in rows}


async def differences(world):
    info = await world.info()
    return [
        each
        for name in ("by_g", TIME_TO_LIVE)
        async for step in check_index(world.driver, info, name)
        for each in step.differences
    ]


async def test_what_is_due_is_deleted_and_nothing_else(expiring):
    expiring.now = 300.0
    await work(expiring)

    assert set(range(300, 700)) == await left(expiring)
    assert [] == await differences(expiring)


async def test_the_clock_of_the_cell_decides(expiring):
    await work(expiring)
    before = len(await left(expiring))
    expiring.now = 10_000.0
    await work(expiring)

    assert (700, set()) == (before, await left(expiring))


async def test_sums_follow(expiring):
    expiring.now = 300.0
    await work(expiring)
    counts = await expiring.tables.counts_of((await expiring.info()).table)

    assert 400 == counts["t_orders"][0]


async def test_items_without_a_number_stay(expiring, samples):
    whole = samples.item(2)
    await expiring.put({name: whole[name] for name in ("a", "s")})
    await expiring.put(samples.item(3, n={"S": "3"}))
    expiring.now = 10_000.0
    await work(expiring)

    assert {2, 3} == await left(expiring)


async def test_items_that_expired_over_five_years_ago_stay(expiring):
    expiring.now = 5 * 365 * 86_400 + 100.0
    await work(expiring)

    assert set(range(100)) == await left(expiring)


async def test_an_item_that_was_rewritten_after_it_was_found_stays(expiring, samples):
    """The write comes between the reading of the rows that are due and the deletions."""
    expiring.now = 300.0
    info = await expiring.info()
    codec = info.keys.expiry
    found = (await expiring.driver.scan("t_orders_expiry", TokenRange(), limit=10_000)).rows
    found = [row for row in found if int(codec.table_key(row.key).sort) in range(100, 110)]
    for number in range(100, 105):
        await expiring.put(samples.item(number, n=FUTURE))
    await expiring.delete(samples.item(105))
    deleted = await expire_items.delete(expiring.run(), info, codec, found, expiring.now)

    assert 4 == deleted
    assert set(range(700)) - set(range(105, 110)) == await left(expiring)
    assert [] == await differences(expiring)


async def test_writes_at_the_same_moment_win(expiring, samples):
    expiring.now = 1000.0

    async def rewrite():
        for number in range(0, 700, 3):
            await expiring.put(samples.item(number, n=FUTURE))

    await asyncio.gather(rewrite(), work(expiring))
    await work(expiring)

    assert set(range(0, 700, 3)) == await left(expiring)
    assert [] == await differences(expiring)


async def test_a_row_without_an_item_is_put_right(expiring, samples):
    """There should be none; one that stayed would be found again and again."""
    codec = (await expiring.info()).keys.expiry
    stray = codec.row_key(samples.item(5, s={"S": "nobody"}))
    await expiring.driver.commit([(Change(codec.table_key(stray), ANY, CHECK, (DerivedRow(stray, b"\x01"),)),)])
    expiring.now = 10.0
    await work(expiring)

    assert set(range(10, 700)) == await left(expiring)
    assert [] == await differences(expiring)


async def test_a_round_without_anything_due_is_one_step(expiring):
    assert 0 == await work(expiring)


async def test_tables_that_are_gone_are_forgotten(expiring):
    await expiring.tables.delete((await expiring.info()).table)
    await work(expiring)

    assert not await tasks(expiring.driver, EXPIRE_ITEMS)


class Buried:
    """A driver on which so much has expired that no more than a minute of it can be read together."""

    def __init__(self, driver):
        self._driver = driver

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def query(self, table, partition, sorts, **options):
        start, end = [int.from_bytes((each or b"")[:8], "big") for each in sorts]
        if table == "t_orders_expiry" and min(end, 700) - start > 60:
            raise StorageUnavailable
        return await self._driver.query(table, partition, sorts, **options)


async def test_items_expire_although_many_have_expired_before_them(expiring):
    expiring.manager.due_rows = DueRows(Buried(expiring.driver), expiring.clock)
    expiring.now = 10_000.0
    await work(expiring)

    assert set() == await left(expiring)


async def test_nothing_expires_any_more_once_it_is_disabled(expiring):
    table = (await expiring.info()).table
    leaving = replace(table.time_to_live, status="DISABLING")
    await expiring.tables.change_time_to_live(replace(table, time_to_live=leaving))
    expiring.now = 1000.0
    await work(expiring)
    await work(expiring, change_time_to_live)
    await work(expiring)

    assert set(range(700)) == await left(expiring)
