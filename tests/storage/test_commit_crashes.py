"""A process that is killed while it writes leaves a file that opens, with every acknowledged write in it and index rows
in step.

The writer tells each acknowledged write on a pipe. It also creates and drops row tables, so that kills hit their
emptying too.
"""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Timer

from magnetodb.model.rows import ABSENT, Change, Committed, DerivedRow, Row, RowKey, SortRange, TokenRange
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.sqlite_file import FILE_NAME

ITEMS, INDEX = "t_items", "t_index"
KILLS = 12
WRITERS = 16
ROWS_PER_WRITER = 12
PAD = b"." * 300


def item_key(writer, number):
    return RowKey(ITEMS, b"w%d" % writer, b"%d" % number)


def index_key(key, count):
    """Index rows move with every write: their partition is the count modulo 5."""
    return RowKey(INDEX, b"%d" % (count % 5), key.partition + b"/" + key.sort)


def next_change(key, row):
    """Count up; every seventh write deletes the item instead."""
    count = int(row.value.split(b" ")[0]) if row and row.value else 0
    derived = (DerivedRow(index_key(key, count), None),) if count else ()
    if count and count % 7 == 0:
        return Change(key, row, None, derived)
    value = b"%d %s" % (count + 1, PAD[: count % 300])
    return Change(key, row or ABSENT, value, (*derived, DerivedRow(index_key(key, count + 1), value)))


async def write(driver, writer, choose):
    while True:
        keys = [item_key(writer, number) for number in choose.sample(range(ROWS_PER_WRITER), choose.choice([1, 1, 3]))]
        rows = await driver.get(keys, for_write=True)
        changes = tuple(next_change(key, row) for key, row in zip(keys, rows, strict=True))
        (outcome,) = await driver.commit([changes])
        assert isinstance(outcome, Committed)
        acknowledged = [
            f"{change.key.partition.decode()} {change.key.sort.decode()} {version}"
            f" {'-' if change.value is None else change.value.split(b' ')[0].decode()}\n"
            for change, version in zip(changes, outcome.versions, strict=True)
        ]
        # One system call: it arrives whole or not at all.
        os.write(1, "".join(acknowledged).encode())


async def create_and_drop(driver):
    number = 0
    while True:
        table = f"t_{os.getpid()}_{number}"
        number += 1
        await driver.create_table(table)
        await driver.commit([(Change(RowKey(table, b"p", b"%d" % sort), ABSENT, PAD),) for sort in range(500)])
        await driver.drop_table(table)


async def work(directory, seed):
    driver = SqliteDriver(directory)
    await driver.recover()
    for table in (ITEMS, INDEX):
        await driver.create_table(table)
    await asyncio.gather(
        create_and_drop(driver), *(write(driver, writer, random.Random(seed + writer)) for writer in range(WRITERS))
    )


def write_until_killed(directory, seconds, seed):
    """The acknowledged writes of a process that lives so long, as lines, in order."""
    process = subprocess.Popen(
        [sys.executable, __file__, directory, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    timer = None
    lines = []
    for line in process.stdout:
        if timer is None:
            # From the first acknowledgement on, so that the process is killed at work.
            timer = Timer(seconds, process.send_signal, [signal.SIGKILL])
            timer.start()
        lines.append(line.decode().split())
    errors = process.stderr.read().decode()
    assert -signal.SIGKILL == process.wait(), errors
    return lines


async def whole_table(driver, table):
    page = await driver.scan(table, TokenRange(), limit=10_000)
    assert not page.more
    return page.rows


async def check(directory, acknowledged):
    """Every row is as acknowledged or newer, and the index is exactly what follows from the items."""
    driver = SqliteDriver(directory)
    try:
        await driver.recover()
        rows = {row.key: row for row in await whole_table(driver, ITEMS)}
        index = {row.key: row.value for row in await whole_table(driver, INDEX)}
        lost = [
            (key, version, count, rows.get(key))
            for key, (version, count) in acknowledged.items()
            if not is_acknowledged_or_newer(rows.get(key), version, count)
        ]
        in_step = {index_key(key, int(row.value.split(b" ")[0])): row.value for key, row in rows.items()}
        assert [] == lost
        assert in_step == index
        for row in rows.values():
            page = await driver.query(ITEMS, row.key.partition, SortRange(row.key.sort), limit=1)
            assert [row] == list(page.rows)
        return rows
    finally:
        await driver.close()


def is_acknowledged_or_newer(row: Row | None, version, count):
    """A row that is gone was deleted by the acknowledged write, or by a later one that nobody was told of."""
    if row is None:
        return count == "-" or int(count) % 7 == 0
    return row.version > version if count == "-" else row.version >= version


def test_a_killed_writer_loses_nothing_acknowledged(tmp_path, figures):
    choose = random.Random(7)
    acknowledged = {}
    writes = 0
    for kill in range(KILLS):
        for writer, number, version, count in write_until_killed(tmp_path, choose.uniform(0.05, 0.6), kill * 100):
            acknowledged[RowKey(ITEMS, writer.encode(), number.encode())] = (int(version), count)
            writes += 1
        found = asyncio.run(check(tmp_path, acknowledged))
        # What is there now is durable, told or not; else a row could be two writes ahead of what was told of it.
        acknowledged |= {key: (row.version, row.value.split(b" ")[0].decode()) for key, row in found.items()}
        acknowledged |= {key: (version, "-") for key, (version, _) in acknowledged.items() if key not in found}
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    figures(f"driver: {KILLS} kills, {writes} acknowledged writes, 0 lost, 0 index rows out of step")

    assert writes > KILLS * 50


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
