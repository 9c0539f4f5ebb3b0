"""Several processes on one SQLite file: what one is told is committed, all others see, whatever is killed meanwhile.

Run as a program, this file is one of those processes. What was acknowledged is noted in memory that all of them share,
so that every read can be held against it.
"""

import asyncio
import contextlib
import json
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
from magnetodb.storage.log_copier import PATIENCE_PAGES
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


class Commands:
    """What a process does that is told step by step."""

    def __init__(self, directory):
        self.driver = SqliteDriver(directory, shared=True)
        self.queued = None

    async def create(self, table):
        await self.driver.create_table(table)

    async def drop(self, table):
        await self.driver.drop_table(table)

    async def put(self, table, name, value):
        await self.driver.commit([(Change(RowKey(table, name.encode(), b""), ANY, value.encode()),)])

    async def delete(self, table, name):
        await self.driver.commit([(Change(RowKey(table, name.encode(), b""), ANY, None),)])

    async def replace(self, table, name, value):
        """From what it has read itself; whether the row was still the same."""
        key = RowKey(table, name.encode(), b"")
        (row,) = await self.driver.get([key], for_write=True)
        (outcome,) = await self.driver.commit([(Change(key, row or ABSENT, value.encode()),)])
        return isinstance(outcome, Committed)

    async def get(self, table, name):
        (row,) = await self.driver.get([RowKey(table, name.encode(), b"")])
        return None if row is None else row.value.decode()

    async def query(self, table, name):
        return [
            row.value.decode() for row in (await self.driver.query(table, name.encode(), SortRange(), limit=9)).rows
        ]

    async def scan(self, table):
        rows = (await self.driver.scan(table, TokenRange(), limit=1000)).rows
        return {row.key.partition.decode(): row.value.decode() for row in rows}

    async def count(self, table, name, times):
        """Several writers add one so many times, deciding anew where they lose; the most attempts that one needed."""
        key = RowKey(table, name.encode(), b"")
        most = 0

        async def count_up():
            nonlocal most
            for _ in range(times):
                for attempt in range(ATTEMPTS_MAX):
                    (row,) = await self.driver.get([key], for_write=True)
                    (outcome,) = await self.driver.commit([(Change(key, row or ABSENT, b"%d" % (count_of(row) + 1)),)])
                    most = max(most, attempt + 1)
                    if isinstance(outcome, Committed):
                        break
                    await asyncio.sleep(0)

        await asyncio.gather(*(count_up() for _ in range(WRITERS)))
        return most

    async def holds_snapshot(self):
        return self.driver._file.reader.in_transaction

    async def write_much(self, table, commits):
        """So many commits of 100 pages; the longest that the log was, in pages."""
        longest = 0
        for number in range(commits):
            keys = [RowKey(table, b"large%d" % (number % 5), b"%d" % each) for each in range(100)]
            await self.driver.commit([(Change(key, ANY, bytes([number % 200 + 1]) * 3500),) for key in keys])
            longest = max(longest, self.driver._file.copier.log.frames())
        return longest

    async def keep_writing(self, table, name):
        """Without end, each commit a group of its own; how many there are is what `commits` says."""
        self.queued = asyncio.ensure_future(self._write_on(table, name))

    async def _write_on(self, table, name):
        while True:
            await self.put(table, name, "v")

    async def commits(self):
        return sum(self.driver.commit_sizes()[0])

    async def tables(self):
        return sorted(self.driver._tables.numbers)

    async def close(self):
        if self.queued is not None:
            self.queued.cancel()
        await self.driver.close()


async def obey(directory):
    """Do what comes in, line by line, and answer."""
    commands = Commands(directory)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, *arguments = json.loads(line)
        try:
            answer = await getattr(commands, name)(*arguments)
        except RowTableNotFound:
            answer = "no such table"
        print(json.dumps(answer), flush=True)


class Puppet:
    """A process that does what it is told: puppet.get("t", "name")."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            [sys.executable, __file__, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, name, *arguments):
        """Without waiting for the answer."""
        self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def __getattr__(self, name):
        def told(*arguments):
            self.ask(name, *arguments)
            return self.answer()

        return told

    def end(self):
        if self.process.poll() is None:
            self.ask("close")
        self.process.communicate(timeout=30)


@pytest.fixture
def puppets(directory):
    """Two processes."""
    both = [Puppet(directory), Puppet(directory)]
    both[0].create("t")
    yield both
    for puppet in both:
        puppet.end()


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


@pytest.mark.parametrize("seed", range(3))
def test_each_sees_what_the_other_was_told_is_written(puppets, seed):
    """Whatever they have read or written themselves before."""
    choose = random.Random(seed)
    expected = {}
    for step in range(300):
        puppet = choose.choice(puppets)
        name, value = f"n{choose.randrange(4)}", f"v{step}"
        match choose.randrange(7):
            case 0:
                puppet.put("t", name, value)
                expected[name] = value
            case 1:
                assert puppet.replace("t", name, value)
                expected[name] = value
            case 2:
                puppet.delete("t", name)
                expected.pop(name, None)
            case 3:
                assert ([expected[name]] if name in expected else []) == puppet.query("t", name)
            case 4:
                assert expected == puppet.scan("t")
            case _:
                assert expected.get(name) == puppet.get("t", name)


def test_a_row_that_both_replace_goes_to_one_of_them(puppets):
    """Both decide from the same row at the same time; whoever loses is told."""
    first, second = puppets
    outcomes = []
    for number in range(100):
        for puppet in puppets:
            puppet.ask("replace", "t", "n", f"{number} of {puppet is first}")
        told = [puppet.answer() for puppet in puppets]
        outcomes.append(told)
        winners = {f"{number} of {puppet is first}" for puppet, won in zip(puppets, told, strict=True) if won}
        assert first.get("t", "n") == second.get("t", "n")
        assert first.get("t", "n") in winners

    assert all(any(told) for told in outcomes)


def test_many_writers_of_one_row_in_both_processes_lose_seldom(puppets, figures):
    """Who has lost to the other process decides anew in the turn in which it was told, and wins."""
    for puppet in puppets:
        puppet.ask("count", "t", "n", 50)
    most = [puppet.answer() for puppet in puppets]
    figures(f"2 processes, {WRITERS} writers each of one row: at most {max(most)} attempts for a write")

    assert str(2 * WRITERS * 50) == puppets[0].get("t", "n")
    assert max(most) <= 4


def test_tables_that_the_other_makes_and_drops_are_known_at_once(puppets):
    first, second = puppets
    for turn in range(20):
        second.create("comes_and_goes")
        first.put("comes_and_goes", "n", f"v{turn}")
        second.put("comes_and_goes", "m", f"w{turn}")

        assert {"n": f"v{turn}", "m": f"w{turn}"} == first.scan("comes_and_goes")
        assert f"v{turn}" == second.get("comes_and_goes", "n")

        first.drop("comes_and_goes")

        assert ["no such table"] * 3 == [
            second.get("comes_and_goes", "n"),
            second.put("comes_and_goes", "n", "v"),
            second.scan("comes_and_goes"),
        ]
        assert first.tables() == second.tables()


def test_writes_that_meet_the_drop_of_their_table_leave_no_rows(directory, puppets):
    """They were planned while the table was there, and have their turn after its drop."""
    first, second = puppets
    answers = set()
    for _ in range(30):
        first.create("comes_and_goes")
        second.put("comes_and_goes", "n", "v")
        first.ask("drop", "comes_and_goes")
        second.ask("put", "comes_and_goes", "n", "w")
        answers.add(second.answer())
        first.answer()
    for puppet in puppets:
        puppet.end()
    with contextlib.closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        orphans = connection.execute("SELECT * FROM rows WHERE table_id NOT IN (SELECT id FROM row_tables)").fetchall()

    assert [] == orphans
    assert answers <= {None, "no such table"}


def test_the_log_is_bounded_beside_a_process_that_has_read_and_rests(puppets):
    """It holds a snapshot, and nobody asks it anything while the other one writes."""
    first, second = puppets
    first.put("t", "n", "v")
    assert "v" == second.get("t", "n")
    assert second.scan("t")
    assert second.holds_snapshot()
    longest = first.write_much("t", 250)

    assert longest < PATIENCE_PAGES
    assert not second.holds_snapshot()


def test_processes_that_write_without_end_take_turns(puppets):
    """Who asks has the next turn but one at the latest. How soon a process asks again is up to the machine, so that the
    numbers differ all the same."""
    for puppet in puppets:
        puppet.put("t", "n", "v")
        puppet.keep_writing("t", "n")
    began = [puppet.commits() for puppet in puppets]
    while any(puppet.commits() < start + 50 for puppet, start in zip(puppets, began, strict=True)):
        pass
    done = [puppet.commits() - start for puppet, start in zip(puppets, began, strict=True)]

    assert max(done) < 5 * min(done)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        run = work(Path(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else obey(Path(sys.argv[1]))
        uvloop.run(run)
