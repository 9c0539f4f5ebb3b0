"""Sockets that several processes take connections from. Here one process plays all of them."""

import asyncio
import socket
from collections import Counter

import pytest

from magnetodb.api.processes import CONNECTIONS, Process, Processes
from magnetodb.api.shared_listeners import SharedListeners, listening_sockets

SECONDS_MAX = 20


class Taken(asyncio.Protocol):
    """A connection that tells its worker's number, and tells the worker when it ends."""

    def __init__(self, process):
        self._process = process

    def connection_made(self, transport):
        transport.write(b"%d" % self._process.number)

    def connection_lost(self, error):
        self._process.left()


class Workers:
    """Some processes with the same sockets."""

    def __init__(self, count):
        self.listeners = listening_sockets("127.0.0.1", 0)
        self.address = self.listeners[0].getsockname()
        self.processes = Processes(count)
        self.shares = []
        for number in range(1, count + 1):
            process = Process(self.processes, number)
            duplicates = [listener.dup() for listener in self.listeners]
            self.shares.append(SharedListeners(duplicates, process, lambda process=process: Taken(process)))

    def open(self):
        for share in self.shares:
            share.open()
        return self

    def close(self):
        for share in self.shares:
            share.close()
        for listener in self.listeners:
            listener.close()

    def connections(self):
        """How many each has now."""
        return [self.processes.fields(share.process.number)[CONNECTIONS] for share in self.shares]

    async def connected(self, count):
        """So many connections at once: [(reader, writer)], and how many each worker took."""
        clients = await asyncio.gather(*[asyncio.open_connection(*self.address) for _ in range(count)])
        numbers = [int(await asyncio.wait_for(reader.readexactly(1), SECONDS_MAX)) for reader, _ in clients]
        return clients, Counter(numbers)


async def hang_up(clients):
    for _, writer in clients:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("count", [2, 3, 4])
async def test_few_connections_are_shared_to_the_last_one(count):
    workers = Workers(count).open()
    clients, taken = await workers.connected(12)
    await hang_up(clients)
    workers.close()

    assert dict.fromkeys(range(1, count + 1), 12 // count) == taken


async def test_those_who_come_later_go_where_there_are_fewer():
    workers = Workers(2).open()
    clients, _ = await workers.connected(8)
    await hang_up(clients[:4])
    async with asyncio.timeout(SECONDS_MAX):
        while sum(workers.connections()) > 4:
            await asyncio.sleep(0.001)
    more, _ = await workers.connected(4)
    connections = workers.connections()
    await hang_up(clients[4:] + more)
    workers.close()

    assert [4, 4] == connections


async def test_what_a_busy_worker_does_not_take_another_does():
    """The second one is there, but its loop does not turn."""
    workers = Workers(2)
    workers.shares[0].open()
    workers.shares[1].process.say_there()
    clients, taken = await workers.connected(100)
    surplus = workers.shares[0].surplus()
    await hang_up(clients)
    workers.close()

    assert {1: 100} == taken
    assert 32 == surplus


async def test_one_that_is_closed_takes_nothing_and_is_not_waited_for():
    workers = Workers(2).open()
    workers.shares[1].close()
    clients, taken = await workers.connected(10)
    await hang_up(clients)
    workers.close()

    assert {1: 10} == taken


async def test_a_client_that_is_gone_before_it_is_taken_harms_nobody():
    workers = Workers(1)
    for _ in range(20):
        client = socket.create_connection(workers.address)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    workers.open()
    clients, taken = await workers.connected(1)
    await hang_up(clients)
    workers.close()

    assert {1: 1} == taken


def test_a_port_that_is_taken_is_an_error():
    (listener,) = listening_sockets("127.0.0.1", 0)

    with pytest.raises(OSError, match="in use"):
        listening_sockets("127.0.0.1", listener.getsockname()[1])
    listener.close()


def test_all_addresses_of_a_host_get_the_same_port():
    listeners = listening_sockets("localhost", 0)
    ports = {listener.getsockname()[1] for listener in listeners}
    for listener in listeners:
        listener.close()

    assert 1 == len(ports)
    assert 0 not in ports


def test_an_address_that_is_not_ours_is_an_error():
    """192.0.2.0/24 is for documentation (RFC 5737)."""
    with pytest.raises(OSError, match="assign"):
        listening_sockets("192.0.2.1", 0)
