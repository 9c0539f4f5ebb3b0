"""The server in this process. What its clients see is tested in tests/dynamodb/test_server_resilience.py."""

import asyncio
import socket
import struct

import pytest

from magnetodb.api import auth
from magnetodb.api.dynamodb import Door
from magnetodb.api.http_messages import Response
from magnetodb.api.server import REFUSED_CONNECTIONS_MAX, Limits, Server, split_target
from magnetodb.operations.cell import Cell, Settings

HEAD = (
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.DescribeEndpoints\r\n"
    b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: 100000\r\n\r\n"
)


RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a client that is gone at once, with all it has sent."""


def served(clients, **limits):
    """Run `clients(server, address)` against a server whose cell has no storage."""

    async def main():
        settings = Settings("us-east-1", "000000000000", lambda: 0.0)
        authenticate = auth.anonymous(region="us-east-1", account_id="000000000000")
        door = Door({"default": Cell(None, None, settings)}, authenticate)
        server = Server(door, lambda: None, Limits(**limits))
        address = await server.start("127.0.0.1", 0)
        try:
            return await asyncio.wait_for(clients(server, address), 20)
        finally:
            await server.stop()

    return asyncio.run(main())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("sent", [0, 1, 50_000, 99_999, 100_000])
def test_nothing_is_held_of_clients_that_are_gone(sent):
    """Bodies are counted while they are held; the count must come back to nothing however a request ends."""

    async def clients(server, address):
        writers = []
        for _ in range(20):
            _, writer = await asyncio.open_connection(*address)
            writer.write(HEAD + b" " * sent)
            await writer.drain()
            writers.append(writer)
        if sent < 100_000:
            await until(lambda: server.body_bytes == 20 * sent)
        for writer in writers:
            writer.transport.abort()
        await until(lambda: not server.connections)
        return server.body_bytes

    assert 0 == served(clients)


def test_the_count_of_connections_stays_within_the_limit():
    async def clients(server, address):
        streams = [await asyncio.open_connection(*address) for _ in range(10)]
        await until(lambda: 7 == sum(reader.at_eof() for reader, _ in streams))
        return len(server.connections)

    assert 3 == served(clients, connections=3)


class SlowDoor:
    """Answers when it is told to."""

    def __init__(self):
        self.begun = self.ended = 0
        self.go_on = asyncio.Event()

    async def answer(self, request):
        self.begun += 1
        await self.go_on.wait()
        self.ended += 1
        return Response(200, [], b"")


def test_connections_over_the_limit_are_told_and_then_closed():
    """Although their clients, which have all they wanted to know, do not close them."""

    async def clients(server, address):
        server.door = door = SlowDoor()
        _, busy = await asyncio.open_connection(*address)
        busy.write(HEAD + b" " * 100_000)
        await until(lambda: door.begun)
        refused = [await asyncio.open_connection(*address) for _ in range(REFUSED_CONNECTIONS_MAX + 8)]
        answers = await asyncio.gather(*[reader.read(12) for reader, _ in refused], return_exceptions=True)
        await until(lambda: not server.refused)
        door.go_on.set()
        return sum(answer == b"HTTP/1.1 503" for answer in answers)

    assert REFUSED_CONNECTIONS_MAX == served(clients, connections=1)


def test_stopping_waits_for_requests_whose_clients_are_gone():
    """A write may be under way, which must be counted before the storage is closed."""

    async def clients(server, address):
        server.door = door = SlowDoor()
        _, writer = await asyncio.open_connection(*address)
        writer.write(HEAD + b" " * 100_000)
        await until(lambda: door.begun)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
        await until(lambda: not server.connections)
        stopping = asyncio.ensure_future(server.stop())
        await asyncio.sleep(0)
        door.go_on.set()
        await stopping
        return door.ended

    assert 1 == served(clients)


def test_stopping_waits_for_nobody_who_is_idle():
    async def clients(server, address):
        reader, _ = await asyncio.open_connection(*address)
        await until(lambda: server.connections)
        await server.stop()
        return await reader.read()

    assert b"" == served(clients, stop_seconds=1000)


def test_what_comes_behind_a_last_request_is_not_answered():
    """Nor is it an error of the server's."""
    request = HEAD.replace(b"100000", b"2").replace(b"Host: x", b"Connection: close") + b"{}"

    async def clients(server, address):
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request + b"nonsense")
        answer = await reader.read()
        return answer.count(b"HTTP/1.1 "), answer[9:12], faults

    assert (1, b"200", []) == served(clients)


def test_a_client_that_is_sent_away_gets_its_answer_first():
    """Its connection is closed behind the next answer, and says so."""
    request = HEAD.replace(b"100000", b"2") + b"{}"

    async def clients(server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        first = await reader.readuntil(b"]}")
        (connection,) = server.connections
        connection.close_after_next_answer()
        writer.write(request)
        last = await reader.read()
        return [b"Connection: close" in answer for answer in (first, last)], last[9:12]

    assert ([False, True], b"200") == served(clients)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/?a=b?c", "/", "a=b?c"),
        (b"/x/y", "/x/y", ""),
        (b"http://example.org", "/", ""),
        (b"http://example.org/x?y", "/x", "y"),
        (b"/x?u=http://example.org/", "/x", "u=http://example.org/"),
        (b"*", "*", ""),
        (b"/\xff", "/\xff", ""),
    ],
)
def test_path_and_query_of_a_target(target, path, query):
    assert (path, query) == split_target(target)
