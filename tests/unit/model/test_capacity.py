import pytest

from magnetodb.model.capacity import Capacity, index_write_units, read_units, write_units
from magnetodb.model.items import StoredItem, item_size
from magnetodb.model.keys import TableKeys
from magnetodb.model.table import Index, KeySchema, Table

KEYS = TableKeys(
    Table(
        project="p",
        name="t",
        id="id",
        rows_id="rows",
        key=KeySchema(("pk",), ("sk",)),
        attribute_types={"pk": "S", "sk": "S", "g": "S", "l": "S"},
        indexes={
            "local": Index("local", "LSI", KeySchema(("pk",), ("l",)), "KEYS_ONLY", (), "rows2"),
            "global": Index("global", "GSI", KeySchema(("g",)), "ALL", (), "rows3"),
        },
        created=0.0,
    )
)


def stored(size: int = 0, **attributes: str) -> StoredItem:
    item = {name: {"S": text} for name, text in ({"pk": "a", "sk": "b", "x": "x" * size} | attributes).items()}
    return StoredItem.from_item(item, item_size(item))


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (4096, 1), (4097, 2), (409_600, 100)])
def test_reads_count_4_kb_steps(size: int, units: int) -> None:
    assert read_units(size, consistent=True) == units
    assert read_units(size, consistent=False) == units / 2
    assert read_units(size, consistent=True, transactional=True) == units * 2


@pytest.mark.parametrize(
    ("old", "new", "units"), [(0, 0, 1), (0, 1, 1), (1024, 1024, 1), (1025, 1, 2), (1, 1025, 2), (0, 409_600, 400)]
)
def test_writes_count_1_kb_steps_of_the_larger_item(old: int, new: int, units: int) -> None:
    assert write_units(old, new) == units
    assert write_units(old, new, transactional=True) == units * 2


def test_a_new_index_row_is_one_write() -> None:
    assert index_write_units(KEYS, None, stored(2000, g="1")) == {"global": 2.0}
    assert index_write_units(KEYS, None, stored(2000, l="1")) == {"local": 1.0}
    assert index_write_units(KEYS, stored(2000, g="1"), None) == {"global": 2.0}


def test_a_changed_index_key_is_a_delete_and_a_put() -> None:
    assert index_write_units(KEYS, stored(2000, g="1", l="1"), stored(g="2", l="1")) == {"global": 3.0}


def test_a_row_that_stays_in_place_is_one_write() -> None:
    assert index_write_units(KEYS, stored(2000, g="1"), stored(g="1")) == {"global": 2.0}


def test_an_index_row_that_does_not_change_costs_nothing() -> None:
    assert index_write_units(KEYS, stored(10, l="1"), stored(20, l="1")) == {}


def test_the_total_counts_the_indexes_too() -> None:
    capacity = Capacity(KEYS)
    capacity.add_item_write(None, stored(2000, g="1", l="1"))

    assert capacity.consumed("TOTAL") == {"TableName": "t", "CapacityUnits": 5.0}
    assert capacity.consumed("INDEXES") == {
        "TableName": "t",
        "CapacityUnits": 5.0,
        "Table": {"CapacityUnits": 2.0},
        "LocalSecondaryIndexes": {"local": {"CapacityUnits": 1.0}},
        "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 2.0}},
    }


def test_a_read_of_an_index_leaves_the_table_at_zero() -> None:
    capacity = Capacity(KEYS)
    capacity.add_read(0.5, "global")

    assert capacity.consumed("INDEXES") == {
        "TableName": "t",
        "CapacityUnits": 0.5,
        "Table": {"CapacityUnits": 0.0},
        "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 0.5}},
    }


def test_transactions_report_reads_and_writes_apart() -> None:
    capacity = Capacity(KEYS)
    capacity.add_item_write(None, stored(), transactional=True)
    capacity.add_read(4.0)

    assert capacity.consumed("TOTAL", by_kind=True) == {
        "TableName": "t",
        "CapacityUnits": 6.0,
        "ReadCapacityUnits": 4.0,
        "WriteCapacityUnits": 2.0,
    }
