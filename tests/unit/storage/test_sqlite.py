"""What only SQLite does; the rest is in the contract of all drivers."""

import asyncio
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from magnetodb.errors import StorageFull, StorageUnavailable
from magnetodb.model.rows import ABSENT, ANY, Change, Committed, RowKey, SortRange, TokenRange
from magnetodb.storage import sqlite
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.sqlite_file import open_file

PAGE = bytes(4000)


def key(number=0, table="t"):
    return RowKey(table, b"p", b"%06d" % number)


async def put(driver, *numbers, value=PAGE, table="t"):
    return await driver.commit([(Change(key(number, table), ANY, value),) for number in numbers])


async def opened(directory, **options):
    driver = SqliteDriver(directory, **options)
    await driver.recover()
    await driver.create_table("t")
    return driver


async def test_a_full_file_is_told_and_goes_on_serving(tmp_path):
    driver = await opened(tmp_path, pages_max=40)
    await put(driver, 0, value=b"kept")
    written = 1

    async def fill():
        nonlocal written
        while written < 100:
            await put(driver, written)
            written += 1

    with pytest.raises(StorageFull, match="No space is left for the data file"):
        await fill()

    assert 10 < written < 100
    assert [b"kept"] == [row.value for row in await driver.get([key(0)])]
    assert written == len((await driver.scan("t", TokenRange(), limit=1000)).rows)
    # Small writes into free places still work, and so does making room.
    await put(driver, 0, value=b"more")
    await driver.commit([(Change(key(number), ANY, None),) for number in range(1, 10)])
    await put(driver, 1, 2)
    await driver.close()


async def test_a_write_that_finds_no_space_takes_no_neighbour_with_it(tmp_path):
    driver = await opened(tmp_path, pages_max=40)
    large = asyncio.ensure_future(put(driver, 1, value=bytes(400_000)))
    small = [asyncio.ensure_future(put(driver, number, value=b"small")) for number in range(2, 20)]
    outcomes = await asyncio.gather(large, *small, return_exceptions=True)

    assert isinstance(outcomes[0], StorageFull)
    assert {Committed} == {type(outcome) for (outcome,) in outcomes[1:]}
    assert [None] == await driver.get([key(1)], for_write=True)
    await driver.close()


def test_a_log_that_cannot_grow_is_told_and_reads_go_on(tmp_path):
    """The process may write files of 256 KiB at most, so COMMIT itself fails."""
    process = subprocess.run(
        [sys.executable, __file__, tmp_path], capture_output=True, text=True, check=False, timeout=60
    )

    assert ("told\nread\n", "", 0) == (process.stdout, process.stderr, process.returncode)


async def write_into_a_limit(directory):
    driver = await opened(directory)
    await put(driver, 0, value=b"kept")
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, resource.RLIM_INFINITY))
    try:
        for number in range(1, 200):
            await put(driver, number)
    except (StorageFull, StorageUnavailable):
        print("told")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    rows = (await driver.query("t", b"p", SortRange(), limit=1000)).rows
    assert [b"kept"] == [row.value for row in await driver.get([key(0)])]
    assert list(rows) == await driver.get([row.key for row in rows])
    await put(driver, 0, value=b"more")
    await driver.close()
    print("read")


async def test_the_log_is_bounded(tmp_path):
    driver = await opened(tmp_path)
    log = tmp_path / "magnetodb.sqlite-wal"
    for turn in range(60):
        await put(driver, *range(300), value=bytes([turn]) * 4000)
        await driver.get([key(1)])

    assert log.stat().st_size < 40 * 1024 * 1024
    await driver.close()


async def test_a_clock_that_went_back_does_not_stop_versions_from_growing(tmp_path):
    driver = await opened(tmp_path)
    await put(driver, 1)
    driver._file.writer.execute("UPDATE rows SET version = version + 1000000000000000")
    (first,) = await driver.get([key(1)])
    ((outcome,),) = [await driver.commit([(Change(key(1), first, b"2"),)])]
    assert outcome.versions[0] > first.version
    driver._file.writer.execute("UPDATE rows SET version = version + 1000000000000000")
    (second,) = await driver.get([key(1)])
    (outcome,) = await put(driver, 1)
    (third,) = await driver.get([key(1)])

    assert third.version > second.version
    assert (third.version,) == outcome.versions
    await driver.close()


@pytest.mark.parametrize(
    "statement", [sqlite.GET, sqlite.SCAN, sqlite.SCAN_AFTER, *sqlite.QUERY.values()], ids=lambda text: text[-60:]
)
def test_reads_search_the_primary_key_and_sort_nothing(tmp_path, statement):
    file = open_file(tmp_path)
    plan = file.reader.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?")).fetchall()
    file.close()

    assert 1 == len(plan)
    assert plan[0][-1].startswith("SEARCH rows USING PRIMARY KEY (table_id=? AND ")


async def test_a_reader_keeps_no_snapshot_while_others_write(tmp_path):
    """A snapshot kept open would keep the log from being reset."""
    driver = await opened(tmp_path)
    await driver.get([key(1)])
    assert driver._file.reader.in_transaction
    writing = asyncio.ensure_future(driver.commit([(Change(key(1), ABSENT, b"1"),)]))
    await asyncio.sleep(0)
    await driver.get([key(1)])
    await writing

    assert not driver._file.reader.in_transaction
    await driver.close()


if __name__ == "__main__":
    asyncio.run(write_into_a_limit(Path(sys.argv[1])))


async def test_writes_go_on_when_a_failed_read_has_ended_the_transaction_of_reads(tmp_path):
    """As SQLite does by itself when a read fails by an error of the disk or for want of memory."""
    driver = await opened(tmp_path)
    await put(driver, 0, value=b"old")
    await driver.scan("t", TokenRange(), limit=1)
    driver._file.reader.execute("ROLLBACK")
    async with asyncio.timeout(10):
        await put(driver, 0, value=b"new")

    assert [b"new"] == [row.value for row in await driver.get([key(0)])]
    await driver.close()
