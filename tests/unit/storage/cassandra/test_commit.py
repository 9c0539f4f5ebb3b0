"""The write protocol of rows in one partition, call by call."""

import asyncio
from time import monotonic
from uuid import UUID

import pytest

from magnetodb.errors import RowTableNotFound, StorageBusy, StorageError, StorageUnavailable
from magnetodb.model.rows import ABSENT, ANY, CHECK, Change, Committed, DerivedRow, Lost, Row, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.decisions import AFTERWARDS_SECONDS
from magnetodb.storage.cassandra.direct_path import TRIES_MAX
from magnetodb.storage.cassandra.hidden_rows import HiddenWrite
from magnetodb.storage.cassandra.item_row import MISSING, HiddenRows, Position, decode_positions, in_step, plan_fence
from magnetodb.storage.cassandra.session_errors import (
    BatchInLog,
    BatchLogUnreached,
    Busy,
    OutcomeUnknown,
    Refused,
    TableGone,
    TooLarge,
)
from tests.unit.storage.cassandra.scripted import (
    ALL,
    LOCAL,
    ONE,
    OTHERS,
    Cluster,
    Crash,
    applied,
    item,
    meanwhile,
)

UNKNOWN = OutcomeUnknown("timed out")


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def process(cluster):
    return cluster.process()


def other(name=b"a"):
    """A row of a table without hidden rows."""
    return item(name, OTHERS)


# ---- one row


async def test_a_new_row_is_one_lightweight_transaction(cluster, process):
    outcome = await process.commit(Change(other(), ABSENT, b"1"))

    assert "item" == process.steps
    row = cluster.row(other())
    assert (b"1", outcome.versions[0], None, None) == (row.v, row.ver, row.iver, row.pend)


async def test_a_row_is_replaced_only_as_it_was_read(cluster, process):
    await process.put(other(), b"1")
    row = await process.read(other())
    await process.put(other(), b"2")
    process.steps  # noqa: B018 - Forgotten.

    assert Lost(0) == await process.commit(Change(other(), row, b"3"))
    assert "item" == process.steps
    assert b"2" == cluster.row(other()).v


async def test_a_row_that_is_there_is_not_absent(process):
    await process.put(other(), b"1")

    assert Lost(0) == await process.commit(Change(other(), ABSENT, b"2"))


async def test_a_row_known_by_its_version_only_is_read_again(cluster, process):
    (version,) = (await process.put(other(), b"1")).versions
    process.steps  # noqa: B018
    stale = Row(other(), b"0", version - 1)

    assert isinstance(await process.commit(Change(other(), Row(other(), b"1", version), b"2")), Committed)
    assert "read item" == process.steps
    assert Lost(0) == await process.commit(Change(other(), stale, b"3"))
    assert Lost(0) == await process.commit(Change(other(), Row(other(), b"1", version), None))


async def test_a_dead_row_keeps_its_version_and_ends_by_itself(cluster, process):
    await process.put(other(), b"1")
    (deleted,) = (await process.put(other(), None)).versions
    assert deleted == cluster.row(other()).ver
    (again,) = (await process.put(other(), b"2")).versions
    assert again > deleted
    await process.put(other(), None)
    cluster.pass_seconds(cql.DEAD_ROW_SECONDS)

    assert cql.ItemRow() == cluster.row(other())


async def test_a_row_that_is_put_again_does_not_end(cluster, process):
    await process.put(item(), b"a:1")
    await process.put(item(), None)
    await process.put(item(), b"a:2")
    cluster.pass_seconds(2 * cql.DEAD_ROW_SECONDS)
    row = cluster.row(item())

    assert b"a:2" == row.v
    assert in_step(row)


async def test_a_dead_row_that_was_not_read_is_found_out(cluster, process):
    await process.put(other(), b"1")
    await process.put(other(), None)
    another = cluster.process()

    assert isinstance(await another.commit(Change(other(), ABSENT, b"2")), Committed)
    assert "item read item" == another.steps


async def test_a_dead_row_that_was_read_is_not(cluster, process):
    await process.put(other(), b"1")
    await process.put(other(), None)
    another = cluster.process()
    await another.put(other(), b"2")

    assert "item" == another.steps


async def test_a_blind_change_is_tried_again(cluster, process):
    another = cluster.process()
    process.session.on("item", meanwhile(another.put(other(), b"other")))
    outcome = await process.commit(Change(other(), ANY, b"mine"))

    assert "read item read item" == process.steps
    row = cluster.row(other())
    assert (b"mine", outcome.versions[0]) == (row.v, row.ver)


async def test_a_blind_change_has_an_end(cluster, process):
    another = cluster.process()
    for number in range(8):
        process.session.on("item", meanwhile(another.put(other(), b"%d" % number)))
    with pytest.raises(StorageBusy):
        await process.commit(Change(other(), ANY, b"mine"))


async def test_a_blind_deletion_of_nothing_writes_nothing(cluster, process):
    assert Committed((0,)) == await process.commit(Change(other(), ANY, None))
    assert "read" == process.steps


async def test_versions_grow_whatever_the_clocks_say(cluster, process):
    ahead = cluster.process(clock_off=3_600_000_000)
    behind = cluster.process(clock_off=-3_600_000_000)
    versions = []
    for number in range(9):
        writer = (ahead, behind, process)[number % 3]
        versions += (await writer.put(item(), b"%d:" % number)).versions

    assert sorted(set(versions)) == versions
    assert [] == cluster.wrong()


async def test_a_table_that_is_gone_is_told(cluster, process):
    process.tables.gone_tables.add(OTHERS)
    cluster.define(cql.drop_table(OTHERS))
    with pytest.raises(RowTableNotFound, match=OTHERS):
        await process.commit(Change(other(), ABSENT, b"1"))


async def test_a_table_that_a_node_does_not_know_yet_is_not_gone(cluster, process):
    process.session.on("item", TableGone("unconfigured table"))
    with pytest.raises(StorageUnavailable):
        await process.commit(Change(other(), ABSENT, b"1"))

    assert isinstance(await process.commit(Change(other(), ABSENT, b"1")), Committed)


# ---- hidden rows


async def test_hidden_rows_come_after_the_item(cluster, process):
    outcome = await process.put(item(), b"k:1")

    assert "[intent slot] item batch" == process.steps
    row = cluster.row(item())
    assert (row.ver, row.ver, row.ver) == (row.iver, row.done, outcome.versions[0])
    assert {(b"k", b"a/"): b"k:1"} == cluster.rows(ONE)
    assert 0 == cluster.intents()
    await process.put(item(), b"l:2")
    assert "intent item batch" == process.steps
    assert {(b"l", b"a/"): b"l:2"} == cluster.rows(ONE)
    await process.put(item(), None)
    assert [{}, {}] == [cluster.rows(ONE), cluster.rows(ALL)]


async def test_a_write_that_changes_no_hidden_row_is_one_lightweight_transaction(cluster, process):
    await process.put(item(), b"k:1")
    process.steps  # noqa: B018
    row = await process.read(item())
    await process.commit(Change(item(), row, b"k:2"))

    assert "item" == process.steps
    assert in_step(cluster.row(item()))


async def test_rows_of_local_tables_are_in_the_items_own_transaction(cluster, process):
    local = RowKey(LOCAL, b"p", b"sort")
    key = item(b"s", partition=b"p")
    await process.commit(Change(key, ABSENT, b"1", (DerivedRow(local, b"local"),)))
    row = await process.read(key)
    moved = RowKey(LOCAL, b"p", b"other")
    await process.commit(Change(key, row, b"2", (DerivedRow(local, None), DerivedRow(moved, b"moved"))))

    assert "item item" == process.steps
    assert {(b"p", b"other"): b"moved"} == cluster.rows(LOCAL)


async def test_an_attempt_that_is_lost_leaves_no_intent(cluster, process):
    another = cluster.process()
    process.session.on("item", meanwhile(another.put(item(), b"x:1")))

    assert Lost(0) == await process.put(item(), b"k:1")
    assert "[intent slot] item read [forget]" == process.steps
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_what_a_crash_left_undone_the_next_writer_finishes(cluster, process):
    """All hidden rows are put again, not only those that the second write changes."""
    process.session.on("batch", Crash())
    with pytest.raises(Crash):
        await process.put(item(), b"k:1")
    assert not in_step(cluster.row(item()))
    another = cluster.process()
    row = await another.read(item())
    await another.commit(Change(item(), row, b"k:2", (DerivedRow(RowKey(ONE, b"k", b"a/"), b"k:2"),)))

    assert in_step(cluster.row(item()))
    assert [] == cluster.wrong()


async def test_keys_that_a_crash_left_undone_are_deleted_by_later_writers(cluster, process):
    await process.put(item(), b"a:1")
    for key in (b"b", b"c", b"d"):
        crashing = cluster.process()
        crashing.session.on("batch", Crash())
        with pytest.raises(Crash):
            await crashing.put(item(), key + b":")
    pending = decode_positions(cluster.row(item()).pend)
    assert {b"a", b"b", b"c"} == {each.partition for each in pending}
    await process.put(item(), b"e:1")

    assert [] == cluster.wrong()


async def test_a_row_out_of_step_is_waited_for_where_nobody_can_say_what_follows(cluster, process):
    process.session.on("batch", Crash())
    with pytest.raises(Crash):
        await process.put(item(), b"k:1")
    another = cluster.process(derives=False)
    with pytest.raises(StorageBusy):
        await another.put(item(), b"l:1")
    await cluster.process().committer.recover()
    await another.put(item(), b"l:1")

    assert [] == cluster.wrong()


async def test_too_many_hidden_rows_outstanding_are_written_first(cluster, process):
    process.session.on("batch", Crash())
    with pytest.raises(Crash):
        await process.commit(
            Change(
                item(), ABSENT, b"k:", tuple(DerivedRow(RowKey(ONE, b"%d" % each, b""), None) for each in range(150))
            )
        )
    another = cluster.process()
    await another.put(item(), b"l:")

    assert another.steps.startswith("batch read")
    assert [] == cluster.wrong()
    assert 1 == len(cluster.rows(ONE))


async def test_hidden_rows_are_left_to_recovery_where_a_node_does_not_know_their_table_yet(cluster, process):
    process.session.on("batch", TableGone("unconfigured table"))
    process.session.on("hidden", TableGone("unconfigured table"), times=2 * TRIES_MAX)
    await process.put(item(), b"k:")
    left = (in_step(cluster.row(item())), cluster.intents())
    await cluster.process().committer.recover()

    assert (False, 1) == left
    assert (True, 0, []) == (in_step(cluster.row(item())), cluster.intents(), cluster.wrong())


async def test_a_hidden_table_that_is_gone_holds_up_nobody(cluster, process):
    cluster.define(cql.drop_table(ALL))
    process.tables.gone_tables.add(ALL)
    await process.put(item(), b"k:1")

    assert in_step(cluster.row(item()))
    assert {(b"k", b"a/"): b"k:1"} == cluster.rows(ONE)
    assert 0 == cluster.intents()


# ---- what is not known


async def test_a_lightweight_transaction_that_happened_though_nobody_said_so(cluster, process):
    process.session.on("item", applied(UNKNOWN))

    assert isinstance(await process.put(item(), b"k:1"), Committed)
    assert "[intent slot] item read batch" == process.steps
    assert [] == cluster.wrong()


async def test_whether_it_has_happened_is_not_looked_for_after_its_time(cluster, process):
    deciding = process.committer._equipment.deciding
    planned = plan_fence(Position(OTHERS, 0, b"p", b"s"), MISSING, 1, UUID(int=1))
    process.session.on("fence", applied(UNKNOWN))
    decision = await deciding.decide_one(planned, monotonic() - AFTERWARDS_SECONDS - 1)

    assert (UNKNOWN, "fence") == (decision, process.steps)


async def test_hidden_rows_that_take_too_long_are_left_to_recovery(cluster, process):
    put = await process.change(item(), b"k:")
    process.session.on("batch", UNKNOWN)
    hidden = process.committer._equipment.hidden
    position = process.committer._equipment.position(item())
    rows = HiddenRows(position, 1, 0, ((process.committer._equipment.position(put.derived[0].key), b"k:"),), ())
    through = await hidden.write([HiddenWrite(rows, ())], until=monotonic() - 1)

    assert ([False], "batch") == (through, process.steps)


async def test_a_lightweight_transaction_that_has_not_happened_is_sent_again(cluster, process):
    process.session.on("item", UNKNOWN)

    assert isinstance(await process.put(item(), b"k:1"), Committed)
    assert "[intent slot] item read item batch" == process.steps
    assert [] == cluster.wrong()


async def test_one_that_is_sent_again_and_arrives_twice_is_applied_once(cluster, process):
    """The second fails, and says that the row has the attempt's own token."""
    process.session.on("item", UNKNOWN)
    process.session.on("item", applied(UNKNOWN))
    process.session.on("read", UNKNOWN, times=1)

    assert isinstance(await process.put(item(), b"k:1"), Committed)
    assert [] == cluster.wrong()


async def test_what_nobody_can_tell_is_an_error_and_its_intent_stays(cluster, process):
    another = cluster.process()
    process.session.on("item", applied(UNKNOWN))
    process.session.on("read", meanwhile(another.put(item(), b"x:1")))
    with pytest.raises(StorageError, match="not known") as raised:
        await process.put(item(), b"k:1")
    assert StorageError is raised.type
    assert 1 == cluster.intents()
    await another.committer.recover()

    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_where_even_the_look_fails_the_intent_stays(cluster, process):
    process.session.on("item", applied(UNKNOWN))
    process.session.on("read", UNKNOWN, times=10)
    with pytest.raises(StorageError, match="not known"):
        await process.put(item(), b"k:1")
    assert 1 == cluster.intents()
    await cluster.process().committer.recover()

    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_a_refusal_after_an_unknown_outcome_proves_nothing(cluster, process):
    """The first one may still arrive: its intent must stay."""
    process.session.on("item", UNKNOWN)
    process.session.on("item", Refused("no quorum"), times=10)
    with pytest.raises(StorageError, match="not known"):
        await process.put(item(), b"k:1")

    assert 1 == cluster.intents()


@pytest.mark.parametrize(
    ("error", "told"),
    [(Refused("no quorum"), StorageUnavailable), (Busy("full"), StorageBusy), (TooLarge("16 MiB"), StorageError)],
)
@pytest.mark.parametrize("step", ["intent", "item"])
async def test_a_refusal_writes_nothing(cluster, process, step, error, told):
    process.session.on(step, error)
    with pytest.raises(told) as raised:
        await process.put(item(), b"k:1")

    assert told is raised.type
    assert cql.ItemRow() == cluster.row(item())
    assert 0 == cluster.intents()


async def test_an_intent_of_unknown_outcome_writes_nothing(cluster, process):
    process.session.on("intent", applied(UNKNOWN))
    with pytest.raises(StorageUnavailable, match="Nothing was written"):
        await process.put(item(), b"k:1")

    assert cql.ItemRow() == cluster.row(item())


# ---- the direct path


async def test_a_batch_that_the_batchlog_has_is_through(cluster, process):
    process.session.on("batch", applied(BatchInLog("timed out")))

    assert isinstance(await process.put(item(), b"k:1"), Committed)
    assert "[intent slot] item batch" == process.steps


@pytest.mark.parametrize("error", [BatchLogUnreached("timed out"), Refused("no quorum"), UNKNOWN])
async def test_without_the_batchlog_rows_are_written_one_by_one(cluster, process, error):
    process.session.on("batch", error)

    assert isinstance(await process.put(item(), b"k:1"), Committed)
    assert "[intent slot] item batch [hidden hidden] [done] [forget]" == process.steps
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_the_direct_path_comes_first_for_a_while(cluster, process):
    process.session.on("batch", BatchLogUnreached("timed out"))
    await process.put(item(), b"k:1")
    await process.put(item(), b"l:1")
    assert process.steps.endswith("intent item [hidden hidden hidden] [done] [forget]")
    cluster.pass_seconds(21)
    await process.put(item(), b"m:1")

    assert process.steps.endswith("item batch")
    assert [] == cluster.wrong()


@pytest.mark.parametrize("size", [30_000, 60_000])
async def test_a_batch_too_large_for_the_server_goes_the_direct_path(cluster, process, size):
    if size < 40_000:
        process.session.on("batch", TooLarge("batch too large"))
    await process.put(item(), b"k:" + bytes(size))
    steps = process.steps
    await process.put(item(b"b"), b"k:1")

    assert "[hidden hidden] [done] [forget]" in steps
    assert process.steps.endswith("batch"), "others are not kept from the batchlog"
    assert [] == cluster.wrong()


async def test_a_hidden_row_that_fails_is_written_again(cluster, process):
    process.session.on("batch", BatchLogUnreached(""))
    process.session.on("hidden", UNKNOWN, times=2)
    await process.put(item(), b"k:1")

    assert "[hidden hidden] [hidden hidden] [done]" in process.steps
    assert (0, []) == (cluster.intents(), cluster.wrong())


@pytest.mark.parametrize("step", ["hidden", "done"])
async def test_a_write_whose_hidden_rows_cannot_be_written_is_committed(cluster, process, step):
    """The item is durable. The intent stays, and recovery does the rest."""
    process.session.on("batch", BatchLogUnreached(""))
    process.session.on(step, UNKNOWN, times=20)

    assert isinstance(await process.put(item(), b"k:1"), Committed)
    assert not in_step(cluster.row(item()))
    assert 1 == cluster.intents()
    await cluster.process().committer.recover()
    assert (0, []) == (cluster.intents(), cluster.wrong())


# ---- several rows of a partition


async def test_rows_of_one_partition_are_one_lightweight_transaction(cluster, process):
    names = [item(b"%d" % number, partition=b"p") for number in range(3)]
    await process.put(names[0], b"a:1")
    process.steps  # noqa: B018
    outcome = await process.commit(
        *[await process.change(name, b"b:%d" % number) for number, name in enumerate(names[:2])],
        Change(names[2], ABSENT, CHECK),
    )

    assert "intent item [batch batch]" == process.steps
    assert [cluster.row(name).ver or 0 for name in names] == list(outcome.versions)
    assert [b"b:0", b"b:1", None] == [cluster.row(name).v for name in names]
    assert (0, []) == (cluster.intents(), cluster.wrong())


@pytest.mark.parametrize("value", [b"b:1", None, CHECK])
async def test_one_row_not_as_expected_loses_them_all(cluster, process, value):
    names = [item(b"%d" % number, partition=b"p") for number in range(3)]
    await process.put(names[0], b"a:1")
    await process.put(names[1], b"a:1")
    stale = await process.read(names[1])
    first = await process.change(names[0], b"b:0")
    await process.put(names[1], b"c:1")

    assert Lost(1) == await process.commit(first, Change(names[1], stale, value), Change(names[2], ABSENT, b"b:2"))
    assert [b"a:1", b"c:1", None] == [cluster.row(name).v for name in names]
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_a_dead_row_among_them_is_found_out(cluster, process):
    names = [item(b"%d" % number, partition=b"p") for number in range(2)]
    await process.put(names[1], b"a:1")
    await process.put(names[1], None)
    another = cluster.process()
    await another.commit(Change(names[0], ABSENT, b"b:0"), Change(names[1], ABSENT, b"b:1"))

    assert [b"b:0", b"b:1"] == [cluster.row(name).v for name in names]


# ---- checks


async def test_a_check_reads_the_row_again(cluster, process):
    await process.put(other(), b"1")
    row = await process.read(other())
    process.steps  # noqa: B018
    assert Committed((row.version,)) == await process.commit(Change(other(), row, CHECK))
    assert "read" == process.steps
    await cluster.process().put(other(), b"2")

    assert Lost(0) == await process.commit(Change(other(), row, CHECK))


async def test_absent_rows_that_came_and_went_are_no_snapshot(cluster, process):
    """A move from one absent row to another: both may never be answered as absent unless they were so at one moment."""
    first, second = other(b"1"), other(b"2")
    another = cluster.process()
    await another.put(second, b"moves")
    row = await process.read(second)

    async def move():
        await another.put(first, b"moves")
        await another.put(second, None)

    process.session.on("read", meanwhile(move()), times=1)

    assert Lost(0) == await process.commit(Change(first, ABSENT, CHECK), Change(second, row, CHECK))


async def test_rows_that_stay_are_a_snapshot(cluster, process):
    await process.put(other(b"1"), b"1")
    await process.put(other(b"3"), b"3")
    await process.put(other(b"3"), None)
    row = await process.read(other(b"1"))
    another = cluster.process()
    absent = [Change(other(name), ABSENT, CHECK) for name in (b"2", b"3")]

    assert isinstance(await another.commit(Change(other(b"1"), row, CHECK), *absent), Committed)


async def test_an_index_is_filled_without_new_versions(cluster, process):
    """Hidden rows get the versions of their items, so that whatever a later version makes of them wins."""
    names = [item(b"1", OTHERS), item(b"2", OTHERS)]
    for name in names:
        await process.put(name, b"x")
    rows = [await process.read(name) for name in names]
    process.steps  # noqa: B018
    changes = [Change(row.key, row, CHECK, (DerivedRow(RowKey(ONE, b"k", row.key.partition), b"x"),)) for row in rows]
    assert Committed(tuple(row.version for row in rows)) == await process.commit(*changes)
    assert "[read read] [hidden hidden]" == process.steps
    assert 2 == len(cluster.rows(ONE))
    await process.put(names[1], b"y")

    assert Lost(1) == await process.commit(*changes)


async def test_a_single_check_with_hidden_rows_makes_a_new_version(cluster, process):
    """That is how a row of an index is put right, whatever is there."""
    await process.put(other(), b"x")
    row = await process.read(other())
    outcome = await process.commit(Change(other(), row, CHECK, (DerivedRow(RowKey(ONE, b"k", b""), b"x"),)))

    assert outcome.versions[0] > row.version
    assert b"x" == cluster.row(other()).v
    assert {(b"k", b""): b"x"} == cluster.rows(ONE)


async def test_a_hidden_row_of_nothing_is_removed(cluster, process):
    surplus = DerivedRow(RowKey(ONE, b"k", b"gone"), None)
    await process.commit(Change(other(), ABSENT, b"x", (surplus._replace(value=b"v"),)))
    await process.commit(Change(item(b"gone"), ABSENT, CHECK, (surplus,)))

    assert {} == cluster.rows(ONE)
    assert in_step(cluster.row(item(b"gone")))


# ---- several batches, and writes under way


async def test_batches_of_one_call_on_one_row_come_in_order(cluster, process):
    outcomes = await process.committer.commit(
        [
            (Change(other(), ABSENT, b"1"),),
            (Change(other(), ABSENT, b"2"), Change(other(b"b"), ABSENT, b"2")),
            (Change(other(b"c"), ABSENT, b"3"),),
            (Change(other(), ANY, None),),
        ]
    )

    assert [Committed, Lost, Committed, Committed] == [type(outcome) for outcome in outcomes]
    assert [None, None, b"3"] == [cluster.row(other(name)).v for name in (b"a", b"b", b"c")]


async def test_what_failed_says_what_became_of_the_others(cluster, process):
    await process.put(other(b"2"), b"there")
    process.session.on("item", Refused("no quorum"))
    with pytest.raises(StorageUnavailable) as raised:
        await process.committer.commit([(Change(other(b"%d" % each), ABSENT, b"x"),) for each in range(4)])

    assert [type(None), Committed, Lost, Committed] == [type(outcome) for outcome in raised.value.outcomes]
    assert [None, b"x", b"there", b"x"] == [cluster.row(other(b"%d" % each)).v for each in range(4)]


async def test_nothing_is_committed_at_once(process):
    assert [] == await process.committer.commit([])
    assert [Committed(())] == await process.committer.commit([()])


async def test_writers_of_one_row_decide_from_writes_under_way(cluster, process):
    """None of them loses a race, and only the first one reads."""
    gate = asyncio.get_running_loop().create_future()

    async def wait():
        await gate

    process.session.on("item", meanwhile(wait()))
    writes = []
    for number in range(5):
        row = await process.read(item())
        assert (number > 0) == (row is not None and row.pending)
        writes.append(asyncio.ensure_future(process.put(item(), b"%d:" % number)))
        await asyncio.sleep(0)
    check = asyncio.ensure_future(process.commit(Change(item(), await process.read(item()), CHECK)))
    gate.set_result(None)

    assert {Committed} == {type(outcome) for outcome in await asyncio.gather(*writes, check)}
    assert b"4:" == cluster.row(item()).v
    assert process.committer.pending(item()) is None
    assert [] == cluster.wrong()


async def test_what_follows_from_a_write_that_is_lost_is_lost_too(cluster, process):
    gate = asyncio.get_running_loop().create_future()

    async def wait():
        await gate
        await cluster.process().put(other(), b"first")

    process.session.on("item", meanwhile(wait()))
    lost = asyncio.ensure_future(process.put(other(), b"1"))
    await asyncio.sleep(0)
    row = await process.read(other())
    followers = [asyncio.ensure_future(process.commit(Change(other(), row, value))) for value in (b"2", CHECK)]
    await asyncio.sleep(0)
    gate.set_result(None)

    assert [Lost(0)] * 3 == await asyncio.gather(lost, *followers)
    assert b"first" == cluster.row(other()).v


async def test_a_deletion_under_way_is_a_row_without_a_value(cluster, process):
    await process.put(other(), b"1")
    gate = asyncio.get_running_loop().create_future()

    async def wait():
        await gate

    process.session.on("item", meanwhile(wait()))
    deleting = asyncio.ensure_future(process.put(other(), None))
    await asyncio.sleep(0)
    row = await process.read(other())
    assert (b"", True) == (row.value, row.pending)
    again = asyncio.ensure_future(process.commit(Change(other(), row, b"again")))
    await asyncio.sleep(0)
    gate.set_result(None)

    assert [Committed] * 2 == [type(outcome) for outcome in await asyncio.gather(deleting, again)]
    assert b"again" == cluster.row(other()).v


async def test_writers_that_lost_hold_up_nobody_who_comes_later(cluster, process):
    """Of those that have read the same row one wins. Whoever comes then decides from that one."""
    gate = asyncio.get_running_loop().create_future()

    async def wait():
        await gate

    await process.put(other(), b"0")
    process.session.on("item", meanwhile(wait()))
    row = await process.read(other())
    writes = [asyncio.ensure_future(process.commit(Change(other(), row, b"%d" % each))) for each in range(1, 4)]
    await asyncio.sleep(0)
    pending = await process.read(other())
    later = asyncio.ensure_future(process.commit(Change(other(), pending, pending.value + b" later")))
    await asyncio.sleep(0)
    gate.set_result(None)

    assert [Committed, Lost, Lost] == [type(outcome) for outcome in await asyncio.gather(*writes)]
    assert isinstance(await later, Committed)
    assert b"1 later" == cluster.row(other()).v
