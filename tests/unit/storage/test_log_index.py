"""The index of the log says what SQLite does to it."""

import sqlite3

import pytest

from magnetodb.storage.log_index import HEADER_BYTES, LogIndex


@pytest.fixture
def connection(tmp_path):
    """A file in WAL mode."""
    connection = sqlite3.connect(tmp_path / "file", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE numbers (number)")
    yield connection
    connection.close()


@pytest.fixture
def other(tmp_path, connection):
    """Another connection to it."""
    other = sqlite3.connect(tmp_path / "file", isolation_level=None)
    yield other
    other.close()


@pytest.fixture
def index(tmp_path, connection):
    index = LogIndex(tmp_path / "file")
    yield index
    connection.close()
    index.close()


def header(index):
    return index.memory[:HEADER_BYTES]


def test_every_commit_changes_the_header(connection, other, index):
    headers = {header(index)}
    for number in range(100):
        (connection if number % 2 else other).execute("INSERT INTO numbers VALUES (?)", (number,))
        headers.add(header(index))

    assert 101 == len(headers)


def test_what_changes_nothing_leaves_the_header_as_it_is(connection, other, index):
    before = header(index)
    other.execute("SELECT * FROM numbers").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO numbers VALUES (1)")
    connection.execute("ROLLBACK")
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    assert before == header(index)


def test_what_is_not_committed_is_not_seen(connection, index):
    before = header(index)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO numbers VALUES (1)")

    assert before == header(index)


def test_pages_and_those_copied_are_counted(connection, index):
    frames = index.frames()
    connection.execute("INSERT INTO numbers VALUES (1)")

    assert frames + 1 == index.frames()
    assert 0 == index.copied_frames()

    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    assert index.frames() == index.copied_frames()

    connection.execute("INSERT INTO numbers VALUES (1)")

    assert (1, 0) == (index.frames(), index.copied_frames())


def test_closing_it_after_the_connections_leaves_their_locks_alone(tmp_path, connection, other, index):
    """The other connection goes on to find the file as it is."""
    connection.close()

    assert index.frames()

    other.execute("INSERT INTO numbers VALUES (1)")

    assert [(1,)] == other.execute("SELECT * FROM numbers").fetchall()
