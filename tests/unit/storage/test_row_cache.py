"""The cache of rows: bounded by bytes, the rows used last stay."""

import sqlite3

import pytest

from magnetodb.model.rows import Row, RowKey
from magnetodb.storage.log_index import LogIndex
from magnetodb.storage.other_processes import OtherProcesses
from magnetodb.storage.row_cache import ROW_BYTES, ROW_VALUE_BYTES_MAX, RowCache, SharedRowCache
from magnetodb.storage.writer_lock import WriterLock


def row(sort: str, value: bytes = b"v", version: int = 1) -> Row:
    return Row(RowKey("t", b"p", sort.encode()), value, version)


@pytest.fixture
def cache() -> RowCache:
    """Room for three small rows."""
    return RowCache(3 * (ROW_BYTES + 1))


def test_a_row_is_found_until_it_is_discarded(cache: RowCache) -> None:
    cache.put(row("1"))

    assert row("1") == cache.get(row("1").key)

    cache.discard(row("1").key)

    assert cache.get(row("1").key) is None


def test_the_row_that_was_used_longest_ago_makes_room(cache: RowCache) -> None:
    for sort in "123":
        cache.put(row(sort))
    cache.get(row("1").key)
    cache.put(row("4"))

    assert [True, False, True, True] == [cache.get(row(sort).key) is not None for sort in "1234"]


def test_a_row_that_is_put_again_weighs_once(cache: RowCache) -> None:
    for version in range(9):
        cache.put(row("1", version=version))
    cache.put(row("2"))
    cache.put(row("3"))

    assert [8, 1, 1] == [found.version for sort in "123" if (found := cache.get(row(sort).key))]


def test_a_large_value_is_not_kept_and_takes_its_older_one_away() -> None:
    cache = RowCache()
    cache.put(row("1"))
    cache.put(row("1", b"x" * (ROW_VALUE_BYTES_MAX + 1), 2))

    assert cache.get(row("1").key) is None


def test_the_rows_of_one_table_are_forgotten(cache: RowCache) -> None:
    other = Row(RowKey("u", b"p", b"1"), b"v", 1)
    cache.put(row("1"))
    cache.put(other)
    cache.discard_table("t")

    assert [None, other] == [cache.get(row("1").key), cache.get(other.key)]


@pytest.fixture
def processes(tmp_path):
    """Two processes, and a connection that gives their file a log."""
    connection = sqlite3.connect(tmp_path / "file", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (number)")
    both = [OtherProcesses(WriterLock(tmp_path), LogIndex(tmp_path / "file"), fsync=False) for _ in range(2)]
    yield both
    connection.close()
    for each in both:
        each.log.close()
        each.close()


def test_a_row_that_another_process_is_about_to_change_is_forgotten(processes):
    ours, theirs = processes
    cache = SharedRowCache(ours)
    for each in (row("1"), row("2")):
        cache.put(each, cache.mark_of(each.key))
    theirs.enter()
    theirs.mark(row("1").key)

    assert cache.get(row("1").key) is None
    assert row("2") == cache.get(row("2").key)


def test_a_row_that_was_read_while_another_process_changed_it_is_not_remembered(processes):
    """It may have been read before the other one's commit, or after it."""
    ours, theirs = processes
    cache = SharedRowCache(ours)
    early = cache.mark_of(row("1").key)
    theirs.enter()
    theirs.mark(row("1").key)
    cache.put(row("1"), cache.mark_of(row("1").key))

    assert cache.get(row("1").key) is None

    cache.put(row("1"), early)

    assert cache.get(row("1").key) is None

    theirs.leave()
    cache.put(row("1"), cache.mark_of(row("1").key))

    assert row("1") == cache.get(row("1").key)


def test_a_row_of_our_own_turn_is_remembered_unless_another_turn_came_behind_it(processes):
    ours, theirs = processes
    cache = SharedRowCache(ours)
    ours.enter()
    mark = ours.mark(row("1").key)
    ours.leave()
    cache.put(row("1"), mark)
    assert row("1") == cache.get(row("1").key)
    theirs.enter()
    theirs.mark(row("1").key)
    theirs.leave()
    cache.put(row("1"), mark)

    assert cache.get(row("1").key) is None


def test_the_shared_cache_is_bounded_too(processes):
    cache = SharedRowCache(processes[0], 3 * (ROW_BYTES + 1))
    for number in range(100):
        cache.put(row(str(number)), 0)
    cache.put(row("large", bytes(ROW_VALUE_BYTES_MAX + 1)), 0)
    found = [number for number in range(100) if cache.get(row(str(number)).key)]

    assert [97, 98, 99] == found
    assert cache.get(row("large").key) is None
    assert 3 == len(cache._marks)

    cache.clear()

    assert cache.get(row("99").key) is None
    assert {} == cache._marks
