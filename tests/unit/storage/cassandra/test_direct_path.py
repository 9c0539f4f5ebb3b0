"""The circuit breaker of the batchlog, and writes one by one."""

from time import monotonic

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.direct_path import CALLS_MAX, TRIES_MAX, CircuitBreaker, write_all
from magnetodb.storage.cassandra.item_row import Position
from magnetodb.storage.cassandra.session import Bound
from magnetodb.storage.cassandra.session_errors import OutcomeUnknown, Refused, TableGone
from tests.unit.storage.cassandra.scripted import ONE, Cluster


async def test_the_breaker_closes_after_a_while():
    cluster = Cluster()
    breaker = CircuitBreaker(cluster.process().session)
    assert not breaker.is_open
    breaker.trip()
    assert breaker.is_open
    cluster.pass_seconds(19)
    assert breaker.is_open
    cluster.pass_seconds(2)

    assert not breaker.is_open


async def test_a_clock_that_is_put_back_does_not_keep_it_open():
    cluster = Cluster()
    breaker = CircuitBreaker(cluster.process().session)
    breaker.trip()
    cluster.pass_seconds(-60)

    assert not breaker.is_open


def puts(count):
    return [Bound(cql.put_hidden(ONE), (1, b"v", *Position(ONE, 0, b"%d" % each, b"").key)) for each in range(count)]


async def test_many_rows_are_on_their_way_but_not_all():
    cluster = Cluster()
    session = cluster.process().session

    assert [None] * (CALLS_MAX + 1) == await write_all(session, puts(CALLS_MAX + 1), monotonic() + 60)
    assert [CALLS_MAX, 1] == [step.count("hidden") for step in session.steps]


async def test_what_fails_too_often_is_told():
    cluster = Cluster()
    session = cluster.process().session
    unknown = OutcomeUnknown("")
    session.on("hidden", unknown, times=2 * TRIES_MAX)

    assert [unknown, unknown] == await write_all(session, puts(2), monotonic() + 60)
    assert session.paused > 0


async def test_a_node_that_does_not_know_a_table_is_not_believed():
    cluster = Cluster()
    session = cluster.process().session
    session.on("hidden", TableGone("unconfigured table"), times=TRIES_MAX - 1)

    assert [None] == await write_all(session, puts(1), monotonic() + 60)
    assert 1 == len(cluster.rows(ONE))


async def test_nothing_is_written_after_its_time():
    cluster = Cluster()
    session = cluster.process().session
    (error,) = await write_all(session, puts(1), monotonic() - 1)

    assert (Refused, []) == (type(error), session.steps)
