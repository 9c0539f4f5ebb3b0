import asyncio
from dataclasses import replace

import pytest

from magnetodb.errors import InternalServerError, ResourceInUseException, ResourceNotFoundException, RowTableNotFound
from magnetodb.model.rows import ANY, Change, RowKey, TokenRange
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.storage.row_tables_in_doubt import IN_DOUBT
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables


def table(name="orders", project="p", number=1):
    rows_id = f"t_{project}_{name}_{number}"
    index = Index("by-b", "GSI", KeySchema(("b",)), "ALL", (), f"{rows_id}_b", status="CREATING")
    local = Index("by-c", "LSI", KeySchema(("a",), ("c",)), "KEYS_ONLY", (), f"{rows_id}_c", status="CREATING")
    return Table(
        project=project,
        name=name,
        id=f"id-{rows_id}",
        rows_id=rows_id,
        key=KeySchema(("a",)),
        attribute_types={"a": "S", "b": "S", "c": "S"},
        indexes={"by-b": index, "by-c": local},
        created=1.5,
        status="CREATING",
    )


@pytest.fixture
def driver(tmp_path, runner):
    driver = SqliteDriver(tmp_path)
    yield driver
    runner.run(driver.close())


@pytest.fixture
def tables(driver, runner):
    tables = Tables(driver)
    runner.run(tables.open())
    return tables


async def exists(driver, rows_id):
    try:
        await driver.scan(rows_id, TokenRange(), limit=1)
    except RowTableNotFound:
        return False
    return True


async def notes(driver):
    return [row.key.partition for row in (await driver.scan(IN_DOUBT, TokenRange(), limit=10)).rows]


async def test_a_table_created_is_found_active(tables):
    created = await tables.create(table())
    info = await tables.get("p", "orders")

    assert created is info
    assert {"ACTIVE"} == {info.table.status, *(index.status for index in info.table.indexes.values())}
    assert info.table is info.keys.table


async def test_what_is_stored_is_what_the_next_process_finds(tables, driver):
    info = await tables.create(table())
    found = await Tables(driver).get("p", "orders")

    assert (info.table, info.table.version) == (found.table, found.table.version)


async def test_creating_makes_the_row_tables(tables, driver):
    await tables.create(table())

    assert [True] * 3 == [await exists(driver, f"t_p_orders_1{suffix}") for suffix in ("", "_b", "_c")]
    assert [] == await notes(driver)


async def test_a_name_that_is_taken_is_refused(tables, driver):
    await tables.create(table())

    with pytest.raises(ResourceInUseException, match=r"^Table already exists: orders$"):
        await tables.create(table(number=2))
    assert not await exists(driver, "t_p_orders_2")
    assert "t_p_orders_1" == (await tables.get("p", "orders")).table.rows_id


async def test_of_two_creations_at_once_one_wins_and_the_other_leaves_nothing(tables, driver):
    outcomes = await asyncio.gather(
        tables.create(table(number=1)), tables.create(table(number=2)), return_exceptions=True
    )

    winner = (await tables.get("p", "orders")).table.rows_id
    assert 1 == sum(isinstance(outcome, ResourceInUseException) for outcome in outcomes)
    assert [rows_id == winner for rows_id in ("t_p_orders_1", "t_p_orders_2")] == [
        await exists(driver, rows_id) for rows_id in ("t_p_orders_1", "t_p_orders_2")
    ]
    assert [] == await notes(driver)


async def test_a_missing_table_is_told_in_the_callers_words(tables):
    with pytest.raises(ResourceNotFoundException, match=r"^Requested resource not found$"):
        await tables.get("p", "orders")
    with pytest.raises(ResourceNotFoundException, match=r"^No orders$"):
        await tables.get("p", "orders", missing="No orders")


async def test_projects_do_not_see_each_others_tables(tables):
    await tables.create(table())
    await tables.create(table(project="q"))
    await tables.delete((await tables.get("p", "orders")).table)

    assert "q" == (await tables.get("q", "orders")).table.project
    assert [[], ["orders"]] == [await tables.list(project, None, 10) for project in ("p", "q")]


async def test_names_are_listed_in_order_behind_one_that_needs_not_exist(tables):
    for name in ("bbb", "ccc", "AAA", "b-b", "b"):
        await tables.create(table(name))
    names = ["AAA", "b", "b-b", "bbb", "ccc"]

    assert names == await tables.list("p", None, 10)
    assert names[:2] == await tables.list("p", None, 2)
    assert names[2:] == await tables.list("p", "b", 10)
    assert names[3:] == await tables.list("p", "b-z", 10)


async def test_many_names_are_listed(tables, driver):
    """More than are read at once."""
    names = [f"t{number:04d}" for number in range(250)]
    await driver.commit([(Change(RowKey("tables", b"p", name.encode()), ANY, b"{}"),) for name in names])

    assert names[:201] == await tables.list("p", None, 201)
    assert names == await tables.list("p", None, 1000)


async def test_a_change_replaces_the_version_that_it_was_made_from(tables, driver):
    info = await tables.create(table())
    changed = await tables.update(replace(info.table, deletion_protection=True))

    assert changed is await tables.get("p", "orders")
    assert (await Tables(driver).get("p", "orders")).table.deletion_protection
    assert changed.table.version > info.table.version


async def test_a_change_of_an_old_version_is_refused(tables):
    old = (await tables.create(table())).table
    await tables.update(replace(old, deletion_protection=True))
    words = "^Attempt to change a resource which is still in use: Table is being updated: orders$"

    with pytest.raises(ResourceInUseException, match=words):
        await tables.update(replace(old, table_class="STANDARD_INFREQUENT_ACCESS"))
    with pytest.raises(ResourceInUseException, match=words):
        await tables.delete(old)
    assert (await tables.get("p", "orders")).table.deletion_protection


async def test_of_two_changes_at_once_one_wins(tables):
    old = (await tables.create(table())).table
    outcomes = await asyncio.gather(
        tables.update(replace(old, deletion_protection=True)), tables.delete(old), return_exceptions=True
    )

    assert 1 == sum(isinstance(outcome, ResourceInUseException) for outcome in outcomes)


async def test_a_table_deleted_is_gone_with_its_rows(tables, driver):
    info = await tables.create(table())
    await tables.delete(info.table)

    with pytest.raises(ResourceNotFoundException):
        await tables.get("p", "orders")
    with pytest.raises(ResourceNotFoundException, match=r"^Requested resource not found: Table: orders not found$"):
        await tables.update(info.table)
    with pytest.raises(ResourceNotFoundException):
        await tables.delete(info.table)
    assert [False] * 3 == [await exists(driver, f"t_p_orders_1{suffix}") for suffix in ("", "_b", "_c")]
    assert [] == await notes(driver)


async def test_a_name_is_free_after_deletion(tables):
    await tables.delete((await tables.create(table())).table)
    await tables.create(table(number=2))

    assert "t_p_orders_2" == (await tables.get("p", "orders")).table.rows_id


class Crash(Exception):
    """The process is gone."""


class CrashingDriver:
    """A driver whose process ends before its n-th write."""

    def __init__(self, driver, writes_left):
        self._driver = driver
        self._writes_left = writes_left

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def _count(self):
        if self._writes_left == 0:
            raise Crash
        self._writes_left -= 1

    async def create_table(self, *arguments, **options):
        self._count()
        await self._driver.create_table(*arguments, **options)

    async def drop_table(self, table):
        self._count()
        await self._driver.drop_table(table)

    async def commit(self, batches):
        self._count()
        return await self._driver.commit(batches)


@pytest.mark.parametrize("writes", range(5))
async def test_a_creation_cut_short_leaves_nothing(tables, driver, writes):
    with pytest.raises(Crash):
        await Tables(CrashingDriver(driver, writes)).create(table())
    await Tables(driver).open()

    assert [False] * 3 == [await exists(driver, f"t_p_orders_1{suffix}") for suffix in ("", "_b", "_c")]
    assert [] == await tables.list("p", None, 10)
    assert [] == await notes(driver)
    await tables.create(table(number=2))


@pytest.mark.parametrize("writes", range(5))
async def test_a_deletion_cut_short_is_finished_or_never_was(tables, driver, writes):
    info = await tables.create(table())
    with pytest.raises(Crash):
        await Tables(CrashingDriver(driver, writes)).delete(info.table)
    await Tables(driver).open()

    there = writes == 0
    assert [there] * 3 == [await exists(driver, f"t_p_orders_1{suffix}") for suffix in ("", "_b", "_c")]
    assert ["orders"] * there == await Tables(driver).list("p", None, 10)
    assert [] == await notes(driver)


async def test_a_full_file_is_told_as_a_service_error(tmp_path):
    driver = SqliteDriver(tmp_path / "small", pages_max=12)
    tables = Tables(driver)
    await tables.open()

    async def fill():
        for number in range(1000):
            await tables.create(table(f"t{number:04d}"))

    with pytest.raises(InternalServerError, match=r"^Nothing was written. No space is left"):
        await fill()
    assert "t0000" == (await tables.get("p", "t0000")).table.name
    await driver.close()
