from dataclasses import replace

import pytest

from magnetodb.model.derived_rows import derived
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.rows import RowKey
from magnetodb.model.table import Index, KeySchema, Table, TimeToLive
from magnetodb.storage.derivation import Derivation
from magnetodb.storage.generations import COPY_SECONDS_MAX, Freshness
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import COUNTS, Tables
from magnetodb.storage.tokens import TOKENS, Tokens, use_of

TABLE = Table(
    project="p",
    name="orders",
    id="id-orders",
    rows_id="t_orders",
    key=KeySchema(("a",)),
    attribute_types={"a": "S", "b": "S"},
    indexes={"by_b": Index("by_b", "GSI", KeySchema(("b",)), "ALL", (), "t_orders_b")},
    created=1.5,
    time_to_live=TimeToLive("n", "t_orders_expiry"),
)

ITEM = StoredItem.from_item(*canonical_item({"a": {"S": "1"}, "b": {"S": "2"}, "n": {"N": "5000"}}))


class World:
    def __init__(self, directory):
        self.now = 1000.0
        self.driver = SqliteDriver(directory)
        self.tables = self.process()

    def process(self):
        return Tables(self.driver, freshness=Freshness.POLLED, monotonic=lambda: self.now)


@pytest.fixture
def world(tmp_path, runner):
    world = World(tmp_path)
    runner.run(world.tables.open())
    yield world
    runner.run(world.driver.close())


async def test_all_rows_follow_from_an_item_of_a_table_that_was_never_met(world):
    info = await world.tables.create(TABLE)
    process = world.process()
    await process.open()
    key = info.keys.base.row_key(ITEM.item)
    rows = await Derivation(process)(key, ITEM.value)

    assert derived(info.keys, None, ITEM).rows == rows
    assert {"t_orders_b", "t_orders_expiry"} == {row.key.table for row in rows}


async def test_an_index_that_came_a_moment_ago_is_kept_in_step(world):
    info = await world.tables.create(replace(TABLE, indexes={}))
    process = world.process()
    await process.open()
    derive, key = Derivation(process), info.keys.base.row_key(ITEM.item)
    before = await derive(key, ITEM.value)
    index = replace(TABLE.indexes["by_b"], status="CREATING", backfilling=True)
    await world.tables.change_index(replace(info.table.with_index(index), status="UPDATING"), "by_b")

    assert (1, 2) == (len(before), len(await derive(key, ITEM.value)))


async def test_nothing_follows_from_rows_of_tables_that_are_gone_and_of_the_systems(world):
    derive = Derivation(world.tables)

    assert () == await derive(RowKey("t_gone", b"p", b""), ITEM.value)
    assert () == await derive(RowKey(COUNTS, b"p", b""), b"[1,1]")


async def test_a_tokens_expiry_follows_from_its_row(world):
    change = await Tokens(world.driver).record(use_of("p", "token", b"digest"), 1000.0)

    assert change.derived == await Derivation(world.tables)(change.key, change.value)
    assert TOKENS == change.key.table


async def test_what_is_too_old_to_write_by_is_not_told(world):
    info = await world.tables.create(TABLE)
    world.now += COPY_SECONDS_MAX + 1

    assert await Derivation(world.tables)(info.keys.base.row_key(ITEM.item), ITEM.value) is None
