import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest

from magnetodb.errors import DataFileError
from magnetodb.storage.sqlite_file import APPLICATION_ID, FILE_NAME, FORMAT, LOCK_NAME, open_file


@pytest.fixture
def refusal(tmp_path):
    """refusal(directory) -> the sentence with which it is refused."""

    def refused(directory=tmp_path):
        with pytest.raises(DataFileError) as caught:
            open_file(directory)
        return str(caught.value)

    return refused


def pragma(connection, name):
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_directory_and_file_are_made(tmp_path):
    opened = open_file(tmp_path / "new" / "data")
    opened.close()

    assert tmp_path / "new" / "data" / FILE_NAME == opened.path
    assert opened.path.stat().st_size > 0


def test_both_connections_sync_every_commit_into_a_log(tmp_path):
    opened = open_file(tmp_path)
    for connection in (opened.writer, opened.reader):
        assert ("wal", 2) == (pragma(connection, "journal_mode"), pragma(connection, "synchronous"))
    opened.close()


def test_durability_can_be_relaxed(tmp_path):
    opened = open_file(tmp_path, durable=False)
    synchronous = pragma(opened.writer, "synchronous")
    opened.close()

    assert 1 == synchronous


def test_the_file_says_whose_it_is(tmp_path):
    open_file(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        found = [pragma(connection, name) for name in ("application_id", "user_version", "auto_vacuum")]

    assert [APPLICATION_ID, FORMAT, 2] == found


def test_a_file_is_opened_again(tmp_path):
    open_file(tmp_path).close()
    opened = open_file(tmp_path)
    opened.writer.execute("INSERT INTO row_tables (name) VALUES ('t')")
    opened.close()
    opened = open_file(tmp_path)
    names = opened.reader.execute("SELECT name FROM row_tables").fetchall()
    opened.close()

    assert [("t",)] == names


def test_an_empty_file_is_initialised(tmp_path):
    """That is what a crash in the middle of the first start leaves."""
    (tmp_path / FILE_NAME).touch()
    open_file(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert APPLICATION_ID == pragma(connection, "application_id")


def test_a_directory_in_use_is_refused_and_its_process_named(tmp_path, refusal):
    opened = open_file(tmp_path)
    message = refusal()
    opened.close()

    assert f"The data directory {tmp_path} is in use by another server (process {os.getpid()})." == message
    open_file(tmp_path).close()


def test_another_process_is_refused(tmp_path):
    opened = open_file(tmp_path)
    code = "import pathlib, sys; from magnetodb.storage.sqlite_file import *; open_file(pathlib.Path(sys.argv[1]))"
    process = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    opened.close()

    assert f"in use by another server (process {os.getpid()})" in process.stderr


def test_a_newer_format_is_refused(tmp_path, refusal):
    open_file(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")

    assert f"has format {FORMAT + 1}; this version of MagnetoDB knows formats up to {FORMAT}" in refusal()


@pytest.mark.parametrize("setting", ["CREATE TABLE t (a)", "PRAGMA application_id = 77"])
def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path, refusal, setting):
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(setting)
    before = (tmp_path / FILE_NAME).read_bytes()

    assert f"The data file {tmp_path / FILE_NAME} belongs to another program." == refusal()
    assert before == (tmp_path / FILE_NAME).read_bytes()


def test_what_is_no_database_is_refused_and_left_alone(tmp_path, refusal):
    (tmp_path / FILE_NAME).write_bytes(b"Dear diary, " * 1000)

    assert f"The data file {tmp_path / FILE_NAME} is not a MagnetoDB data file." == refusal()
    assert b"Dear diary, " * 1000 == (tmp_path / FILE_NAME).read_bytes()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path, refusal):
    (tmp_path / "file").touch()

    assert f"The data directory {tmp_path / 'file' / 'data'} cannot be written: Not a directory." == refusal(
        tmp_path / "file" / "data"
    )


def test_a_file_that_cannot_be_opened_is_refused(tmp_path, refusal):
    (tmp_path / FILE_NAME).mkdir()

    assert f"The data file {tmp_path / FILE_NAME} cannot be opened: unable to open database file." == refusal()


def test_a_refusal_releases_the_directory(tmp_path, refusal):
    (tmp_path / FILE_NAME).mkdir()
    refusal()
    (tmp_path / FILE_NAME).rmdir()
    open_file(tmp_path).close()

    assert (tmp_path / LOCK_NAME).exists()
