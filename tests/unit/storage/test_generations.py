"""Two processes that share a storage, as two Tables and managers on one driver."""

import asyncio
from dataclasses import replace

import pytest

from magnetodb.errors import ResourceInUseException, ResourceNotFoundException, RowTableNotFound, ServiceUnavailable
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.rows import ANY, Change, Committed, Lost, RowKey, TokenRange
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.storage import generations
from magnetodb.storage.generations import COPY_SECONDS_MAX, GENERATION, Freshness, Generation
from magnetodb.storage.manager import ItemWrite, StorageManager
from magnetodb.storage.row_tables_in_doubt import IN_DOUBT, IN_DOUBT_SECONDS
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables

INDEX = Index("by_b", "GSI", KeySchema(("b",)), "ALL", (), "t_orders_b", status="CREATING", backfilling=True)


def table(number=1, name="orders"):
    return Table(
        project="p",
        name=name,
        id=f"id-{name}-{number}",
        rows_id=f"t_{name}_{number}",
        key=KeySchema(("a",)),
        attribute_types={"a": "S"},
        indexes={},
        created=1.5,
    )


class Process:
    """What one process has."""

    def __init__(self, driver, world, freshness):
        self.tables = Tables(
            driver, freshness=freshness, clock=lambda: world.now, commit_seconds=5.0, monotonic=lambda: world.now
        )
        self.manager = StorageManager(driver, self.tables)

    async def info(self, name="orders"):
        return await self.tables.get("p", name)

    async def put(self, info, **attributes):
        write = put(info, **attributes)
        await self.manager.write_item(info, write.key, write.replace)

    async def add_index(self):
        info = await self.info()
        types = info.table.attribute_types | {"b": "S"}
        changed = replace(info.table.with_index(INDEX), attribute_types=types, status="UPDATING")
        return await self.tables.change_index(changed, INDEX.name)


class World:
    def __init__(self, directory):
        self.now = 1000.0
        self.driver = SqliteDriver(directory)

    async def process(self, freshness=Freshness.STRICT):
        process = Process(self.driver, self, freshness)
        await process.tables.open()
        return process

    async def rows(self, rows_id):
        return [row.key for row in (await self.driver.scan(rows_id, TokenRange(), limit=100)).rows]

    async def exists(self, rows_id):
        try:
            await self.rows(rows_id)
        except RowTableNotFound:
            return False
        return True


def put(info, **attributes):
    item, size = canonical_item({name: {"S": value} for name, value in attributes.items()})
    new = StoredItem.from_item(item, size)
    return ItemWrite(info, info.keys.base.row_key(item), lambda old: new)


@pytest.fixture
def world(tmp_path, runner):
    world = World(tmp_path)
    yield world
    runner.run(world.driver.close())


# ---- strict


async def test_a_change_is_seen_by_the_next_request_of_another_process(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    before = await two.info()
    await one.tables.update(replace(before.table, deletion_protection=True))

    assert [False, True] == [each.table.deletion_protection for each in (before, await two.info())]


async def test_what_is_not_changed_is_read_once(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    await one.tables.create(table(name="others"))
    known = await two.info()
    await one.tables.update(replace((await one.info("others")).table, deletion_protection=True))

    assert known is await two.info()


async def test_a_deleted_table_is_gone_for_the_next_request_of_another_process(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    await two.info()
    await one.tables.delete((await one.info()).table)

    with pytest.raises(ResourceNotFoundException):
        await two.info()


async def test_a_table_made_anew_takes_the_place_of_the_deleted_one(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    await two.info()
    await one.tables.delete((await one.info()).table)
    await one.tables.create(table(2))

    assert "id-orders-2" == (await two.info()).table.id


async def test_a_process_far_behind_looks_at_every_table_that_it_knows(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    await one.tables.create(table(name="deleted"))
    await two.info()
    await two.info("deleted")
    changed = await one.tables.update(replace((await one.info()).table, deletion_protection=True))
    await one.tables.delete((await one.info("deleted")).table)
    for _ in range(generations.CHANGES_KEPT_MAX):
        changed = await one.tables.update(changed.table)
    names = [name for name in ("orders", "deleted") if await two.tables.refreshed("p", name)]
    (row,) = await world.driver.get((GENERATION,))

    assert ["orders"] == names
    assert generations.CHANGES_KEPT_MAX == len(Generation.of(row).changes)
    assert changed.table == (await two.info()).table


async def test_a_write_decided_before_an_index_came_is_decided_anew(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    before = await two.info()
    await one.add_index()
    await two.put(before, a="1", b="2")

    assert 1 == len(await world.rows("t_orders_b"))


@pytest.mark.parametrize("together", [False, True])
async def test_several_writes_decided_before_an_index_came_are_decided_anew(world, together):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    before = await two.info()
    await one.add_index()
    writes = [put(before, a=f"{number}", b="2") for number in range(3)]
    write = two.manager.write_items if together else two.manager.write_each
    written = await write(writes)

    assert 3 == len(await world.rows("t_orders_b"))
    assert 3 == len([each for each in written if each.new is not None])


async def test_a_write_to_a_table_deleted_and_made_anew_is_lost(world):
    one, two = await world.process(), await world.process()
    await one.tables.create(table())
    before = await two.info()
    await one.tables.delete((await one.info()).table)
    await one.tables.create(table(2))

    with pytest.raises(ResourceNotFoundException):
        await two.put(before, a="1")
    assert [] == await world.rows("t_orders_2")


async def test_of_two_processes_that_create_a_name_one_wins(world):
    one, two = await world.process(), await world.process()
    outcomes = await asyncio.gather(one.tables.create(table(1)), two.tables.create(table(2)), return_exceptions=True)
    rows = [await world.exists(f"t_orders_{number}") for number in (1, 2)]

    assert [False, True] == sorted(isinstance(outcome, ResourceInUseException) for outcome in outcomes)
    assert [not isinstance(outcome, ResourceInUseException) for outcome in outcomes] == rows


async def test_many_changes_of_several_processes_at_once_are_all_noticed(world):
    processes = [await world.process() for _ in range(3)]
    await asyncio.gather(*[processes[each % 3].tables.create(table(name=f"t{each}")) for each in range(30)])
    (row,) = await world.driver.get((GENERATION,))

    assert 30 == Generation.of(row).number
    assert {f"t{each}" for each in range(30)} == {each.name for each in Generation.of(row).changes}


class RestlessDriver:
    """A driver that gives each row of a lost batch a new version, as one does that has to take back what it began."""

    def __init__(self, driver):
        self._driver = driver
        self.lost = 0

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def commit(self, batches):
        outcomes = await self._driver.commit(batches)
        for batch, outcome in zip(batches, outcomes, strict=True):
            if isinstance(outcome, Lost):
                self.lost += 1
                rows = [row for row in await self._driver.get([change.key for change in batch]) if row is not None]
                await self._driver.commit([(Change(row.key, row, row.value),) for row in rows])
        return outcomes


async def test_a_change_that_loses_to_another_table_is_made_whatever_became_of_versions(world):
    restless = RestlessDriver(world.driver)
    processes = [Process(restless, world, Freshness.STRICT) for _ in range(3)]
    await processes[0].tables.open()
    await asyncio.gather(*[process.tables.create(table(name=f"t{each}")) for each, process in enumerate(processes)])
    infos = [await process.info(f"t{each}") for each, process in enumerate(processes)]
    await asyncio.gather(
        *[
            process.tables.update(replace(info.table, deletion_protection=True))
            for process, info in zip(processes, infos, strict=True)
        ]
    )
    tables = [(await processes[0].info(f"t{each}")).table for each in range(3)]
    await asyncio.gather(*[process.tables.delete(each) for process, each in zip(processes, tables, strict=True)])

    assert restless.lost
    assert all(each.deletion_protection for each in tables)
    assert [] == await processes[0].tables.list("p", None, 10)


# ---- changes that a process left half done


async def test_a_change_under_way_elsewhere_is_left_alone_until_it_is_old(world):
    one = await world.process()
    await one.tables.create(table())
    note = Change(RowKey(IN_DOUBT, b"id", b""), ANY, b'{"rows":["t_orders_1"],"at":1000.0}')
    await world.driver.commit([(note,)])
    await one.tables.finish_changes()
    young = await world.exists("t_orders_1")
    world.now += IN_DOUBT_SECONDS
    await one.tables.finish_changes()

    assert (True, False) == (young, await world.exists("t_orders_1"))
    assert [] == await world.rows(IN_DOUBT)


class SlowDriver:
    """A driver on which something happens before a row table is made."""

    def __init__(self, driver, happens):
        self._driver = driver
        self._happens = happens

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def create_table(self, name, *, local_to=None):
        await self._driver.create_table(name, local_to=local_to)
        await self._happens()


async def test_a_creation_that_others_gave_up_does_not_come_to_its_end(world):
    two = await world.process()

    async def give_up():
        await two.tables.finish_changes()
        world.now += IN_DOUBT_SECONDS
        await two.tables.finish_changes()

    slow = Process(SlowDriver(world.driver, give_up), world, Freshness.STRICT)
    with pytest.raises(ServiceUnavailable):
        await slow.tables.create(table())
    assert not await world.exists("t_orders_1")
    assert [] == await two.tables.list("p", None, 10)


# ---- polled


async def test_a_change_is_known_after_the_next_poll(world):
    one, two = [await world.process(Freshness.POLLED) for _ in range(2)]
    await one.tables.create(table())
    before = await two.info()
    await one.tables.update(replace(before.table, deletion_protection=True))
    polled = []
    for _ in range(2):
        polled.append(two.tables.known("p", "orders").table.deletion_protection)
        await two.tables.poll()

    assert [False, True] == polled
    assert two.tables.current(before).table.deletion_protection


async def test_the_newest_state_can_be_asked_for(world):
    one, two = [await world.process(Freshness.POLLED) for _ in range(2)]
    await one.tables.create(table())
    before = await two.info()
    await one.tables.update(replace(before.table, deletion_protection=True))

    assert (await two.tables.newest("p", "orders")).table.deletion_protection
    with pytest.raises(ResourceNotFoundException, match=r"^No table$"):
        await two.tables.newest("p", "nothing", missing="No table")


async def test_who_could_not_poll_for_too_long_may_not_write(world):
    process = await world.process(Freshness.POLLED)
    await process.tables.create(table())
    info = await process.info()
    world.now += COPY_SECONDS_MAX
    await process.put(info, a="1")
    world.now += 0.1

    with pytest.raises(ServiceUnavailable):
        await process.put(info, a="2")
    assert info is process.tables.known("p", "orders")
    await process.tables.poll()
    await process.put(info, a="3")


async def test_a_write_by_an_old_copy_uses_what_was_polled_meanwhile(world):
    one, two = [await world.process(Freshness.POLLED) for _ in range(2)]
    await one.tables.create(table())
    before = await two.info()
    await one.add_index()
    await two.tables.poll()
    await two.put(before, a="1", b="2")

    assert 1 == len(await world.rows("t_orders_b"))


@pytest.mark.parametrize("freshness", list(Freshness))
async def test_who_finds_nothing_may_look_again_if_he_was_behind(world, freshness):
    process = await world.process(freshness)

    assert (freshness is not Freshness.OFF) == await process.tables.may_be_behind()


async def test_a_deleted_table_is_dropped_later_or_when_its_name_is_wanted(world):
    one, two = [await world.process(Freshness.POLLED) for _ in range(2)]
    for name in ("orders", "others"):
        await one.tables.create(table(name=name))
        await one.tables.delete((await one.info(name)).table)
    kept = [await world.exists(f"t_{name}_1") for name in ("orders", "others")]
    await two.tables.create(table(2))
    wanted = [await world.exists(f"t_{name}_1") for name in ("orders", "others")]
    more = await two.tables.finish_changes(most=1)

    assert ([True, True], [False, True], False) == (kept, wanted, more)
    assert not await world.exists("t_others_1")
    assert [] == await world.rows(IN_DOUBT)


async def test_what_is_left_half_done_is_finished_step_by_step(world):
    process = await world.process(Freshness.POLLED)
    for number in range(3):
        await process.tables.create(table(name=f"t{number}"))
        await process.tables.delete((await process.info(f"t{number}")).table)

    assert [True, True, False] == [await process.tables.finish_changes(most=1) for _ in range(3)]


async def test_a_new_version_that_says_the_same_is_no_change(world):
    """As an attempt leaves one behind that was taken back."""
    process = await world.process(Freshness.POLLED)
    await process.tables.create(table())
    before = await process.tables.newest("p", "orders")
    key = RowKey("tables", b"p", b"orders")
    for _ in range(2):
        (row,) = await world.driver.get((key,))
        await world.driver.commit([(Change(key, row, row.value),)])
        await process.tables.refreshed("p", "orders")

    assert before is await process.tables.newest("p", "orders")
    changed = await process.tables.update(replace(before.table, deletion_protection=True))
    assert changed.table.deletion_protection
    with pytest.raises(ResourceInUseException):
        await process.tables.update(replace(before.table, tags={"a": "b"}))


class OvertakenDriver:
    """A driver on which something happens between a commit and its answer, once."""

    def __init__(self, driver):
        self._driver = driver
        self.happens = None

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def commit(self, batches):
        outcomes = await self._driver.commit(batches)
        happens, self.happens = self.happens, None
        return outcomes if happens is None else await happens(outcomes)


async def test_who_reads_a_change_before_its_author_is_answered_may_make_the_next_one(world):
    """On a cluster a row that a decided transaction holds is read with its new value and a version before its last."""
    overtaken = OvertakenDriver(world.driver)
    process = Process(overtaken, world, Freshness.POLLED)
    await process.tables.open()
    await process.tables.create(table())
    before = await process.tables.newest("p", "orders")
    key = RowKey("tables", b"p", b"orders")
    read = []

    async def overtake(outcomes):
        read.append(await process.tables.newest("p", "orders"))
        (row,) = await world.driver.get((key,))
        (applied,) = await world.driver.commit([(Change(key, row, row.value),)])
        return [Committed((applied.versions[0], *outcomes[0].versions[1:]))]

    overtaken.happens = overtake
    await process.tables.update(replace(before.table, deletion_protection=True))
    changed = await process.tables.update(replace(read[0].table, tags={"a": "b"}))

    assert (True, {"a": "b"}) == (changed.table.deletion_protection, changed.table.tags)
