"""The log is brought to the disk in a thread, for turns of all processes."""

import asyncio
import os
import sqlite3

import pytest

from magnetodb.storage.log_index import LogIndex
from magnetodb.storage.log_sync import LogSync
from magnetodb.storage.other_processes import OtherProcesses
from magnetodb.storage.writer_lock import WriterLock


@pytest.fixture
def path(tmp_path):
    """A file that has a log."""
    connection = sqlite3.connect(tmp_path / "file", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (number)")
    yield tmp_path / "file"
    connection.close()


@pytest.fixture
def others(tmp_path, path):
    others = OtherProcesses(WriterLock(tmp_path), LogIndex(path))
    yield others
    others.log.close()
    others.close()


@pytest.fixture
def sync(path, others):
    sync = LogSync(path, others)
    yield sync
    sync.close()


def turn(others):
    others.enter()
    return others.leave()


async def ordered(sync, turn):
    done = asyncio.get_running_loop().create_future()
    sync.order(turn, done.set_result)
    return await done


async def test_a_turn_is_on_the_disk_when_it_was_ordered(others, sync):
    first = turn(others)

    assert sync.durable() < first == sync.ended()
    assert await ordered(sync, first) is None
    assert first == sync.durable()


async def test_all_turns_that_have_ended_are(others, sync):
    first, second = turn(others), turn(others)
    await ordered(sync, first)

    assert second == sync.durable()


async def test_a_turn_that_another_process_has_brought_there_needs_nothing(others, sync):
    """Not even a disk that works."""
    first = turn(others)
    others.is_durable(first)
    os.dup2(os.pipe()[0], sync._file)

    assert await ordered(sync, first) is None
    assert not sync.failed()


async def test_after_a_failure_no_other_call_is_believed(path, others, sync):
    """The system has forgotten what it could not write."""
    others.fail()
    error = await ordered(sync, turn(others))

    assert isinstance(error, OSError)
    assert 0 == sync.durable()


async def test_a_disk_that_fails_is_told_and_remembered(others, sync, caplog):
    first = turn(others)
    os.dup2(os.pipe()[0], sync._file)  # Nothing can be synchronized that is a pipe.
    error = await ordered(sync, first)

    assert isinstance(error, OSError)
    assert sync.durable() < first
    assert sync.failed()
    assert "cannot be brought to the disk; nothing is written any more" in caplog.text
