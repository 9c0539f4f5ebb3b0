"""One of two processes on one SQLite file is killed between every two lines of a write; the other one goes on, and sees
the write as a whole or not at all.

Run as a program, this file forks a victim for every line, beside a witness that lives through all of it. Lines are
counted by the interpreter's own tracing, in the threads of the loop and of the commits, so that the code has no places
made for tests.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from magnetodb.errors import RowTableNotFound
from magnetodb.model.rows import ABSENT, ANY, Change, Committed, DerivedRow, RowKey, SortRange
from magnetodb.storage import (
    commit_queue,
    group_commit,
    log_sync,
    other_processes,
    row_tables,
    sqlite_batch,
    writer_lock,
)
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.sqlite_file import lock_directory

TRACED = {
    module.__file__
    for module in (commit_queue, group_commit, log_sync, other_processes, row_tables, sqlite_batch, writer_lock)
}
ITEMS, INDEX, COMES_AND_GOES = "t_items", "t_index", "t_comes_and_goes"
ITEM = RowKey(ITEMS, b"p", b"item")
OWN = RowKey(ITEMS, b"p", b"the witness's own")
IN_TABLE = RowKey(COMES_AND_GOES, b"p", b"")
SECONDS_MAX = 20
LINES_MIN = 60


class Killer:
    """Kills this process before the line of that number, counted from `arm` on."""

    def __init__(self, line):
        self.line = line
        self.armed = False

    def arm(self):
        self.armed = True

    def disarm(self):
        self.armed = False

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename not in TRACED:
            return None
        if self.armed and event == "line":
            self.line -= 1
            if self.line == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def index_key(count):
    return RowKey(INDEX, b"p", b"%d" % count)


def count_of(row):
    return int(row.value) if row is not None and row.value else 0


async def add_one(driver, key=ITEM):
    """Count up, together with an index row that moves; the new count."""
    while True:
        (row,) = await driver.get([key], for_write=True)
        count = count_of(row) + 1
        derived = ()
        if key is ITEM:
            derived = (DerivedRow(index_key(count), b"%d" % count), DerivedRow(index_key(count - 1), None))
        (outcome,) = await driver.commit([(Change(key, row or ABSENT, b"%d" % count, derived),)])
        if isinstance(outcome, Committed):
            return count


async def create(driver):
    await driver.create_table(COMES_AND_GOES)
    await driver.commit([(Change(IN_TABLE, ANY, b"v"),)])
    return 1


async def drop(driver):
    await driver.drop_table(COMES_AND_GOES)
    return 1


WRITES = {"add one": (add_one, None), "create": (create, drop), "drop": (drop, create)}
"""By name: what the victim does, and what it does before, unhurt."""


async def be_killed(directory, name, line, told):
    """The victim: says how far it came, and is killed unless the write has no such line."""
    killer = Killer(line)
    threading.settrace(killer)
    sys.settrace(killer)
    driver = SqliteDriver(directory, shared=True)
    write, before = WRITES[name]
    if before is not None:
        await before(driver)
    await driver.get([ITEM])
    os.write(told, b"ready\n")
    killer.arm()
    outcome = await write(driver)
    killer.disarm()
    os.write(told, b"%d\n" % outcome)
    os.kill(os.getpid(), signal.SIGKILL)


class Witness:
    """The process that lives on: asked after every kill, it says what it sees."""

    def __init__(self, directory, busy):
        self.directory = directory
        self.busy = busy

    async def live(self, asked, answers):
        self.driver = SqliteDriver(self.directory, shared=True)
        for table in (ITEMS, INDEX):
            await self.driver.create_table(table)
        writing = asyncio.ensure_future(self.write_on()) if self.busy else None
        loop = asyncio.get_running_loop()
        os.write(answers, b"ready\n")
        while await loop.run_in_executor(None, os.read, asked, 1):
            async with asyncio.timeout(SECONDS_MAX):
                answer = await self.look()
                if writing is None:
                    await add_one(self.driver, OWN)
            os.write(answers, answer)
        if writing is not None:
            writing.cancel()
        await self.driver.close()

    async def write_on(self):
        while True:
            await add_one(self.driver, OWN)

    async def look(self):
        """The count, the index as JSON, whether the other table is there."""
        (row,) = await self.driver.get([ITEM])
        index = (await self.driver.query(INDEX, b"p", SortRange(), limit=10)).rows
        try:
            (found,) = await self.driver.get([IN_TABLE])
            there = 1 if found is None else 2
        except RowTableNotFound:
            there = 0
        counts = ",".join(row.key.sort.decode() for row in index)
        return f"{count_of(row)} {counts or 0} {there}\n".encode()


def forked(run, pipes, others=()):
    """The process id of a child that runs a coroutine and has its `pipes` for itself, but not those `others`."""
    child = os.fork()
    if child == 0:
        for pipe in others:
            os.close(pipe)
        try:
            asyncio.run(run)
        except BaseException as error:  # The child must not go on in its parent's place.
            print("child:", repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    run.close()
    for pipe in pipes:
        os.close(pipe)
    return child


def kill_between_lines(directory, name, busy):
    """How many lines the write has. Of what makes or drops a table every second line does; beside a busy witness no run
    is like another, and every third one does. Raises AssertionError where the witness sees what must not be."""
    asked, ask = os.pipe()
    answers, answer = os.pipe()
    witness = forked(Witness(directory, busy).live(asked, answer), (asked, answer), (ask, answers))
    seen = os.fdopen(answers)
    assert "ready\n" == seen.readline()
    count = there = 0
    line, step = 0, 3 if busy else 1 if name == "add one" else 2
    while True:
        line += step
        told, tell = os.pipe()
        victim = forked(be_killed(directory, name, line, tell), (tell,), (ask, told, seen.fileno()))
        with os.fdopen(told) as lines:
            words = lines.read().split()
        _, status = os.waitpid(victim, 0)
        assert signal.SIGKILL == os.WTERMSIG(status), (line, status)
        assert words[:1] == ["ready"], (line, words)
        os.write(ask, b"?")
        now, index, there = seen.readline().split()
        finished = len(words) == 2
        if name == "add one":
            assert int(now) in ((count + 1,) if finished else (count, count + 1)), (line, now, count, words)
        elif finished:
            assert ("2" if name == "create" else "0") == there, (line, there)
        assert now == index, (line, now, index)
        count = int(now)
        if finished:
            break
    os.close(ask)
    os.waitpid(witness, 0)
    return line


@pytest.mark.parametrize("busy", [False, True], ids=["beside an idle process", "beside a busy process"])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_killed_at_any_line_is_whole_or_not_there(tmp_path, name, busy, figures):
    lock = lock_directory(tmp_path)
    process = subprocess.run(
        [sys.executable, __file__, tmp_path, name, str(busy)], capture_output=True, text=True, check=False, timeout=110
    )
    os.close(lock)
    figures(f"killed in '{name}' beside {'a busy' if busy else 'an idle'} process: at {process.stdout.strip()} lines")

    assert (0, "") == (process.returncode, process.stderr)
    assert int(process.stdout) > LINES_MIN


if __name__ == "__main__":
    print(kill_between_lines(Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True"))
