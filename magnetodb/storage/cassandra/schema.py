"""The schema: a keyspace with a format, and where in it the rows of each row table are."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from random import random
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from magnetodb.errors import ClusterError, RowTableNotFound, StorageBusy, StorageError
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, DefiningSession, Kind, Result
from magnetodb.storage.cassandra.session_errors import CassandraError, OutcomeUnknown, Refused

FORMAT_VERSION: Final = 1
"""What this program reads and writes. A format that older programs would misread has a higher number."""

LOCAL_TABLES_MAX: Final = 127
"""Of one table, dropped ones included: `x` is a tinyint."""

LOCK_SECONDS: Final = 45
"""After so long a lock is over whose owner is gone. Longer than a change takes at most, DEFINITION_SECONDS_MAX."""

LOCK_WAIT_SECONDS: Final = 50.0
"""Longer than LOCK_SECONDS, so that who waits for an owner that is gone has the lock in the end; and shorter than the
minute that an SDK waits for an answer."""

LOCK_PAUSE_SECONDS: Final = 0.05

ROW_TABLE: Final = re.compile(r"[a-z0-9_]{1,48}")

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where the rows of a row table are: in a CQL table, under an `x` that is 0 but for local tables."""

    table: str
    x: int


class RowTables:
    """The places of row tables, as far as this process has met them. A dropped one stays until somebody finds out."""

    def __init__(self, session: DefiningSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self.places: dict[str, Place] = {}
        self.parents: set[str] = set()
        """CQL tables in which local tables live, or once lived."""

        self._dropping: set[str] = set()

    async def find(self, names: Iterable[str]) -> None:
        """Have the places of these row tables in `places`. Raises RowTableNotFound, CassandraErrors."""
        unknown = [name for name in dict.fromkeys(names) if name not in self.places]
        if not unknown:
            return
        for name in unknown:
            if name in self._dropping:
                raise RowTableNotFound(name)
        local = await self._read_local_tables()
        for name in unknown:
            place = local.get(name)
            if place is None:
                if not await self._exists(name):
                    raise RowTableNotFound(name)
                place = Place(name, 0)
            self.places[name] = place

    async def gone(self, names: Iterable[str]) -> set[str]:
        """Those that do not exist any more, which are forgotten: a call has found one missing, at a node that may not
        have heard of it yet. Where that can't be told now, none."""
        gone: set[str] = set()
        try:
            local = await self._read_local_tables()
            for name in dict.fromkeys(names):
                table = local[name].table if name in local else name
                if name in self._dropping or not await self._exists(table):
                    gone.add(name)
        except CassandraError as error:
            _log.warning("A node does not know a table, and it cannot be told whether it is gone: %s", error)
        for name in gone:
            self.places.pop(name, None)
        return gone

    @contextmanager
    def dropping(self, name: str) -> Iterator[None]:
        """Meanwhile the row table is not found by anybody here."""
        self.places.pop(name, None)
        self._dropping.add(name)
        try:
            yield
        finally:
            self._dropping.discard(name)

    async def create(self, name: str, local_to: str | None) -> None:
        """See StorageDriver.create_table."""
        if not ROW_TABLE.fullmatch(name) or name.startswith(cql.OWN_PREFIX):
            raise ValueError(f"no id of a row table: {name}")
        if local_to is not None:
            await self._create_local(name, local_to)
        elif not await self._exists(name):
            async with schema_lock(self._session):
                await self._session.define(cql.create_table(name))
        await self.find((name,))

    async def drop(self, name: str) -> None:
        """See StorageDriver.drop_table."""
        self.places.pop(name, None)
        place = (await self._read_local_tables()).get(name)
        if place is not None:
            await _conditional(self._session, cql.DELETE_LOCAL_TABLE, (place.table, place.x, name))
        elif await self._exists(name):
            async with schema_lock(self._session):
                await self._session.define(cql.drop_table(name))
        self.places.pop(name, None)

    async def _create_local(self, name: str, parent: str) -> None:
        """Give the local table the first number that is free."""
        for x in range(1, LOCAL_TABLES_MAX + 1):
            if name in await self._read_local_tables():
                return
            result = await _conditional(self._session, cql.INSERT_LOCAL_TABLE, (parent, x, name))
            if result.applied:
                return
        raise StorageError(f"{parent} has had {LOCAL_TABLES_MAX} local tables")

    async def _read_local_tables(self) -> dict[str, Place]:
        result = await _select(self._session, cql.SELECT_LOCAL_TABLES, (), Consistency.LOCAL_QUORUM)
        self.parents.update(parent for parent, _, _ in result.rows)
        return {name: Place(parent, x) for parent, x, name in result.rows if name is not None}

    async def _exists(self, name: str) -> bool:
        """Whether any node has the CQL table: one that was down may not have heard of it. Raises CassandraErrors;
        Refused if none has it and they do not agree on the schema."""
        if await _exists(self._session, self._keyspace, name):
            return True
        found = await self._session.execute_at_each_node(Bound(cql.SELECT_TABLE, (self._keyspace, name)))
        if any(found):
            return True
        versions = await self._session.execute_at_each_node(Bound(cql.SELECT_SCHEMA_VERSION, ()))
        if len({version for ((version,),) in versions}) > 1:
            raise Refused("The nodes do not agree on the schema.")
        return False


@asynccontextmanager
async def schema_lock(session: DefiningSession) -> AsyncIterator[None]:
    """For one change of the schema: meanwhile no other process makes or drops tables. If it is not known whether the
    change is still under way, the lock stays until its time is over. Raises StorageBusy if others have it for too long.
    """
    owner = uuid4()
    until = monotonic() + LOCK_WAIT_SECONDS
    while not await _locked(session, owner):
        if monotonic() > until:
            raise StorageBusy("Others are making or dropping tables.")
        await session.pause(LOCK_PAUSE_SECONDS * (0.5 + random()))
    known = True
    try:
        yield
    except (OutcomeUnknown, asyncio.CancelledError):
        known = False
        raise
    finally:
        if known:
            # If that fails the lock is over when its time is.
            with suppress(CassandraError):
                await _conditional(session, cql.UNLOCK_SCHEMA, (owner,))


async def _locked(session: DefiningSession, owner: UUID) -> bool:
    """Whether the lock is the owner's now."""
    try:
        result = await _conditional(session, cql.LOCK_SCHEMA, (owner, LOCK_SECONDS))
    except OutcomeUnknown:
        return False  # If it was applied after all, the next attempt finds the owner.
    return bool(result.applied) or any(found.get("owner") == owner for found in result.found)


async def create_schema(session: DefiningSession, keyspace: str) -> None:
    """The tables of the driver itself, and the format, in the keyspace of the session; what is there stays."""
    if not await _exists(session, keyspace, cql.FORMAT):
        await session.define(cql.CREATE_FORMAT)
    for table, text in cql.OWN_TABLES.items():
        if not await _exists(session, keyspace, table):
            async with schema_lock(session):
                await session.define(text)
    await _conditional(session, cql.INSERT_FORMAT, (FORMAT_VERSION,))


async def check_format(session: DefiningSession, keyspace: str) -> None:
    """Raises ClusterError with a sentence for the operator if this program cannot work with what the keyspace has."""
    found = (
        (await _select(session, cql.SELECT_FORMAT, (), Consistency.LOCAL_QUORUM)).rows
        if await _exists(session, keyspace, cql.FORMAT)
        else ()
    )
    if not found:
        raise ClusterError(
            f"The keyspace {keyspace} has no tables of MagnetoDB yet. Make them: magnetodb-manage cassandra setup"
        )
    ((version,),) = found
    if version > FORMAT_VERSION:
        raise ClusterError(
            f"The keyspace {keyspace} has format {version}, made by a newer MagnetoDB; this one knows {FORMAT_VERSION}."
            " Upgrade this server."
        )


async def _exists(session: DefiningSession, keyspace: str, table: str) -> bool:
    result = await _select(session, cql.SELECT_TABLE, (keyspace, table), Consistency.LOCAL_ONE)
    return bool(result.rows)


async def _select(session: DefiningSession, text: str, values: tuple[object, ...], consistency: Consistency) -> Result:
    return await session.execute(Call((Bound(text, values),), Kind.SINGLE, consistency, idempotent=True))


async def _conditional(session: DefiningSession, text: str, values: tuple[object, ...]) -> Result:
    return await session.execute(Call((Bound(text, values),), Kind.CONDITIONAL, Consistency.LOCAL_QUORUM))
