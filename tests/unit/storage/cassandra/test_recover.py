"""Recovery: what a crash leaves at any step, and which intents are looked at when."""

import contextlib

import pytest

from magnetodb.errors import StorageUnavailable
from magnetodb.model.rows import ABSENT, Change, Committed, DerivedRow, Lost, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.intents import hour_at, parts_of
from magnetodb.storage.cassandra.item_row import in_step
from magnetodb.storage.cassandra.recover import SLOTS_AT_ONCE, Recovered, Recovery
from magnetodb.storage.cassandra.session_errors import BatchLogUnreached, OutcomeUnknown, Refused
from tests.unit.storage.cassandra.scripted import ITEMS, ONE, Cluster, Crash, applied, item, meanwhile

STEPS = ("intent", "slot", "item", "batch")


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def process(cluster):
    return cluster.process()


async def crash(cluster, step, value, *, after=False, key=None):
    """A process that writes an item ends at a step."""
    crashing = cluster.process()
    crashing.session.on(step, applied(Crash()) if after else Crash())
    with pytest.raises(Crash):
        await crashing.put(key or item(), value)
    return crashing


@pytest.mark.parametrize("old", [None, b"k:0", b"l:0"])
@pytest.mark.parametrize("new", [None, b"k:1"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_is_recovered_from(cluster, process, step, after, old, new):
    if old is None and new is None:
        return
    await process.put(item(), b"m:")
    await process.put(item(), old)
    await crash(cluster, step, new, after=after)
    await process.committer.recover()

    assert (step == "batch" or (step == "item" and after)) == (cluster.row(item()).v == new)
    assert in_step(cluster.row(item()))
    assert [] == cluster.wrong()
    # Where the slot was not noted, the intent is found by nobody, and nothing has relied on it.
    assert step in ("intent", "slot") or cluster.intents() == 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["read", "fence", "batch", "hidden", "done", "forget"])
@pytest.mark.parametrize("left_at", ["item", "batch"])
async def test_recovery_itself_may_crash(cluster, process, left_at, step, after):
    await process.put(item(), b"l:")
    await crash(cluster, left_at, b"k:")
    recovering = cluster.process()
    if step in ("hidden", "done", "forget"):
        recovering.session.on("batch", BatchLogUnreached(""))
    recovering.session.on(step, applied(Crash()) if after else Crash())
    with contextlib.suppress(Crash):
        await recovering.committer.recover()
    await process.committer.recover()

    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_a_writer_that_goes_on_after_recovery_is_fenced(cluster, process):
    """It was paused before its lightweight transaction, and its intent is gone."""
    await process.put(item(), b"l:")
    slow = cluster.process()
    slow.session.on("item", meanwhile(process.committer.recover()))

    assert Lost(0) == await slow.put(item(), b"k:")
    assert b"l:" == cluster.row(item()).v
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_a_row_that_is_not_there_is_fenced_too(cluster, process):
    slow = cluster.process()
    slow.session.on("item", meanwhile(process.committer.recover()))

    # It expects that nothing is there, which is so again, but not from the same version.
    assert isinstance(await slow.put(item(), b"k:"), Committed)
    assert "[intent slot] item read intent item batch" == slow.steps
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_a_late_batch_comes_to_nothing(cluster, process):
    """What recovery writes has a later version than what the dead writer's batch still brings."""
    await process.put(item(), b"l:")
    slow = cluster.process()
    slow.session.on("batch", meanwhile(_recover_and_write(cluster)))
    await slow.put(item(), b"k:")

    assert b"n:" == cluster.row(item()).v
    assert in_step(cluster.row(item()))
    assert [] == cluster.wrong()


async def _recover_and_write(cluster):
    other = cluster.process()
    await other.committer.recover()
    await other.put(item(), b"n:")


async def test_an_attempt_that_was_applied_needs_no_fence(cluster, process):
    await crash(cluster, "batch", b"k:")
    version = cluster.row(item()).ver
    await process.committer.recover()

    assert "fence" not in process.steps
    assert version == cluster.row(item()).ver


async def test_many_rows_are_recovered_side_by_side(cluster, process):
    crashing = cluster.process()
    for each in range(150):
        crashing.session.on("batch" if each % 2 else "item", Crash())
        with pytest.raises(Crash):
            await crashing.put(item(b"%d" % each), b"k:")
    assert Recovered(150, 0) == await process.committer.recover()
    # Each third of the rows is read, fenced and finished in one step each.
    assert 3 == sum(1 for step in process.steps.split("] ") if step.count("fence") > 10)
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_rows_of_one_partition_are_all_recovered(cluster, process):
    keys = [item(b"%d" % each, partition=b"p") for each in range(5)]
    for each, key in enumerate(keys):
        await crash(cluster, "batch" if each % 2 else "item", b"k:", key=key)
    await process.committer.recover()

    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_what_fails_is_left_for_the_next_run(cluster, process):
    await crash(cluster, "item", b"k:")
    await crash(cluster, "batch", b"k:", key=item(b"b"))
    process.session.on("fence", Refused("no quorum"))
    process.session.on("batch", Refused("no quorum"))
    process.session.on("hidden", OutcomeUnknown(""), times=8)

    assert Recovered(0, 2) == await process.committer.recover()
    assert Recovered(2, 0) == await process.committer.recover()
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_a_run_that_has_taken_its_time_leaves_slots_for_the_next(cluster, process):
    for each in range(SLOTS_AT_ONCE + 1):
        await crash(cluster, "batch", b"k:", key=item(b"%d" % each))
    recovery = Recovery(process.committer._equipment, process.committer._transactions, age_seconds=0, run_seconds=0)

    assert Recovered(SLOTS_AT_ONCE, 0, more=True) == await recovery.run()
    assert Recovered(1, 0) == await recovery.run()
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_without_derive_rows_out_of_step_are_left(cluster):
    await crash(cluster, "item", b"k:")
    await crash(cluster, "batch", b"k:", key=item(b"b"))

    assert Recovered(1, 1) == await cluster.process(derives=False).committer.recover()


async def test_intents_of_a_dropped_table_go(cluster, process):
    await crash(cluster, "batch", b"k:")
    cluster.define(cql.drop_table(ITEMS))
    process.tables.gone_tables.add(ITEMS)

    assert Recovered(1, 0) == await process.committer.recover()
    assert 0 == cluster.intents()


async def test_intents_of_a_table_that_a_node_does_not_know_yet_stay(cluster, process):
    await crash(cluster, "batch", b"k:")
    known = cluster.cassandra.database
    cluster.define(cql.drop_table(ITEMS))

    assert Recovered(0, 1) == await process.committer.recover()
    cluster.cassandra.database = known
    assert Recovered(1, 0) == await process.committer.recover()
    assert [] == cluster.wrong()


async def test_a_hidden_table_that_was_dropped_is_left_out(cluster, process):
    await crash(cluster, "batch", b"k:")
    cluster.define(cql.drop_table(ONE))
    process.tables.gone_tables.add(ONE)
    process.tables.places.pop(ONE)

    assert Recovered(1, 0) == await process.committer.recover()
    assert in_step(cluster.row(item()))


async def test_young_intents_are_left_alone(cluster):
    await crash(cluster, "batch", b"k:")
    process = cluster.process(recovery_age_seconds=30)

    assert Recovered() == await process.committer.recover()
    cluster.pass_seconds(45)
    assert Recovered(1, 0) == await process.committer.recover()


@pytest.mark.parametrize("hours", [-20, -1, 1, 20])
async def test_intents_of_a_server_whose_clock_is_wrong_are_found(cluster, process, hours):
    crashing = cluster.process(clock_off=hours * 3_600_000_000)
    crashing.session.on("batch", Crash())
    with pytest.raises(Crash):
        await crashing.put(item(), b"k:")

    assert Recovered(1, 0) == await process.committer.recover()
    assert (0, []) == (cluster.intents(), cluster.wrong())


async def test_hidden_rows_of_no_derivation_are_removed(cluster, process):
    """What an attempt put that was never applied is nobody's."""
    surplus = DerivedRow(RowKey(ONE, b"x", b"a/"), b"x")
    crashing = cluster.process()
    crashing.session.on("batch", Crash())
    with pytest.raises(Crash):
        await crashing.commit(Change(item(), ABSENT, b"k:", (surplus._replace(value=None),)))
    await process.committer.recover()

    assert [] == cluster.wrong()


class Buried:
    """See Session. What is noted under an hour can't be read at once, nor can some of its parts: by tombstones."""

    def __init__(self, session, hour, parts):
        self._session = session
        self._hour = hour
        self._parts = parts

    def __getattr__(self, name):
        return getattr(self._session, name)

    async def execute_together(self, calls):
        return [
            Refused("too many tombstones") if self._is_buried(call.statements[0]) else result
            for call, result in zip(calls, await self._session.execute_together(calls), strict=True)
        ]

    def _is_buried(self, statement):
        if statement.text == cql.SELECT_INTENT_SLOTS:
            return statement.values[0] == self._hour
        if statement.text == cql.SELECT_INTENT_SLOTS_BETWEEN:
            return any(begin <= statement.values[1] < end for begin, end in self._parts)
        return False


def recovering(cluster, hours, parts):
    """Who recovers where an hour, counted from now, is buried."""
    process = cluster.process()
    hour = hour_at(cluster.now()) + hours
    session = Buried(process.session, hour, [parts_of(hour)[each] for each in parts])
    return Committer(session, HybridClock(session.now), process.tables, derive=process._derive, recovery_age_seconds=0)


async def crash_at(cluster, key, hour, part):
    """A server whose clock is wrong ends amid a write; what it was about is noted under that part of that hour."""
    time = (hour_at(cluster.now()) + hour) * 3_600_000_000 + part * 600_000_000 + 60_000_000
    crashing = cluster.process(clock_off=time - cluster.now())
    crashing.session.on("batch", Crash())
    with pytest.raises(Crash):
        await crashing.put(key, b"k:")


async def test_an_hour_that_cannot_be_read_at_once_is_read_in_parts(cluster):
    for part in range(6):
        await crash_at(cluster, item(b"%d" % part), -20, part)

    assert Recovered(6, 0) == await recovering(cluster, -20, []).recover()


async def test_a_far_hour_that_cannot_be_read_keeps_nobody_from_the_others(cluster, caplog):
    for part in range(6):
        await crash_at(cluster, item(b"%d" % part), -20, part)
    await crash_at(cluster, item(b"far"), 20, 0)
    await crash(cluster, "batch", b"k:", key=item(b"near"))
    committer = recovering(cluster, -20, [0, 3])

    assert Recovered(6, 0) == await committer.recover()
    assert "2 spans of ten minutes cannot be looked at: too many tombstones" in caplog.text
    assert Recovered(0, 0) == await committer.recover()
    assert Recovered(2, 0) == await cluster.process().committer.recover()


async def test_a_near_hour_that_cannot_be_read_is_said(cluster):
    with pytest.raises(StorageUnavailable, match="too many tombstones"):
        await recovering(cluster, 1, [0]).recover()
