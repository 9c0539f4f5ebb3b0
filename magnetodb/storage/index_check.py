"""Compares every row of an index with its item, both ways, in bounded steps beside the traffic; and puts right what is
wrong.

    async for checked in check_index(driver, info, "by_state"):
        checked.rows, checked.differences
        for difference in checked.differences:
            await repair(driver, info, difference)
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, NamedTuple

from magnetodb.model.derived_rows import projected
from magnetodb.model.expiry_keys import ExpiryCodec
from magnetodb.model.items import StoredItem
from magnetodb.model.keys import KeyCodec
from magnetodb.model.rows import ABSENT, CHECK, Change, Committed, DerivedRow, Row, RowKey, TokenRange
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.tables import TableInfo

TIME_TO_LIVE: Final = "(time to live)"
"""The hidden index of a table whose items expire, where the name of an index is asked for. No index has this name."""

PAGE_ROWS: Final = 100

CONFIRMATIONS: Final = 3
"""A difference must be there so many times in a row: between two reads a write may have changed item and index row."""

REPAIR_ATTEMPTS_MAX: Final = 10

Kind = Literal["missing", "surplus", "outdated"]

Codec = KeyCodec | ExpiryCodec


class Difference(NamedTuple):
    """An index row that is not as its item says.

    missing: the item has no row in the index; surplus: the row belongs to no item, or to one that lies elsewhere in the
    index; outdated: the row has other attributes than its item.
    """

    index_name: str
    kind: Kind
    index_key: RowKey
    item_key: RowKey


class Checked(NamedTuple):
    """A step: how many rows of `direction` were compared, and what was found."""

    direction: Literal["items", "index rows"]
    rows: int
    differences: list[Difference]


async def check_index(driver: StorageDriver, info: TableInfo, name: str) -> AsyncIterator[Checked]:
    """Compare each item with its index row, then each index row with its item. Raises StorageErrors; KeyError if the
    table has no such index. An index that is not ACTIVE lacks rows rightly, and so does the expiry of items that is not
    ENABLED."""
    codec = codec_named(info, name)
    async for rows in _pages(driver, info.keys.base.rows_id):
        yield Checked("items", len(rows), await _compare_items(driver, codec, rows))
    async for rows in _pages(driver, codec.rows_id):
        yield Checked("index rows", len(rows), await _compare_index_rows(driver, codec, rows))


async def repair(driver: StorageDriver, info: TableInfo, difference: Difference) -> bool:
    """Make the index row as its item says, unless writes came between all attempts. Raises StorageErrors."""
    codec = codec_named(info, difference.index_name)
    for _ in range(REPAIR_ATTEMPTS_MAX):
        (row,) = await driver.get((difference.item_key,))
        wanted = _index_row(codec, row)
        derived = [] if wanted is None else [wanted]
        if wanted is None or wanted.key != difference.index_key:
            derived.append(DerivedRow(difference.index_key, None))
        expected = ABSENT if row is None else row
        (outcome,) = await driver.commit([(Change(difference.item_key, expected, CHECK, tuple(derived)),)])
        if isinstance(outcome, Committed):
            return True
    return False


def codec_named(info: TableInfo, name: str) -> Codec:
    """The keys of an index. Raises KeyError if the table has no such index."""
    if name == TIME_TO_LIVE and info.keys.expiry is not None:
        return info.keys.expiry
    return info.keys.indexes[name]


async def _pages(driver: StorageDriver, rows_id: str) -> AsyncIterator[Sequence[Row]]:
    after: RowKey | None = None
    more = True
    while more:
        page = await driver.scan(rows_id, TokenRange(), limit=PAGE_ROWS, after=after)
        more = page.more
        if page.rows:
            after = page.rows[-1].key
            yield page.rows
        await asyncio.sleep(0)


async def _compare_items(driver: StorageDriver, codec: Codec, rows: Sequence[Row]) -> list[Difference]:
    expected = [(row.key, wanted) for row in rows if (wanted := _index_row(codec, row)) is not None]
    found = await driver.get([wanted.key for _, wanted in expected])
    differences = []
    for (item_key, wanted), row in zip(expected, found, strict=True):
        if not _same(row, wanted):
            differences += await _confirmed(driver, codec, item_key, wanted.key)
    return differences


async def _compare_index_rows(driver: StorageDriver, codec: Codec, rows: Sequence[Row]) -> list[Difference]:
    keys = [codec.table_key(row.key) for row in rows]
    items = await driver.get(keys)
    differences = []
    for row, item_key, item in zip(rows, keys, items, strict=True):
        wanted = _index_row(codec, item)
        # Attributes were compared from the other side.
        if wanted is None or wanted.key != row.key:
            differences += await _confirmed(driver, codec, item_key, row.key)
    return differences


async def _confirmed(driver: StorageDriver, codec: Codec, item_key: RowKey, index_key: RowKey) -> list[Difference]:
    """The difference at one row of the index, if it is still there when both are read again."""
    kind: Kind | None = None
    for _ in range(CONFIRMATIONS):
        item, found = await driver.get((item_key, index_key))
        wanted = _index_row(codec, item)
        kind = _kind(found, wanted, index_key)
        if kind is None:
            return []
        await asyncio.sleep(0)
    assert kind is not None
    return [Difference(_name(codec), kind, index_key, item_key)]


def _name(codec: Codec) -> str:
    if isinstance(codec, ExpiryCodec):
        return TIME_TO_LIVE
    assert codec.index is not None
    return codec.index.name


def _kind(found: Row | None, wanted: DerivedRow | None, index_key: RowKey) -> Kind | None:
    """What is wrong with a row of the index, None if nothing is. Pure."""
    if wanted is None or wanted.key != index_key:
        return None if found is None else "surplus"
    if found is None:
        return "missing"
    return None if _same(found, wanted) else "outdated"


def _index_row(codec: Codec, row: Row | None) -> DerivedRow | None:
    """The index row that an item's row asks for; None if it asks for none."""
    if row is None:
        return None
    item = StoredItem(row.value)
    key = codec.row_key(item.item)
    return None if key is None else DerivedRow(key, projected(codec, item).value)


def _same(found: Row | None, wanted: DerivedRow) -> bool:
    """The row is there and has these attributes, in whatever order."""
    if found is None or wanted.value is None:
        return False
    return found.value == wanted.value or StoredItem(found.value).item == StoredItem(wanted.value).item
