"""Connections of cassandra-driver in the event loop of the core, in place of a thread of the driver's own.

An answer is thus decoded, and the coroutine that waits for it told, in one thread: no thread is woken for another, and
none waits for the other's hold of the interpreter. The driver's own threads still make connections, look whether they
are alive, and prepare statements: whatever they ask for here is handed to the loop.
"""

import logging
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable
from threading import get_ident
from time import monotonic
from typing import Any, ClassVar, Final

from cassandra.connection import Connection, ConnectionShutdown

READ_BYTES: Final = 65_536
"""Of one call to the socket."""

TICK_SECONDS: Final = 0.05
"""Timers end up to so much late."""

WAITING: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a socket raises that has nothing to give, or no room."""

_log = logging.getLogger(__name__)


class Timer:
    """What `create_timer` returns."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """The callback is not called."""
        self.callback = None


class Timers:
    """Timers that cost next to nothing, as nearly all are cancelled: one sweep of the loop for all that end in the same
    tick. All methods belong to the loop's thread."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._ending: dict[int, list[Timer]] = {}
        self._swept = 0

    def add(self, seconds: float, timer: Timer) -> None:
        """Have the timer's callback called after that time, unless it is cancelled."""
        tick = int((monotonic() + seconds) / TICK_SECONDS) + 1
        ending = self._ending.get(tick)
        if ending is not None:
            ending.append(timer)
            return
        if not self._ending:
            self._swept = tick
            self._loop.call_later(TICK_SECONDS, self._sweep)
        self._swept = min(self._swept, tick)
        self._ending[tick] = [timer]

    def _sweep(self) -> None:
        now = int(monotonic() / TICK_SECONDS)
        for tick in range(self._swept, now + 1):
            for timer in self._ending.pop(tick, ()):
                if timer.callback is not None:
                    _call(timer.callback)
        self._swept = max(self._swept, now + 1)
        if self._ending:
            self._loop.call_later(TICK_SECONDS, self._sweep)


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # The sweep goes on: without it no timer of the process would ever end again.
        _log.exception("What was to be done at a time has failed")


class LoopConnection(Connection):  # type: ignore[misc]
    """A connection in a running event loop: `connection_class` makes the class of one loop."""

    loop: ClassVar[AbstractEventLoop]
    loop_thread: ClassVar[int]
    timers: ClassVar[Timers]
    is_closed: bool

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], None]) -> Timer:
        """See cassandra.connection.Connection."""
        timer = Timer(callback)
        if get_ident() == cls.loop_thread:
            cls.timers.add(timeout, timer)
        else:
            cls.loop.call_soon_threadsafe(cls.timers.add, timeout, timer)
        return timer

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._out: list[bytes] = []
        self._unsent: memoryview | None = None
        self._connect_socket()  # Waits; the driver makes connections in threads of its own.
        self._socket.setblocking(False)
        self._tls = isinstance(self._socket, ssl.SSLSocket)
        self.loop.call_soon_threadsafe(self._start)
        self._send_options_message()

    def push(self, data: bytes) -> None:
        """Send bytes. Those of one turn of the loop go out together."""
        if get_ident() == self.loop_thread:
            self._push(data)
        else:
            self.loop.call_soon_threadsafe(self._push, data)

    def close(self) -> None:
        """See cassandra.connection.Connection."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        if get_ident() == self.loop_thread:
            self._stop()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop)
        if not self.is_defunct:
            self.error_all_requests(ConnectionShutdown(f"Connection to {self.endpoint} was closed"))

    def _push(self, data: bytes) -> None:
        out = self._out
        if not out and self._unsent is None:
            self.loop.call_soon(self._flush)
        out.append(data)

    def _start(self) -> None:
        if not self.is_closed:
            self.loop.add_reader(self._socket.fileno(), self._read)

    def _stop(self) -> None:
        file = self._socket.fileno()
        if file >= 0:
            self.loop.remove_reader(file)
            self.loop.remove_writer(file)
            self._socket.close()

    def _read(self) -> None:
        buffer, receive = self._iobuf, self._socket.recv
        data = b""
        try:
            while True:
                data = receive(READ_BYTES)
                buffer.write(data)
                # More of a TLS record may be in memory, of which the loop would never tell.
                if not data or (len(data) < READ_BYTES and not self._tls):
                    break
        except WAITING:
            data = b"more"
        except OSError as error:
            self.defunct(error)
            return
        if buffer.tell():
            self.process_io_buffer()
        if not data:
            self.defunct(ConnectionShutdown(f"Connection to {self.endpoint} was closed by the node"))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if not self.is_closed:
            self._send(memoryview(b"".join(out)))

    def _send(self, data: memoryview) -> None:
        send = self._socket.send
        try:
            # Over TLS a record at a time is taken.
            while data:
                data = data[send(data) :]
        except WAITING:
            if self._unsent is None:
                self.loop.add_writer(self._socket.fileno(), self._send_rest)
            self._unsent = data
        except OSError as error:
            self.defunct(error)
        else:
            if self._unsent is not None:
                self._unsent = None
                self.loop.remove_writer(self._socket.fileno())
                if self._out:
                    self.loop.call_soon(self._flush)

    def _send_rest(self) -> None:
        if self._unsent is not None:
            self._send(self._unsent)


def connection_class(loop: AbstractEventLoop) -> type[LoopConnection]:
    """The class of connections in this loop, which runs in the thread that asks."""
    members = {"loop": loop, "loop_thread": get_ident(), "timers": Timers(loop)}
    return type("LoopConnection", (LoopConnection,), members)
