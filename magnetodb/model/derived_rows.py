"""The index rows that follow from an item: a pure function of its old and its new state."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from magnetodb.model.attribute_values import attributes_size
from magnetodb.model.expiry_keys import ExpiryCodec
from magnetodb.model.items import StoredItem
from magnetodb.model.keys import KeyCodec, TableKeys
from magnetodb.model.rows import DerivedRow, RowKey


class IndexWrite(NamedTuple):
    """What a write does in one index: the row it deletes (None: none) and the row it puts (None: none)."""

    codec: KeyCodec
    deleted: RowKey | None
    put: RowKey | None


class Derived(NamedTuple):
    """What follows from a write of an item: puts and deletes of hidden rows, and what they add to each index that
    changes, as (id of its row table, items, bytes)."""

    rows: tuple[DerivedRow, ...]
    sums: tuple[tuple[str, int, int], ...]


NOTHING: Final = Derived((), ())


def derived(keys: TableKeys, old: StoredItem | None, new: StoredItem | None) -> Derived:
    """What follows when the item `old` becomes `new` (None: no item). Index rows that stay as they are give nothing.
    `derived(keys, None, item)` has all index rows of an item. Rows of the time to live are not summed."""
    if not keys.derives:
        return NOTHING
    rows = []
    sums = []
    if keys.expiry is not None:
        rows += expiry_rows(keys.expiry, old, new)
    for codec, deleted, put in index_writes(keys, old, new):
        items = size = 0
        if deleted is not None:
            assert old is not None
            items, size = -1, -projected(codec, old).size
            if deleted != put:
                rows.append(DerivedRow(deleted, None))
        if put is not None:
            assert new is not None
            kept = projected(codec, new)
            items, size = items + 1, size + kept.size
            rows.append(DerivedRow(put, kept.value))
        sums.append((codec.rows_id, items, size))
    return Derived(tuple(rows), tuple(sums))


def expiry_rows(codec: ExpiryCodec, old: StoredItem | None, new: StoredItem | None) -> list[DerivedRow]:
    """The rows that say when the item expires; nothing where that stays as it was."""
    before = codec.row_key(old.item) if old is not None else None
    after = codec.row_key(new.item) if new is not None else None
    rows: list[DerivedRow] = []
    if before == after:
        return rows
    if before is not None:
        rows.append(DerivedRow(before, None))
    if after is not None:
        assert new is not None
        rows.append(DerivedRow(after, projected(codec, new).value))
    return rows


def index_writes(keys: TableKeys, old: StoredItem | None, new: StoredItem | None) -> Iterator[IndexWrite]:
    """The writes in each index that changes; a row that is overwritten in its place is both `deleted` and `put`."""
    old_item = old.item if old is not None else None
    new_item = new.item if new is not None else None
    for codec in keys.maintained:
        before = codec.row_key(old_item) if old_item is not None else None
        after = codec.row_key(new_item) if new_item is not None and codec not in keys.only_deleted else None
        if before != after or (after is not None and _projection_differs(codec, old, new)):
            yield IndexWrite(codec, before, after)


def projected(codec: KeyCodec | ExpiryCodec, item: StoredItem) -> StoredItem:
    """The item as a row of the index keeps it; the same object where the index projects all attributes."""
    names = codec.projection
    if names is None:
        return item
    whole = item.item
    attributes = {name: whole[name] for name in names if name in whole}
    return StoredItem.from_item(attributes, attributes_size(attributes))


def _projection_differs(codec: KeyCodec, old: StoredItem | None, new: StoredItem | None) -> bool:
    if old is None or new is None:
        return True
    if codec.projection is None:
        return old.value != new.value and old.item != new.item
    before, after = old.item, new.item
    return any(before.get(name) != after.get(name) for name in codec.projection)
