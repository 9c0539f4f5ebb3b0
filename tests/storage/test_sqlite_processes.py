"""Several processes on one SQLite file: what one is told is committed, all others see, whatever is killed meanwhile.

Run as a program, this file is one of those processes. What was acknowledged is noted in memory that all of them share,
so that every read can be held against it.
"""

import asyncio
import contextlib
import mmap
import os
import random
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest
import uvloop

from magnetodb.errors import RowTableNotFound
from magnetodb.model.rows import ABSENT, ANY, Change, Committed, DerivedRow, RowKey, SortRange, TokenRange
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.sqlite_file import FILE_NAME, lock_directory

COUNTERS = 24
WRITERS = 8
READERS = 2
CHANGES_MAX = 3
LIVES = 3
ITEMS, INDEX = "t_items", "t_index"
ATTEMPTS_MAX = 1000


def item_key(number):
    return RowKey(ITEMS, b"%d" % number, b"")


def index_key(number, count):
    """Index rows move with every write."""
    return RowKey(INDEX, b"%d" % (count % 5), b"%d" % number)


def count_of(row):
    return int(row.value.split(b" ")[0]) if row is not None and row.value else 0


class Acknowledged:
    """For every counter the highest count that any process was told is committed, or less for a moment."""

    def __init__(self, directory):
        with (directory / "acknowledged").open("r+b") as file:
            self.counts = memoryview(mmap.mmap(file.fileno(), 8 * COUNTERS)).cast("Q")

    def note(self, number, count):
        self.counts[number] = max(self.counts[number], count)


async def count_up(driver, acknowledged, choose):
    """Add one to a counter or to several at once, and to their index rows."""
    while True:
        numbers = choose.sample(range(COUNTERS), choose.choice([1, 1, 1, CHANGES_MAX]))
        for _ in range(ATTEMPTS_MAX):
            rows = await driver.get([item_key(number) for number in numbers], for_write=True)
            changes = []
            for number, row in zip(numbers, rows, strict=True):
                count = count_of(row)
                value = b"%d %s" % (count + 1, b"." * (count % 300))
                derived = (DerivedRow(index_key(number, count + 1), value),)
                derived += (DerivedRow(index_key(number, count), None),) if count else ()
                changes.append(Change(item_key(number), row or ABSENT, value, derived))
            (outcome,) = await driver.commit([tuple(changes)])
            if isinstance(outcome, Committed):
                break
            await asyncio.sleep(choose.uniform(0, 0.002))
        # One system call: it arrives whole or not at all.
        os.write(1, "".join([f"{number}\n" for number in numbers]).encode())
        for number, row in zip(numbers, rows, strict=True):
            acknowledged.note(number, count_of(row) + 1)


async def read(driver, acknowledged, choose):
    """Every read, of every kind, is at least as new as what was acknowledged when it began."""
    while True:
        number = choose.randrange(COUNTERS)
        least = acknowledged.counts[number]
        kind = choose.randrange(3)
        if kind == 0:
            (row,) = await driver.get([item_key(number)])
            rows = [row]
        elif kind == 1:
            rows = (await driver.query(ITEMS, b"%d" % number, SortRange(), limit=2)).rows
        else:
            rows = (await driver.scan(ITEMS, TokenRange(), limit=100)).rows
            rows = [row for row in rows if row.key == item_key(number)]
        count = count_of(rows[0]) if rows else 0
        assert least <= count, (kind, number, least, count)
        await asyncio.sleep(choose.uniform(0, 0.002))


async def create_and_drop(driver, choose):
    """Tables that come and go, under names that all processes use."""
    while True:
        table = f"t_{choose.randrange(3)}"
        with contextlib.suppress(RowTableNotFound):
            await driver.create_table(table)
            await driver.commit([(Change(RowKey(table, b"p", b"%d" % sort), ANY, b"." * 300),) for sort in range(100)])
            await driver.drop_table(table)


async def work(directory, seed):
    driver = SqliteDriver(directory, shared=True)
    await driver.recover()
    for table in (ITEMS, INDEX):
        await driver.create_table(table)
    acknowledged = Acknowledged(directory)
    await asyncio.gather(
        create_and_drop(driver, random.Random(seed)),
        *(count_up(driver, acknowledged, random.Random(seed + each)) for each in range(1, 1 + WRITERS)),
        *(read(driver, acknowledged, random.Random(seed - each)) for each in range(1, 1 + READERS)),
    )


@pytest.fixture
def directory(tmp_path):
    """A data directory, held as the parent of several processes holds it."""
    lock = lock_directory(tmp_path)
    (tmp_path / "acknowledged").write_bytes(bytes(8 * COUNTERS))
    yield tmp_path
    os.close(lock)


class Process:
    """One process at work, killed after so many seconds of it."""

    def __init__(self, directory, seed, seconds):
        self.popen = subprocess.Popen(
            [sys.executable, __file__, directory, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        # From the first acknowledgement on, so that the process is killed at work.
        self.first = self.popen.stdout.readline()
        self.timer = Timer(seconds, self.popen.send_signal, [signal.SIGKILL])
        self.timer.start()

    def acknowledged(self):
        """The counters that it was told are written, when it has been killed."""
        lines, errors = self.popen.communicate(timeout=60)
        assert -signal.SIGKILL == self.popen.returncode, errors.decode()
        return [int(line) for line in (self.first + lines).split()]


async def found(directory):
    """The counts and the index rows as they are at the end, and the index rows as they should be."""
    driver = SqliteDriver(directory, shared=True)
    rows = (await driver.scan(ITEMS, TokenRange(), limit=10_000)).rows
    index = {row.key: row.value for row in (await driver.scan(INDEX, TokenRange(), limit=10_000)).rows}
    await driver.close()
    counts = {int(row.key.partition): count_of(row) for row in rows}
    in_step = {index_key(int(row.key.partition), count_of(row)): row.value for row in rows}
    return counts, index, in_step


@pytest.mark.parametrize("processes", [2, 4])
def test_whatever_is_killed_nothing_acknowledged_is_lost_or_seen_late(directory, processes, figures):
    """Each counts up, all see what others have counted, and processes are killed and replaced at random."""
    choose = random.Random(processes)
    told = dict.fromkeys(range(COUNTERS), 0)
    kills = 0
    with ThreadPoolExecutor(processes) as threads:

        def keep_working(seed):
            """One process after the other; what they were told is written."""
            return [
                number
                for life in range(LIVES)
                for number in Process(directory, seed + life, choose.uniform(0.1, 1.0)).acknowledged()
            ]

        for numbers in threads.map(keep_working, range(1000, 1000 * (processes + 1), 1000)):
            kills += LIVES
            for number in numbers:
                told[number] += 1
    counts, index, in_step = asyncio.run(found(directory))
    with contextlib.closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchall()
        orphans = connection.execute(
            "SELECT count(*) FROM rows WHERE table_id NOT IN (SELECT id FROM row_tables)"
        ).fetchall()
    untold = sum(counts.values()) - sum(told.values())
    figures(
        f"{processes} processes on one file: {kills} kills, {sum(told.values())} acknowledged writes, 0 lost or late"
    )

    assert {} == {number: count for number, count in told.items() if counts.get(number, 0) < count}
    assert 0 <= untold <= kills * WRITERS * CHANGES_MAX
    assert in_step == index
    assert ([("ok",)], [(0,)]) == (sound, orphans)
    assert sum(told.values()) > kills * 20


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        uvloop.run(work(Path(sys.argv[1]), int(sys.argv[2])))
