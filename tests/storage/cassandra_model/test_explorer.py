"""The explorer finds what it is made to find: in protocols of a few lines whose faults are known."""

import contextlib

import pytest

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind
from magnetodb.storage.cassandra.session_errors import OutcomeUnknown
from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.explorer import Scenario, Violation, explore, wander
from tests.storage.cassandra_model.processes import Program
from tests.storage.cassandra_model.worlds import SECOND, Finished

ROW = (b"p", 0, b"s")
QUORUM = Consistency.LOCAL_QUORUM


def database():
    empty = Database()
    for text in (cql.create_table("t"), cql.create_table("i")):
        empty = empty.defined(text)
    return empty


async def read(session):
    result = await session.execute(Call((Bound(cql.get("t"), ROW),), Kind.SINGLE, QUORUM))
    return ItemRow(*result.rows[0]) if result.rows else ItemRow()


def counting(*, compare):
    """Count up once, by a lightweight transaction that compares, or by one that does not."""

    async def main(session):
        row = await read(session)
        new = (0, (row.v or b"") + b"+", (row.ver or 0) + 1, session.new_uuid(), None, None, *ROW)
        bound = Bound(cql.put("t"), (*new, row.ver, row.tok)) if compare else Bound(cql.put_blindly("t"), new)
        return (await session.execute(Call((bound,), Kind.CONDITIONAL, QUORUM))).applied

    return main


async def blind(session):
    """A lightweight transaction that is sent until it is answered, and always applied."""
    bound = Bound(cql.put_blindly("t"), (0, b"blind", 1, session.new_uuid(), None, None, *ROW))
    while True:
        with contextlib.suppress(OutcomeUnknown):
            return (await session.execute(Call((bound,), Kind.CONDITIONAL, QUORUM))).applied


def two_rows(kind):
    """Write two rows of different tables in one batch."""

    async def main(session):
        statements = (Bound(cql.put_hidden("i"), (5, b"v", *ROW)), Bound(cql.put_hidden("t"), (5, b"v", *ROW)))
        await session.execute(Call(statements, kind, QUORUM))

    return main


def counted(world):
    """As many are counted as have been told so."""
    told = sum(isinstance(each, Finished) and each.ended.result is True for each in world.processes)
    rows = world.database.rows(cql.get("t"), ROW, SECOND)
    count = len(rows[0][0]) if rows else 0
    return "" if told <= count <= len(world.processes) else f"{told} were told, {count} counted"


def last_told_is_there(world):
    """Of a blind write and a counting one that began when that was told."""
    blind, other = world.processes
    if not isinstance(other, Finished) or not other.ended.result or not isinstance(blind, Finished):
        return ""
    arrived = world.database
    for late in world.on_its_way:
        arrived = arrived.compare_and_set(late.what, 0, SECOND)[0]
    value = arrived.rows(cql.get("t"), ROW, SECOND)[0][0]
    return "the later write is gone" if other.began_after and not value.endswith(b"+") else ""


def both_or_none(world):
    certain = [each.what for each in world.on_its_way if each.certain]
    found = world.database.with_mutations(certain)
    rows = [found.rows(cql.get(table), ROW, SECOND) for table in ("t", "i")]
    return "" if bool(rows[0]) == bool(rows[1]) else "one row without the other"


def scenario(*mains, check=counted, crashes=0, faults=0):
    programs = tuple([Program(f"writer {number}", main, 1_000) for number, main in enumerate(mains)])
    return Scenario("counting", database(), programs, check, crashes, faults)


def test_writers_that_compare_lose_no_count():
    explored = explore(scenario(*[counting(compare=True)] * 3, crashes=1, faults=1), worlds_max=100_000)

    assert explored.complete
    assert explored.quiet > 100


def test_writers_that_do_not_compare_lose_a_count():
    with pytest.raises(Violation, match="2 were told, 1 counted"):
        explore(scenario(*[counting(compare=False)] * 2), worlds_max=100_000)


def test_random_ways_find_the_lost_count_too():
    with pytest.raises(Violation, match="2 were told, 1 counted"):
        wander(scenario(*[counting(compare=False)] * 2), seed=1, ways=100)


def test_a_seed_finds_the_same_way_again():
    ways = []
    for _ in range(2):
        with pytest.raises(Violation) as found:
            wander(scenario(*[counting(compare=False)] * 2), seed=1, ways=100)
        ways.append(str(found.value))

    assert ways[0] == ways[1]


def test_a_blind_write_that_is_sent_again_may_come_late_and_undo_another():
    """The second copy is told, then the other writer is; then the first copy arrives."""
    writers = (blind, counting(compare=True))
    with pytest.raises(Violation, match="the later write is gone"):
        explore(scenario(*writers, check=last_told_is_there, faults=1), worlds_max=100_000)

    assert explore(scenario(*writers, check=last_told_is_there), worlds_max=100_000).complete


def test_a_logged_batch_is_whole_after_a_crash():
    assert explore(scenario(two_rows(Kind.LOGGED), check=both_or_none, crashes=1), worlds_max=1_000).complete


def test_an_unlogged_batch_of_two_partitions_is_not():
    with pytest.raises(Violation, match="one row without the other"):
        explore(scenario(two_rows(Kind.UNLOGGED), check=both_or_none, crashes=1), worlds_max=1_000)


def test_a_process_that_crashes_while_it_waits_for_nothing_is_gone():
    async def nothing(session):
        return True

    explored = explore(scenario(counting(compare=True), nothing, check=lambda world: "", crashes=1), worlds_max=100)

    assert explored.complete
