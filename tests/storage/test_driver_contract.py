"""What every storage driver must do. One file; a driver is a fixture parameter."""

import asyncio
import itertools
import random

import pytest

from magnetodb.errors import RowTableNotFound, StorageUnavailable
from magnetodb.model.rows import (
    ABSENT,
    ANY,
    CHECK,
    TOKEN_MAX,
    TOKEN_MIN,
    Change,
    Committed,
    DerivedRow,
    Lost,
    RowKey,
    SortRange,
    TokenRange,
)
from magnetodb.storage.driver import READ_BYTES_MAX
from magnetodb.storage.sqlite import SqliteDriver

TABLE, OTHER = "t_items", "t_other"


@pytest.fixture(params=["sqlite", "sqlite, shared", pytest.param("cassandra", marks=pytest.mark.cassandra)])
def open_driver(request, runner, tmp_path):
    """await open_driver() -> a driver on the rows that earlier ones left; the test closes all but the last."""
    opened = []
    if request.param == "cassandra":
        options = request.getfixturevalue("empty_keyspace")

    async def open_one():
        if request.param == "cassandra":
            from magnetodb.storage.cassandra.driver import CassandraDriver

            opened.append(await CassandraDriver.open(options))
        else:
            opened.append(SqliteDriver(tmp_path, shared=request.param == "sqlite, shared"))
        return opened[-1]

    yield open_one
    runner.run(opened[-1].close())


@pytest.fixture
def driver(open_driver, runner):
    """An empty driver with two tables."""
    driver = runner.run(open_driver())
    for table in (TABLE, OTHER):
        runner.run(driver.create_table(table))
    return driver


def key(sort=b"s", partition=b"p", table=TABLE):
    return RowKey(table, partition, sort)


def told(row):
    """What a row tells; `state` belongs to the driver."""
    return row._replace(state=None)


async def get(driver, row_key, **options):
    (row,) = await driver.get([row_key], **options)
    return row


async def commit(driver, *changes):
    (outcome,) = await driver.commit([tuple(changes)])
    return outcome


async def put(driver, row_key, value, derived=()):
    """A blind put; returns the row."""
    assert isinstance(await commit(driver, Change(row_key, ANY, value, tuple(derived))), Committed)
    return await get(driver, row_key)


async def values(driver, *row_keys):
    return [row and row.value for row in await driver.get(row_keys)]


# ---- tables


async def test_creating_a_table_again_leaves_its_rows(driver):
    await put(driver, key(), b"1")
    await driver.create_table(TABLE)

    assert [b"1"] == await values(driver, key())


async def test_a_local_table_holds_rows_of_its_own(driver):
    await driver.create_table("t_local", local_to=TABLE)
    await put(driver, key(table="t_local"), b"local")

    assert [b"local", None] == await values(driver, key(table="t_local"), key())


async def test_dropping_a_table_that_is_not_there_does_nothing(driver):
    await driver.drop_table("t_never")


async def test_a_dropped_table_is_refused_by_every_call(driver):
    await put(driver, key(), b"1")
    await driver.drop_table(TABLE)

    with pytest.raises(RowTableNotFound):
        await driver.get([key()])
    with pytest.raises(RowTableNotFound):
        await driver.get([key()], for_write=True)
    with pytest.raises(RowTableNotFound):
        await driver.query(TABLE, b"p", SortRange(), limit=1)
    with pytest.raises(RowTableNotFound):
        await driver.scan(TABLE, TokenRange(), limit=1)
    with pytest.raises(RowTableNotFound):
        await commit(driver, Change(key(), ANY, b"2"))
    with pytest.raises(RowTableNotFound):
        await commit(driver, Change(key(table=OTHER), ANY, b"2", (DerivedRow(key(), b"3"),)))
    assert [None] == await values(driver, key(table=OTHER))


async def test_a_commit_under_way_and_a_drop_end_with_the_table_gone(driver):
    writing = asyncio.ensure_future(commit(driver, Change(key(), ANY, b"1")))
    await asyncio.sleep(0)
    await driver.drop_table(TABLE)
    await writing

    with pytest.raises(RowTableNotFound):
        await driver.get([key()])


async def test_a_table_of_a_dropped_name_is_empty(driver):
    await put(driver, key(), b"1")
    await driver.drop_table(TABLE)
    await driver.create_table(TABLE)

    assert [None] == await values(driver, key())


async def test_dropping_a_table_leaves_the_others(driver):
    await put(driver, key(table=OTHER), b"1")
    await driver.drop_table(TABLE)

    assert [b"1"] == await values(driver, key(table=OTHER))


# ---- get


async def test_rows_come_in_the_order_of_the_keys_asked_for(driver):
    await put(driver, key(b"1"), b"one")
    await put(driver, key(b"2", table=OTHER), b"two")

    assert [b"two", None, b"one", b"one"] == await values(
        driver, key(b"2", table=OTHER), key(b"3"), key(b"1"), key(b"1")
    )


async def test_a_row_tells_its_key_value_and_version(driver):
    row = await put(driver, key(), b"1")

    assert (key(), b"1", False) == (row.key, row.value, row.pending)
    assert row.version > 0


@pytest.mark.parametrize("text", [b"", b"\x00", b"\xff" * 10, b"\x00\xff\x00\x01", b"k" * 2048])
async def test_keys_are_any_bytes(driver, text):
    await put(driver, key(text, b"p" + text), b"1")

    assert [b"1", None] == await values(driver, key(text, b"p" + text), key(text + b"\x00", b"p" + text))


async def test_large_values_come_back_whole(driver):
    value = random.Random(1).randbytes(700_000)
    await put(driver, key(), value)

    assert [value] == await values(driver, key())


# ---- commit: what is expected


async def test_a_row_expected_to_be_absent_is_inserted_once(driver):
    assert isinstance(await commit(driver, Change(key(), ABSENT, b"1")), Committed)
    assert Lost(0) == await commit(driver, Change(key(), ABSENT, b"2"))
    assert [b"1"] == await values(driver, key())


async def test_a_row_is_replaced_only_in_the_version_expected(driver):
    first = await put(driver, key(), b"1")
    assert isinstance(await commit(driver, Change(key(), first, b"2")), Committed)
    assert Lost(0) == await commit(driver, Change(key(), first, b"3"))
    assert Lost(0) == await commit(driver, Change(key(), first, None))
    assert [b"2"] == await values(driver, key())


async def test_a_row_that_came_back_is_not_the_row_expected(driver):
    """The version must not be given twice, even if the value is the same."""
    first = await put(driver, key(), b"1")
    await commit(driver, Change(key(), first, None))
    await put(driver, key(), b"1")

    assert Lost(0) == await commit(driver, Change(key(), first, b"2"))


async def test_a_row_is_deleted_in_the_version_expected(driver):
    first = await put(driver, key(), b"1")

    assert isinstance(await commit(driver, Change(key(), first, None)), Committed)
    assert Lost(0) == await commit(driver, Change(key(), first, None))
    assert [None] == await values(driver, key())


async def test_deleting_what_is_expected_absent_only_compares(driver):
    assert isinstance(await commit(driver, Change(key(), ABSENT, None)), Committed)
    await put(driver, key(), b"1")
    assert Lost(0) == await commit(driver, Change(key(), ABSENT, None))


async def test_blind_changes_always_hold(driver):
    for value in (b"1", b"2", None, None, CHECK):
        assert isinstance(await commit(driver, Change(key(), ANY, value)), Committed)

    assert [None] == await values(driver, key())


async def test_a_check_compares_and_writes_nothing(driver):
    first = await put(driver, key(), b"1")

    assert Committed((first.version,)) == await commit(driver, Change(key(), first, CHECK))
    assert isinstance(await commit(driver, Change(key(b"no"), ABSENT, CHECK)), Committed)
    assert Lost(0) == await commit(driver, Change(key(), ABSENT, CHECK))
    assert first == await get(driver, key())
    await put(driver, key(), b"2")
    assert Lost(0) == await commit(driver, Change(key(), first, CHECK))


async def test_versions_of_a_row_grow(driver):
    versions = [(await put(driver, key(), b"%d" % number)).version for number in range(20)]

    assert sorted(set(versions)) == versions


async def test_the_version_that_commit_tells_is_the_rows(driver):
    outcome = await commit(driver, Change(key(), ABSENT, b"1"), Change(key(b"2"), ANY, b"2"))
    rows = await driver.get([key(), key(b"2")])

    assert outcome == Committed(tuple(row.version for row in rows))


# ---- commit: batches


async def test_a_batch_is_written_whole(driver):
    first = await put(driver, key(b"1"), b"1")
    second = await put(driver, key(b"2", table=OTHER), b"2")
    outcome = await commit(
        driver,
        Change(key(b"1"), first, b"changed"),
        Change(key(b"2", table=OTHER), second, None),
        Change(key(b"3"), ABSENT, b"new"),
        Change(key(b"4"), ABSENT, CHECK),
    )

    assert isinstance(outcome, Committed)
    assert [b"changed", None, b"new"] == await values(driver, key(b"1"), key(b"2", table=OTHER), key(b"3"))


@pytest.mark.parametrize("value", [b"changed", None, CHECK])
async def test_a_batch_with_one_row_not_as_expected_writes_nothing(driver, value):
    first = await put(driver, key(b"1"), b"1")
    stale = await put(driver, key(b"2"), b"2")
    await put(driver, key(b"2"), b"other")
    outcome = await commit(
        driver,
        Change(key(b"1"), first, b"changed", (DerivedRow(key(table=OTHER), b"derived"),)),
        Change(key(b"2"), stale, value),
        Change(key(b"3"), ABSENT, b"new"),
    )

    assert Lost(1) == outcome
    assert [b"1", b"other", None, None] == await values(driver, key(b"1"), key(b"2"), key(b"3"), key(table=OTHER))


async def test_batches_of_one_call_stand_and_fall_by_themselves_and_in_order(driver):
    outcomes = await driver.commit(
        [
            (Change(key(b"1"), ABSENT, b"1"),),
            (Change(key(b"1"), ABSENT, b"2"), Change(key(b"2"), ABSENT, b"2")),
            (Change(key(b"3"), ABSENT, b"3"),),
        ]
    )

    assert [Committed, Lost, Committed] == [type(outcome) for outcome in outcomes]
    assert [b"1", None, b"3"] == await values(driver, key(b"1"), key(b"2"), key(b"3"))


async def test_no_batches_are_committed_at_once(driver):
    assert [] == await driver.commit([])
    assert [Committed(())] == await driver.commit([()])


async def test_a_batch_may_be_large(driver):
    changes = [
        Change(
            key(b"%03d" % number),
            ABSENT,
            b"v",
            tuple(DerivedRow(key(b"%03d-%d" % (number, each), table=OTHER), b"d") for each in range(20)),
        )
        for number in range(100)
    ]
    await commit(driver, *changes)

    page = await driver.query(OTHER, b"p", SortRange(), limit=5000)
    assert 2000 == len(page.rows)


# ---- commit: derived rows


async def test_derived_rows_are_put_replaced_and_deleted_with_their_row(driver):
    derived = key(b"d", table=OTHER)
    row = await put(driver, key(), b"1", [DerivedRow(derived, b"first")])
    assert [b"first"] == await values(driver, derived)
    await commit(
        driver, Change(key(), row, b"2", (DerivedRow(derived, b"second"), DerivedRow(key(b"e", table=OTHER), b"e")))
    )
    assert [b"second", b"e"] == await values(driver, derived, key(b"e", table=OTHER))
    row = await get(driver, key())
    await commit(
        driver, Change(key(), row, None, (DerivedRow(derived, None), DerivedRow(key(b"never", table=OTHER), None)))
    )

    assert [None, None] == await values(driver, key(), derived)


async def test_derived_rows_of_a_lost_change_are_not_written(driver):
    await put(driver, key(), b"1")
    await commit(driver, Change(key(), ABSENT, b"2", (DerivedRow(key(table=OTHER), b"derived"),)))

    assert [None] == await values(driver, key(table=OTHER))


async def test_a_check_may_carry_derived_rows(driver):
    """That is how an index is filled: the item stays, its index row is new."""
    row = await put(driver, key(), b"1")
    await commit(driver, Change(key(), row, CHECK, (DerivedRow(key(table=OTHER), b"derived"),)))

    assert [b"derived"] == await values(driver, key(table=OTHER))


# ---- pending rows


async def test_a_write_under_way_is_seen_only_by_those_who_write(driver):
    await put(driver, key(), b"1")
    writing = asyncio.ensure_future(commit(driver, Change(key(), ANY, b"2")))
    await asyncio.sleep(0)
    pending = await get(driver, key(), for_write=True)

    assert (b"2", True) == (pending.value, pending.pending) or pending == await get(driver, key())
    assert b"2" != (await get(driver, key())).value or writing.done()
    await writing
    after = await get(driver, key(), for_write=True)
    outcome = await commit(driver, Change(key(), after, b"3"))

    assert (b"2", Committed) == (after.value, type(outcome))


async def test_writes_that_expect_a_write_under_way_come_after_it(driver):
    writes = []
    for _ in range(50):
        row = await get(driver, key(), for_write=True)
        value = b"%d" % ((int(row.value) if row and row.value else 0) + 1)
        writes.append(asyncio.ensure_future(commit(driver, Change(key(), row or ABSENT, value))))
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*writes)

    assert {Committed} == {type(outcome) for outcome in outcomes}
    assert [b"50"] == await values(driver, key())


async def test_a_deletion_under_way_is_a_row_without_a_value(driver):
    first = await put(driver, key(), b"1")
    deleting = asyncio.ensure_future(commit(driver, Change(key(), first, None)))
    await asyncio.sleep(0)
    row = await get(driver, key(), for_write=True)
    check = asyncio.ensure_future(commit(driver, Change(key(), row, CHECK)))
    again = asyncio.ensure_future(commit(driver, Change(key(), row, b"again")))

    assert [Committed] * 3 == [type(outcome) for outcome in await asyncio.gather(deleting, check, again)]
    assert [b"again"] == await values(driver, key())


async def test_what_follows_from_a_lost_write_is_lost_too(driver):
    stale = await put(driver, key(), b"1")
    await put(driver, key(), b"2")
    lost = asyncio.ensure_future(commit(driver, Change(key(), stale, b"3")))
    await asyncio.sleep(0)
    row = await get(driver, key(), for_write=True)
    if row.pending:
        check, follower = await driver.commit([(Change(key(), row, CHECK),), (Change(key(), row, b"4"),)])
        assert [Lost(0), Lost(0)] == [check, follower]

    assert Lost(0) == await lost
    assert [b"2"] == await values(driver, key())


async def test_many_writers_of_one_row_lose_no_step(driver):
    await put(driver, key(), b"0")

    async def count():
        done = 0
        while done < 20:
            row = await get(driver, key(), for_write=True)
            outcome = await commit(driver, Change(key(), row, b"%d" % (int(row.value) + 1)))
            done += isinstance(outcome, Committed)

    await asyncio.gather(*(count() for _ in range(10)))

    assert [b"200"] == await values(driver, key())


# ---- query


@pytest.fixture
def sorts(driver, runner):
    """Rows of one partition with these sort keys, in order; neighbours have some too."""
    sorts = [b"", b"\x00", b"\x00\xff", b"a", b"a\x00", b"aa", b"b", b"\x7f", b"\x80", b"\xff", b"\xff\xff"]
    changes = [(Change(key(sort), ANY, b"v" + sort),) for sort in sorts]
    changes += [(Change(key(b"x", partition), ANY, b"no"),) for partition in (b"", b"o", b"p\x00", b"pp", b"q")]
    changes += [(Change(key(b"x", table=OTHER), ANY, b"no"),)]
    random.Random(1).shuffle(changes)
    runner.run(driver.commit(changes))
    return sorts


async def queried(driver, sort_range, **options):
    page = await driver.query(TABLE, b"p", sort_range, **({"limit": 100} | options))
    return [row.key.sort for row in page.rows], page.more


async def test_a_query_gives_a_partition_in_the_order_of_bytes(driver, sorts):
    page = await driver.query(TABLE, b"p", SortRange(), limit=100)

    assert [(key(sort), b"v" + sort, False) for sort in sorts] == [
        (row.key, row.value, row.pending) for row in page.rows
    ]
    assert not page.more
    assert list(page.rows) == [told(row) for row in await driver.get([row.key for row in page.rows])]


@pytest.mark.parametrize(
    ("start", "end"),
    [(b"a", b"b"), (b"a", None), (b"", b"a"), (b"\x00", b"\x00"), (b"b", b"a"), (b"c", b"d"), (b"\xff", None)],
)
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_query_keeps_to_its_range(driver, sorts, start, end, reverse):
    expected = [sort for sort in sorts if sort >= start and (end is None or sort < end)]

    assert (expected[:: -1 if reverse else 1], False) == await queried(driver, SortRange(start, end), reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_query_ends_at_its_limit_and_tells_whether_there_is_more(driver, sorts, reverse):
    expected = sorts[:: -1 if reverse else 1]

    assert (expected[:4], True) == await queried(driver, SortRange(), limit=4, reverse=reverse)
    assert (expected, False) == await queried(driver, SortRange(), limit=len(sorts), reverse=reverse)


async def test_a_query_of_an_empty_partition_is_empty(driver):
    assert ([], False) == await queried(driver, SortRange())


async def test_a_page_ends_when_its_values_are_large(driver):
    for number in range(5):
        await put(driver, key(b"%d" % number), bytes(READ_BYTES_MAX // 2))

    assert ([b"0", b"1"], True) == await queried(driver, SortRange())
    assert ([b"4", b"3"], True) == await queried(driver, SortRange(), reverse=True)
    assert ([b"3", b"4"], False) == await queried(driver, SortRange(b"3"))
    page = await driver.scan(TABLE, TokenRange(), limit=10)
    assert (2, True) == (len(page.rows), page.more)


async def test_a_page_that_ended_early_hides_no_later_write(driver, sorts):
    """A read that was left open would go on seeing the rows of its time."""
    await queried(driver, SortRange(), limit=1)
    await put(driver, key(b"a"), b"new")

    assert [b"new"] == await values(driver, key(b"a"))


# ---- scan


async def scanned(driver, tokens=TokenRange(), *, limit=100, after=None):  # noqa: B008
    keys = []
    while True:
        page = await driver.scan(TABLE, tokens, limit=limit, after=after)
        keys += [row.key for row in page.rows]
        assert len(page.rows) <= limit
        if not page.more:
            return keys
        after = page.rows[-1].key


@pytest.fixture
def scattered(driver, runner):
    """Keys of rows in many partitions."""
    keys = [key(b"%d" % sort, b"p%d" % partition) for partition in range(60) for sort in range(partition % 4 + 1)]
    runner.run(driver.commit([(Change(row_key, ANY, b"v"),) for row_key in keys]))
    runner.run(driver.commit([(Change(key(table=OTHER), ANY, b"no"),)]))
    return keys


async def test_a_scan_gives_every_row_once(driver, scattered):
    assert sorted(scattered) == sorted(await scanned(driver))


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_a_scan_in_pages_gives_the_same_order(driver, scattered, limit):
    assert await scanned(driver) == await scanned(driver, limit=limit)


async def test_a_scan_keeps_a_partition_together_in_order(driver, scattered):
    keys = await scanned(driver)
    starts = [position for position, row_key in enumerate(keys) if row_key.sort == b"0"]

    assert 60 == len(starts)
    assert all(
        keys[start:end] == sorted(keys[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=True)
    )


async def test_a_scan_is_in_the_order_of_tokens_and_keys(driver, scattered):
    places = [(driver.token(row_key.partition), row_key.partition, row_key.sort) for row_key in await scanned(driver)]

    assert sorted(places) == places
    for token, partition, sort in places[:20]:
        assert key(sort, partition) in await scanned(driver, TokenRange(token, token))


@pytest.mark.parametrize("segments", [2, 3, 16, 999])
async def test_token_ranges_split_a_scan(driver, scattered, segments):
    bounds = [TOKEN_MIN + 2**64 * number // segments for number in range(segments + 1)]
    ranges = [TokenRange(start, end - 1) for start, end in itertools.pairwise(bounds)]
    assert TOKEN_MAX == ranges[-1].end
    parts = [await scanned(driver, tokens) for tokens in ranges]

    assert await scanned(driver) == [row_key for part in parts for row_key in part]
    assert segments > 16 or max(map(len, parts)) < len(scattered)


async def test_a_scan_goes_on_behind_a_row_that_is_gone(driver, scattered):
    keys = await scanned(driver)
    await commit(driver, Change(keys[50], ANY, None))

    assert keys[51:] == await scanned(driver, after=keys[50])


async def test_a_scan_of_a_token_range_keeps_to_it_behind_a_row(driver, scattered):
    lower = TokenRange(TOKEN_MIN, -1)
    upper = TokenRange(0, TOKEN_MAX)
    in_lower, in_upper = await scanned(driver, lower), await scanned(driver, upper)

    assert in_lower[4:] == await scanned(driver, lower, after=in_lower[3], limit=3)
    assert in_upper == await scanned(driver, upper, after=in_lower[3])
    assert [] == await scanned(driver, lower, after=in_upper[3])


# ---- durability and the end


async def test_what_was_acknowledged_is_there_for_the_next_process(open_driver):
    driver = await open_driver()
    await driver.create_table(TABLE)
    row = await put(driver, key(), b"1", [DerivedRow(key(b"d"), b"d")])
    await driver.create_table(OTHER)
    await driver.drop_table(OTHER)
    await driver.close()
    driver = await open_driver()
    await driver.recover()

    assert [row] == await driver.get([key()])
    assert [b"d"] == await values(driver, key(b"d"))
    with pytest.raises(RowTableNotFound):
        await driver.get([key(table=OTHER)])


async def test_closing_waits_for_what_is_being_written(open_driver):
    driver = await open_driver()
    await driver.create_table(TABLE)
    keys = [key(b"%d" % number, b"p%d" % (number % 100)) for number in range(500)]
    writes = [asyncio.ensure_future(commit(driver, Change(row_key, ABSENT, b"v"))) for row_key in keys]
    await asyncio.sleep(0)
    await driver.close()
    assert {Committed} == {type(outcome) for outcome in await asyncio.gather(*writes)}
    driver = await open_driver()

    assert 500 == len(await scanned(driver))


async def test_a_closed_driver_refuses_writes(driver, open_driver):
    await driver.close()

    with pytest.raises(StorageUnavailable):
        await commit(driver, Change(key(), ANY, b"1"))
    await open_driver()


async def test_a_writer_that_gives_up_waiting_hinders_nobody(driver):
    writing = asyncio.ensure_future(commit(driver, Change(key(), ANY, b"1")))
    await asyncio.sleep(0)
    writing.cancel()
    await put(driver, key(b"2"), b"2")

    assert [b"1", b"2"] == await values(driver, key(), key(b"2"))
    row = await get(driver, key(), for_write=True)
    outcome = await commit(driver, Change(key(), row, b"3"))
    assert (b"1", Committed) == (row.value, type(outcome))


# ---- all of it at once


@pytest.mark.parametrize("seed", range(10))
async def test_random_work_does_what_a_dictionary_does(driver, seed):
    choose = random.Random(seed)
    known = {}
    keys = [key(b"%d" % (number % 7), b"p%d" % (number // 7)) for number in range(20)]

    def changes():
        for row_key in choose.sample(keys, choose.choice([1, 1, 1, 2, 5])):
            expected = choice_of_expected(row_key)
            value = choose.choice([choose.randbytes(choose.choice([1, 50, 5000])), None, CHECK])
            derived = () if value is CHECK else (DerivedRow(row_key._replace(table=OTHER), value),)
            yield Change(row_key, expected, value, derived)

    def choice_of_expected(row_key):
        row = known.get(row_key)
        right = ABSENT if row is None else row
        return choose.choice([right, right, right, right, ANY, ABSENT])

    for _ in range(150):
        batch = tuple(changes())
        wrong = [
            position
            for position, change in enumerate(batch)
            if change.expected is not ANY and change.expected != (known.get(change.key) or ABSENT)
        ]
        (outcome,) = await driver.commit([batch])
        if wrong:
            assert Lost(wrong[0]) == outcome
            continue
        assert isinstance(outcome, Committed)
        for change in batch:
            row = await get(driver, change.key)
            if change.value is not CHECK:
                assert change.value == (row and row.value)
            known[change.key] = row

    found = {row.key: row.value for row in (await driver.scan(TABLE, TokenRange(), limit=100)).rows}
    assert {row_key: row.value for row_key, row in known.items() if row is not None} == found
    derived = {
        row.key._replace(table=TABLE): row.value for row in (await driver.scan(OTHER, TokenRange(), limit=100)).rows
    }
    assert found == derived
