"""What the processes of a scenario do, and what they were told."""

import random
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple
from uuid import UUID

from magnetodb.errors import StorageError
from magnetodb.model.rows import ABSENT, CHECK, Change, Committed, DerivedRow, Row, RowKey
from magnetodb.storage.cassandra.session_errors import CassandraError
from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.fake_session import FakeCassandra, FakeSession
from tests.storage.cassandra_model.processes import Main
from tests.storage.cassandra_model.servers import (
    APART,
    BUILD,
    ITEM,
    KEYS,
    OTHER_ITEM,
    Build,
    ModelSession,
    Server,
    derived,
)
from tests.storage.cassandra_model.worlds import SECOND

ATTEMPTS_MAX: Final = 2
"""As the storage manager does: a write that was lost is decided again."""

UNDECIDED_SECONDS: Final = 6.0
"""Longer than a transaction may be undecided."""


class Acknowledged(NamedTuple):
    """What a writer was told: `values` are those that it has made of its items, over the versions `old`."""

    writer: str
    keys: tuple[RowKey, ...]
    old: tuple[int | None, ...]
    versions: tuple[int, ...]
    values: tuple[bytes | None, ...]

    @property
    def name(self) -> bytes:
        """As items have it."""
        return self.writer.encode()


class Failed(NamedTuple):
    """A writer that was told that it failed. `certain`: nothing was written, nor will be."""

    writer: str
    certain: bool

    @property
    def name(self) -> bytes:
        """As items have it."""
        return self.writer.encode()


class Read(NamedTuple):
    """What a reader was told of its items."""

    keys: tuple[RowKey, ...]
    values: tuple[bytes | None, ...]


def after(old: bytes | None, keys: bytes | None, writer: str) -> bytes | None:
    """The value after a writer: with these index keys and its name, or None: it deletes."""
    if keys is None:
        return None
    return keys + b" " + b".".join([*names(old), writer.encode()])


def names(value: bytes | None) -> list[bytes]:
    """Who has written an item since it was created."""
    return [] if value is None else value.split(b" ")[1].split(b".")


def writing(
    writer: str,
    *keys: bytes | None,
    build: Build = BUILD,
    items: tuple[RowKey, ...] = APART,
    attempts: int = ATTEMPTS_MAX,
    local: bool = False,
) -> Main:
    """A process that writes as many items as it has keys, in one batch, as the storage manager does."""
    wanted = items[: len(keys)]

    async def main(session: ModelSession) -> Acknowledged | Failed:
        server = Server(session, build, local=local)
        try:
            for _ in range(attempts):
                rows = await server.get(wanted)
                values = [after(row and row.value, each, writer) for row, each in zip(rows, keys, strict=True)]
                batch = tuple(
                    [server.change(row, key, each) for row, key, each in zip(rows, wanted, values, strict=True)]
                )
                (outcome,) = await server.committer.commit([batch])
                if isinstance(outcome, Committed):
                    old = tuple([None if row is None else row.version for row in rows])
                    return Acknowledged(writer, wanted, old, outcome.versions, tuple(values))
        except CassandraError:
            return Failed(writer, True)
        except StorageError:
            return Failed(writer, False)
        return Failed(writer, True)

    return main


def writing_once(writer: str, keys: bytes, *, build: Build = BUILD, attempts: int = ATTEMPTS_MAX) -> Main:
    """A process that writes the first item, if nobody has under this name: the second one says so. It is how a request
    with an idempotency token is written, which several servers may be asked for."""

    async def main(session: ModelSession) -> Acknowledged | None:
        server = Server(session, build)
        try:
            for _ in range(attempts):
                row, token = await server.get((ITEM, OTHER_ITEM))
                if token is not None:
                    return None
                values = (after(row and row.value, keys, writer), after(None, b"--", writer))
                batch = (server.change(row, ITEM, values[0]), server.change(None, OTHER_ITEM, values[1]))
                (outcome,) = await server.committer.commit([batch])
                if isinstance(outcome, Committed):
                    old = (None if row is None else row.version, None)
                    return Acknowledged(writer, (ITEM, OTHER_ITEM), old, outcome.versions, values)
        except (CassandraError, StorageError):
            return None
        return None

    return main


def filling(build: Build = BUILD) -> Main:
    """A process that fills the index of keys with the rows of both items, as the job does for an index that is new."""

    async def main(session: ModelSession) -> bool:
        server = Server(session, build)
        for _ in range(ATTEMPTS_MAX):
            try:
                rows = [row for row in await server.get(APART) if row is not None]
                batch = tuple([Change(row.key, row, CHECK, _key_rows(row)) for row in rows])
                (outcome,) = await server.committer.commit([batch])
            except (CassandraError, StorageError):
                continue
            if isinstance(outcome, Committed):
                return True
        return False

    return main


def _key_rows(row: Row) -> tuple[DerivedRow, ...]:
    return tuple([each for each in derived(row.key, None, row.value) if each.key.table == KEYS])


def reading(build: Build = BUILD, *, attempts: int = ATTEMPTS_MAX) -> Main:
    """A process that reads both items at one moment, as the storage manager does: reads, and then compares."""

    async def main(session: ModelSession) -> Read | None:
        server = Server(session, build)
        keys = (ITEM, OTHER_ITEM)
        try:
            for _ in range(attempts):
                rows = await server.get(keys)
                batch = tuple(
                    [Change(key, ABSENT if row is None else row, CHECK) for key, row in zip(keys, rows, strict=True)]
                )
                (outcome,) = await server.committer.commit([batch])
                if isinstance(outcome, Committed):
                    return Read(keys, tuple([row and row.value for row in rows]))
        except (CassandraError, StorageError):
            return None
        return None

    return main


def reading_one(build: Build = BUILD) -> Main:
    """A process that reads one item consistently."""

    async def main(session: ModelSession) -> Read | None:
        server = Server(session, build)
        try:
            rows = await server.read((ITEM,))
            return Read((ITEM,), tuple(await server.committer.values(rows)))
        except (CassandraError, StorageError):
            return None

    return main


def undoing(build: Build = BUILD) -> Main:
    """A process that meets a transaction, and meets it again when it has been undecided for too long."""

    async def main(session: ModelSession) -> None:
        server = Server(session, build)
        try:
            await server.get((ITEM, OTHER_ITEM))
            await session.pause(UNDECIDED_SECONDS)
            await server.get((ITEM, OTHER_ITEM))
        except (CassandraError, StorageError):
            return

    return main


def recovering(build: Build = BUILD, *, local: bool = False) -> Main:
    """A process that finishes what others have left behind, once."""

    async def main(session: ModelSession) -> Any:
        server = Server(session, build, local=local)
        try:
            return await server.committer.recover()
        except StorageError:
            return None

    return main


class UndisturbedSession(FakeSession):
    """A session for a process that is alone."""

    def __init__(self, cassandra: FakeCassandra, clock: Callable[[], int], process: int) -> None:
        super().__init__(cassandra, clock)
        self._uuids = process << 64

    def new_uuid(self) -> UUID:
        """See ModelSession."""
        self._uuids += 1
        return UUID(int=self._uuids, version=4)


def written(database: Database, main: Main, clock: int) -> Database:
    """The database after a process that nothing disturbs."""
    cassandra = FakeCassandra(lambda: SECOND)
    cassandra.database = database
    _run(main(UndisturbedSession(cassandra, lambda: clock, 1_000)))
    return cassandra.database


def recovered(database: Database, clock: int, *, local: bool = False) -> Database:
    """The database after a recovery that nothing disturbs and that has nothing left to do. It runs twice, for what was
    undecided at first."""
    cassandra = FakeCassandra(lambda: SECOND)
    cassandra.database = database
    now = clock

    async def main() -> None:
        nonlocal now
        server = Server(UndisturbedSession(cassandra, lambda: now, 2_000), local=local)
        await server.committer.recover()
        now += int(UNDECIDED_SECONDS * 1e6)
        await server.committer.recover()

    _run(main())
    return cassandra.database


def _run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """To its end; it waits for nothing. Chance is the same in every run."""
    chance = random.getstate()
    random.seed(0)
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    else:
        raise AssertionError("it waits")
    finally:
        random.setstate(chance)
