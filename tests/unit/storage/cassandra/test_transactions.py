"""Batches of rows in several partitions: step by step, against each other, and what readers see of them."""

import asyncio
import contextlib
from time import monotonic
from uuid import UUID

import pytest

from magnetodb.errors import StorageBusy, StorageError, StorageUnavailable
from magnetodb.model.rows import ABSENT, ANY, CHECK, Change, Committed, DerivedRow, Lost, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.item_row import in_step
from magnetodb.storage.cassandra.session_errors import BatchLogUnreached, OutcomeUnknown, Refused
from magnetodb.storage.cassandra.transactions import COMMITTED, Transactions
from tests.unit.storage.cassandra.scripted import LOCAL, ONE, OTHERS, Cluster, Crash, applied, item, meanwhile

UNKNOWN = OutcomeUnknown("timed out")
A, B = item(b"a"), item(b"b")


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def process(cluster):
    return cluster.process()


async def transfer(process, first=b"k:1", second=b"k:2"):
    """Write both items, or none."""
    return await process.commit(await process.change(A, first), await process.change(B, second))


def values(cluster):
    return [cluster.row(A).v, cluster.row(B).v]


def settled(cluster):
    """Nothing is held, out of step, or wrong."""
    rows = [cluster.row(A), cluster.row(B)]
    return all(row.ltx is None and row.lnew is None and in_step(row) for row in rows) and cluster.wrong() == []


async def test_the_steps_of_a_transaction(cluster, process):
    outcome = await transfer(process)

    assert "[read read] [intent slot] [lock lock] decision [apply apply] [batch batch]" == process.steps
    assert [b"k:1", b"k:2"] == values(cluster)
    assert [cluster.row(A).ver, cluster.row(B).ver] == list(outcome.versions)
    assert settled(cluster)
    assert 0 == cluster.intents()


async def test_rows_of_any_tables_with_any_expectation(cluster, process):
    local = DerivedRow(RowKey(LOCAL, b"b", b"x"), b"local")
    await process.put(A, b"k:1")
    outcome = await process.commit(
        await process.change(A, None),
        Change(B, ABSENT, b"l:1", (local, DerivedRow(RowKey(ONE, b"l", b"b/"), b"l:1"))),
        Change(item(b"c", OTHERS), ANY, b"blind"),
        Change(item(b"d", OTHERS), ABSENT, CHECK),
        Change(item(b"e", OTHERS), ANY, None),
    )

    assert isinstance(outcome, Committed)
    assert [None, b"l:1"] == values(cluster)
    assert [b"blind", None, None] == [cluster.row(item(name, OTHERS)).v for name in (b"c", b"d", b"e")]
    assert {(b"b", b"x"): b"local"} == cluster.rows(LOCAL)
    assert {(b"l", b"b/"): b"l:1"} == cluster.rows(ONE)
    assert 0 == cluster.intents()


async def test_one_row_not_as_expected_loses_them_all_and_says_which(cluster, process):
    await process.put(B, b"k:0")
    stale = await process.change(B, b"k:2")
    await process.put(B, b"l:0")
    process.steps  # noqa: B018

    assert Lost(1) == await process.commit(await process.change(A, b"k:1"), stale)
    assert "read intent [lock lock] apply [forget] read" == process.steps
    assert [None, b"l:0"] == values(cluster)
    assert settled(cluster)
    assert 0 == cluster.intents()


async def test_other_rows_that_came_first_are_told_by_their_position(cluster, process):
    another = cluster.process()
    process.session.on("lock", meanwhile(another.put(A, b"x:1")))

    assert Lost(0) == await transfer(process)
    assert [b"x:1", None] == values(cluster)


async def test_a_blind_change_among_them_is_tried_again(cluster, process):
    """The version of the other row, which the first try has stepped itself, is no reason to lose."""
    await process.put(A, b"k:0")
    another = cluster.process()
    change = await process.change(A, b"k:1")
    process.session.on("lock", meanwhile(_nothing()))
    process.session.on("lock", meanwhile(another.put(item(b"c", OTHERS), b"x")))

    assert isinstance(await process.commit(change, Change(item(b"c", OTHERS), ANY, b"blind")), Committed)
    assert [b"k:1", b"blind"] == [cluster.row(A).v, cluster.row(item(b"c", OTHERS)).v]


async def _nothing():
    pass


async def test_two_that_hold_one_row_each_both_give_up(cluster, process):
    another = cluster.process()
    other_holds, both_hold, other_gives_up = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(event, said=None):
        if said is not None:
            said.set()
        await event.wait()

    async def say(event):
        event.set()

    # B is held by the other one before this one asks for it, and A by this one before the other one does.
    another.session.on("lock", meanwhile(_nothing()))
    another.session.on("lock", meanwhile(wait(both_hold, other_holds)))
    another.session.on("apply", meanwhile(say(other_gives_up)))
    process.session.on("lock", meanwhile(wait(other_holds)))
    process.session.on("lock", meanwhile(say(both_hold)))
    process.session.on("apply", meanwhile(wait(other_gives_up)))
    changes = [await another.change(B, b"o:2"), await another.change(A, b"o:1")]
    outcomes = await asyncio.gather(transfer(process), another.commit(*changes))

    # Both have given up. The first one to be free again found both rows absent, as it expects, and began again.
    assert [Committed, Lost] == [type(outcome) for outcome in outcomes]
    assert [b"k:1", b"k:2"] == values(cluster)
    assert settled(cluster)
    assert 0 == cluster.intents()


@pytest.mark.parametrize("old", [None, b"o:1"])
async def test_a_write_of_a_row_that_is_held_is_lost(cluster, process, old):
    await process.put(A, b"o:0")
    await process.put(A, old)
    another = cluster.process()
    written = []

    async def write():
        written.append(await another.put(A, b"x:1"))

    process.session.on("decision", meanwhile(write()))

    assert isinstance(await transfer(process), Committed)
    assert [Lost(0)] == written
    assert [b"k:1", b"k:2"] == values(cluster)


async def test_a_plain_write_does_not_take_a_row_from_the_transaction_that_creates_it(cluster, process):
    names = [item(b"1", OTHERS), item(b"2", OTHERS)]
    another = cluster.process()
    written = []

    async def write():
        written.append(await another.put(names[0], b"x"))

    process.session.on("decision", meanwhile(write()))
    outcome = await process.commit(*[Change(name, ABSENT, b"t") for name in names])

    assert isinstance(outcome, Committed)
    assert [Lost(0)] == written
    assert [b"t", b"t"] == [cluster.row(name).v for name in names]
    assert 0 == cluster.intents()


async def test_a_plain_write_does_not_take_a_row_from_the_transaction_that_deletes_it(cluster, process):
    """Which is decided while the writer looks, who finds it undecided at first, and then that nothing is left."""
    await process.put(A, b"o:1")
    another, crashing = cluster.process(), cluster.process()
    locked, looked, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def transact():
        with contextlib.suppress(Crash):
            await transfer(crashing, None)
        ended.set()

    async def wait_until_looked():
        locked.set()
        await looked.wait()

    async def let_it_be_decided():
        looked.set()
        await ended.wait()

    crashing.session.on("decision", meanwhile(wait_until_looked()))
    crashing.session.on("apply", Crash())
    another.session.on("record", meanwhile(_nothing()))
    another.session.on("record", meanwhile(let_it_be_decided()))
    transaction = asyncio.create_task(transact())
    await locked.wait()
    before = await another.read(A)
    await another.commit(Change(A, ABSENT, b"x:1"))
    await transaction
    await cluster.process().committer.recover()

    assert before is None
    assert {(b"k", b"b/"): b"k:2"} == cluster.rows(ONE)


async def test_a_blind_write_of_a_row_that_is_held_waits(cluster, process):
    crashing = cluster.process()
    crashing.session.on("decision", Crash())
    with pytest.raises(Crash):
        await transfer(crashing)

    assert isinstance(await process.commit(Change(A, ANY, b"x:")), Committed)
    assert b"x:" == cluster.row(A).v


# ---- what is not known


async def test_a_decision_that_happened_though_nobody_said_so(cluster, process):
    process.session.on("decision", applied(UNKNOWN))

    assert isinstance(await transfer(process), Committed)
    assert "decision record [apply apply]" in process.steps
    assert settled(cluster)


async def test_a_decision_that_has_not_happened_is_sent_again(cluster, process):
    process.session.on("decision", UNKNOWN)

    assert isinstance(await transfer(process), Committed)
    assert "decision record decision [apply apply]" in process.steps


@pytest.mark.parametrize("happened", [True, False])
async def test_a_decision_that_nobody_can_tell(cluster, process, happened):
    process.session.on("decision", applied(UNKNOWN) if happened else UNKNOWN, times=8)
    process.session.on("record", UNKNOWN, times=40)
    with pytest.raises(StorageError, match="not known") as raised:
        await transfer(process)
    assert StorageError is raised.type
    assert 2 == cluster.intents()
    another = cluster.process()
    await another.committer.recover()
    cluster.pass_seconds(6)
    await another.committer.recover()

    assert ([b"k:1", b"k:2"] if happened else [None, None]) == values(cluster)
    assert settled(cluster)
    assert 0 == cluster.intents()


async def test_a_decision_that_is_refused_undoes_the_transaction(cluster, process):
    process.session.on("decision", Refused("no quorum"))
    with pytest.raises(StorageUnavailable):
        await transfer(process)

    assert [None, None] == values(cluster)
    assert settled(cluster)
    assert 0 == cluster.intents()


async def test_a_transaction_that_others_have_undone_begins_again(cluster, process):
    another = cluster.process()

    async def undo():
        row = cluster.row(A)
        await another.committer.settled([A], [row])
        cluster.pass_seconds(6)
        await another.committer.settled([A], [row])

    process.session.on("decision", meanwhile(undo()))
    outcome = await transfer(process)

    # Both rows were absent, and still are.
    assert isinstance(outcome, Committed)
    assert [b"k:1", b"k:2"] == values(cluster)
    assert settled(cluster)


async def test_a_transaction_is_not_decided_after_its_time(process):
    """Whoever fills an index that is new relies on it."""
    transactions = Transactions(process.committer._equipment)
    with pytest.raises(Refused):
        await transactions.decide(UUID(int=1), COMMITTED, until=monotonic() - 1)

    assert "" == process.steps
    assert COMMITTED == await transactions.decide(UUID(int=1), COMMITTED, until=monotonic() + 60)


@pytest.mark.parametrize("happened", [True, False])
async def test_a_lock_of_unknown_outcome_is_found_out(cluster, process, happened):
    process.session.on("lock", applied(UNKNOWN) if happened else UNKNOWN)

    assert isinstance(await transfer(process), Committed)
    assert settled(cluster)


async def test_a_lock_that_nobody_can_tell_writes_nothing(cluster, process):
    """What is never decided has never happened."""
    process.session.on("lock", applied(UNKNOWN))
    process.session.on("read", UNKNOWN, times=0)
    change = [await process.change(A, b"k:1"), await process.change(B, b"k:2")]
    process.committer.remember(A, cluster.row(A))
    process.session.on("lock", Refused("no quorum"))
    with pytest.raises(StorageUnavailable):
        await process.commit(*change)
    another = cluster.process()
    for _ in range(2):
        await another.committer.recover()
        cluster.pass_seconds(6)

    assert [None, None] == values(cluster)
    assert settled(cluster)


async def test_rows_that_cannot_be_applied_are_committed_all_the_same(cluster, process):
    process.session.on("apply", UNKNOWN, times=20)
    process.session.on("read", UNKNOWN, times=0)
    outcome = await transfer(process)
    assert isinstance(outcome, Committed)
    reader = cluster.process()
    assert [b"k:1", b"k:2"] == await reader.committer.values([cluster.row(A), cluster.row(B)])
    await reader.committer.recover()

    assert [b"k:1", b"k:2"] == values(cluster)
    assert settled(cluster)
    assert 0 == cluster.intents()


async def test_hidden_rows_that_cannot_be_written_are_left_to_recovery(cluster, process):
    process.session.on("batch", BatchLogUnreached(""), times=2)
    process.session.on("hidden", UNKNOWN, times=50)

    assert isinstance(await transfer(process), Committed)
    await cluster.process().committer.recover()
    assert settled(cluster)
    assert 0 == cluster.intents()


# ---- a crash at any step


STEPS = ("intent", "slot", "lock", "decision", "apply", "batch")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_leaves_all_or_nothing(cluster, process, step, after, number):
    await process.put(A, b"o:1")
    await process.put(B, b"o:2")
    crashing = cluster.process()
    for _ in range(number - 1):
        crashing.session.on(step, meanwhile(_nothing()))
    crashing.session.on(step, applied(Crash()) if after else Crash())
    with contextlib.suppress(Crash):
        await transfer(crashing)
    another = cluster.process()
    seen = await another.committer.values([cluster.row(A), cluster.row(B)])
    assert seen in ([b"o:1", b"o:2"], [b"k:1", b"k:2"])
    for _ in range(2):
        await another.committer.recover()
        cluster.pass_seconds(6)
    await another.committer.recover()

    assert seen == values(cluster), "what was read stays"
    assert settled(cluster)
    # Where the slot was not noted, the intent is found by nobody, and nothing has relied on it.
    assert step in ("intent", "slot") or cluster.intents() == 0


@pytest.mark.parametrize("step", ["lock", "decision", "apply", "batch"])
async def test_writers_do_not_need_recovery(cluster, process, step):
    """They undo, or finish, what holds the row that they write."""
    crashing = cluster.process()
    crashing.session.on(step, Crash())
    with pytest.raises(Crash):
        await transfer(crashing)
    for key in (A, B):
        for _ in range(3):
            outcome = await process.put(key, b"w:")
            if isinstance(outcome, Committed):
                break
            cluster.pass_seconds(6)

    assert [b"w:", b"w:"] == values(cluster)
    assert settled(cluster)


async def test_a_row_held_by_an_undecided_transaction_is_busy(cluster, process):
    crashing = cluster.process()
    crashing.session.on("decision", Crash())
    with pytest.raises(Crash):
        await transfer(crashing)

    assert Lost(0) == await process.commit(Change(A, ABSENT, b"x:"), Change(B, ABSENT, b"x:"))
    cluster.pass_seconds(6)
    assert isinstance(await process.commit(Change(A, ABSENT, b"x:"), Change(B, ABSENT, b"x:")), Committed)


async def test_without_derive_what_is_committed_is_read_but_not_finished(cluster, process):
    crashing = cluster.process()
    crashing.session.on("apply", Crash())
    with pytest.raises(Crash):
        await transfer(crashing)
    another = cluster.process(derives=False)
    rows = await another.committer.settled([A, B], [cluster.row(A), cluster.row(B)])

    assert [b"k:1", b"k:2"] == [row.v for row in rows]
    assert cluster.row(A).ltx is not None


async def test_rows_without_derived_rows_are_finished_without_derive(cluster):
    names = [item(b"1", OTHERS), item(b"2", OTHERS)]
    crashing = cluster.process()
    crashing.session.on("apply", Crash())
    with pytest.raises(Crash):
        await crashing.commit(*[Change(name, ABSENT, b"x") for name in names])
    another = cluster.process(derives=False)
    rows = await another.committer.settled(names, [cluster.row(name) for name in names])

    assert [b"x", b"x"] == [row.v for row in rows]
    assert [None, None] == [cluster.row(name).ltx for name in names]


async def test_a_dead_row_that_was_locked_ends_by_itself(cluster, process):
    await process.commit(Change(A, ABSENT, CHECK), await process.change(B, b"k:1"))
    assert cluster.row(A).ver is not None
    cluster.pass_seconds(cql.DEAD_ROW_SECONDS)

    assert cql.ItemRow() == cluster.row(A)


async def test_many_rows_of_few_partitions_are_locked_together(cluster, process):
    keys = [item(b"%d" % each, partition=b"p%d" % (each % 2)) for each in range(6)]
    outcome = await process.commit(*[Change(key, ABSENT, b"k:%d" % each) for each, key in enumerate(keys)])

    assert isinstance(outcome, Committed)
    assert "[lock lock] decision [apply apply]" in process.steps


async def test_a_transaction_has_an_end(cluster, process):
    another = cluster.process()
    for number in range(8):
        process.session.on("lock", meanwhile(another.put(item(b"c", OTHERS), b"%d" % number)))
        process.session.on("lock", meanwhile(_nothing()))
    with pytest.raises(StorageBusy):
        await process.commit(Change(item(b"c", OTHERS), ANY, b"x"), Change(A, ANY, b"x:"))

    assert settled(cluster)
    assert 0 == cluster.intents()
