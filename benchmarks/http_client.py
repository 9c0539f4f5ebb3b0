"""The client's side of one HTTP connection on asyncio, as small as can be: a load must not be what is measured."""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools

OnAnswer = Callable[["HttpClient", int, bytes], None]
OnLost = Callable[["HttpClient"], None]


class HttpClient(asyncio.Protocol):
    """One connection with at most one request under way. `on_answer(client, status, body)` for each answer, `on_lost`
    when the connection ends."""

    def __init__(self, on_answer: OnAnswer, on_lost: OnLost) -> None:
        self.began = 0.0
        """When the request under way was due; for the caller's use."""
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._parser: Any = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._transport: Any = None

    def send(self, request: bytes) -> None:
        """Write a request."""
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: Any) -> None:
        """The transport calls."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """The transport calls."""
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """The transport calls."""
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """The parser calls."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The parser calls."""
        body = b"".join(self._parts)
        self._parts.clear()
        self._on_answer(self, self._parser.get_status_code(), body)


class Caller:
    """One connection whose answers are awaited. Raises ConnectionError from `call` when the connection ends."""

    def __init__(self) -> None:
        self._client = HttpClient(self._answered, self._lost)
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._ended = False

    async def connect(self, port: int) -> None:
        """Connect to this machine. Raises OSError."""
        await asyncio.get_running_loop().create_connection(lambda: self._client, "127.0.0.1", port)

    async def call(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._ended:
            raise ConnectionError
        self._answer = asyncio.get_running_loop().create_future()
        self._client.send(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _answered(self, _client: HttpClient, status: int, body: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def _lost(self, _client: HttpClient) -> None:
        self._ended = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError())
