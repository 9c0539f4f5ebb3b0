from uuid import UUID

import pytest

from magnetodb.model.rows import CHECK, Change, Committed, DerivedRow, Lost, RowKey
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.known_rows import ROW_BYTES, SMOOTHING, VALUE_BYTES_MAX, KnownRows
from magnetodb.storage.cassandra.writes_under_way import WritesUnderWay
from tests.unit.storage.cassandra.scripted import ITEMS, ONE, Cluster, difference, item

KEY = RowKey("rows", b"p", b"s")
OTHER = RowKey("rows", b"p", b"t")


@pytest.fixture
def known():
    return KnownRows()


def row(version=1, value=b"v", **columns):
    return ItemRow(value, version, UUID(int=version), **columns)


def test_a_row_is_known_as_it_was_left_and_pending(known):
    known.made(KEY, row(1))
    known.made(KEY, row(2, b"w"))
    found = known.row(KEY)

    assert (b"w", 2, True, row(2, b"w")) == (found.value, found.version, found.pending, found.state)
    assert known.row(OTHER) is None


def test_a_row_that_was_lost_is_read_again(known):
    known.found(KEY, row(1))
    known.lost(KEY)

    assert known.row(KEY) is None


def test_what_was_read_before_a_write_does_not_come_after_it(known):
    known.made(KEY, row(2))
    known.found(KEY, row(1))

    assert 2 == known.row(KEY).version


@pytest.mark.parametrize(
    "unfit",
    [
        row(2, None),
        row(2, b"x" * (VALUE_BYTES_MAX + 1)),
        row(2, ltx=UUID(int=9)),
        row(2, iver=2),
        row(2, iver=2, done=1),
    ],
    ids=["deleted", "large", "held by a transaction", "nothing done", "not in step"],
)
def test_a_row_that_more_has_to_be_known_of_is_read(known, unfit):
    known.made(KEY, row(1))
    known.made(KEY, unfit)

    assert known.row(KEY) is None


def test_the_oldest_rows_go_where_there_is_no_room():
    known = KnownRows(bytes_max=2 * (ROW_BYTES + len(b"p" + b"s" + b"v")))
    keys = [RowKey("rows", b"p", bytes([number])) for number in range(3)]
    for key in (*keys[:2], keys[0], keys[2]):
        known.made(key, row())

    assert [True, False, True] == [known.row(key) is not None for key in keys]


def test_where_others_write_the_same_rows_they_are_read_until_that_is_over(known):
    known.made(OTHER, row(1))
    for _ in range(SMOOTHING):
        known.made(KEY, row(1))
        known.lost(KEY)
    while_others_write = known.row(OTHER)
    for _ in range(4 * SMOOTHING):
        known.found(OTHER, row(1))
    afterwards = known.row(OTHER)

    assert while_others_write is None
    assert 1 == afterwards.version


def test_keys_take_room_too_and_those_of_hidden_rows_are_not_kept():
    known = KnownRows(bytes_max=2 * (ROW_BYTES + 1000))
    keys = [RowKey("rows", bytes([number]) * 900, b"s" * 99) for number in range(3)]
    for key in keys:
        known.made(key, row(iver=1, done=1, pend=b"x" * 100_000))

    assert [False, True, True] == [known.row(key) is not None for key in keys]
    assert known.row(keys[1]).state.pend is None


def test_of_dead_rows_that_are_in_step_the_keys_of_hidden_rows_are_not_kept():
    under_way = WritesUnderWay()
    under_way.remember(KEY, row(1, None, iver=1, done=1, pend=b"x"))
    under_way.remember(OTHER, row(1, None, iver=1, pend=b"x"))

    assert row(1, None, iver=1, done=1) == under_way.dead(KEY)
    assert under_way.dead(OTHER) is None


async def put_known(process, key, value):
    """PutItem from what the process knows; whether it knew the row."""
    before = process.committer.known(key)
    if before is None:
        return False, await process.put(key, value)
    return True, await process.commit(Change(key, before, value, difference(key, before.value, value)))


async def test_who_has_written_an_item_writes_it_again_without_reading():
    cluster = Cluster()
    process = cluster.process()
    outcomes = [await put_known(process, item(), value) for value in (b"k:", b"l:", b"k:1")]

    assert [(False, Committed), (True, Committed), (True, Committed)] == [(knew, type(out)) for knew, out in outcomes]
    assert "read" not in process.steps
    assert (b"k:1", []) == (cluster.row(item()).v, cluster.wrong())


async def test_an_item_that_another_process_has_written_is_found_out_by_the_write():
    cluster = Cluster()
    process, another = cluster.process(), cluster.process()
    await put_known(process, item(), b"k:")
    await put_known(another, item(), b"l:")
    await put_known(another, item(), b"m:")
    outcomes = [await put_known(process, item(), b"n:") for _ in range(2)]

    assert [(True, Lost), (False, Committed)] == [(knew, type(outcome)) for knew, outcome in outcomes]
    assert (b"n:", []) == (cluster.row(item()).v, cluster.wrong())


async def test_a_row_of_a_table_that_was_dropped_is_not_known():
    cluster = Cluster()
    process = cluster.process()
    await put_known(process, item(), b"k:")
    process.tables.places.pop(ITEMS)

    assert process.committer.known(item()) is None


async def test_items_that_get_rows_in_an_index_and_stay_as_they_are_are_still_known():
    cluster = Cluster()
    process = cluster.process()
    keys = [item(b"1"), item(b"2")]
    for key in keys:
        await put_known(process, key, b"k:")
    rows = [process.committer.known(key) for key in keys]
    filled = [DerivedRow(RowKey(ONE, b"x", key.partition), b"x") for key in keys]
    await process.commit(*[Change(key, row, CHECK, (each,)) for key, row, each in zip(keys, rows, filled, strict=True)])

    assert [row.version for row in rows] == [process.committer.known(key).version for key in keys]


async def test_a_comparison_with_a_known_row_reads_it():
    cluster = Cluster()
    process, another = cluster.process(), cluster.process()
    await put_known(process, item(), b"k:")
    right = await process.commit(Change(item(), process.committer.known(item()), CHECK))
    await put_known(another, item(), b"l:")
    wrong = await process.commit(Change(item(), process.committer.known(item()), CHECK))

    assert (Committed, Lost, None) == (type(right), type(wrong), process.committer.known(item()))
