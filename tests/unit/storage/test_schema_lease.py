import asyncio
from types import SimpleNamespace

import pytest

from magnetodb.errors import StorageBusy
from magnetodb.model.rows import Change, RowKey
from magnetodb.storage.job_positions import LEASES
from magnetodb.storage.leases import RENEW_SECONDS, stored_lease
from magnetodb.storage.schema_lease import SCHEMA, WAIT_SECONDS_MAX, SchemaLease
from magnetodb.storage.sqlite import SqliteDriver


@pytest.fixture
def world(tmp_path, runner):
    """A storage, and the time there."""
    world = SimpleNamespace(driver=SqliteDriver(tmp_path), now=1000.0, at_work=0, most=0)
    runner.run(world.driver.create_table(LEASES))
    yield world
    runner.run(world.driver.close())


def lease(world, owner="one"):
    return SchemaLease(world.driver, owner=owner, clock=lambda: world.now, monotonic=lambda: world.now)


async def work(world, lease):
    async with lease.held():
        world.at_work += 1
        world.most = max(world.most, world.at_work)
        await asyncio.sleep(0.001)
        world.at_work -= 1


async def test_one_of_all_works_at_a_time(world):
    processes = [lease(world, owner) for owner in ("one", "two")]
    await asyncio.gather(*[work(world, each) for each in processes * 3])

    assert (1, 0) == (world.most, world.at_work)


async def test_others_have_it_after_a_failure(world):
    with pytest.raises(ValueError, match="wrong"):
        async with lease(world).held():
            raise ValueError("wrong")
    await work(world, lease(world, "two"))

    assert 1 == world.most


async def test_it_is_kept_while_much_is_changed(world):
    first = lease(world)
    async with first.held():
        world.now += RENEW_SECONDS
        await first.keep()
        (row,) = await world.driver.get((RowKey(LEASES, SCHEMA.encode(), b""),))

    assert world.now < stored_lease(row).until - RENEW_SECONDS


async def test_who_waits_too_long_is_told(world):
    second = lease(world, "two")
    async with lease(world).held():
        waiting = asyncio.ensure_future(work(world, second))
        while not waiting.done():
            # The first one is alive: each second its lease is a new one.
            (row,) = await world.driver.get((RowKey(LEASES, SCHEMA.encode(), b""),))
            await world.driver.commit([(Change(row.key, row, row.value),)])
            world.now += WAIT_SECONDS_MAX / 20
            await asyncio.sleep(0.02)

    with pytest.raises(StorageBusy):
        await waiting
