"""Where processes share the file, nobody is told or shown what is not on the disk; a disk that stalls is no way round a
bound, and one that fails is believed."""

import asyncio
import errno
import os
import threading

import pytest

from magnetodb.errors import StorageError, StorageUnavailable
from magnetodb.model.rows import ABSENT, ANY, Change, Committed, RowKey, SortRange, TokenRange
from magnetodb.storage.commit_queue import Work
from magnetodb.storage.group_commit import UNSYNCED_BYTES_MAX
from magnetodb.storage.sqlite import SqliteDriver

TABLE = "t_items"
KEY = RowKey(TABLE, b"p", b"s")


class Disk:
    """An fdatasync that waits until it is let go, or fails."""

    def __init__(self):
        self.gate = threading.Event()
        self.asked = threading.Event()
        self.error = None

    def fdatasync(self, file):
        self.asked.set()
        self.gate.wait(20)
        if self.error is not None:
            raise self.error
        os.fdatasync(file)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def driver(tmp_path, runner, disk):
    """A driver with a table, whose next writes wait for `disk`."""
    driver = SqliteDriver(tmp_path, shared=True)

    async def prepare():
        await driver.create_table(TABLE)
        # The first commit of a new log would wait for the disk itself.
        await driver.commit([(Change(KEY._replace(sort=b"other"), ANY, b"1"),)])

    runner.run(prepare())
    driver._file.sync.fdatasync = disk.fdatasync
    yield driver
    disk.gate.set()
    runner.run(driver.close())


async def asked(disk):
    await asyncio.get_running_loop().run_in_executor(None, disk.asked.wait, 20)


async def rounds():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nobody_is_told_of_a_write_before_it_is_on_the_disk(driver, disk):
    writing = asyncio.create_task(driver.commit([(Change(KEY, ABSENT, b"new"),)]))
    await asked(disk)
    waiting = [
        writing,
        asyncio.create_task(driver.get([KEY])),
        asyncio.create_task(driver.query(TABLE, KEY.partition, SortRange(b""), limit=5)),
        asyncio.create_task(driver.scan(TABLE, TokenRange(), limit=5)),
    ]
    await rounds()

    assert [False] * 4 == [each.done() for each in waiting]

    disk.gate.set()
    (outcome,), (row,), page, pages = await asyncio.gather(*waiting)

    assert Committed is type(outcome)
    assert b"new" == row.value
    assert b"new" in [each.value for each in page.rows]
    assert b"new" in [each.value for each in pages.rows]


async def test_what_is_on_the_disk_is_read_at_once(driver, disk):
    other = KEY._replace(sort=b"other")
    writing = asyncio.create_task(driver.commit([(Change(KEY, ABSENT, b"new"),)]))
    await asked(disk)
    (row,) = await driver.get([other])

    assert b"1" == row.value
    assert not writing.done()

    disk.gate.set()
    await writing


async def test_what_waits_behind_a_failed_disk_is_refused(driver, disk):
    disk.error = OSError(errno.EIO, os.strerror(errno.EIO))
    first = asyncio.create_task(driver.commit([(Change(KEY, ABSENT, b"new"),)]))
    await asked(disk)
    behind = asyncio.create_task(driver.commit([(Change(KEY._replace(sort=b"b"), ABSENT, b"new"),)]))
    await rounds()
    disk.gate.set()
    failures = await asyncio.gather(first, behind, return_exceptions=True)
    disk.error = None

    assert [True, True] == [isinstance(each, StorageError) for each in failures]
    with pytest.raises(StorageUnavailable):
        await driver.commit([(Change(KEY._replace(sort=b"c"), ABSENT, b"new"),)])


class Large(Work):
    """A work of some bytes."""

    def __init__(self, size):
        self.size = size
        self.applied = False

    def apply(self, deadline):
        self.applied = True
        return True


async def test_no_turn_begins_while_too_much_is_not_on_the_disk(driver, disk):
    first, second = Large(UNSYNCED_BYTES_MAX + 1), Large(1)
    futures = driver._commits.submit([first])
    await asked(disk)
    futures += driver._commits.submit([second])
    await rounds()

    assert (True, False) == (first.applied, second.applied)

    disk.gate.set()
    await asyncio.gather(*futures)

    assert second.applied


async def test_turns_that_wait_for_the_disk_are_in_their_order(driver, disk):
    """A reader may wait for another process's turn before this one has heard of the end of its own earlier one."""
    commits, works = driver._commits, [Large(1), Large(1)]
    for work in works:
        work.future = asyncio.get_running_loop().create_future()
    ended = driver._file.sync.ended()
    commits._synchronize(ended, [works[0]])
    commits._synchronize(ended - 1, [works[1]])

    assert [ended, ended] == [turn for turn, _ in commits._committed]

    disk.gate.set()
    await asyncio.gather(*[work.future for work in works])
