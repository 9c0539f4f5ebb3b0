"""The default server: an asyncio protocol with a C parser, DynamoDB's door straight on the connection.

`POST /` goes to the door, and its coroutine is stepped inline; every other request goes to the falcon application in a
small thread pool. One timer sweeps all connections for those that were silent too long.
"""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httptools

from magnetodb.api import stepping
from magnetodb.api.dynamodb import Door, error_response, new_request_id, preflight, too_large
from magnetodb.api.http_messages import BODY_BYTES_MAX, Headers, Request, Response, joined_headers
from magnetodb.api.processes import Process
from magnetodb.api.shared_listeners import LISTEN_BACKLOG, SharedListeners
from magnetodb.api.wsgi_bridge import call_application
from magnetodb.errors import InvalidAction, ServiceError, ServiceUnavailable

LOG = logging.getLogger(__name__)

HEADER_BYTES_MAX: Final = 64 * 1024
"""Of the request line and all headers together, or of what a chunked body has beside its data. A request that comes in
one piece may have more, up to the size of one read."""

SWEEP_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 5.0
"""How long the rest of a refused request is read and thrown away, so that its answer reaches the client."""

APPLICATION_THREADS: Final = 4

REFUSED_CONNECTIONS_MAX: Final = 32
"""Over the limit of connections so many are told that there are too many; those that come then are just closed."""

INLINE_ANSWERS_MAX: Final = 16
"""Pipelined requests of one client that are answered before others get their turn."""

SERVER_BODY_BYTES_MAX: Final = 256 * 1024 * 1024
"""Of all bodies that are being received or answered."""

CLOSE: Final = "Connection: close\r\n"
KEEP_ALIVE: Final = "Connection: keep-alive\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Limits(NamedTuple):
    """What one server grants its clients."""

    connections: int = 1000
    request_seconds: float = 60.0
    idle_seconds: float = 120.0
    stop_seconds: float = 30.0


class Server:
    """Listens, and owns what all connections share. All methods run in the event loop's thread."""

    def __init__(self, door: Door, application: Callable[[], Any], limits: Limits) -> None:
        """`application` makes the WSGI application when the first request for it comes."""
        self.door = door
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.refused: set[Connection] = set()
        """Those over the limit, until they have read why."""
        self.stopping = False
        self.now = 0.0
        self.body_bytes = 0
        self.abandoned = 0
        """Requests that are being answered although their clients are gone."""
        self.date = ""
        self._outbox: list[tuple[Any, bytes]] = []
        self._make_application = application
        self._application: Any = None
        self._threads = ThreadPoolExecutor(APPLICATION_THREADS, "application")
        self._listener: asyncio.Server | None = None
        self._shared: SharedListeners | None = None
        self._empty = asyncio.Event()
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen, and return the address (the port that was chosen, where 0 was asked). Raises OSError."""
        self._sweep()
        self._listener = await self.loop.create_server(lambda: Connection(self), host, port, backlog=LISTEN_BACKLOG)
        address = self._listener.sockets[0].getsockname()
        return address[0], address[1]

    def share(self, listeners: Sequence[socket.socket], process: Process) -> None:
        """Take connections from sockets that other processes take some from, too."""
        self._shared = SharedListeners(listeners, process, lambda: Connection(self))
        self._sweep()
        self._shared.open()

    async def stop(self) -> None:
        """Take no more connections, finish the requests in hand (for a bounded time), and close."""
        self.stopping = True
        if self._listener:
            self._listener.close()
        if self._shared:
            self._shared.close()
        self.flush()
        for connection in list(self.connections):
            connection.close_when_idle()
        if self.connections or self.abandoned:
            try:
                await asyncio.wait_for(self._empty.wait(), self.limits.stop_seconds)
            except TimeoutError:
                LOG.warning("%d requests did not finish in time", len(self.connections) + self.abandoned)
        for connection in (*self.connections, *self.refused):
            connection.abort()
        if self._sweeper:
            self._sweeper.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def entered(self, connection: "Connection") -> bool:
        """Count a connection in. Over the limit the one that is idle for longest makes room; False where none is: then
        this one is to be refused, or is closed already."""
        if len(self.connections) >= self.limits.connections:
            idle = [other for other in self.connections if other.is_idle]
            if not idle:
                self.refused.add(connection)
                if len(self.refused) > REFUSED_CONNECTIONS_MAX:
                    connection.abort()
                return False
            min(idle, key=lambda other: other.since).abort()
        self.connections.add(connection)
        return True

    def left(self, connection: "Connection") -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        self.refused.discard(connection)
        if self._shared:
            self._shared.process.left()
        self.check_empty()

    def check_empty(self) -> None:
        """End the wait of `stop` if nothing is in hand any more."""
        if self.stopping and not self.connections and not self.abandoned:
            self._empty.set()

    def send(self, transport: Any, data: bytes) -> None:
        """Write when this turn of the loop ends, together with what else it answers: a client with many connections is
        woken once for all of them, and on a virtual machine waking it costs more than the rest of a GetItem."""
        if not self._outbox:
            self.loop.call_soon(self.flush)
        self._outbox.append((transport, data))

    def flush(self) -> None:
        """Write what `send` was given, in its order."""
        outbox, self._outbox = self._outbox, []
        for transport, data in outbox:
            if not transport.is_closing():
                transport.write(data)

    async def other_answer(self, request: Request) -> Response:
        """The answer to what is not DynamoDB's `POST /`."""
        if request.method == "OPTIONS" and request.path == "/":
            return preflight(request)
        return await self.loop.run_in_executor(self._threads, self._call_application, request)

    def _call_application(self, request: Request) -> Response:
        if self._application is None:
            self._application = self._make_application()
        return call_application(self._application, request)

    def _sweep(self) -> None:
        self.now = self.loop.time()
        self.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        for connection in (*self.connections, *self.refused):
            connection.check_time(self.now)
        if self._shared:
            self._shared.process.say_seen()
            self._send_away(self._shared.surplus())
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _send_away(self, surplus: int) -> None:
        """Have some clients that are at work come again, so that another process gets them."""
        if surplus:
            at_work = [each for each in self.connections if self.now - each.since < 2 * SWEEP_SECONDS]
            for connection in at_work[:surplus]:
                connection.close_after_next_answer()


class Connection(asyncio.Protocol):
    """One client. Requests are answered in the order in which they came; those that came together wait in a queue, and
    nothing more is read until it is empty, so what a client can make us hold is bounded."""

    __slots__ = (
        "_abandoned", "_answering", "_body", "_body_bytes", "_body_bytes_answering", "_closing", "_continue_owed",
        "_fields", "_headers", "_inline", "_keep_alive", "_linger_until", "_parser", "_peer", "_queue",
        "_reading", "_refused", "_server", "_target", "_transport", "_unread_bytes", "_without_body", "_write_paused",
        "since",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: Any = None
        self._peer = ""
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request | Response, str]] = deque()
        self._answering = False
        self._abandoned = False
        self._inline = False
        self._keep_alive = ""
        self._without_body = False
        self._body_bytes_answering = 0
        self._closing = False
        self._write_paused = False
        self._reading = True
        self._refused = False
        self._linger_until = 0.0
        self._continue_owed = False
        self._unread_bytes = 0
        self.since = server.now
        self._clear()

    @property
    def is_idle(self) -> bool:
        """No request is in hand: none has begun to come, or it is not complete."""
        return not self._answering and not self._queue

    # What the server calls.

    def close_when_idle(self) -> None:
        """Answer what is in hand or half received, and nothing after it."""
        self._closing = True
        if self.is_idle and not self._unread_bytes:
            self._transport.close()

    def close_after_next_answer(self) -> None:
        """Tell the client, with the next answer, to come again by another connection."""
        self._closing = True

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def check_time(self, now: float) -> None:
        """Called every second: end what takes too long."""
        limits = self._server.limits
        silence = now - self.since
        if self._refused:
            if self._linger_until and now > self._linger_until:
                self._transport.abort()
        elif self._answering or self._queue or self._closing or self._write_paused:
            if silence > limits.request_seconds:
                self._transport.abort()
        elif self._unread_bytes:
            if silence > limits.request_seconds:
                self._refuse_text(408, b"The request did not come in time.\n")
        elif silence > limits.idle_seconds:
            self._closing = True  # It ends by force if the client does not read what was sent.
            self.since = now
            self._transport.close()

    # What the transport calls.

    def connection_made(self, transport: Any) -> None:
        """Count in."""
        self._transport = transport
        address = transport.get_extra_info("peername")
        self._peer = address[0] if address else ""
        if self._server.stopping:
            transport.abort()
        elif not self._server.entered(self) and not transport.is_closing():
            self._refuse(ServiceUnavailable("Too many connections."))

    def connection_lost(self, error: Exception | None) -> None:
        """A coroutine in hand runs to its end (a write may be under way); its answer is dropped."""
        self._closing = True
        if self._answering:
            self._abandoned = True
            self._server.abandoned += 1
        held = self._body_bytes + self._body_bytes_answering
        held += sum(len(waiting.body) for waiting, _ in self._queue if isinstance(waiting, Request))
        self._server.body_bytes -= held
        self._body_bytes_answering = 0
        self._continue_owed = False
        self._queue.clear()
        self._clear()
        self._server.left(self)

    def eof_received(self) -> bool:
        """A client may shut down its side and still read: the answers in hand are sent first."""
        self._closing = True
        return not self.is_idle

    def pause_writing(self) -> None:
        """The client does not read: answer nothing more until it does."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._write_paused = False
        self._next()

    def data_received(self, data: bytes) -> None:
        """Parse, and answer what is complete."""
        if self._refused:
            return
        if not self._unread_bytes:
            self.since = self._server.now
        self._unread_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is answered; what the client wants to talk next is not spoken here.
            self._closing = True
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _Refusal):
                raise
            self._refuse(error.__context__.error)
        except httptools.HttpParserError:
            if not self._closing:  # Data behind the last request of a connection is ignored.
                self._refuse_text(400, b"This is not a request of HTTP/1.1.\n")
        else:
            if self._unread_bytes > HEADER_BYTES_MAX:
                self._refuse_text(431, b"The headers are too large.\n")
        if self._queue or self._continue_owed or not self._reading:
            self._next()

    # What the parser calls.

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a chunked body, which nobody needs."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Refuse what is too large before it comes; say 100 Continue where the client waits for it."""
        fields = self._fields
        headers = {name.lower(): value.strip() for name, value in fields}
        if len(headers) != len(fields):
            headers = joined_headers(fields)
        self._headers = headers
        if int(headers.get(b"content-length", b"0")) > BODY_BYTES_MAX:
            raise _Refusal(too_large())
        if b"upgrade" in headers and (b"content-length" in headers or b"transfer-encoding" in headers):
            # The parser does not read the body of such a request.
            raise _Refusal(InvalidAction("No other protocol is spoken here; send the request without Upgrade."))
        if b"expect" in headers:
            if self.is_idle:
                self._server.send(self._transport, CONTINUE)
            else:
                self._continue_owed = True

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        length = len(part)
        self._unread_bytes = 1
        self._body_bytes += length
        self._server.body_bytes += length
        if self._body_bytes > BODY_BYTES_MAX:
            raise _Refusal(too_large())
        if self._server.body_bytes > SERVER_BODY_BYTES_MAX:
            raise _Refusal(ServiceUnavailable("Too many large requests at once."))
        if not self._body:
            self._body = part
        else:
            if type(self._body) is bytes:
                self._body = bytearray(self._body)
            self._body += part

    def on_message_complete(self) -> None:
        """The request is complete: it waits for its turn."""
        headers = self._headers
        keep_alive = ""
        if not self._parser.should_keep_alive():
            keep_alive = CLOSE
        elif b"connection" in headers and self._parser.get_http_version() == "1.0":
            keep_alive = KEEP_ALIVE
        path, query = ("/", "") if self._target == b"/" else split_target(self._target)
        method = self._parser.get_method().decode("latin-1")
        self._queue.append((Request(method, path, query, headers, bytes(self._body), self._peer), keep_alive))
        self._unread_bytes = 0
        self._continue_owed = False
        self._clear()

    # Answers.

    def _next(self) -> None:
        """Answer what waits, in order, until one of them waits for the storage or the client does not read."""
        steps = 0
        queue = self._queue
        while queue and not self._answering and not self._write_paused:
            if steps == INLINE_ANSWERS_MAX:
                self._server.loop.call_soon(self._next)
                break
            steps += 1
            self._inline = True
            self._answer(*queue.popleft())
            self._inline = False
        if not queue:
            if self._continue_owed and not self._answering:
                self._continue_owed = False
                self._server.send(self._transport, CONTINUE)
            if not self._reading and not self._transport.is_closing():
                self._reading = True
                self._transport.resume_reading()
        elif self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def _answer(self, waiting: Request | Response, keep_alive: str) -> None:
        self._answering = True
        self._keep_alive = keep_alive
        self.since = self._server.now
        if isinstance(waiting, Response):
            self._send(waiting)
            return
        self._body_bytes_answering = len(waiting.body)
        self._without_body = waiting.method == "HEAD"
        if waiting.method == "POST" and waiting.path == "/":
            answer = self._server.door.answer(waiting)
        else:
            answer = self._server.other_answer(waiting)
        stepping.run(self._server.loop, answer, self._send)

    def _send(self, response: Response) -> None:
        server = self._server
        transport = self._transport
        self._answering = False
        server.body_bytes -= self._body_bytes_answering
        self._body_bytes_answering = 0
        if transport.is_closing():
            if self._abandoned:
                server.abandoned -= 1
                server.check_empty()
            return
        self.since = server.now
        status, headers, body = response
        keep_alive = CLOSE if self._closing and not self._queue else self._keep_alive
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nServer: Server\r\nDate: {server.date}\r\n{keep_alive}"
            f"Content-Length: {len(body)}\r\n" + "".join([f"{name}: {value}\r\n" for name, value in headers]) + "\r\n"
        ).encode("latin-1")
        server.send(transport, head if self._without_body else head + body)
        if keep_alive is CLOSE:
            self._close_after_answer()
        elif not self._inline:
            self._next()

    def _close_after_answer(self) -> None:
        self._closing = True
        self._queue.clear()  # Behind a last request there can only be the refusal of what is no request.
        self._server.flush()
        if not self._refused:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._linger_until = self._server.now + LINGER_SECONDS
            self._transport.write_eof()

    def _refuse(self, error: ServiceError) -> None:
        """Answer with an error behind the answers in hand, and read no further request."""
        request = Request("POST", "/", "", self._headers, b"", self._peer)
        self._refuse_with(error_response(request, new_request_id(), error))

    def _refuse_text(self, status: int, text: bytes) -> None:
        self._refuse_with(Response(status, [("Content-Type", "text/plain")], text))

    def _refuse_with(self, response: Response) -> None:
        self._refused = True
        self._server.body_bytes -= self._body_bytes
        self._clear()
        self._queue.append((response, CLOSE))
        self._next()

    def _clear(self) -> None:
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._headers: Headers = {}
        self._body: bytes | bytearray = b""
        self._body_bytes = 0


class _Refusal(Exception):
    """Raised inside of the parser: the request is answered with `error` before it is complete."""

    def __init__(self, error: ServiceError) -> None:
        self.error = error


def split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request line, which may have the absolute form (RFC 9112, 3.2)."""
    if not target.startswith(b"/") and b"://" in target:
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path, _, query = target.decode("latin-1").partition("?")
    return path, query
