"""The cache of rows: bounded by bytes, the rows used last stay."""

import pytest

from magnetodb.model.rows import Row, RowKey
from magnetodb.storage.row_cache import ROW_BYTES, ROW_VALUE_BYTES_MAX, RowCache


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
