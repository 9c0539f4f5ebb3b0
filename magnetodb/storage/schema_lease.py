"""The lease under which row tables are made and dropped where several processes share a storage: one at a time, as
Cassandra wants it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from magnetodb.errors import StorageBusy
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.leases import LEASE_SECONDS, Lease

SCHEMA: Final = "\x00schema"
"""The name of the lease; no job has it."""

WAIT_SECONDS_MAX: Final = LEASE_SECONDS + 10.0
"""Long enough to succeed a process that has died."""

ASK_SECONDS: Final = 0.1
"""Others are asked about so often whether they have done, on average."""


class SchemaLease:
    """One per process; its coroutines take turns."""

    def __init__(
        self,
        driver: StorageDriver,
        *,
        owner: str,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._lease = Lease(driver, SCHEMA, owner=owner, clock=clock, monotonic=monotonic)
        self._monotonic = monotonic
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Nobody else changes the schema meanwhile. Raises StorageBusy where others take too long, StorageErrors."""
        async with self._turn:
            deadline = self._monotonic() + WAIT_SECONDS_MAX
            while not await self._lease.hold({}):
                if self._monotonic() > deadline:
                    raise StorageBusy("Too many changes of tables are under way.")
                await asyncio.sleep(ASK_SECONDS * (0.5 + random.random()))
            try:
                yield
            finally:
                await self._lease.release({})

    async def keep(self) -> None:
        """To be called between two changes that are made while it is held, each of which may last. Raises
        StorageErrors."""
        await self._lease.hold({})
