"""Rows that are due, on a storage in which too much that was removed lets a read fail."""

from bisect import bisect_left, insort

import pytest

from magnetodb.errors import StorageUnavailable
from magnetodb.model.rows import Page, Row, RowKey, SortRange
from magnetodb.storage.due_rows import FROM_FRONT_SECONDS, NEWEST_SECONDS, DueRows

TOMBSTONES_MAX = 100
LIMIT = 10
TABLE, PARTITION = "token_expiries", b"\x00"


class Buried:
    """Of a storage driver what is read here: one partition. What is removed leaves a tombstone for ever."""

    def __init__(self):
        self.sorts = []
        self.removed = set()
        self.is_down = False
        self.failures = 0

    def put(self, second, tail=b""):
        insort(self.sorts, second.to_bytes(8, "big") + tail)

    def left(self):
        return len(self.sorts) - len(self.removed)

    async def query(self, table, partition, sorts, *, limit):
        assert (table, partition) == (TABLE, PARTITION)
        rows, tombstones = [], 0
        for sort in self.sorts[bisect_left(self.sorts, sorts.start) : bisect_left(self.sorts, sorts.end)]:
            tombstones += sort in self.removed
            if self.is_down or tombstones > TOMBSTONES_MAX:
                self.failures += 1
                raise StorageUnavailable
            if sort not in self.removed:
                if len(rows) == limit:
                    return Page(rows, True)
                rows.append(Row(RowKey(table, partition, sort), b"\x01", 1))
        return Page(rows, False)

    async def get(self, keys):
        if self.is_down:
            raise StorageUnavailable
        return [None for _ in keys]


class World:
    """A job that removes what is due, with the time there."""

    def __init__(self):
        self.now = 2_000_000
        self.monotonic = 0.0
        self.driver = Buried()
        self.due = DueRows(self.driver, lambda: self.monotonic)

    async def step(self, first=b""):
        """Whether there was, or may be, something."""
        page = await self.due.first(TABLE, PARTITION, SortRange(first, self.now.to_bytes(8, "big")), limit=LIMIT)
        self.driver.removed |= {row.key.sort for row in page.rows}
        return bool(page.rows) or page.more

    async def work(self):
        """Steps until nothing is left."""
        steps = 0
        while await self.step():
            steps += 1
            assert steps < 5000
        return steps


@pytest.fixture
def world():
    return World()


@pytest.fixture
def buried(world, runner):
    """A world in which what is due lies behind much that was removed."""
    for number in range(1000):
        world.driver.put(world.now - 5000 + number)
    world.driver.removed = set(world.driver.sorts)
    for number in range(100):
        world.driver.put(world.now - 1000 + number)
    return world


async def test_nothing_is_removed_that_is_not_due(world):
    world.driver.put(world.now - 1)
    world.driver.put(world.now)
    await world.work()

    assert (1, 0) == (world.driver.left(), world.driver.failures)


async def test_what_is_due_is_found_behind_all_that_was_removed(buried):
    await buried.work()

    assert 0 == buried.driver.left()


async def test_removing_goes_on_although_what_was_removed_stays(world):
    for number in range(3000):
        world.driver.put(world.now + number)
    for _ in range(30):
        world.now += 100
        await world.work()

    assert 0 == world.driver.left()


async def test_what_was_passed_is_not_read_again(buried):
    await buried.work()
    failures = buried.driver.failures
    for _ in range(5):
        buried.now += 10
        await buried.work()

    assert failures == buried.driver.failures


async def test_of_one_second_more_may_be_due_than_a_read_passes(world):
    for number in range(1000):
        world.driver.put(world.now - 1, b"%04d" % number)
    await world.work()

    assert 0 == world.driver.left()


async def test_a_second_that_cannot_be_read_is_left_for_later_and_does_not_hold_up_others(world):
    for number in range(1000):
        world.driver.put(world.now - 2000, b"%04d" % number)
    world.driver.removed = set(world.driver.sorts[:500])
    world.driver.put(world.now - 1)
    await world.work()

    assert 500 == world.driver.left()


async def test_what_was_due_when_it_was_written_is_found_at_once_or_within_the_hour(buried):
    await buried.work()
    buried.now += 10
    buried.driver.put(buried.now - NEWEST_SECONDS + 10)
    buried.driver.put(buried.now - 50_000)
    await buried.work()
    late = buried.driver.left()
    buried.monotonic += FROM_FRONT_SECONDS
    await buried.work()

    assert (1, 0) == (late, buried.driver.left())


async def test_a_storage_that_is_down_is_not_read_in_windows(buried):
    buried.driver.is_down = True
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await buried.step()
    down = buried.driver.failures
    buried.driver.is_down = False
    await buried.step()
    buried.driver.is_down = True
    with pytest.raises(StorageUnavailable):
        await buried.step()
    buried.driver.is_down = False
    await buried.work()

    assert (3, 0) == (down, buried.driver.left())
