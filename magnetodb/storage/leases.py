"""Leases: of many processes one does something, such as running a job. A row for each, taken and renewed by compare and
set; its value is JSON {"owner", "until", "state"}, and the state is for operators to read.

A lease saves double work and nothing more: who was too slow to renew may go on a while beside its successor. Whether
one has run out is told by watching it, never by comparing the clocks of two machines: it has if it was not renewed for
as long as it lasts.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, Final, NamedTuple

import orjson

from magnetodb.model.rows import ABSENT, Change, Committed, Row, RowKey
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.job_positions import LEASES

LEASE_SECONDS: Final = 30.0
"""A process that has died is succeeded after so long, unless the lease says otherwise."""

RENEW_SECONDS: Final = 15.0
"""Likewise: half of what the lease lasts."""

WORKING_RENEW_SECONDS: Final = 3.0
"""A lease is renewed when it is so old, and sooner while the job works, so that its progress can be followed."""


class StoredLease(NamedTuple):
    """A lease as its row has it. `until` is a time of its owner's clock, for operators; 0: it was released."""

    job: str
    owner: str
    until: float
    state: dict[str, Any]


class Lease:
    """One lease, from the point of view of one process.

    `owner` is a name that no other process ever has. `sole`: no other process is at work on this storage, so another
    owner's lease is of a process that has ended and need not be waited for. `seconds`: how long it lasts, the same for
    all who want it.
    """

    def __init__(
        self,
        driver: StorageDriver,
        job: str,
        *,
        owner: str,
        clock: Callable[[], float],
        sole: bool = False,
        monotonic: Callable[[], float] = monotonic,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._driver = driver
        self._seconds = seconds
        self._renew_seconds = seconds * RENEW_SECONDS / LEASE_SECONDS
        self._key = RowKey(LEASES, job.encode(), b"")
        self._owner = owner
        self._clock = clock
        self._monotonic = monotonic
        self._sole = sole
        self._row: Row | None = None
        self._renewed: float | None = None
        self._state: dict[str, Any] = {}
        self._watched: tuple[int, float] | None = None

    async def hold(self, state: dict[str, Any]) -> bool:
        """Whether this process has the lease, which it takes or renews if it must. `state` is stored with it, at
        once if its status changed. Raises StorageErrors."""
        status = state.get("status")
        if self._renewed is not None and status == self._state.get("status"):
            age = self._monotonic() - self._renewed
            if age < (WORKING_RENEW_SECONDS if status == "working" else self._renew_seconds):
                return True
        if self._row is None:
            self._row = await self._other()
            if self._row is not None and not self._may_take(self._row):
                self._row = None
                return False
        return await self._write(state, self._clock() + self._seconds)

    async def release(self, state: dict[str, Any]) -> None:
        """Let others take it at once. Does nothing if this process does not have it. Raises StorageErrors."""
        if self._row is not None and self._renewed is not None:
            await self._write(state, 0.0)
            self._row = None
            self._renewed = None

    async def _other(self) -> Row | None:
        (row,) = await self._driver.get((self._key,))
        return row

    def _may_take(self, row: Row) -> bool:
        lease = stored_lease(row)
        if self._sole or lease.owner == self._owner or not lease.until:
            return True
        now = self._monotonic()
        if self._watched is None or self._watched[0] != row.version:
            self._watched = row.version, now
        return now - self._watched[1] >= self._seconds

    async def _write(self, state: dict[str, Any], until: float) -> bool:
        began = self._monotonic()
        value = orjson.dumps({"owner": self._owner, "until": until, "state": state})
        expected = ABSENT if self._row is None else self._row
        (outcome,) = await self._driver.commit([(Change(self._key, expected, value),)])
        if not isinstance(outcome, Committed):
            self._row = None
            self._renewed = None
            return False
        self._row = Row(self._key, value, outcome.versions[0])
        self._renewed = began
        self._state = state
        return True


def stored_lease(row: Row) -> StoredLease:
    """A lease out of its row."""
    members = orjson.loads(row.value)
    return StoredLease(row.key.partition.decode(), members["owner"], members["until"], members.get("state", {}))
