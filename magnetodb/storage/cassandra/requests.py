"""Requests under way: a direct message each, and the driver's own way of asking where that is not enough.

answered                 nearly always
refused, or not sent     a read, and a statement that the node does not know, are asked for again by the driver
not answered for long    a read is asked of another node as well, and the first answer counts
not answered in time     without a result
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from threading import get_ident
from typing import Any, Final

from cassandra import OperationTimedOut
from cassandra.cluster import ExecutionProfile, Session
from cassandra.protocol import RESULT_KIND_ROWS, RESULT_KIND_VOID, PreparedQueryNotFound, ResultMessage
from cassandra.query import BatchStatement, BoundStatement

from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.direct_messages import DirectMessages, Sent
from magnetodb.storage.cassandra.driver_errors import cassandra_error
from magnetodb.storage.cassandra.loop_connection import LoopConnection, Timer

SPECULATE_SECONDS: Final = 0.2
"""A read that is not answered after so long is sent to a second node as well."""

Names = Sequence[str] | None
Rows = Sequence[tuple[Any, ...]] | None
"""Columns and rows of an answer; None where it has none."""

Finish = Callable[[Names, Rows], Any]


class Requests:
    """Sends requests in the event loop's thread and counts those under way."""

    def __init__(self, session: Session, options: ClusterOptions, connections: type[LoopConnection]) -> None:
        self.in_flight = 0
        self.session = session
        self.messages = DirectMessages(session, options.keyspace, connections)
        self.loop = connections.loop
        self.thread = connections.loop_thread
        self.timeout = options.request_timeout

    def begin(
        self,
        statement: BoundStatement | BatchStatement,
        profile: ExecutionProfile,
        finish: Finish,
        *,
        read: bool,
        logged: bool = False,
    ) -> "asyncio.Future[Any]":
        """Send a statement. The future gets what `finish` makes of the answer, or a CassandraError."""
        request = _Request(self, statement, profile, finish, read, logged)
        request.begin()
        return request.waiter


class _Request:
    __slots__ = (
        "_attempts",
        "_finish",
        "_has_asked_driver",
        "_is_settled",
        "_logged",
        "_plan",
        "_profile",
        "_read",
        "_requests",
        "_sent",
        "_statement",
        "_timer",
        "waiter",
    )

    def __init__(
        self,
        requests: Requests,
        statement: BoundStatement | BatchStatement,
        profile: ExecutionProfile,
        finish: Finish,
        read: bool,
        logged: bool,
    ) -> None:
        self._requests = requests
        self._statement = statement
        self._profile = profile
        self._finish = finish
        self._read = read
        self._logged = logged
        self._attempts = 1
        self._has_asked_driver = False
        self._is_settled = False
        self._plan: Iterator[Any] | None = None
        self._sent: Sent | None = None
        self._timer: Timer | None = None
        self.waiter: asyncio.Future[Any] = requests.loop.create_future()

    def begin(self) -> None:
        requests = self._requests
        messages = requests.messages
        self._plan = messages.plan(self._statement, self._profile)
        self._sent = messages.send(self._statement, self._profile, self._plan, self._answered)
        requests.in_flight += 1
        if self._sent is None:
            self._ask_driver(None)
        elif self._read:
            self._timer = messages.after(SPECULATE_SECONDS, self._speculate)
        else:
            self._timer = messages.after(requests.timeout, self._sent.time_out)

    def _answered(self, response: Any) -> None:
        """The direct message has come to something."""
        if isinstance(response, ResultMessage) and response.kind in (RESULT_KIND_ROWS, RESULT_KIND_VOID):
            self._succeed(response.column_names, response.parsed_rows)
        elif self._is_settled:
            pass
        elif (self._read and not isinstance(response, OperationTimedOut)) or isinstance(
            response, PreparedQueryNotFound
        ):
            # Nothing was done; the driver has the statement prepared, and tries other nodes.
            if self._has_asked_driver:
                self._fail(response)
            else:
                self._ask_driver(None)
        else:
            self._fail(response)

    def _speculate(self) -> None:
        """The node has not answered for long."""
        requests, sent = self._requests, self._sent
        assert sent is not None
        assert self._plan is not None
        self._timer = requests.messages.after(requests.timeout - SPECULATE_SECONDS, sent.time_out)
        other = next(self._plan, None)
        if other is not None:
            self._attempts += 1
            self._ask_driver(other)

    def _ask_driver(self, host: Any) -> None:
        """Have the driver ask: that node, or as many as it needs."""
        self._has_asked_driver = True
        session = self._requests.session
        future = session.execute_async(self._statement, execution_profile=self._profile, host=host)
        future.add_callbacks(self._driver_succeeded, self._driver_failed)

    def _driver_succeeded(self, result: Any) -> None:
        if get_ident() != self._requests.thread:
            self._requests.loop.call_soon_threadsafe(self._driver_succeeded, result)
            return
        names, rows = (None, None) if result is None else result
        self._succeed(names, rows)

    def _driver_failed(self, error: BaseException) -> None:
        if get_ident() != self._requests.thread:
            self._requests.loop.call_soon_threadsafe(self._driver_failed, error)
            return
        self._fail(error)

    def _succeed(self, names: Names, rows: Rows) -> None:
        if not self._is_settled:
            self._settle()
            if self.waiter.done():
                return
            try:
                self.waiter.set_result(self._finish(names, rows))
            except Exception as error:  # The driver would ignore it, and the one who waits would wait forever.
                self.waiter.set_exception(error)

    def _fail(self, error: Any) -> None:
        """One attempt has failed; the last one to fail decides."""
        self._attempts -= 1
        if self._is_settled or self._attempts > 0:
            return
        self._settle()
        if not self.waiter.done():
            told = error.to_exception() if hasattr(error, "to_exception") else error
            self.waiter.set_exception(cassandra_error(told, read=self._read, logged=self._logged))

    def _settle(self) -> None:
        self._is_settled = True
        self._requests.in_flight -= 1
        if self._timer is not None:
            self._timer.cancel()
