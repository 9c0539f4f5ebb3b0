"""Marks and turns. Two of them on one directory are as good as two processes."""

import sqlite3

import pytest

from magnetodb.model.rows import RowKey
from magnetodb.storage.log_index import LogIndex
from magnetodb.storage.other_processes import NOT_SETTLED, OtherProcesses
from magnetodb.storage.writer_lock import WriterLock

ROW = RowKey("t", b"p", b"s")


@pytest.fixture
def connection(tmp_path):
    connection = sqlite3.connect(tmp_path / "file", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (number)")
    yield connection
    connection.close()


@pytest.fixture
def processes(tmp_path, connection):
    """Two processes."""
    both = [OtherProcesses(WriterLock(tmp_path), LogIndex(tmp_path / "file")) for _ in range(2)]
    yield both
    connection.close()
    for each in both:
        each.log.close()
        each.close()


@pytest.fixture
def ours(processes):
    return processes[0]


@pytest.fixture
def theirs(processes):
    return processes[1]


def test_a_row_of_which_nothing_was_said_has_a_mark(ours):
    assert 0 == ours.mark_of(ROW)


def test_a_mark_changes_before_the_commit_and_counts_when_the_turn_has_ended(ours, theirs):
    """The example of the module."""
    before = ours.mark_of(ROW)
    theirs.enter()
    mark = theirs.mark(ROW)

    assert mark != before
    assert NOT_SETTLED == ours.mark_of(ROW)

    theirs.leave()

    assert mark == ours.mark_of(ROW)


def test_who_is_killed_in_its_turn_is_followed_by_one_that_ends_both(tmp_path, ours, theirs, processes):
    theirs.enter()
    mark = theirs.mark(ROW)
    theirs.lock.leave()  # As the kernel does for it.

    assert NOT_SETTLED == ours.mark_of(ROW)

    ours.enter()
    ours.leave()

    assert mark == ours.mark_of(ROW)


def test_a_turn_that_was_given_up_has_not_ended(ours, theirs):
    """Its number comes before those of others that are not at their end."""
    theirs.enter()
    theirs.mark(ROW)
    assert not ours.enter()
    ours.give_up()

    assert NOT_SETTLED == ours.mark_of(ROW)


def test_tables_are_read_once_after_each_change(ours, theirs, connection):
    assert ours.tables_changed()
    ours.tables_read(ours.before_tables_are_read())
    assert not ours.tables_changed()
    theirs.enter()
    theirs.mark_tables()
    connection.execute("INSERT INTO numbers VALUES (1)")
    theirs.leave()
    assert ours.tables_changed()
    ours.tables_read(ours.before_tables_are_read())

    assert not ours.tables_changed()


def test_tables_that_were_read_in_the_turn_of_a_change_are_read_again_after_its_commit(ours, theirs, connection):
    theirs.enter()
    theirs.mark_tables()
    ours.tables_read(ours.before_tables_are_read())
    assert not ours.tables_changed()
    connection.execute("INSERT INTO numbers VALUES (1)")

    assert ours.tables_changed()

    ours.tables_read(ours.before_tables_are_read())
    theirs.leave()

    assert not ours.tables_changed()


def test_the_last_version_of_a_turn_is_known_to_all(ours, theirs):
    theirs.last_version = 7
    theirs.enter()
    theirs.leave()
    ours.last_version = 5
    ours.enter()
    ours.leave()

    assert (7, 7) == (ours.versions(), theirs.versions())
