"""What becomes of calls where the driver raises; its session is played."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from cassandra import OperationTimedOut
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, ServerError

from magnetodb.storage.cassandra.cluster import Reached
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.connection import CassandraSession
from magnetodb.storage.cassandra.loop_connection import connection_class
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind
from magnetodb.storage.cassandra.session_errors import OutcomeUnknown, Refused

CALL = Call((Bound("SELECT v FROM t", ()),), Kind.SINGLE, Consistency.LOCAL_QUORUM, True)

ERRORS = [
    ServerError(0, "bug", {}),
    OverloadedErrorMessage(0x1001, "overloaded", {}),
    IsBootstrappingErrorMessage(0x1002, "bootstrapping", {}),
    OperationTimedOut(),
    ConnectionShutdown("gone"),
    NoHostAvailable("none", {}),
]


class DriversSession:
    """Raises at whatever it is asked."""

    _pools = {}

    def __init__(self, error):
        self._error = error

    def get_execution_profile(self, name):
        return name

    def prepare(self, text):
        raise self._error

    def execute_async(self, text, execution_profile):
        raise self._error


def session_with(error):
    """A session whose driver raises that."""
    reached = Reached(SimpleNamespace(), DriversSession(error), None)
    connections = connection_class(asyncio.get_running_loop())
    return CassandraSession(reached, ClusterOptions(), connections, ThreadPoolExecutor(1))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_statement_that_no_node_prepares_fails_its_own_call_only(error):
    results = await session_with(error).execute_together([CALL, CALL])

    assert [Refused, Refused] == [type(result) for result in results]


@pytest.mark.parametrize("error", ERRORS[:2], ids=lambda error: type(error).__name__)
async def test_a_change_of_the_schema_that_ends_with_any_error_may_still_be_under_way(error):
    with pytest.raises(OutcomeUnknown):
        await session_with(error).define("CREATE TABLE t")
