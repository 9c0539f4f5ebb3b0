"""Differences are made by hand, found, and put right."""

import pytest

from magnetodb.model.items import StoredItem, item_size
from magnetodb.model.rows import ANY, Change, DerivedRow, RowKey
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.storage.index_check import PAGE_ROWS, Difference, check_index, repair
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables

ITEMS = PAGE_ROWS * 2 + 1

TABLE = Table(
    project="p",
    name="orders",
    id="id",
    rows_id="t_orders",
    key=KeySchema(("a",), ("s",)),
    attribute_types={"a": "S", "s": "S", "g": "S"},
    indexes={
        "global": Index("global", "GSI", KeySchema(("g",)), "ALL", (), "t_global"),
        "local": Index("local", "LSI", KeySchema(("a",), ("g",)), "KEYS_ONLY", (), "t_local"),
    },
    created=0.0,
)


@pytest.fixture
def driver(tmp_path, runner):
    driver = SqliteDriver(tmp_path)
    yield driver
    runner.run(driver.close())


@pytest.fixture
def info(driver, runner):
    """A table with ITEMS items, every second of which is in the indexes."""

    async def fill():
        tables = Tables(driver)
        await tables.open()
        info = await tables.create(TABLE)
        manager = StorageManager(driver, tables)
        for number in range(ITEMS):
            new = stored(number)
            await manager.write_item(info, item_key(number), lambda old, new=new: new)
        return info

    return runner.run(fill())


def stored(number):
    item = {"a": {"S": "p"}, "s": {"S": f"{number}"}, "note": {"S": "x"}}
    if number % 2 == 0:
        item["g"] = {"S": f"g{number % 3}"}
    return StoredItem.from_item(item, item_size(item))


def item_key(number):
    return RowKey("t_orders", b"p", f"{number}".encode())


def index_key(info, name, number):
    return info.keys.indexes[name].row_key(stored(number).item)


async def differences(driver, info, name):
    return [each async for checked in check_index(driver, info, name) for each in checked.differences]


async def spoil(driver, *rows):
    """Change derived rows and leave their item as it is."""
    (row,) = await driver.get((item_key(0),))
    await driver.commit([(Change(row.key, row, row.value, tuple(rows)),)])


@pytest.mark.parametrize("name", ["global", "local"])
async def test_indexes_that_are_right_have_no_differences(driver, info, name):
    checked = [each async for each in check_index(driver, info, name)]

    assert [] == [difference for each in checked for difference in each.differences]
    assert ITEMS == sum(each.rows for each in checked if each.direction == "items")
    assert (ITEMS + 1) // 2 == sum(each.rows for each in checked if each.direction == "index rows")


@pytest.mark.parametrize("name", ["global", "local"])
async def test_a_missing_row_is_found(driver, info, name):
    missing = index_key(info, name, 4)
    await spoil(driver, DerivedRow(missing, None))

    assert [Difference(name, "missing", missing, item_key(4))] == await differences(driver, info, name)


async def test_a_row_of_no_item_is_found(driver, info):
    row = info.keys.indexes["global"].row_key({**stored(4).item, "s": {"S": "nobody"}})
    await spoil(driver, DerivedRow(row, stored(4).value))

    assert [Difference("global", "surplus", row, RowKey("t_orders", b"p", b"nobody"))] == await differences(
        driver, info, "global"
    )


async def test_a_row_of_an_item_that_lies_elsewhere_is_found(driver, info):
    row = info.keys.indexes["global"].row_key({**stored(4).item, "g": {"S": "another"}})
    await spoil(driver, DerivedRow(row, stored(4).value))

    assert [Difference("global", "surplus", row, item_key(4))] == await differences(driver, info, "global")


async def test_a_row_with_other_attributes_is_found(driver, info):
    row = index_key(info, "global", 4)
    await spoil(driver, DerivedRow(row, stored(6).value))

    assert [Difference("global", "outdated", row, item_key(4))] == await differences(driver, info, "global")


async def test_the_order_of_attributes_makes_no_difference(driver, info):
    item = dict(reversed(stored(4).item.items()))
    await spoil(driver, DerivedRow(index_key(info, "global", 4), StoredItem.from_item(item, item_size(item)).value))

    assert [] == await differences(driver, info, "global")


async def test_every_difference_can_be_repaired(driver, info):
    codec = info.keys.indexes["global"]
    await spoil(
        driver,
        DerivedRow(index_key(info, "global", 2), None),
        DerivedRow(index_key(info, "global", 4), stored(6).value),
        DerivedRow(codec.row_key({**stored(4).item, "g": {"S": "another"}}), stored(4).value),
        DerivedRow(codec.row_key({**stored(4).item, "s": {"S": "nobody"}}), stored(4).value),
    )
    found = await differences(driver, info, "global")
    repaired = [await repair(driver, info, difference) for difference in found]

    assert ["missing", "outdated", "surplus", "surplus"] == sorted(each.kind for each in found)
    assert [True] * 4 == repaired
    assert [] == await differences(driver, info, "global")


async def test_a_difference_that_is_none_any_more_is_repaired_to_the_same(driver, info):
    gone = item_key(4)
    await driver.commit([(Change(gone, ANY, None, (DerivedRow(index_key(info, "global", 4), None),)),)])
    await repair(driver, info, Difference("global", "missing", index_key(info, "global", 4), gone))

    assert [] == await differences(driver, info, "global")
