from types import SimpleNamespace

import pytest

from magnetodb.model.rows import RowKey
from magnetodb.storage.job_positions import LEASES
from magnetodb.storage.leases import LEASE_SECONDS, RENEW_SECONDS, WORKING_RENEW_SECONDS, Lease, stored_lease
from magnetodb.storage.sqlite import SqliteDriver

IDLE = {"status": "idle"}
WORKING = {"status": "working"}


@pytest.fixture
def world(tmp_path, runner):
    """A storage, and the time there."""
    world = SimpleNamespace(driver=SqliteDriver(tmp_path), now=1000.0)
    runner.run(world.driver.create_table(LEASES))
    yield world
    runner.run(world.driver.close())


def lease(world, owner="one", **options):
    return Lease(world.driver, "job", owner=owner, clock=lambda: world.now, **options)


async def stored(world):
    (row,) = await world.driver.get((RowKey(LEASES, b"job", b""),))
    return stored_lease(row)


async def test_the_first_who_asks_has_it(world):
    assert await lease(world).hold(IDLE)
    assert not await lease(world, "two").hold(IDLE)
    assert ("job", "one", 1000.0 + LEASE_SECONDS, IDLE) == await stored(world)


async def test_of_two_who_ask_at_once_one_gets_it(world):
    first, second = lease(world), lease(world, "two")
    await lease(world, "dead").hold(IDLE)
    world.now += LEASE_SECONDS
    outcomes = [await first.hold(IDLE), await second.hold(IDLE)]

    assert [True, False] == outcomes


async def test_it_is_renewed_before_it_ends(world):
    first, second = lease(world), lease(world, "two")
    await first.hold(IDLE)
    for _ in range(4):
        world.now += RENEW_SECONDS
        await first.hold(IDLE)

    assert not await second.hold(IDLE)


async def test_it_is_written_no_more_often_than_it_must_be(world):
    first = lease(world)
    await first.hold(IDLE)
    world.now += RENEW_SECONDS - 1
    await first.hold(IDLE)
    idle = await stored(world)
    await first.hold(WORKING)
    working = await stored(world)
    world.now += WORKING_RENEW_SECONDS
    await first.hold(WORKING)

    assert 1000.0 + LEASE_SECONDS == idle.until
    assert WORKING == working.state
    assert world.now + LEASE_SECONDS == (await stored(world)).until


async def test_who_has_lost_it_learns_so(world):
    first, second = lease(world), lease(world, "two")
    await first.hold(IDLE)
    world.now += LEASE_SECONDS
    await second.hold(IDLE)

    assert not await first.hold(IDLE)
    assert await second.hold(IDLE)


async def test_one_that_is_released_is_free_at_once(world):
    first = lease(world)
    await first.hold(IDLE)
    await first.release({"status": "stopped"})

    assert {"status": "stopped"} == (await stored(world)).state
    assert await lease(world, "two").hold(IDLE)


async def test_who_is_alone_need_not_wait_for_the_dead(world):
    await lease(world).hold(IDLE)

    assert await lease(world, "two", sole=True).hold(IDLE)


async def test_a_clock_that_was_ahead_does_not_hold_it_for_ever(world):
    world.now += 1_000_000
    await lease(world).hold(IDLE)
    world.now -= 1_000_000

    assert await lease(world, "two").hold(IDLE)
