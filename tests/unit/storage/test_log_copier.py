"""The log stays short while others write and read, and nobody's snapshot is disturbed."""

import asyncio
import sqlite3

import pytest

from magnetodb.storage.log_copier import COPY_PAGES, LOG_PAGES, PATIENCE_PAGES, LogCopier
from magnetodb.storage.writer_lock import WriterLock


def connect(path):
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def writer(path):
    writer = connect(path)
    writer.execute("CREATE TABLE pages (number INTEGER PRIMARY KEY, page BLOB)")
    yield writer
    writer.close()


@pytest.fixture
def copier(path, writer):
    copier = LogCopier(path, connect(path), writer)
    yield copier
    copier.stop()
    writer.close()
    copier.close()


@pytest.fixture
def write(writer, copier):
    """write(pages): so many pages in commits of 50, as the thread of commits makes them; the log's length at most."""

    def commits(pages):
        longest = 0
        for number in range(pages // 50):
            writer.execute("BEGIN IMMEDIATE")
            rows = [(number % 7 * 50 + each, bytes(3500)) for each in range(50)]
            writer.executemany("REPLACE INTO pages VALUES (?, ?)", rows)
            waits = copier.writers_must_wait()
            writer.execute("COMMIT")
            if waits:
                copier.copy_rest()
            copier.after_commit()
            longest = max(longest, copier.log.frames())
        return longest

    return commits


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_short_log_is_left_alone(copier, write):
    write(COPY_PAGES // 2)

    assert 0 == copier.log.copied_frames()


async def test_a_longer_one_is_copied_beside_the_writers(copier, write):
    write(COPY_PAGES + 200)
    await until(lambda: copier.log.copied_frames() >= COPY_PAGES)

    assert copier.log.frames() > COPY_PAGES


async def test_the_log_begins_anew(copier, write):
    """Even where the copying cannot follow, because nobody waits for the disk."""
    longest = write(12 * LOG_PAGES)

    assert LOG_PAGES <= longest <= PATIENCE_PAGES + 200


async def test_the_log_begins_anew_as_soon_as_it_is_copied(copier, write):
    """The first commits that come slowly enough find all copied."""
    write(LOG_PAGES)
    async with asyncio.timeout(20):
        while copier.log.frames() >= LOG_PAGES:
            await asyncio.sleep(0.02)
            longest = write(50)

    assert longest <= 100


async def test_a_reader_of_an_old_state_keeps_it_and_the_log(path, copier, write):
    """And when it has gone, the log begins anew."""
    reader = connect(path)
    write(50)
    reader.execute("BEGIN")
    (before,) = reader.execute("SELECT count(*) FROM pages").fetchone()
    longest = write(2 * LOG_PAGES)
    (after,) = reader.execute("SELECT count(*) FROM pages").fetchone()
    reader.execute("COMMIT")
    reader.close()
    async with asyncio.timeout(20):
        while copier.log.frames() >= LOG_PAGES:
            write(50)
            await asyncio.sleep(0.001)

    assert before == after
    assert 2 * LOG_PAGES <= longest


async def test_it_is_known_whether_all_is_copied(copier, write):
    write(100)
    assert not copier.has_copied()
    copier.order()
    await until(copier.has_copied)

    assert copier.log.copied_frames() == copier.log.frames()


def test_one_process_copies_at_a_time(tmp_path, path, writer):
    """Or a copy could begin while another one ends and the log begins anew, which SQLite may not survive."""
    ours, theirs = WriterLock(tmp_path), WriterLock(tmp_path)
    copier = LogCopier(path, connect(path), writer, ours)
    writer.execute("INSERT INTO pages VALUES (1, x'00')")
    assert theirs.begin_copying()
    copier.copy_rest()
    kept_out = copier.has_copied()
    theirs.end_copying()
    copier.copy_rest()

    assert (False, True) == (kept_out, copier.has_copied())
    assert theirs.begin_copying()

    copier.stop()
    writer.close()
    copier.close()
    ours.close()
    theirs.close()
