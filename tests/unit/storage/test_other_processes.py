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


def turn_of(process, *keys):
    """A turn that changes rows; its number."""
    process.enter()
    process.begin()
    for key in keys:
        process.mark(key)
    return process.leave()


def test_a_mark_changes_before_the_commit_and_counts_when_the_turn_is_on_the_disk(ours, theirs):
    """The example of the module."""
    before = ours.mark_of(ROW)
    theirs.enter()
    mark = theirs.mark(ROW)

    assert mark != before
    assert NOT_SETTLED == ours.mark_of(ROW)

    turn = theirs.leave()

    assert turn == mark
    assert NOT_SETTLED == ours.mark_of(ROW)

    theirs.is_durable(turn)

    assert mark == ours.mark_of(ROW)


def test_what_was_read_of_a_row_is_in_doubt_until_its_last_change_is_on_the_disk(ours, theirs):
    turn = turn_of(theirs, ROW)

    assert (turn, turn, turn) == (ours.doubt_of_row(ROW), ours.doubt_of_partition(b"p"), ours.doubt_of_all())

    ours.is_durable(turn)

    assert (0, 0, 0) == (theirs.doubt_of_row(ROW), theirs.doubt_of_partition(b"p"), theirs.doubt_of_all())


def test_a_change_of_one_row_leaves_others_of_its_partition_and_of_other_partitions_alone(ours, theirs):
    turn = turn_of(theirs, ROW)

    assert 0 == ours.doubt_of_row(ROW._replace(sort=b"another"))
    assert turn == ours.doubt_of_partition(ROW.partition)
    assert 0 == ours.doubt_of_partition(b"another")


def test_a_turn_under_way_is_in_doubt(ours, theirs):
    """Its commit may be visible already."""
    theirs.enter()
    theirs.begin()
    theirs.mark(ROW)

    assert theirs.lock.turn == ours.doubt_of_row(ROW) == ours.doubt_of_all()


def test_where_nobody_waits_for_the_disk_a_turn_counts_when_it_has_ended(tmp_path, processes):
    relaxed = OtherProcesses(processes[0].lock, processes[0].log, fsync=False)
    turn = turn_of(relaxed, ROW)

    assert turn == processes[1].mark_of(ROW)
    assert 0 == processes[1].doubt_of_row(ROW)


def test_who_is_killed_in_its_turn_is_followed_by_one_that_ends_both(ours, theirs):
    theirs.enter()
    mark = theirs.mark(ROW)
    theirs.lock.leave()  # As the kernel does for it.

    assert ours.ended() < mark

    ours.is_durable(turn_of(ours))

    assert mark == ours.mark_of(ROW)


def test_a_turn_that_was_given_up_has_not_ended(ours, theirs):
    """Its number comes before those of others that are not at their end."""
    theirs.enter()
    turn = theirs.mark(ROW)
    assert not ours.enter()
    ours.give_up()

    assert ours.ended() < turn


def test_a_failure_is_known_to_all(ours, theirs):
    assert not theirs.failed()
    ours.fail()

    assert theirs.failed()


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
