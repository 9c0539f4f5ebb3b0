"""A storage with a table of 700 items, and a clock that the tests move."""

import asyncio
from types import SimpleNamespace

import pytest

from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.operations.cell import Cell, Settings
from magnetodb.storage.generations import Freshness
from magnetodb.storage.manager import ItemWrite, StorageManager
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables
from magnetodb.worker.jobs import JobRun

ITEMS = 700

TABLE = Table(
    project="p",
    name="orders",
    id="id-orders",
    rows_id="t_orders",
    key=KeySchema(("a",), ("s",)),
    attribute_types={"a": "S", "s": "S", "g": "S"},
    indexes={},
    created=0.0,
)


class World:
    """What the tests of one storage need. `time`: of all its processes."""

    def __init__(self, driver, freshness=Freshness.OFF, time=None, **options):
        self.time = time or [1000.0]
        self.driver = driver
        self.tables = Tables(
            driver, freshness=freshness, clock=self.clock, commit_seconds=5.0, monotonic=self.clock, **options
        )
        self.manager = StorageManager(self.driver, self.tables)
        self.cell = Cell(self.manager, self.tables, Settings("here", "0" * 12, self.clock))

    @property
    def now(self):
        return self.time[0]

    @now.setter
    def now(self, now):
        self.time[0] = now

    def clock(self):
        return self.time[0]

    async def process(self, freshness):
        """One of several that share this storage."""
        process = World(self.driver, freshness, self.time)
        await process.tables.open()
        return process

    def run(self, name="job"):
        return JobRun(name, self.cell, self.driver, monotonic=self.clock)

    async def info(self):
        return await self.tables.get("p", "orders")

    async def fill(self, count=ITEMS):
        await self.tables.open()
        info = await self.tables.create(TABLE)
        await self.manager.write_each([self.write(info, item(number)) for number in range(count)])

    async def put(self, raw):
        info = await self.info()
        write = self.write(info, raw)
        await self.manager.write_item(info, write.key, write.replace)

    async def delete(self, raw):
        info = await self.info()
        await self.manager.write_item(info, info.keys.base.row_key(raw), lambda old: None)

    @staticmethod
    def write(info, raw):
        whole, size = canonical_item(raw)
        new = StoredItem.from_item(whole, size)
        return ItemWrite(info, info.keys.base.row_key(whole), lambda old: new)


def item(number, **attributes):
    """Every seventh item has no `g`, every thirteenth one of the wrong type."""
    raw = {"a": {"S": f"p{number % 50}"}, "s": {"S": f"{number}"}, "n": {"N": f"{number}"}}
    if number % 7:
        raw["g"] = {"S": f"g{number % 5}"}
    if number % 13 == 0:
        raw["g"] = {"N": "1"}
    return {**raw, **attributes}


@pytest.fixture
def world(tmp_path, runner):
    world = World(SqliteDriver(tmp_path))
    runner.run(world.fill())
    yield world
    runner.run(world.driver.close())


@pytest.fixture
def samples():
    """The parts of which tests make tables and items."""
    index = Index("by_g", "GSI", KeySchema(("g",)), "ALL", (), "t_orders_g", status="CREATING")
    return SimpleNamespace(item=item, index=index, items=ITEMS)


@pytest.fixture
def until():
    """until(condition): let the loop run until it holds."""

    async def wait(condition):
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    return wait
