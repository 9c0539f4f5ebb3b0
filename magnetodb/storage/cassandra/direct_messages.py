"""Messages to nodes without what cassandra-driver puts around a request, which takes more time than the message.

A message goes to the first node of the driver's own plan, over the driver's own connection. Whatever does not go as it
nearly always does is told to who sent it, who then asks the driver.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

from cassandra import OperationTimedOut
from cassandra.cluster import ExecutionProfile, Session
from cassandra.connection import ConnectionException
from cassandra.pool import NoConnectionsAvailable
from cassandra.protocol import BatchMessage, ExecuteMessage
from cassandra.query import BatchStatement, BoundStatement

from magnetodb.storage.cassandra.loop_connection import LoopConnection, Timer

Answered = Callable[[Any], None]
"""Gets what the node said, or the exception that came instead."""


class DirectMessages:
    """Sends messages for one session of the driver. All methods belong to the loop's thread."""

    def __init__(self, session: Session, keyspace: str, connections: type[LoopConnection]) -> None:
        self._pools = session._pools
        self._keyspace = keyspace
        self._loop = connections.loop
        self._timers = connections.timers

    def plan(self, statement: BoundStatement | BatchStatement, profile: ExecutionProfile) -> Iterator[Any]:
        """The nodes to which a statement may be sent, the best first."""
        plan: Iterator[Any] = profile.load_balancing_policy.make_query_plan(self._keyspace, statement)
        return plan

    def send(
        self,
        statement: BoundStatement | BatchStatement,
        profile: ExecutionProfile,
        plan: Iterator[Any],
        answered: Answered,
    ) -> "Sent | None":
        """Send a statement to the next node of the plan. None if it was not sent: no node is left, or that one's
        connection is not to be had at once."""
        pool = self._pools.get(next(plan, None))
        if pool is None or pool.is_shutdown:
            return None
        try:
            connection, request_id = pool.borrow_connection(timeout=0)
        except (NoConnectionsAvailable, ConnectionException):
            return None
        sent = Sent(self._loop, pool, connection, request_id, answered)
        metadata = None
        if isinstance(statement, BoundStatement):
            metadata = statement.prepared_statement.result_metadata
        try:
            connection.send_msg(_message(statement, profile), request_id, sent.answer, result_metadata=metadata)
        except ConnectionException:
            pool.return_connection(connection)
            return None
        except BaseException:
            pool.return_connection(connection)
            raise
        return sent

    def after(self, seconds: float, ended: Callable[[], None]) -> Timer:
        """Have `ended` called after that time, unless the timer is cancelled."""
        timer = Timer(ended)
        self._timers.add(seconds, timer)
        return timer


class Sent:
    """A message under way."""

    __slots__ = ("_answered", "_connection", "_loop", "_pool", "_request_id")

    def __init__(
        self, loop: AbstractEventLoop, pool: Any, connection: LoopConnection, request_id: int, answered: Answered
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._connection = connection
        self._request_id = request_id
        self._answered = answered

    def answer(self, response: Any) -> None:
        """What came. In another thread where many messages end together with their connection."""
        if get_ident() != self._connection.loop_thread:
            self._loop.call_soon_threadsafe(self.answer, response)
            return
        self._pool.return_connection(self._connection)
        self._answered(response)

    def time_out(self) -> None:
        """Wait no longer: `answered` gets an OperationTimedOut, unless it has had something already."""
        connection = self._connection
        requests = connection._requests
        waiting = requests.get(self._request_id)
        # Of an answered message the number may by now be another's, whose answer must not be taken from it.
        if waiting is None or waiting[0] != self.answer:
            return
        del requests[self._request_id]
        # The node may answer yet, and must not be taken for answering another message of that number.
        with connection.lock:
            connection.orphaned_request_ids.add(self._request_id)
            if len(connection.orphaned_request_ids) >= connection.orphaned_threshold:
                connection.orphaned_threshold_reached = True
        self._pool.return_connection(connection, stream_was_orphaned=True)
        self._answered(OperationTimedOut())


def _message(statement: BoundStatement | BatchStatement, profile: ExecutionProfile) -> Any:
    """As the driver's own session makes it; times are set in statements, pages end by LIMIT."""
    if isinstance(statement, BoundStatement):
        prepared = statement.prepared_statement
        return ExecuteMessage(
            prepared.query_id,
            statement.values,
            profile.consistency_level,
            profile.serial_consistency_level,
            skip_meta=bool(prepared.result_metadata),
            result_metadata_id=prepared.result_metadata_id,
        )
    return BatchMessage(
        statement.batch_type,
        statement._statements_and_parameters,
        profile.consistency_level,
        profile.serial_consistency_level,
    )
