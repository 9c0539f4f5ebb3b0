"""A storage on a Cassandra cluster, which may not be there yet: the service starts all the same and waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from magnetodb.errors import ClusterError, ServiceError, StorageError
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.decisions import DECISION_SECONDS_MAX
from magnetodb.storage.derivation import Derivation
from magnetodb.storage.generations import Freshness
from magnetodb.storage.late_driver import LateDriver
from magnetodb.storage.tables import Tables

if TYPE_CHECKING:
    from magnetodb.storage.cassandra.driver import CassandraDriver

RETRY_SECONDS: Final = (0.5, 5.0)
"""Pause before the second attempt to connect, doubled before each further one up to the second figure."""

WAITING: Final = "The Cassandra cluster is not reached yet."

_log = logging.getLogger(__name__)


class ClusterStorage:
    """`driver` and `tables` are there at once and answer StorageUnavailable until the cluster is reached; then
    `arrived` is called, once. Belongs to the event loop in which it is made."""

    def __init__(
        self, options: ClusterOptions, *, arrived: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._arrived = arrived
        self._connecting: asyncio.Task[None] | None = None
        self.driver = LateDriver(WAITING)
        # A commit writes no item later than so long after it began and knows where the rows are: two calls to find that
        # out, and one that writes; each ends with its timeout.
        commit_seconds = DECISION_SECONDS_MAX + 3 * options.request_timeout
        self.tables = Tables(
            self.driver,
            freshness=Freshness.POLLED,
            clock=clock,
            commit_seconds=commit_seconds,
            epochs=self.driver.epochs,
        )

    async def open(self) -> None:
        """Connect, or go on trying beside everything else where the cluster cannot be reached. Raises ClusterError
        where an operator has to do something."""
        try:
            await self._connect()
        except ClusterError:
            raise
        except (StorageError, ServiceError) as error:
            self._say_waiting(error)
            self._connecting = asyncio.get_running_loop().create_task(self._keep_connecting(), name="connecting")
        else:
            self._arrived()

    async def close(self) -> None:
        """Stop trying, store what is in memory, and disconnect."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        try:
            if self.driver.is_there:
                await self.tables.counts.close()
        except StorageError as error:
            _log.warning("What was written in the last seconds is not counted: %s", error)
        finally:
            await self.driver.close()

    async def _keep_connecting(self) -> None:
        pause, longest = RETRY_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
            try:
                await self._connect()
            except (StorageError, ServiceError) as error:
                self._say_waiting(error)
                continue
            _log.warning("The Cassandra cluster is reached; requests are served.")
            self._arrived()
            return

    async def _connect(self) -> None:
        """Raises ClusterError, StorageErrors, ServiceErrors; then nothing is left behind."""
        driver = await opened(self._options)
        driver.use_derive(Derivation(self.tables))
        self.driver.arrive(driver)
        try:
            await self.tables.open()
            await self.tables.counts.open()
        except BaseException:
            self.driver.leave(WAITING)
            await driver.close()
            raise

    def _say_waiting(self, error: StorageError | ServiceError) -> None:
        self.driver.reason = f"{WAITING} {error}"
        _log.warning("Waiting for the Cassandra cluster; requests are refused until it is reached. %s", error)


async def opened(options: ClusterOptions) -> "CassandraDriver":
    """The driver, connected. Raises ClusterError, StorageUnavailable."""
    try:
        from magnetodb.storage.cassandra.driver import CassandraDriver
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "cassandra":
            raise
        raise ClusterError(
            "storage = cassandra needs the package cassandra-driver, which is not installed:"
            " pip install 'magnetodb[cassandra]'"
        ) from None
    return await CassandraDriver.open(options)
