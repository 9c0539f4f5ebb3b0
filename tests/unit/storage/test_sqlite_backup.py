"""Copies of the data file, and their return."""

import sqlite3

import pytest

from magnetodb.errors import DataFileError
from magnetodb.model.rows import ABSENT, ANY, Change, RowKey, TokenRange
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.sqlite_backup import backup, restore, verify
from magnetodb.storage.sqlite_file import FILE_NAME


def quiet(done, total):
    """No progress is shown."""


async def put(driver, *names):
    await driver.create_table("t")
    await driver.commit([(Change(RowKey("t", name, b""), ABSENT, b"v" * 2000),) for name in names])


async def names_in(directory):
    driver = SqliteDriver(directory)
    names, after, more = set(), None, True
    while more:
        page = await driver.scan("t", TokenRange(), limit=10_000, after=after)
        names |= {row.key.partition for row in page.rows}
        after, more = page.rows[-1].key, page.more
    await driver.close()
    return names


def filled(directory, runner, *names):
    async def fill():
        driver = SqliteDriver(directory)
        await put(driver, *names)
        await driver.close()

    runner.run(fill())


async def test_a_backup_is_of_one_moment_while_the_server_writes(tmp_path):
    driver = SqliteDriver(tmp_path / "data")
    await put(driver, *[b"%d" % number for number in range(400)])
    steps = []
    await driver.commit([(Change(RowKey("t", b"large", b""), ABSENT, b"v" * 8_000_000),)])
    backup(tmp_path / "data", tmp_path / "copy", progress=lambda done, total: steps.append((done, total)))
    await put(driver, b"later")
    await driver.commit([(Change(RowKey("t", b"large", b""), ANY, None),)])
    await driver.close()
    restore(tmp_path / "other", tmp_path / "copy", force=False, progress=quiet)

    assert {b"large", *(b"%d" % number for number in range(400))} == await names_in(tmp_path / "other")
    assert len(steps) > 1
    assert steps[-1][0] == steps[-1][1]
    assert not (tmp_path / "copy.partial").exists()


def test_nothing_is_restored_while_a_server_has_the_directory(tmp_path, runner):
    filled(tmp_path / "data", runner, b"a")
    backup(tmp_path / "data", tmp_path / "copy", progress=quiet)
    driver = SqliteDriver(tmp_path / "data")
    with pytest.raises(DataFileError, match="in use by another server"):
        restore(tmp_path / "data", tmp_path / "copy", force=True, progress=quiet)

    runner.run(driver.close())


def test_a_data_file_is_replaced_by_force_only(tmp_path, runner):
    filled(tmp_path / "old", runner, b"old")
    filled(tmp_path / "new", runner, b"new")
    backup(tmp_path / "new", tmp_path / "copy", progress=quiet)
    with pytest.raises(DataFileError, match="--force"):
        restore(tmp_path / "old", tmp_path / "copy", force=False, progress=quiet)
    before = runner.run(names_in(tmp_path / "old"))
    restore(tmp_path / "old", tmp_path / "copy", force=True, progress=quiet)

    assert ({b"old"}, {b"new"}) == (before, runner.run(names_in(tmp_path / "old")))


def test_the_log_that_a_crash_left_is_not_taken_for_the_new_files(tmp_path, runner):
    """The file and its log are copied while the old server has them: what kill -9 leaves behind."""
    filled(tmp_path / "new", runner, b"new")
    backup(tmp_path / "new", tmp_path / "copy", progress=quiet)

    async def crash():
        driver = SqliteDriver(tmp_path / "old")
        await put(driver, b"old")
        (tmp_path / "crashed").mkdir()
        for file in (tmp_path / "old").iterdir():
            (tmp_path / "crashed" / file.name).write_bytes(file.read_bytes())
        await driver.close()

    runner.run(crash())
    assert (tmp_path / "crashed" / f"{FILE_NAME}-wal").stat().st_size > 0
    restore(tmp_path / "crashed", tmp_path / "copy", force=True, progress=quiet)

    assert {b"new"} == runner.run(names_in(tmp_path / "crashed"))


@pytest.mark.parametrize("damage", ["cut", "scribbled", "other", "empty"])
def test_what_is_no_sound_backup_is_refused_and_what_was_there_stays(tmp_path, runner, damage):
    filled(tmp_path / "data", runner, *[b"%d" % number for number in range(400)])
    copy = tmp_path / "copy"
    backup(tmp_path / "data", copy, progress=quiet)
    if damage == "cut":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif damage == "scribbled":
        content = bytearray(copy.read_bytes())
        content[4096 * 20 : 4096 * 30] = b"x" * 40960
        copy.write_bytes(content)
    else:
        copy.unlink()
        with sqlite3.connect(copy) as database:
            if damage == "other":
                database.execute("CREATE TABLE theirs (a)")
    with pytest.raises(DataFileError):
        restore(tmp_path / "data", copy, force=True, progress=quiet)

    assert 400 == len(runner.run(names_in(tmp_path / "data")))


def test_a_file_whose_last_writes_are_beside_it_is_no_backup(tmp_path, runner):
    filled(tmp_path / "data", runner, b"a")
    backup(tmp_path / "data", tmp_path / "copy", progress=quiet)
    (tmp_path / "copy-wal").write_bytes(b"x")
    with pytest.raises(DataFileError, match="beside it"):
        restore(tmp_path / "other", tmp_path / "copy", force=False, progress=quiet)


def test_without_a_data_file_there_is_nothing_to_copy(tmp_path):
    with pytest.raises(DataFileError, match="no data file"):
        backup(tmp_path, tmp_path / "copy", progress=quiet)

    assert [] == list(tmp_path.iterdir())


def test_a_backup_is_one_file_for_any_program(tmp_path, runner):
    filled(tmp_path / "data", runner, b"a")
    backup(tmp_path / "data", tmp_path / "copy", progress=quiet)
    verify(tmp_path / "copy")
    (mode,) = sqlite3.connect(tmp_path / "copy").execute("PRAGMA journal_mode").fetchone()

    assert "delete" == mode
    assert {"copy", "data"} == {path.name for path in tmp_path.iterdir()}
