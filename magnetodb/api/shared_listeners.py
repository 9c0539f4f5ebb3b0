"""Takes connections from sockets that several processes listen on, so that each gets its share.

Whoever has more connections than another leaves a new one to it. After one of the processes was started anew the others
send some of their clients to it, by `Connection: close` behind an answer.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

from magnetodb.api.processes import Process

LISTEN_BACKLOG: Final = 1024

LEAVE_SECONDS: Final = 0.005
"""A new connection is left to others for so long. If they take none in that time, they have their hands full."""

VAIN_DOUBLINGS_MAX: Final = 4
"""Where connections are left to others in vain, more are taken each time, up to 16."""

NO_RESOURCES: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
NO_RESOURCES_SECONDS: Final = 1.0
"""Where the system has no descriptor or no memory for a connection, it is asked again after so long."""

SENT_AWAY_MAX: Final = 32
"""So many clients are sent to another process in one second."""

_log = logging.getLogger(__name__)


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """One for each address of the host, all with the same port. Raises OSError where one is taken or not ours."""
    listeners: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port, *address[2:]))
            port = listener.getsockname()[1]
            listener.listen(LISTEN_BACKLOG)
            listener.setblocking(False)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


class SharedListeners:
    """The sockets, from the point of view of one process. All methods belong to its event loop."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        process: Process,
        new_connection: Callable[[], asyncio.Protocol],
    ) -> None:
        self.process = process
        self._listeners = listeners
        self._new_connection = new_connection
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[None]] = set()
        self._open = False
        self._in_vain = 0

    def open(self) -> None:
        """Take connections from now on."""
        self._open = True
        self.process.say_there()
        for listener in self._listeners:
            self._loop.add_reader(listener, self._acceptable, listener)

    def close(self) -> None:
        """Take no more."""
        self._open = False
        self.process.say_gone()
        listeners, self._listeners = self._listeners, ()
        for listener in listeners:
            self._loop.remove_reader(listener)
            listener.close()

    def surplus(self) -> int:
        """How many clients should be sent away, so that another process has as many."""
        return min(self.process.lead() // 2, SENT_AWAY_MAX)

    def _acceptable(self, listener: socket.socket) -> None:
        if self.process.lead():
            taken = self.process.taken_by_others()
            self._pause(listener, LEAVE_SECONDS, lambda: self._left(listener, taken))
        else:
            self._accept(listener)

    def _left(self, listener: socket.socket, taken: int) -> None:
        """A connection was left to others, and the time for it is over."""
        if taken != self.process.taken_by_others():
            self._in_vain = 0
            return
        for _ in range(2**self._in_vain):
            if not self._accept(listener):
                break
        self._in_vain = min(self._in_vain + 1, VAIN_DOUBLINGS_MAX)

    def _pause(self, listener: socket.socket, seconds: float, then: Callable[[], None]) -> None:
        def go_on() -> None:
            if self._open:
                self._loop.add_reader(listener, self._acceptable, listener)
                then()

        self._loop.remove_reader(listener)
        self._loop.call_later(seconds, go_on)

    def _accept(self, listener: socket.socket) -> bool:
        """Take a connection if there is one; whether there may be more."""
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # Another process was faster, or the client has gone.
        except OSError as error:
            if error.errno not in NO_RESOURCES:
                raise
            _log.error("No connection can be taken: %s", error.strerror)
            self._pause(listener, NO_RESOURCES_SECONDS, lambda: None)
            return False
        connection.setblocking(False)
        self.process.entered()
        task = self._loop.create_task(self._enter(connection))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)
        return True

    async def _enter(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._new_connection, connection)
        except OSError:
            connection.close()
            self.process.left()
