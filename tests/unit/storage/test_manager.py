import asyncio

import pytest

from magnetodb.errors import (
    ConditionalCheckFailedException,
    InternalServerError,
    ResourceNotFoundException,
    ThrottlingException,
    ValidationException,
)
from magnetodb.model.items import StoredItem, item_size
from magnetodb.model.rows import ABSENT, ANY, Change, Lost, RowKey, SortRange, TokenRange
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.storage.manager import (
    PAGE_ROWS_MAX,
    WRITE_ATTEMPTS_MAX,
    FirstLost,
    ItemWrite,
    StorageManager,
    WritesLost,
    WritesRefused,
)
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables


def table():
    return Table(
        project="p",
        name="orders",
        id="id-orders",
        rows_id="t_orders",
        key=KeySchema(("a",), ("s",)),
        attribute_types={"a": "S", "s": "S", "g": "S"},
        indexes={"by-g": Index("by-g", "GSI", KeySchema(("g",)), "ALL", (), "t_orders_g")},
        created=0.0,
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


@pytest.fixture
def info(tables, runner):
    return runner.run(tables.create(table()))


@pytest.fixture
def manager(driver):
    return StorageManager(driver)


def item(sort="1", partition="p", **attributes):
    return {"a": {"S": partition}, "s": {"S": sort}, **{name: {"S": value} for name, value in attributes.items()}}


def stored(*arguments, **attributes):
    whole = item(*arguments, **attributes)
    return StoredItem.from_item(whole, item_size(whole))


def key(sort="1", partition="p"):
    return RowKey("t_orders", partition.encode(), sort.encode())


def to(new):
    """The replacement that puts an item (None: deletes it) whatever was there."""
    return lambda old: new


def counted(old):
    """The replacement that adds one to attribute g, so that the index row moves."""
    count = int(old.item["g"]["S"]) if old else 0
    return stored(g=str(count + 1))


def refuse(old):
    raise ConditionalCheckFailedException("The conditional request failed")


async def index_items(manager):
    return [StoredItem(row.value).item async for page in manager.scan("t_orders_g") for row in page]


# ---- reading


async def test_an_item_is_read_by_its_key(manager, info):
    await manager.write_item(info, key(), to(stored(x="1")))

    assert stored(x="1") == await manager.get_item(key())
    assert await manager.get_item(key("2")) is None
    assert [None, stored(x="1")] == await manager.get_items([key("2"), key()])


async def read(pages):
    return [(row.key, StoredItem(row.value).item) async for page in pages for row in page]


@pytest.fixture
def many(manager, info, runner):
    """Sort keys of one partition, in order: more than a page of rows has."""
    sorts = [f"{number:05d}" for number in range(PAGE_ROWS_MAX * 3)]
    runner.run(manager.write_each([ItemWrite(info, key(sort), to(stored(sort))) for sort in sorts]))
    return sorts


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_query_goes_through_all_pages(manager, many, reverse):
    expected = many[:: -1 if reverse else 1]
    pages = manager.query("t_orders", b"p", SortRange(), reverse=reverse)

    assert [(key(sort), item(sort)) for sort in expected] == await read(pages)


@pytest.mark.parametrize("limit", [0, 1, 63, 64, 65, 700])
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_query_stops_at_its_limit(manager, many, limit, reverse):
    expected = many[:: -1 if reverse else 1][:limit]

    assert expected == [
        found["s"]["S"]
        for _, found in await read(manager.query("t_orders", b"p", SortRange(), limit=limit, reverse=reverse))
    ]


@pytest.mark.parametrize(
    ("after", "reverse", "expected"),
    [
        (b"00010", False, ["00011", "00012", "00013"]),
        (b"00010x", False, ["00011", "00012", "00013"]),
        (b"", False, ["00005", "00006"]),
        (b"00012", True, ["00011", "00010", "00009"]),
        (b"9", True, ["00013", "00012"]),
        (b"00005", True, []),
        (b"00013", False, []),
    ],
)
async def test_a_query_goes_on_behind_a_sort_key(manager, many, after, reverse, expected):
    found = await read(manager.query("t_orders", b"p", SortRange(b"00005", b"00014"), after=after, reverse=reverse))

    assert expected == [each["s"]["S"] for _, each in found][: len(expected) or None]


async def test_a_scan_goes_through_all_pages(manager, many):
    found = await read(manager.scan("t_orders"))

    assert [(key(sort), item(sort)) for sort in many] == found
    assert found[701:] == await read(manager.scan("t_orders", after=found[700][0]))
    assert found[:701] == await read(manager.scan("t_orders", TokenRange(), limit=701))


async def test_long_reads_give_others_their_turn(manager, many):
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(others())
    for _ in range(5):
        await read(manager.scan("t_orders"))
    task.cancel()

    assert turns > 3


async def test_a_table_that_was_deleted_is_told(manager, tables, info):
    await tables.delete(info.table)

    with pytest.raises(ResourceNotFoundException):
        await manager.get_item(key())
    with pytest.raises(ResourceNotFoundException):
        await manager.get_items([key()])
    with pytest.raises(ResourceNotFoundException):
        await read(manager.query("t_orders", b"p", SortRange()))
    with pytest.raises(ResourceNotFoundException):
        await read(manager.scan("t_orders"))
    with pytest.raises(ResourceNotFoundException):
        await manager.write_item(info, key(), to(stored()))
    with pytest.raises(ResourceNotFoundException):
        await manager.write_items([ItemWrite(info, key(), to(stored()))])


# ---- writing one item


async def test_a_write_tells_the_old_and_the_new_item(manager, info):
    first, second = stored(x="1"), stored(x="2")

    assert (None, first) == await manager.write_item(info, key(), to(first))
    assert (first, second) == await manager.write_item(info, key(), to(second))
    assert (second, None) == await manager.write_item(info, key(), to(None))
    assert (None, None) == await manager.write_item(info, key(), to(None))


async def test_index_rows_follow_their_item(manager, info):
    await manager.write_item(info, key(), to(stored(g="x")))
    assert [item(g="x")] == await index_items(manager)
    await manager.write_item(info, key(), to(stored(g="y", other="z")))
    assert [item(g="y", other="z")] == await index_items(manager)
    await manager.write_item(info, key(), to(stored()))
    assert [] == await index_items(manager)
    await manager.write_item(info, key(), to(stored(g="x")))
    await manager.write_item(info, key(), to(None))

    assert [] == await index_items(manager)


async def test_the_same_object_writes_nothing(manager, info, driver):
    await manager.write_item(info, key(), to(stored(g="x")))
    (before,) = await driver.get([key()])
    written = await manager.write_item(info, key(), lambda old: old)
    (after,) = await driver.get([key()])

    assert written.old is written.new
    assert before.version == after.version


async def test_a_refusal_writes_nothing(manager, info):
    await manager.write_item(info, key(), to(stored(g="x")))

    with pytest.raises(ConditionalCheckFailedException):
        await manager.write_item(info, key(), refuse)
    assert stored(g="x") == await manager.get_item(key())


async def test_writers_of_one_item_lose_no_step(manager, info):
    await asyncio.gather(*(manager.write_item(info, key(), counted) for _ in range(300)))

    assert stored(g="300") == await manager.get_item(key())
    assert [item(g="300")] == await index_items(manager)


async def test_a_refusal_is_decided_from_what_is_durable(manager, info):
    """The item that the condition fails on is being written by another request: it must be durable first."""
    put = asyncio.ensure_future(manager.write_item(info, key(), to(stored(g="x"))))
    await asyncio.sleep(0)

    with pytest.raises(ConditionalCheckFailedException):
        await manager.write_item(info, key(), refuse)
    assert put.done()
    assert stored(g="x") == await manager.get_item(key())


async def test_no_change_of_an_item_being_written_waits_for_it(manager, info):
    put = asyncio.ensure_future(manager.write_item(info, key(), to(stored(g="x"))))
    await asyncio.sleep(0)
    await manager.write_item(info, key(), lambda old: old)

    assert put.done()


class RacingDriver:
    """A driver on which another process writes the row before each of the first commits."""

    def __init__(self, driver, races):
        self._driver = driver
        self._races = races

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def commit(self, batches):
        if self._races:
            self._races -= 1
            return [Lost(0)] * len(batches)
        return await self._driver.commit(batches)


async def test_a_lost_race_is_computed_again(driver, info):
    calls = []

    def replace(old):
        calls.append(old)
        return stored(x=str(len(calls)))

    await StorageManager(RacingDriver(driver, 3)).write_item(info, key(), replace)

    assert stored(x="4") == await StorageManager(driver).get_item(key())


async def test_too_many_lost_races_are_given_up(driver, info):
    manager = StorageManager(RacingDriver(driver, WRITE_ATTEMPTS_MAX))

    with pytest.raises(ThrottlingException):
        await manager.write_item(info, key(), to(stored()))
    assert await manager.get_item(key()) is None


async def test_a_full_file_is_told(tmp_path):
    driver = SqliteDriver(tmp_path / "small", pages_max=30)
    tables, manager = Tables(driver), StorageManager(driver)
    await tables.open()
    info = await tables.create(table())
    await manager.write_item(info, key(), to(stored(g="x")))

    with pytest.raises(InternalServerError, match=r"^Nothing was written. No space is left"):
        await manager.write_item(info, key("2"), to(stored("2", large="x" * 300_000)))
    assert stored(g="x") == await manager.get_item(key())
    await driver.close()


# ---- writing several items


async def test_several_items_are_written_together(manager, info):
    await manager.write_item(info, key("1"), to(stored("1", g="old")))
    written = await manager.write_items(
        [
            ItemWrite(info, key("1"), to(None)),
            ItemWrite(info, key("2"), to(stored("2", g="new"))),
            ItemWrite(info, key("3"), lambda old: old),
        ]
    )

    assert [(stored("1", g="old"), None), (None, stored("2", g="new")), (None, None)] == written
    assert [None, stored("2", g="new"), None] == await manager.get_items([key("1"), key("2"), key("3")])
    assert [item("2", g="new")] == await index_items(manager)


async def test_one_refusal_refuses_all_and_every_reason_is_told(manager, info):
    def invalid(old):
        raise ValidationException("invalid")

    with pytest.raises(WritesRefused) as caught:
        await manager.write_items(
            [
                ItemWrite(info, key("1"), refuse),
                ItemWrite(info, key("2"), to(stored("2"))),
                ItemWrite(info, key("3"), invalid),
            ]
        )
    assert [ConditionalCheckFailedException, type(None), ValidationException] == [
        type(reason) for reason in caught.value.reasons
    ]
    assert [None] == await manager.get_items([key("2")])


async def test_items_only_compared_hold_the_batch_to_them(driver, manager, info):
    """What a condition on another item was decided from must still be so when the batch is written."""
    await manager.write_item(info, key("1"), to(stored("1")))
    calls = 0

    async def interfere():
        await driver.commit([(Change(key("1"), ANY, stored("1", changed="yes").value),)])

    interference = []

    def compare(old):
        nonlocal calls
        calls += 1
        if calls == 1:
            interference.append(asyncio.ensure_future(interfere()))
        return old

    class LateDriver(RacingDriver):
        async def commit(self, batches):
            await asyncio.gather(*interference)
            return await self._driver.commit(batches)

    await StorageManager(LateDriver(driver, 0)).write_items(
        [ItemWrite(info, key("1"), compare), ItemWrite(info, key("2"), to(stored("2")))]
    )

    assert 2 == calls


async def test_each_write_stands_by_itself(manager, info):
    await manager.write_item(info, key("1"), to(stored("1")))
    written = await manager.write_each(
        [
            ItemWrite(info, key("1"), to(None)),
            ItemWrite(info, key("2"), to(None)),
            ItemWrite(info, key("3"), to(stored("3", g="x"))),
        ]
    )

    assert [(stored("1"), None), (None, None), (None, stored("3", g="x"))] == written
    assert [item("3", g="x")] == await index_items(manager)


async def test_writes_that_lose_races_are_decided_again_and_others_are_not(driver, info):
    manager = StorageManager(RacingDriver(driver, 2))
    written = await manager.write_each([ItemWrite(info, key(each), to(stored(each))) for each in "123"])

    assert [stored(each) for each in "123"] == [each.new for each in written]


async def test_a_write_that_loses_too_many_races_is_left_out(driver, info):
    manager = StorageManager(RacingDriver(driver, WRITE_ATTEMPTS_MAX))

    assert [None] == await manager.write_each([ItemWrite(info, key(), to(stored()))])


async def test_a_transaction_says_which_write_lost_too_many_races(driver, info):
    manager = StorageManager(RacingDriver(driver, WRITE_ATTEMPTS_MAX))

    with pytest.raises(WritesLost) as caught:
        await manager.write_items([ItemWrite(info, key(), to(stored()))])
    assert 0 == caught.value.position


async def test_the_change_that_comes_first_is_part_of_the_batch(driver, manager, info):
    first = Change(key("token"), ABSENT, b"used")
    await manager.write_items([ItemWrite(info, key("1"), to(stored("1")))], first=first)

    with pytest.raises(FirstLost):
        await manager.write_items([ItemWrite(info, key("1"), to(None))], first=first)
    assert stored("1") == await manager.get_item(key("1"))


async def test_a_refusal_compares_what_comes_first(driver, manager, info):
    """Whoever retries must hear that it has happened, not that the condition is false because it has."""
    first = Change(key("token"), ABSENT, b"used")
    with pytest.raises(WritesRefused):
        await manager.write_items([ItemWrite(info, key("1"), refuse)], first=first)
    await driver.commit([(first,)])

    with pytest.raises(FirstLost):
        await manager.write_items([ItemWrite(info, key("1"), refuse)], first=first)


async def test_transactions_that_cross_lose_no_step(manager, info):
    async def transfer(first, second):
        await manager.write_items(
            [ItemWrite(info, key(first), counted_at(first)), ItemWrite(info, key(second), counted_at(second))]
        )

    def counted_at(sort):
        return lambda old: stored(sort, g=str(int(old.item["g"]["S"]) + 1 if old else 1))

    await asyncio.gather(*(transfer(*pair) for _ in range(50) for pair in ("12", "21", "13")))

    assert [stored("1", g="150"), stored("2", g="100"), stored("3", g="50")] == await manager.get_items(
        [key("1"), key("2"), key("3")]
    )


async def test_the_value_of_an_item_is_what_the_driver_keeps(driver, manager, info):
    await manager.write_item(info, key(), to(stored(g="x")))

    assert [stored(g="x").value] == [row.value for row in await driver.get([key()])]
    assert Lost(0) == (await driver.commit([(Change(key(), ABSENT, b"x"),)]))[0]


async def test_what_was_written_of_a_batch_that_failed_is_counted(tmp_path):
    driver = SqliteDriver(tmp_path, pages_max=60)
    tables = Tables(driver)
    await tables.open()
    info = await tables.create(table())
    manager = StorageManager(driver, tables)
    sizes = {"1": 9, "2": 390_000, "3": 9}
    writes = [ItemWrite(info, key(sort), to(stored(sort, x="x" * size))) for sort, size in sizes.items()]
    with pytest.raises(InternalServerError):
        await manager.write_each(writes)
    rows = (await driver.scan(info.table.rows_id, TokenRange(), limit=10)).rows

    assert (2, 2) == (len(rows), (await tables.counts_of(info.table))[info.table.rows_id][0])
    await driver.close()
