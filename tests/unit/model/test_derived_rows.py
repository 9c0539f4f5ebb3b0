from dataclasses import replace
from typing import Any

from magnetodb.model.derived_rows import derived, index_writes
from magnetodb.model.items import StoredItem, item_size
from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import DerivedRow, RowKey
from magnetodb.model.table import Index, KeySchema, ProjectionType, Table, TimeToLive, TimeToLiveStatus

TYPES: dict[str, Any] = {"pk": "S", "g": "S"}


def keys(projection: ProjectionType = "ALL", attributes: tuple[str, ...] = ()) -> TableKeys:
    index = Index("by_g", "GSI", KeySchema(("g",)), projection, attributes, "index")
    return TableKeys(Table("p", "t", "id", "rows", KeySchema(("pk",)), TYPES, {"by_g": index}, 0.0))


def stored(**attributes: str) -> StoredItem:
    item = {"pk": {"S": "a"}, **{name: {"S": text} for name, text in attributes.items()}}
    return StoredItem.from_item(item, item_size(item))


def row(index_key: bytes, value: bytes | None) -> DerivedRow:
    return DerivedRow(RowKey("index", index_key, b"a"), value)


def test_a_table_without_indexes_derives_nothing() -> None:
    bare = TableKeys(Table("p", "t", "id", "rows", KeySchema(("pk",)), TYPES, {}, 0.0))

    assert derived(bare, None, stored(g="1")).rows == ()


def test_a_new_item_has_an_index_row() -> None:
    new = stored(g="1")

    assert derived(keys(), None, new).rows == (row(b"1", new.value),)


def test_a_projection_of_all_shares_the_bytes_of_the_item() -> None:
    new = stored(g="1")

    assert derived(keys(), None, new).rows[0].value is new.value


def test_an_item_without_the_index_key_has_none() -> None:
    assert derived(keys(), None, stored(x="1")).rows == ()


def test_a_deleted_item_deletes_its_index_row() -> None:
    assert derived(keys(), stored(g="1"), None).rows == (row(b"1", None),)


def test_a_changed_index_key_moves_the_row() -> None:
    new = stored(g="2")

    assert derived(keys(), stored(g="1"), new).rows == (row(b"1", None), row(b"2", new.value))


def test_a_removed_index_key_deletes_the_row() -> None:
    assert derived(keys(), stored(g="1"), stored(x="1")).rows == (row(b"1", None),)


def test_a_changed_attribute_is_put_in_place() -> None:
    new = stored(g="1", x="2")

    assert derived(keys(), stored(g="1", x="1"), new).rows == (row(b"1", new.value),)


def test_what_is_not_projected_changes_nothing() -> None:
    old, new = stored(g="1", x="1", y="1"), stored(g="1", x="1", y="2")

    assert derived(keys("KEYS_ONLY"), old, new).rows == ()
    assert derived(keys("INCLUDE", ("x",)), old, new).rows == ()
    assert derived(keys("INCLUDE", ("y",)), old, new).rows != ()


def test_the_same_item_changes_nothing() -> None:
    assert derived(keys(), stored(g="1", x="1"), stored(g="1", x="1")).rows == ()


def test_a_row_holds_the_projected_attributes_only() -> None:
    (put,) = derived(keys("INCLUDE", ("x", "absent")), None, stored(g="1", x="2", y="3")).rows

    assert put.value == stored(g="1", x="2").value


def expiring(status: TimeToLiveStatus = "ENABLED") -> TableKeys:
    """Beside the index: items expire by attribute x."""
    table = replace(keys().table, time_to_live=TimeToLive("x", "expiries", status))
    return TableKeys(table)


def expiring_item(seconds: int, **attributes: str) -> StoredItem:
    item = stored(**attributes).item | {"x": {"N": str(seconds)}}
    return StoredItem.from_item(item, item_size(item))


def expiry(seconds: int, *, put: bool) -> DerivedRow:
    codec = expiring().expiry
    assert codec is not None
    key = codec.row_key(expiring_item(seconds).item)
    assert key is not None
    return DerivedRow(key, StoredItem.from_item({}, 0).value if put else None)


def test_a_new_item_has_an_expiry_row_that_holds_nothing() -> None:
    assert derived(expiring(), None, expiring_item(7)).rows == (expiry(7, put=True),)


def test_a_changed_expiry_moves_its_row() -> None:
    rows = derived(expiring(), expiring_item(7), expiring_item(8)).rows

    assert rows == (expiry(7, put=False), expiry(8, put=True))


def test_an_expiry_that_stays_gives_nothing() -> None:
    assert derived(expiring(), expiring_item(7), expiring_item(7, other="1")).rows == ()


def test_a_deleted_item_deletes_its_expiry_row() -> None:
    assert derived(expiring(), expiring_item(7), None).rows == (expiry(7, put=False),)


def test_an_expiry_is_kept_from_the_moment_at_which_it_is_being_enabled() -> None:
    assert derived(expiring("ENABLING"), None, expiring_item(7)).rows == (expiry(7, put=True),)


def test_an_expiry_that_is_being_disabled_is_not_kept() -> None:
    assert derived(expiring("DISABLING"), None, expiring_item(7)).rows == ()


def test_an_expiry_is_no_index_to_those_who_count_and_charge() -> None:
    writes = list(index_writes(expiring(), None, expiring_item(7, g="1")))

    assert ["by_g"] == [write.codec.index.name for write in writes if write.codec.index is not None]


def test_of_a_new_index_that_is_not_filled_yet_rows_are_only_deleted() -> None:
    """A writer that does not know of the index must not leave a row there that another one has put."""
    index = replace(keys().table.indexes["by_g"], status="CREATING")
    table = replace(keys().table, indexes={"by_g": index}, status="UPDATING")
    coming = TableKeys(table)
    filled = TableKeys(table.with_index(replace(index, backfilling=True)))
    new = stored(g="2")

    assert derived(coming, stored(g="1"), new).rows == (row(b"1", None),)
    assert derived(coming, new, stored(g="2", x="1")).rows == (row(b"2", None),)
    assert derived(coming, None, new).rows == ()
    assert derived(filled, None, new).rows == (row(b"2", new.value),)
