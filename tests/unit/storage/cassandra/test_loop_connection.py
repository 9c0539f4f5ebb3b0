"""Connections in the loop of the core."""

import asyncio
import socket
import threading

import pytest
from cassandra import OperationTimedOut
from cassandra.connection import ConnectionShutdown

from magnetodb.storage.cassandra.loop_connection import TICK_SECONDS, Timer, Timers, connection_class

ANSWER_SECONDS_MAX = 30


async def test_timers_end_in_their_order_and_those_that_are_cancelled_do_not():
    loop = asyncio.get_running_loop()
    timers, ended, last = Timers(loop), [], loop.create_future()
    cancelled = Timer(lambda: ended.append("cancelled"))
    timers.add(3 * TICK_SECONDS, Timer(lambda: last.set_result(None)))
    timers.add(0, Timer(lambda: ended.append("first")))
    timers.add(2 * TICK_SECONDS, Timer(lambda: ended.append("second")))
    timers.add(TICK_SECONDS, cancelled)
    cancelled.cancel()
    await last

    assert ["first", "second"] == ended


async def test_a_timer_may_be_added_by_another_that_ends():
    loop = asyncio.get_running_loop()
    timers, last = Timers(loop), loop.create_future()
    timers.add(0, Timer(lambda: timers.add(TICK_SECONDS, Timer(lambda: last.set_result(None)))))

    await asyncio.wait_for(last, ANSWER_SECONDS_MAX)


async def test_a_timer_that_fails_leaves_the_others(caplog):
    loop = asyncio.get_running_loop()
    timers, same_tick, later = Timers(loop), loop.create_future(), loop.create_future()
    timers.add(0, Timer(lambda: 1 // 0))
    timers.add(0, Timer(lambda: same_tick.set_result(None)))
    timers.add(3 * TICK_SECONDS, Timer(lambda: later.set_result(None)))
    await asyncio.wait_for(same_tick, ANSWER_SECONDS_MAX)
    await asyncio.wait_for(later, ANSWER_SECONDS_MAX)

    assert "What was to be done at a time has failed" in caplog.text


@pytest.fixture
def node():
    """A socket that listens and of which the tests play the node."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def connected(node, timeout=1.0):
    """The connection that the driver's factory makes, in a thread as the driver does."""
    loop = asyncio.get_running_loop()
    host, port = node.getsockname()
    return await loop.run_in_executor(None, lambda: connection_class(loop).factory(host, timeout, port=port))


async def test_a_node_that_never_answers_is_given_up(node):
    with pytest.raises(OperationTimedOut, match="Timed out creating connection"):
        await connected(node, timeout=0.2)


async def test_a_node_that_hangs_up_is_noticed(node):
    def hang_up():
        connection, _ = node.accept()
        connection.recv(1000)
        connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()

    with pytest.raises(ConnectionShutdown):
        await connected(node, timeout=ANSWER_SECONDS_MAX)
    thread.join()


async def test_what_the_socket_does_not_take_at_once_goes_out_in_its_order(node):
    loop = asyncio.get_running_loop()
    received = []

    def receive(size):
        connection, _ = node.accept()
        first_message = connection.recv(9)
        while sum(map(len, received)) < size:
            received.append(connection.recv(1_000_000))
        connection.close()
        return first_message

    parts = [bytes([number]) * 500_000 for number in range(20)]
    receiving = loop.run_in_executor(None, receive, sum(map(len, parts)))
    connection = await loop.run_in_executor(None, lambda: connection_class(loop)(*node.getsockname()))
    try:
        for part in parts:
            connection.push(part)
            await asyncio.sleep(0)
        await asyncio.wait_for(receiving, ANSWER_SECONDS_MAX)
    finally:
        connection.close()

    assert b"".join(parts) == b"".join(received)
