"""The real session: calls go to Cassandra through cassandra-driver, whose answers come in the loop of the core."""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import time_ns
from typing import Any, Final

from cassandra import DriverException
from cassandra.cluster import ExecutionProfile, NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from magnetodb.storage.cassandra.cluster import CONDITIONAL, SETUP, WRITES, Reached, reach
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.driver_errors import cassandra_error, prepare_error
from magnetodb.storage.cassandra.loop_connection import LoopConnection, connection_class
from magnetodb.storage.cassandra.requests import Finish, Names, Requests, Rows
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind, Result
from magnetodb.storage.cassandra.session_errors import Busy, CassandraError, OutcomeUnknown, Refused

PREPARED_MAX: Final = 8192
"""So many statements are kept prepared; a table has about a dozen."""

URGENT_FACTOR: Final = 2
"""Steps of something begun are admitted up to so many times the bound."""

APPLIED: Final = "[applied]"
"""The column by which Cassandra says whether a lightweight transaction was applied."""

BATCH_TYPES: Final = {
    Kind.LOGGED: BatchType.LOGGED,
    Kind.UNLOGGED: BatchType.UNLOGGED,
    Kind.CONDITIONAL: BatchType.LOGGED,
}

UNQUALIFIED: Final = re.compile(r'\b(FROM|UPDATE|INTO) ("?[a-z0-9_]+"?)(?![.\w])')
"""Tables that a statement names without their keyspace."""

DONE: Final = Result()

DRIVER_ERRORS: Final = (DriverException, ConnectionException, NoHostAvailable, ErrorMessage)
"""What the driver raises. A few answers of nodes, of which ServerError is one, have no class among its exceptions."""


class CassandraSession:
    """A DefiningSession. Made by `connect` in the event loop in which it is used; all methods belong there."""

    def __init__(
        self,
        reached: Reached,
        options: ClusterOptions,
        connections: type[LoopConnection],
        threads: ThreadPoolExecutor,
    ) -> None:
        self._cluster, self._session, self.batch_bytes_max = reached
        self._loop = asyncio.get_running_loop()
        self._threads = threads
        self._keyspace = options.keyspace
        self._in_flight_max = options.in_flight_max
        self._prepared: dict[str, PreparedStatement] = {}
        self._preparing: dict[str, asyncio.Future[PreparedStatement]] = {}
        profile = self._session.get_execution_profile
        self._reads: dict[Consistency, ExecutionProfile] = {each: profile(each.value) for each in Consistency}
        self._writes: ExecutionProfile = profile(WRITES)
        self._conditional: ExecutionProfile = profile(CONDITIONAL)
        self._requests = Requests(self._session, options, connections)
        self._is_closed = False

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._requests.in_flight

    async def execute(self, call: Call) -> Result:
        """See Session."""
        for bound in call.statements:
            if bound.text not in self._prepared:
                await self._prepare(bound.text)
        return await self._send(call)

    async def execute_together(self, calls: Sequence[Call]) -> list[Result | CassandraError]:
        """See Session."""
        waiters: list[asyncio.Future[Result] | CassandraError] = []
        for call in calls:
            try:
                for bound in call.statements:
                    if bound.text not in self._prepared:
                        await self._prepare(bound.text)
                waiters.append(self._send(call))
            except CassandraError as error:
                waiters.append(error)
        return [await _outcome(waiter) for waiter in waiters]

    async def read(self, text: str, values: tuple[Any, ...], consistency: Consistency) -> list[tuple[Any, ...]]:
        """The rows of one SELECT, as `execute` brings them, for a little less."""
        prepared = self._prepared.get(text) or await self._prepare(text)
        rows: list[tuple[Any, ...]] = await self._read(prepared, values, consistency)
        return rows

    async def read_together(
        self, reads: Sequence[tuple[str, tuple[Any, ...]]], consistency: Consistency
    ) -> list[list[tuple[Any, ...]]]:
        """The rows of several SELECTs that are sent side by side. Raises the first CassandraError."""
        for text, _ in reads:
            if text not in self._prepared:
                await self._prepare(text)
        waiters = []
        try:
            for text, values in reads:
                waiters.append(self._read(self._prepared[text], values, consistency))
            return [await waiter for waiter in waiters]
        except CassandraError:
            for waiter in waiters:
                waiter.cancel()
            raise

    async def define(self, text: str) -> None:
        """See DefiningSession."""
        if self._is_closed:
            raise Refused("The connection is closed.")
        try:
            future = await self._loop.run_in_executor(self._threads, self._defined, text)
        except DRIVER_ERRORS as error:
            raise cassandra_error(error, read=False) from error
        if not future.is_schema_agreed:
            raise OutcomeUnknown("The nodes do not agree on the schema.")

    async def execute_at_each_node(self, select: Bound) -> list[Sequence[tuple[Any, ...]]]:
        """See DefiningSession."""
        try:
            return await self._loop.run_in_executor(self._threads, self._found_at_each_node, select)
        except DRIVER_ERRORS as error:
            raise cassandra_error(error, read=True) from error

    def now(self) -> int:
        """See Session."""
        return time_ns() // 1000

    async def pause(self, seconds: float) -> None:
        """See Session."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close all connections; calls under way come to an end without a result."""
        self._is_closed = True
        await self._loop.run_in_executor(self._threads, self._cluster.shutdown)
        self._threads.shutdown(wait=False)

    def _send(self, call: Call) -> "asyncio.Future[Result]":
        """Send a call whose statements are prepared. Raises Busy."""
        statements, kind, consistency, idempotent, urgent = call
        finish: Finish
        if kind is Kind.CONDITIONAL:
            finish, profile, read = _conditional_result, self._conditional, False
        else:
            read = statements[0].text.startswith("SELECT")
            finish, profile = (_result, self._reads[consistency]) if read else (_done, self._writes)
        self._admit(urgent=urgent)
        if len(statements) == 1 and kind is not Kind.LOGGED:
            statement = self._bind(statements[0])
            statement.is_idempotent = idempotent
        else:
            statement = BatchStatement(BATCH_TYPES[kind])
            for bound in statements:
                statement.add(self._bind(bound))
        return self._requests.begin(statement, profile, finish, read=read, logged=kind is Kind.LOGGED)

    def _read(self, prepared: PreparedStatement, values: tuple[Any, ...], consistency: Consistency) -> Any:
        """Send a SELECT; the future of its rows. Raises Busy."""
        self._admit(urgent=False)
        statement = prepared.bind(values)
        statement.is_idempotent = True
        return self._requests.begin(statement, self._reads[consistency], _rows, read=True)

    def _bind(self, bound: Bound) -> BoundStatement:
        return self._prepared[bound.text].bind(bound.values)

    def _admit(self, *, urgent: bool) -> None:
        in_flight = self._requests.in_flight
        if in_flight >= self._in_flight_max and (not urgent or in_flight >= self._in_flight_max * URGENT_FACTOR):
            raise Busy(f"{in_flight} calls to Cassandra are under way.")
        if self._is_closed:
            raise Refused("The connection is closed.")

    async def _prepare(self, text: str) -> PreparedStatement:
        """Have a statement prepared, once for all who need it now. Raises Refused or one of its kinds."""
        if self._is_closed:
            raise Refused("The connection is closed.")
        preparing = self._preparing.get(text)
        if preparing is None:
            preparing = self._loop.run_in_executor(self._threads, self._session.prepare, self._qualified(text))
            self._preparing[text] = preparing
            preparing.add_done_callback(lambda _: self._preparing.pop(text))
        try:
            prepared = await asyncio.shield(preparing)
        except DRIVER_ERRORS as error:
            raise prepare_error(error) from error
        if len(self._prepared) >= PREPARED_MAX:
            del self._prepared[next(iter(self._prepared))]
        self._prepared[text] = prepared
        return prepared

    def _qualified(self, text: str) -> str:
        """The statement with the keyspace at its tables: Cassandra warns of prepared ones that depend on `USE`."""
        return UNQUALIFIED.sub(rf'\1 "{self._keyspace}".\2', text)

    def _found_at_each_node(self, select: Bound) -> list[Sequence[tuple[Any, ...]]]:
        connected = list(self._session.get_pool_state())
        centres = {host.datacenter for host in connected}
        nodes = sum(host.datacenter in centres for host in self._cluster.metadata.all_hosts())
        if 2 * len(connected) <= nodes:
            raise Refused("Not most nodes are connected.")
        bound = self._session.prepare(select.text).bind(select.values)
        return [self._session.execute(bound, host=host, execution_profile=SETUP).all() for host in connected]

    def _defined(self, text: str) -> Any:
        future = self._session.execute_async(text, execution_profile=SETUP)
        future.result()
        return future


async def connect(options: ClusterOptions) -> CassandraSession:
    """A session in the keyspace of the options.

    Raises ClusterError if an operator has to do something, StorageUnavailable if it may help to try again.
    """
    loop = asyncio.get_running_loop()
    connections = connection_class(loop)
    threads = ThreadPoolExecutor(2, thread_name_prefix="cassandra")
    try:
        reached = await loop.run_in_executor(threads, reach, options, connections)
    except BaseException:
        threads.shutdown(wait=False)
        raise
    return CassandraSession(reached, options, connections, threads)


async def _outcome(waiter: "asyncio.Future[Result] | CassandraError") -> Result | CassandraError:
    if isinstance(waiter, CassandraError):
        return waiter
    try:
        return await waiter
    except CassandraError as error:
        return error


def _rows(names: Names, rows: Rows) -> Any:
    return rows


def _result(names: Names, rows: Rows) -> Result:
    return Result(None, rows or ())


def _done(names: Names, rows: Rows) -> Result:
    return DONE


def _conditional_result(names: Names, rows: Rows) -> Result:
    assert names is not None
    assert rows is not None
    applied = names.index(APPLIED)
    if rows[0][applied]:
        return Result(True)
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for each in found:
        del each[APPLIED]
    return Result(False, (), found)
