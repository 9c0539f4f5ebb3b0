import asyncio
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


def lease(world, owner="one", ahead=0.0, **options):
    """`ahead`: how much the clock of this process is, beside the one of the world."""
    clock, monotonic = lambda: world.now + ahead, lambda: world.now
    return Lease(world.driver, "job", owner=owner, clock=clock, monotonic=monotonic, **options)


async def stored(world):
    (row,) = await world.driver.get((RowKey(LEASES, b"job", b""),))
    return stored_lease(row)


async def test_the_first_who_asks_has_it(world):
    assert await lease(world).hold(IDLE)
    assert not await lease(world, "two").hold(IDLE)
    assert ("job", "one", 1000.0 + LEASE_SECONDS, IDLE) == await stored(world)


async def test_one_that_was_not_renewed_for_as_long_as_it_lasts_is_taken(world):
    second = lease(world, "two")
    await lease(world, "dead").hold(IDLE)
    outcomes = []
    for seconds in (0.0, LEASE_SECONDS - 1, 1.0):
        world.now += seconds
        outcomes.append(await second.hold(IDLE))

    assert [False, False, True] == outcomes


async def test_one_that_lasts_shorter_is_renewed_and_taken_sooner(world):
    first, second = lease(world, seconds=10.0), lease(world, "two", seconds=10.0)
    await first.hold(IDLE)
    await second.hold(IDLE)
    world.now += 5.0
    await first.hold(IDLE)
    renewed = await stored(world)
    outcomes = []
    for seconds in (5.0, 9.9, 0.2):
        world.now += seconds
        outcomes.append(await second.hold(IDLE))

    assert 1015.0 == renewed.until
    assert [False, False, True] == outcomes


async def test_of_two_who_take_it_at_once_one_gets_it(world):
    first, second = lease(world), lease(world, "two")
    await lease(world, "dead").hold(IDLE)
    await asyncio.gather(first.hold(IDLE), second.hold(IDLE))
    world.now += LEASE_SECONDS
    outcomes = await asyncio.gather(first.hold(IDLE), second.hold(IDLE))

    assert [False, True] == sorted(outcomes)


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
async def test_a_process_whose_clock_is_wrong_takes_it_from_nobody(world, ahead):
    first, wrong = lease(world), lease(world, "two", ahead)
    outcomes = []
    for _ in range(4):
        outcomes.append((await first.hold(IDLE), await wrong.hold(IDLE)))
        world.now += RENEW_SECONDS

    assert [(True, False)] * 4 == outcomes


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
    await second.hold(IDLE)
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
